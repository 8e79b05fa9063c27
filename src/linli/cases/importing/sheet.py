"""A sheet of reports (CSV or XLSX) as rows of values by our names; each bad row with its field and reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linli.kernel import sheets
from linli.kernel.sheets import Unreadable

__all__ = ["MAX_BYTES", "MAX_ROWS", "Error", "Unreadable", "judged", "read"]
MAX_ROWS, MAX_BYTES = 2000, 5_000_000
KINDS = ("problem", "need", "opinion", "patrol")
Error = dict[str, Any]


def read(data: bytes, columns: Mapping[str, str]) -> list[tuple[int, dict[str, str]]]:
    """(row in the file, values by our names); empty rows are left out."""
    return sheets.read(data, columns, needed=("text", "class_code"), most=MAX_ROWS)


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
