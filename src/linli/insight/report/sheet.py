"""Figures as a spreadsheet. Every text is a text cell: what begins with = + - or @ is never a formula."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from linli.cases import facade
from linli.insight.report import text

TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(page: dict[str, Any], leagues: list[dict[str, Any]], lang: str) -> bytes:
    book = Workbook(write_only=True)
    _indicators(book, page, lang)
    for league in leagues:
        _league(book, league, lang)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cases(rows: list[dict[str, Any]], lang: str) -> bytes:
    """Rows of the desk of supervision. Of a private case no words and no address."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(text.word("case", lang))
    for column, width in (("A", 16), ("B", 30), ("C", 30), ("D", 40), ("E", 20), ("F", 20), ("G", 20)):
        sheet.column_dimensions[column].width = width
    _row(sheet, [text.word(w, lang) for w in ("case", "class", "team", "why", "since", "due", "answer_by")], bold=True)
    for row in rows:
        named, team, held = row["class"], row["team"], row["supervision"]
        _row(sheet, [row["number"], named[lang] if named else "", team[lang] if team else "", row["why"][lang],
                     _moment(row["since"]), _moment(row["due_at"]), (held["until"] or "") if held else ""])  # fmt: skip
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(facade.zone()):%Y-%m-%d %H:%M}" if at else ""


def _row(sheet: Any, values: list[Any], *, bold: bool = False) -> None:
    cells = []
    for value in values:
        share = isinstance(value, float)
        cell = WriteOnlyCell(sheet, value=None)
        if isinstance(value, str):
            clean = BAD.sub("", value)
            cell.value = "'" + clean if clean.startswith(FORMULA) else clean
            cell.data_type = "s"
        else:
            cell.value = value
        if share:
            cell.number_format = "0.0%"
        if bold:
            cell.font = Font(bold=True)
        cells.append(cell)
    sheet.append(cells)


def _top(sheet: Any, page: dict[str, Any], lang: str) -> None:
    _row(sheet, [text.word("area", lang), page["area_name"][lang]])
    _row(sheet, [text.word("period", lang), f"{page['start']}{text.word('to', lang)}{page['end']}"])
    for key, name in (("team", page["team_name"]), ("class", page["class_name"])):
        if name:
            _row(sheet, [text.word(key, lang), name[lang]])
    _row(sheet, [text.word("as_of", lang), page["as_of"].isoformat(timespec="seconds") if page["as_of"] else text.NONE])
    _row(sheet, [])


def _indicators(book: Workbook, page: dict[str, Any], lang: str) -> None:
    sheet = book.create_sheet(text.word("indicator", lang))
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 22, 34
    sheet.column_dimensions["I"].width = 44
    _top(sheet, page, lang)
    head = [text.word(w, lang) for w in ("code", "indicator", "value")]
    _row(sheet, [*head, *text.word("parts", lang).split(" / "), *_band_words(lang), text.word("before", lang),
                 text.word("formula", lang)], bold=True)  # fmt: skip
    for item in page["items"]:
        _row(sheet, [item["code"], item[lang], _number(item, "value"), item["of"], item["base"],
                     *(item["band"] or (None, None)), _number(item, "before"),
                     item["formula"][lang] if item["formula"] else ""])  # fmt: skip


def _band_words(lang: str) -> list[str]:
    return [f"{text.word('band', lang)} ↓", f"{text.word('band', lang)} ↑"]


def _number(item: dict[str, Any], which: str) -> Any:
    """Shares as shares, counts as whole numbers, — for what cannot be computed."""
    found = item[which]
    if found is None:
        return text.NONE
    return float(found) if item["kind"] == "rate" else round(found) if item["kind"] == "count" else str(round(found, 1))


def _league(book: Workbook, league: dict[str, Any], lang: str) -> None:
    sheet = book.create_sheet(text.word(f"by_{league['by']}", lang))
    sheet.column_dimensions["A"].width = 34
    _top(sheet, league, lang)
    _row(sheet, [text.word("name", lang), league[lang], *text.word("parts", lang).split(" / "), *_band_words(lang),
                 text.word("tier", lang), text.word("verdict", lang)], bold=True)  # fmt: skip
    for row in league["items"]:
        _row(sheet, [row[lang], text.NONE if row["value"] is None else row["value"], row["of"], row["base"],
                     *(row["band"] or (None, None)), row["tier"], text.word(row["verdict"], lang)])  # fmt: skip
