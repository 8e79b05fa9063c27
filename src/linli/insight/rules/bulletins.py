"""The words of a bulletin, from the templates of the packs and the figures of the moment. Pure; no person is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLACE = re.compile(r"\{([\w:]+)\}")
LANGS = ("zh", "en")
Found = dict[str, Any]
NONE = "—"


def count(n: int, least: int, withheld: str) -> str:
    """A count as it may be written; `least` 0 withholds nothing, and nothing at all is no secret."""
    return withheld if least and 0 < n < least else str(n)


def value(item: Mapping[str, Any], which: str, least: int, withheld: str) -> str:
    """A figure as reports write it (count or rate). A share of fewer than `least`, or one from which so few can be
    reckoned out, is withheld; `which` is value or before."""
    found = item[which]
    if found is None:
        return NONE
    if item["kind"] != "rate":
        return count(round(found), least, withheld)
    parts = ("of", "base") if which == "value" else ("before_of", "before_base")
    return NONE if least and small_share(item[parts[0]], item[parts[1]], least) else f"{found * 100:.1f}%"


def small_share(of: int | None, base: int | None, least: int) -> bool:
    """Whether a share lets so few be reckoned out: of its parts, its rest or its whole."""
    k, n = of or 0, base or 0
    return n < least or 0 < k < least or 0 < n - k < least


def sections(words: Mapping[str, Any], figures: Mapping[str, Any], public: bool) -> list[Found]:
    """[{code, heading: {zh, en}, zh, en}] of a bulletin."""
    return [
        {"code": part["code"], "heading": {lang: part[lang] for lang in LANGS},
         **{lang: _text(words, part, figures, public, lang) for lang in LANGS}}
        for part in words["sections"]
    ]  # fmt: skip


def _text(words: Mapping[str, Any], part: Found, figures: Mapping[str, Any], public: bool, lang: str) -> str:
    least, withheld = (words["least"] if public else 0), words["withheld"][lang]
    known = _known(figures, least, withheld, lang)
    lines = [fill(sentence[lang], known) for sentence in part.get("text", ())]
    if "rows" in part:
        rows = _rows(part, figures, least, withheld, lang)
        lines += [fill(part["rows"][lang], row) for row in rows] or [part["none"][lang]]
    return "\n".join(lines)


def fill(template: str, known: Mapping[str, str]) -> str:
    return PLACE.sub(lambda match: known.get(match[1], match[0]), template)


def _known(figures: Mapping[str, Any], least: int, withheld: str, lang: str) -> dict[str, str]:
    out = {"area": figures["area"][lang], "start": figures["start"], "end": figures["end"]}
    for item in figures["items"]:
        out[item["code"]] = value(item, "value", least, withheld)
        out[f"before:{item['code']}"] = value(item, "before", least, withheld)
    for reason, n in figures["supervision"].items():
        out[reason] = "1000+" if n > 1000 else count(n, least, withheld)
    return out


def _rows(part: Found, figures: Mapping[str, Any], least: int, withheld: str, lang: str) -> list[dict[str, str]]:
    """Rows of a list: late work by team, places, teams that can be told apart. What is too small is left out whole."""
    if part["code"] == "late":
        return [
            {"name": r[lang], "of": count(r["of"], least, withheld), "base": count(r["base"], least, withheld)}
            for r in figures["late"] if not least or not small_share(r["of"], r["base"], least)
        ]  # fmt: skip
    if part["code"] == "places":
        return [{"name": r[lang], "class": r["class"][lang], "n": str(r["n"])} for r in figures["places"]
                if r["n"] >= least]  # fmt: skip
    return [
        {"name": r[lang], "value": f"{r['value'] * 100:.1f}%", "of": str(r["of"]), "base": str(r["base"]),
         "verdict": part[r["verdict"]][lang]}
        for r in figures["league"]
        if r["verdict"] in ("better", "worse") and not (least and small_share(r["of"], r["base"], least))
    ]  # fmt: skip
