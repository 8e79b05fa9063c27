"""A sheet of reports (CSV or XLSX) as rows of values by our names; each bad row with its field and reason. Pure."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from linli.kernel import texts

MAX_ROWS, MAX_BYTES, MAX_UNPACKED = 2000, 5_000_000, 60_000_000
KINDS = ("problem", "need", "opinion", "patrol")
Error = dict[str, Any]


class Unreadable(Exception):
    """Not a sheet that can be read; says why, by code."""


def read(data: bytes, columns: Mapping[str, str]) -> list[tuple[int, dict[str, str]]]:
    """(row in the file, values by our names); empty rows are left out."""
    table = _xlsx(data) if data[:2] == b"PK" else _csv(data)
    head = next(table, None)
    names = [columns.get(h.strip().lower()) or columns.get(h.strip()) for h in head or ()]
    if "text" not in names and "class_code" not in names:
        raise Unreadable("no_columns")
    found = []
    for number, row in enumerate(table, start=2):
        values = {n: v.strip() for n, v in zip(names, row, strict=False) if n and v.strip()}
        if values:
            found.append((number, values))
        if len(found) > MAX_ROWS:
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


def _xlsx(data: bytes) -> Iterator[list[str]]:
    """The first sheet, row by row; formulas by the value that was last seen."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(i.file_size for i in packed.infolist()) > MAX_UNPACKED:
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


def judged(
    rows: list[tuple[int, dict[str, str]]], classes: Mapping[str, str], said: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[Error]]:
    """(rows to take in, errors). `classes`: codes and Chinese and English names → code."""
    good, errors, seen = [], [], set()
    for number, values in rows:
        key = values.get("key") or f"row-{number}"
        row, wrong = _row(values, classes, said)
        if key in seen:
            wrong.append(("key", "twice"))
        seen.add(key)
        errors += [{"row": number, "field": f, "reason": r} for f, r in wrong]
        if not wrong:
            good.append({"row": number, "key": key[:80], **row})
    return good, errors


def _row(
    values: Mapping[str, str], classes: Mapping[str, str], said: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    wrong: list[tuple[str, str]] = []
    name, kind = values.get("class_code", ""), values.get("kind", "problem")
    code = classes.get(name.lower(), "") if name else ""
    kind = said["kinds"].get(kind, kind)
    if name and not code:
        wrong.append(("class_code", "class"))
    if kind not in KINDS:
        wrong.append(("kind", "kind"))
    text = values.get("text", "")
    if not text and not code:
        wrong.append(("text", "needed"))
    if len(text) > 2000:
        wrong.append(("text", "long"))
    place = [_degrees(values.get(n, "")) for n in ("lon", "lat")]
    wrong += [(n, "number") for n, p in zip(("lon", "lat"), place, strict=True) if p != p]
    if (place[0] is None) != (place[1] is None):
        wrong.append(("lon", "pair"))
    urgent = values.get("urgent", "").lower() in {str(w).lower() for w in said["true_words"]}
    row = {"text": text, "class_code": code, "kind": kind, "lon": place[0], "lat": place[1], "urgent": urgent,
           "address": values.get("address", "")[:240], "unit_code": values.get("unit_code", "")[:40]}  # fmt: skip
    return row, wrong


def _degrees(text: str) -> float | None:
    """A number; None when empty; not-a-number when it is none."""
    try:
        return float(text) if text else None
    except ValueError:
        return float("nan")
