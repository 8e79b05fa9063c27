"""An expression into SQL over the tables of the entities. What cannot be compared is null: neither true nor false."""

from __future__ import annotations

from typing import Any

import orjson

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr
from linli.adapters.sensorthings.selectors import functions, shapes, stretches
from linli.adapters.sensorthings.selectors.frames import Frame
from linli.adapters.sensorthings.selectors.typed import OPS, Typed, cast, typed

NULL = typed("NULL::boolean", "null")
_SUMS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_SWAPPED = {"eq": "eq", "ne": "ne", "gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}


class Filter:
    """Compiles expressions of one frame."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._told = ""

    def where(self, expr: Expr) -> str:
        found = self.compile(expr)
        if found.kind == "json":
            return cast(found, "bool").sql
        return found.sql if found.kind == "bool" else "NULL::boolean"

    def compile(self, expr: Expr) -> Typed:
        return getattr(self, f"_{expr[0]}")(*expr[1:])

    # --- leaves -----------------------------------------------------------------------------------------------------

    def bind(self, value: Any, of: str) -> str:
        return f"{self.frame.params.bind(value)}::{of}"

    def _lit(self, kind: str, value: Any) -> Typed:
        if kind == "num":
            whole = isinstance(value, int) and abs(value) < 1 << 62
            return typed(self.bind(value, "bigint" if whole else "float8"), "num")
        if kind == "str":
            return typed(self.bind(value, "text"), "str")
        if kind == "bool":
            return typed("TRUE" if value else "FALSE", "bool")
        if kind in ("time", "date"):
            return typed(self.instant(value), "time")
        if kind == "span":
            return typed(self.instant(value[0]), "span", self.instant(value[1]))
        if kind in ("duration", "clock"):
            return typed(f"({self.bind(value, 'float8')} * interval '1 microsecond')", "duration")
        return typed(value, "geo") if kind == "geo" else NULL

    def instant(self, micros: int) -> str:
        try:
            return self.bind(times.moment(micros), "timestamptz")
        except OverflowError as error:
            raise Wrong("a time lies outside of the calendar") from error

    def _ids(self, column: str, found: list[int], empty: bool) -> Typed:
        """Not of the language: that a column is one of some ids, or also `empty`."""
        one = f"r.{column} = ANY({self.bind(found, 'bigint[]')})"
        return typed(f"(CASE WHEN r.{column} IS NULL THEN {empty} ELSE {one} END)", "bool")

    def _within(self, links: tuple[str, ...], found: list[int]) -> Typed:
        """Not of the language: what lies at the end of some links is one of these."""
        alias, _ = self.frame.reach(links)
        return typed(f"{alias}.id = ANY({self.bind(found, 'bigint[]')})", "bool")

    def _path(self, names: tuple[str, ...]) -> Typed:
        alias, entity, rest = self.found(names)
        if not rest:
            raise Wrong(f"{'/'.join(names)} names an entity and no value")
        name = "id" if rest[0] == "@iot.id" else rest[0]
        if name in ("@iot.selfLink", "selfLink"):
            raise Wrong("selfLink cannot be compared")
        attribute = entity.attributes.get(name)
        if attribute is None:
            raise Wrong(f"{entity.single} has no {name!r}")
        parts = [c.format(t=alias) for c in attribute.column.split("|")]
        if entity.name == "Datastreams" and name == "phenomenonTime":
            return self.stretch(alias, *parts)
        if attribute.type in ("json", "any", "geo") and len(rest) > 1:
            deep = self.bind(list(rest[1:]), "text[]")
            return typed(f"({parts[0]} #> {deep})", "json")
        if len(rest) > 1:
            raise Wrong(f"{name} has no {rest[1]!r}")
        kind = "json" if attribute.type == "any" else attribute.type
        return typed(parts[0], kind, parts[1] if len(parts) > 1 else "")

    def stretch(self, alias: str, start: str, end: str) -> Typed:
        """From when until when a datastream has observations; for devices, history tells it."""
        if self._told == "":
            known = orjson.dumps(stretches.of_devices(self.frame.actor)).decode()
            self._told = self.bind(known, "jsonb")
        ends = [
            f"(timestamptz 'epoch' + ({self._told} #>> ARRAY[{alias}.id::text, '{at}'])::bigint * interval '1 ms')"
            for at in (0, 1)
        ]
        return typed(f"coalesce({start}, {ends[0]})", "span", f"greatest({end}, {ends[1]})")

    def found(self, names: tuple[str, ...]) -> tuple[str, Any, tuple[str, ...]]:
        """(alias, entity, the rest) of a path: links first, then an attribute and what lies in it."""
        entity, at = self.frame.entity, 0
        while at < len(names) and names[at] not in entity.attributes and (link := entity.link(names[at])):
            at += 1
            entity = shapes.ENTITIES[link.target]
        alias, entity = self.frame.reach(names[:at])
        return alias, entity, names[at:]

    # --- operators --------------------------------------------------------------------------------------------------

    def _cmp(self, op: str, a: Expr, b: Expr) -> Typed:
        if shapes.measured(a) or shapes.measured(b):
            return shapes.compare(self, op, a, b) if shapes.measured(a) else shapes.compare(self, _SWAPPED[op], b, a)
        x, y = self.compile(a), self.compile(b)
        if x.kind == "num" and y.kind == "str":
            y = self.compile(_key(a, b))
        elif x.kind == "str" and y.kind == "num":
            x = self.compile(_key(b, a))
        if "null" in (x.kind, y.kind):
            return _nothing(x if y.kind == "null" else y, op)
        if x.kind == "span" or y.kind == "span":
            return functions.spans(op, *(cast(v, "span") for v in (x, y)))
        if x.kind == y.kind == "json":
            return _of_json(op, x, y)
        if x.kind == "json":
            x = cast(x, y.kind)
        elif y.kind == "json":
            y = cast(y, x.kind)
        if {x.kind, y.kind} == {"time", "str"}:
            x, y = cast(x, "time"), cast(y, "time")
        if x.kind != y.kind or x.kind not in ("num", "str", "bool", "time", "duration"):
            return NULL
        c = ' COLLATE "C"' if x.kind == "str" else ""
        return typed(f"({x.sql} {OPS[op]} {y.sql}{c})", "bool")

    def _in(self, a: Expr, given: tuple[Expr, ...]) -> Typed:
        tests = [self._cmp("eq", a, one).sql for one in given]
        return typed(f"({' OR '.join(tests)})" if tests else "FALSE", "bool")

    def _holds(self, a: Expr, b: Expr) -> Typed:
        x, y = self.compile(a), self.compile(b)
        if x.kind != "json" or y.kind not in ("num", "str", "bool"):
            return NULL
        listed = f"(CASE WHEN jsonb_typeof({x.sql}) = 'array' THEN {x.sql} END)"
        return typed(f"({listed} @> jsonb_build_array({y.sql}))", "bool")

    def _arith(self, op: str, a: Expr, b: Expr) -> Typed:
        x, y = self.compile(a), self.compile(b)
        x, y = (cast(v, "num") if v.kind == "json" else v for v in (x, y))
        if x.kind == y.kind == "num":
            if op == "mod":
                return typed(f"mod({x.sql}::numeric, nullif({y.sql}::numeric, 0))", "num")
            by = f"nullif({y.sql}::float8, 0)" if op == "div" else f"{y.sql}::float8"
            return typed(f"({x.sql}::float8 {_SUMS[op]} {by})", "num")
        if x.kind == "time" and y.kind == "duration" and op in ("add", "sub"):
            return typed(f"({x.sql} {_SUMS[op]} {y.sql})", "time")
        if x.kind == "span" and y.kind == "duration" and op in ("add", "sub"):
            return typed(f"({x.sql} {_SUMS[op]} {y.sql})", "span", f"({x.end} {_SUMS[op]} {y.sql})")
        x, y = (cast(v, "time") if v.kind == "span" else v for v in (x, y))
        if x.kind == y.kind == "time" and op == "sub":
            return typed(f"({x.sql} - {y.sql})", "duration")
        if x.kind == y.kind == "duration" and op in ("add", "sub"):
            return typed(f"({x.sql} {_SUMS[op]} {y.sql})", "duration")
        return NULL

    def _neg(self, a: Expr) -> Typed:
        found = cast(self.compile(a), "num")
        return typed(f"(-{found.sql})", found.kind)

    def _not(self, a: Expr) -> Typed:
        return typed(f"(NOT {self.where(a)})", "bool")

    def _and(self, a: Expr, b: Expr) -> Typed:
        return typed(f"({self.where(a)} AND {self.where(b)})", "bool")

    def _or(self, a: Expr, b: Expr) -> Typed:
        return typed(f"({self.where(a)} OR {self.where(b)})", "bool")

    def _any(self, a: Expr) -> Typed:
        from linli.adapters.sensorthings.selectors.entities import condition

        return typed(f"({condition(self.frame.actor, self.frame.entity, a, self.frame.params)})", "bool")

    def _call(self, name: str, given: tuple[Expr, ...]) -> Typed:
        if name in shapes.TESTS:
            return shapes.test(self, name, given)
        return functions.call(name, [self.compile(one) for one in given])


def _of_json(op: str, x: Typed, y: Typed) -> Typed:
    """Two values of JSON: the same when they are written alike; more or less when both are numbers or both texts."""
    if op in ("eq", "ne"):
        same = f"({x.sql} = {y.sql} OR {x.sql} #>> '{{}}' = {y.sql} #>> '{{}}')"
        return typed(same if op == "eq" else f"(NOT {same})", "bool")
    texts = [f"(CASE WHEN jsonb_typeof({v.sql}) = 'string' THEN {v.sql} #>> '{{}}' END)" for v in (x, y)]
    numbers = f"{cast(x, 'num').sql} {OPS[op]} {cast(y, 'num').sql}"
    return typed(f'coalesce({numbers}, {texts[0]} {OPS[op]} {texts[1]} COLLATE "C")', "bool")


def _key(a: Expr, b: Expr) -> Expr:
    """The number of an id that is compared in quotes."""
    if a[0] != "path" or a[1][-1] not in ("id", "@iot.id") or b[:2] != ("lit", "str"):
        return b
    return ("lit", "num", int(b[2])) if b[2].isascii() and b[2].isdigit() and len(b[2]) < 19 else b


def _nothing(x: Typed, op: str) -> Typed:
    if op not in ("eq", "ne"):
        return NULL
    if x.kind == "json":
        test = f"coalesce(jsonb_typeof({x.sql}), 'null') = 'null'"
    else:
        test = f"({x.sql}) IS NULL"
    return typed(f"({test})" if op == "eq" else f"(NOT {test})", "bool")
