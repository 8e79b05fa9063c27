"""How figures are written in files: one way for spreadsheets, Word and PDF."""

from __future__ import annotations

from typing import Any

from linli.insight import tables

NONE = "—"


def value(item: dict[str, Any], which: str = "value") -> str:
    found = item[which]
    if found is None:
        return NONE
    if item["kind"] == "rate":
        return f"{found * 100:.1f}%"
    return f"{found:.1f}" if item["kind"] == "score" else f"{round(found)}"


def band(found: tuple[float, float] | None) -> str:
    return f"{found[0] * 100:.1f}–{found[1] * 100:.1f}%" if found else NONE


def parts(item: dict[str, Any]) -> str:
    return f"{item['of']} / {item['base']}" if item["of"] is not None else ""


def word(key: str, lang: str) -> str:
    """A word of files, as the packs write it."""
    return str(tables.report_words()[key][lang])
