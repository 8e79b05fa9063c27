"""Tables that people bring and take along: CSV and XLSX, read as rows of text and written as text.

Every text is written as text: what begins like a formula gets an apostrophe, which reading takes away again.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linli.kernel import packs, texts

MAX_UNPACKED = 60_000_000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = Sequence[str]


class Unreadable(Exception):
    """Not a table that can be read; says why, by code."""


@dataclass
class Judged:
    """What a sheet's rows came to: those to take in, each mistake as {row, field, reason}, how many change nothing."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    unchanged: int = 0

    @property
    def refused(self) -> int:
        return len({e["row"] for e in self.errors})


def spoken(name: str) -> Mapping[str, Any]:
    """How offices write a kind of sheet: `imports/NAME.yaml` of the last pack that has it."""
    return packs.read_yaml([p for p in packs.files("imports", (".yaml",)) if p.stem == name][-1])  # type: ignore[no-any-return]


def read(
    data: bytes, columns: Mapping[str, str], *, needed: Sequence[str], most: int, unpacked: int = MAX_UNPACKED
) -> list[tuple[int, dict[str, str]]]:
    """(row in the file, values by our names); empty rows are left out. One of `needed` must be among the columns.
    `unpacked`: how many bytes a workbook may have inside."""
    table = _xlsx(data, unpacked) if data[:2] == b"PK" else _csv(data)
    head = next(table, None)
    names = [columns.get(h.strip().lower()) or columns.get(h.strip()) for h in head or ()]
    if not set(needed) & set(names):
        raise Unreadable("no_columns")
    found = []
    for number, row in enumerate(table, start=2):
        values = {n: v.strip() for n, v in zip(names, row, strict=False) if n and v.strip()}
        if values:
            found.append((number, values))
        if len(found) > most:
            raise Unreadable("too_many_rows")
    return found


def _csv(data: bytes) -> Iterator[list[str]]:
    text = texts.decoded(data)
    if text is None or "\0" in text:
        raise Unreadable("encoding")
    try:
        yield from csv.reader(io.StringIO(text, newline=""))
    except csv.Error as error:
        raise Unreadable("not_a_sheet") from error


def _xlsx(data: bytes, unpacked: int) -> Iterator[list[str]]:
    """The first sheet, row by row; formulas by the value that was last seen."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(i.file_size for i in packed.infolist()) > unpacked:
                raise Unreadable("too_large")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(values_only=True, max_col=60):
            yield [_plain(v) for v in row]
    except Unreadable:
        raise
    except Exception as error:  # whatever a broken file makes of the reader
        raise Unreadable("not_a_sheet") from error


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value).replace("\0", "")


def _formula(cell: str) -> bool:
    return cell.lstrip("'").startswith(FORMULA)


def disarmed(cell: str) -> str:
    return "'" + cell if _formula(cell) else cell


def armed(cell: str) -> str:
    """The text as it was before it was disarmed."""
    return cell[1:] if cell.startswith("'") and _formula(cell) else cell


def as_csv(rows: Sequence[Row]) -> bytes:
    """With a mark of UTF-8, so that spreadsheets read Chinese."""
    out = io.StringIO()
    csv.writer(out).writerows([disarmed(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(rows: Sequence[Row], *more: tuple[str, Sequence[Row]]) -> bytes:
    """A workbook of one sheet; `more`: (name, rows) of further ones, for people only."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE as no_text

    book = Workbook(write_only=True)
    for name, table in (("", rows), *more):
        page = book.create_sheet(name or None)
        width = max((len(row) for row in table), default=0)
        for i in range(width):
            longest = max((len(row[i]) for row in table if i < len(row)), default=0)
            page.column_dimensions[chr(65 + i)].width = min(max(longest * 1.6, 12), 60)
        for row in table:
            page.append([disarmed(no_text.sub("", cell)) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
