"""Query options, also those in the brackets of a `$expand`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from linli.adapters.sensorthings.odata import grammar
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.paths import split

DEFAULT_TOP, MAX_TOP, MAX_SKIP = 100, 1_000, 10_000_000
MAX_EXPAND = 6
_NAME = re.compile(r"[A-Za-z@$_*][\w.@-]*(?:/[\w.@-]+)*")
_TAIL = re.compile(r"([A-Za-z_]\w*(?:/[A-Za-z_]\w*)*)\s*(?:\((.*)\))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Query:
    """`expand` maps a link's name to its own options. `top` None: as many as a page holds."""

    filter: grammar.Expr | None = None
    order: tuple[tuple[grammar.Expr, bool], ...] = ()
    select: tuple[str, ...] = ()
    expand: dict[str, Query] = field(default_factory=dict)
    top: int | None = None
    skip: int = 0
    count: bool = False
    format: str = ""

    @property
    def size(self) -> int:
        return DEFAULT_TOP if self.top is None else min(self.top, MAX_TOP)


def parse(options: Iterable[tuple[str, str]], depth: int = 0) -> Query:
    """Options as (name, decoded text). Names that begin with `$` and are not known are refused."""
    found, seen = Query(), set()
    for name, text in options:
        key = name.lower() if name.startswith("$") else f"${name.lower()}"
        if key not in _OPTIONS:
            if name.startswith("$"):
                raise Wrong(f"{name} is not a query option: {', '.join(_OPTIONS)}")
            continue
        if key in seen:
            raise Wrong(f"{name} is given twice")
        seen.add(key)
        if "\0" in text:
            raise Wrong(f"{name} holds a zero character")
        found = _OPTIONS[key](found, text.strip(), depth)
    return found


def _filter(query: Query, text: str, depth: int) -> Query:
    return replace(query, filter=grammar.expression(text))


def _order(query: Query, text: str, depth: int) -> Query:
    return replace(query, order=grammar.order(text))


def _select(query: Query, text: str, depth: int) -> Query:
    names = tuple(n.strip() for n in text.split(","))
    for name in names:
        if not _NAME.fullmatch(name):
            raise Wrong(f"$select: {name[:60]!r} is not a name")
    return replace(query, select=() if "*" in names else names)


def _whole(name: str, text: str, most: int) -> int:
    if not re.fullmatch(r"\d{1,12}", text) or int(text) > most:
        raise Wrong(f"{name} must be a whole number from 0 to {most}")
    return int(text)


def _top(query: Query, text: str, depth: int) -> Query:
    return replace(query, top=_whole("$top", text, 10**12))


def _skip(query: Query, text: str, depth: int) -> Query:
    return replace(query, skip=_whole("$skip", text, MAX_SKIP))


def _count(query: Query, text: str, depth: int) -> Query:
    if text.lower() not in ("true", "false"):
        raise Wrong("$count must be true or false")
    return replace(query, count=text.lower() == "true")


def _format(query: Query, text: str, depth: int) -> Query:
    if text.lower() not in ("json", "dataarray", "application/json", ""):
        raise Wrong(f"the result format {text[:40]!r} is not known: dataArray is")
    return replace(query, format="dataArray" if text.lower() == "dataarray" else "")


def _expand(query: Query, text: str, depth: int) -> Query:
    if depth >= MAX_EXPAND:
        raise Wrong(f"$expand goes at most {MAX_EXPAND} deep")
    found: dict[str, Query] = dict(query.expand)
    for part in split(text, ","):
        match = _TAIL.fullmatch(part.strip())
        if match is None:
            raise Wrong(f"$expand: {part.strip()[:60]!r} is not a link")
        names = match[1].split("/")
        if len(names) + depth > MAX_EXPAND:
            raise Wrong(f"$expand goes at most {MAX_EXPAND} deep")
        inner = parse(_pairs(match[2] or ""), depth + len(names))
        _merge(found, names, inner)
    return replace(query, expand=found)


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for part in split(text, ";"):
        if part.strip():
            name, equals, value = part.partition("=")
            if not equals:
                raise Wrong(f"$expand: {part.strip()[:60]!r} is not an option with a value")
            found.append((name.strip(), value))
    return found


def _merge(into: dict[str, Query], names: list[str], inner: Query) -> None:
    """`A/B` is A with B in it; the same link named twice joins what it expands."""
    name, *rest = names
    old = into.get(name)
    if rest:
        deeper = dict(old.expand) if old else {}
        _merge(deeper, rest, inner)
        into[name] = replace(old or Query(), expand=deeper)
    elif old is None or old == Query():
        into[name] = inner
    else:
        into[name] = replace(inner, expand={**old.expand, **inner.expand})


_OPTIONS = {
    "$filter": _filter, "$orderby": _order, "$select": _select, "$expand": _expand, "$top": _top, "$skip": _skip,
    "$count": _count, "$resultformat": _format,
}  # fmt: skip
