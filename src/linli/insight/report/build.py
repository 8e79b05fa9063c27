"""A report as plain blocks (heading, text, table), from a template of the packs and the figures of the API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from linli.insight import tables
from linli.insight.report import text
from linli.insight.rules.bulletins import PLACE
from linli.insight.selectors import figures
from linli.insight.selectors.asking import Ask
from linli.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Block:
    kind: str  # heading, text, table
    text: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    subtitle: str
    lang: str
    blocks: tuple[Block, ...]


def template(code: str) -> dict[str, Any]:
    found = tables.reports().get(code)
    if found is None:
        raise NotFound()
    return found


def build(code: str, ask: Ask, lang: str) -> Report:
    rows, page = template(code), figures.page(ask)
    blocks: list[Block] = []
    for row in rows["blocks"]:
        if row["is"] == "heading":
            blocks.append(Block("heading", row[lang]))
        elif row["is"] == "text":
            blocks.append(Block("text", filled(row[lang], page, lang)))
        elif row["is"] == "figures":
            blocks.append(_figures(row, page, lang))
        else:
            blocks.append(_league(row, ask, lang))
    return Report(rows[lang], f"{page['area_name'][lang]} · {page['start']}{text.word('to', lang)}{page['end']}", lang,
                  tuple(blocks))  # fmt: skip


def filled(template_text: str, page: dict[str, Any], lang: str) -> str:
    items = {i["code"]: i for i in page["items"]}
    known = {
        "area": page["area_name"][lang], "start": str(page["start"]), "end": str(page["end"]),
        "previous": f"{page['previous']['start']}{text.word('to', lang)}{page['previous']['end']}",
    }  # fmt: skip

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name in known:
            return known[name]
        code, which = (name.removeprefix("before:"), "before") if name.startswith("before:") else (name, "value")
        return text.value(items[code], which) if code in items else match[0]

    return PLACE.sub(put, template_text)


def _figures(row: dict[str, Any], page: dict[str, Any], lang: str) -> Block:
    shown = [i for g in row["groups"] for i in page["items"] if i["group"] == g]
    return Block(
        "table", head=tuple(text.word(w, lang) for w in ("indicator", "value", "parts", "band", "before")),
        rows=tuple(
            (i[lang], text.value(i), text.parts(i), text.band(i["band"]) if i["kind"] == "rate" else "",
             text.value(i, "before"))
            for i in shown
        ),
    )  # fmt: skip


def _league(row: dict[str, Any], ask: Ask, lang: str) -> Block:
    found = figures.league(ask, code=row["indicator"], by=row["by"])
    if not found["items"]:
        return Block("text", text.word("empty", lang))
    return Block(
        "table",
        head=(text.word("name", lang), found[lang], *(text.word(w, lang) for w in ("parts", "band", "verdict"))),
        rows=tuple(
            (r[lang], text.value({**r, "kind": "rate"}), text.parts(r), text.band(r["band"]),
             text.word(r["verdict"], lang))
            for r in found["items"]
        ),
    )  # fmt: skip
