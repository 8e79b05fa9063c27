"""Supervision letters and bulletins as reports: the writers of Word and PDF take them as any other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from linli.cases import facade as cases
from linli.insight import tables
from linli.insight.models import Bulletin
from linli.insight.report import text
from linli.insight.report.build import Block, Report
from linli.insight.rules import bulletins as rule
from linli.kernel.i18n import django_code
from linli.places import facade as places

Found = dict[str, Any]


def letter(found: Found, lang: str) -> Report:
    """督办单 of `cases.supervision_letter`. Of a private case no place and no words of the report."""
    said = {key: row[lang] for key, row in tables.papers()["letter"].items()}
    case = found["case"]
    named, team = case["class"] or {lang: text.NONE}, case["team"]
    where = said["hidden"] if case["private"] else " · ".join(
        part for part in (places.grid_name(case["area_path"], django_code(lang)), case["address"]) if part)  # fmt: skip
    rows = [
        (said["case"], case["number"]), (said["class"], named[lang]), (said["place"], where),
        (said["team"], team[lang] if team else said["none"]), (said["due"], _at(case["due_at"])),
        (said["asked"], _at(found["at"])), (said["until"], found["until"] or text.NONE),
        (said["state"], said[found["state"]]),
    ]  # fmt: skip
    answered = rule.fill(said["answered_at"], {"at": _at(found["answered_at"])}) if found["answered_at"] else ""
    blocks = (
        Block("table", head=("", ""), rows=tuple(rows)),
        Block("heading", said["words"]), *_lines(found["words"]), Block("heading", said["answer"]),
        *(_lines(found["answer"]) if found["answer"] else [Block("text", said["open"])]),
        *([Block("text", answered)] if answered else []),
    )  # fmt: skip
    return Report(said["title"], rule.fill(said["number"], {"number": found["number"]}), lang, blocks)


def bulletin(row: Bulletin, lang: str, issued_by: str) -> Report:
    """通报 with its words as they stand, and the figures of the moment in which it was drafted."""
    words = tables.papers()["bulletin"]
    blocks: list[Block] = []
    for part in row.sections:
        if part[lang]:
            blocks += [Block("heading", part["heading"][lang]), *_lines(part[lang])]
    least, withheld = (words["least"] if row.public else 0), words["withheld"][lang]
    shown = [i for i in row.figures["items"] if i["code"] in words["figures"]]
    blocks += [
        Block("heading", words["heading_figures"][lang]),
        Block("table", head=tuple(text.word(w, lang) for w in ("indicator", "value", "before")), rows=tuple(
            (i[lang], rule.value(i, "value", least, withheld), rule.value(i, "before", least, withheld)) for i in shown
        )),
    ]  # fmt: skip
    span = f"{row.start}{text.word('to', lang)}{row.end}"
    state = tables.papers()["bulletin"]["state"][row.state][lang]
    parts = [row.number or "", state, row.figures["area"][lang], span, issued_by]
    return Report(row.title[lang], " · ".join(p for p in parts if p), lang, tuple(blocks))


def _lines(words: str) -> list[Block]:
    return [Block("text", line.strip()) for line in words.splitlines() if line.strip()]


def _at(at: datetime | None) -> str:
    return f"{at.astimezone(cases.zone()):%Y-%m-%d %H:%M}" if at else text.NONE
