"""SQL with its kind: num, str, bool, time, span (with `end`), duration, json, geo, null."""

from __future__ import annotations

from dataclasses import dataclass

OPS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_ISO = r"^\d{4}-\d\d-\d\dT\d\d:\d\d"


@dataclass(frozen=True, slots=True)
class Typed:
    sql: str
    kind: str
    end: str = ""


def typed(sql: str, kind: str, end: str = "") -> Typed:
    return Typed(sql, kind, end)


_NULLS = {"num": "float8", "str": "text", "bool": "boolean", "time": "timestamptz", "duration": "interval"}


def cast(x: Typed, kind: str) -> Typed:
    """A value as another kind where that makes sense, else a null of that kind."""
    if x.kind == kind:
        return x
    if x.kind == "json" and kind in ("num", "bool"):
        word, made = {"num": ("number", "float8"), "bool": ("boolean", "boolean")}[kind]
        return typed(f"(CASE WHEN jsonb_typeof({x.sql}) = '{word}' THEN ({x.sql} #>> '{{}}')::{made} END)", kind)
    if x.kind == "json" and kind == "str":  # a number or a yes or no as it is written
        plain = f"jsonb_typeof({x.sql}) IN ('string', 'number', 'boolean')"
        return typed(f"(CASE WHEN {plain} THEN {x.sql} #>> '{{}}' END)", kind)
    if x.kind in ("json", "str") and kind in ("time", "span"):
        text = f"({x.sql} #>> '{{}}')" if x.kind == "json" else x.sql
        at = f"(CASE WHEN {text} ~ '{_ISO}' THEN {text}::timestamptz END)"
        return typed(at, kind, at if kind == "span" else "")
    if x.kind == "time" and kind == "span":
        return typed(x.sql, "span", x.sql)
    if x.kind == "span" and kind == "time":
        return typed(x.sql, "time")
    if kind == "span":
        return typed("NULL::timestamptz", "span", "NULL::timestamptz")
    return typed(f"NULL::{_NULLS.get(kind, 'text')}", kind)
