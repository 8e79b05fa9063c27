"""`$orderby` of observations: the same order in history, in the table of the others, and where both are merged.

Of what is alike, the earlier comes first, then by series, then the reading before the rows, these as they were made. So
there are no ties, and pages hold each observation once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr
from linli.adapters.sensorthings.schema import OBSERVATIONS
from linli.adapters.sensorthings.selectors import halves, linked
from linli.adapters.sensorthings.selectors.entities import Key, directed, sortable
from linli.adapters.sensorthings.selectors.filters import Filter
from linli.adapters.sensorthings.selectors.frames import Frame, Params
from linli.kernel.actor import Actor
from linli.telemetry import facade as telemetry

Row = dict[str, Any]
TIME, RESULT = ("path", ("phenomenonTime",)), ("path", ("result",))
_IDS = (("path", ("id",)), ("path", ("@iot.id",)))
_NUMBER, _TRUTH = 1, 3  # as `entities.sortable` ranks JSON
_LAST = b"\xff" * 17


@dataclass(frozen=True, slots=True)
class Term:
    """`places`: of what the `link` leads to, in the wanted order, when it is ordered by that."""

    number: int
    expr: Expr
    falling: bool
    kind: str
    link: str = ""
    places: dict[int, int] | None = None


Order = Sequence[Term]


def plan(actor: Actor, order: Sequence[tuple[Expr, bool]]) -> Order:
    """An id is a series and a time, so that it orders like the time."""
    made = Filter(Frame(actor, OBSERVATIONS))
    found = []
    for number, (given, falling) in enumerate(order):
        expr = TIME if given in _IDS else given
        links = linked.links_of(expr)
        if links <= {""}:
            halves.check_order(expr)
            found.append(Term(number, expr, falling, made.compile(expr).kind))
        elif len(links) > 1:
            raise Wrong("observations are ordered by what is theirs or by what they belong to, one at a time")
        else:
            link = links.pop()
            found.append(Term(number, expr, False, "num", link, linked.ranks(actor, link, expr, falling)))
    return found


# --- history --------------------------------------------------------------------------------------------------------


def of_history(order: Order, streams: Iterable[Row], tables: list[Row]) -> tuple[list[Row], list[Any]]:
    """(all tables, what history orders by)"""
    tables, by, all_ = list(tables), [], list(streams)
    for term in order:
        expr: Any = term.expr
        if term.places is not None:
            tables.append(linked.table(all_, term.link, "num", term.places))
            expr = ("linked", len(tables) - 1)
        by.append((expr, term.falling))
    return tables, by


def of_reading(term: Term, value: Any, flags: int) -> Any:
    """The key of a reading, from what history told."""
    if value is None:
        return None
    if term.kind == "span":
        return (value, value)
    if term.kind != "json":
        return value
    if flags & telemetry.CODED:
        return (_TRUTH, 0.0, "true" if value else "false")
    return (_NUMBER, float(value), "")


# --- rows -----------------------------------------------------------------------------------------------------------


def of_rows(actor: Actor, order: Order, params: Params) -> tuple[str, str, str]:
    """(columns `o0_0`, … to select, ORDER BY, joins) on the alias `r` and its datastream's `s`."""
    shown, by, joins = [], [], []
    for term in order:
        keys = _values(actor, term, params, joins)
        by += directed(keys, term.falling)
        for part, (value, _) in enumerate(keys):
            micros = f"(extract(epoch FROM {value}) * 1000000)::bigint"
            told = micros if term.kind in ("span", "time", "duration") else value
            shown.append(f", {told} AS o{term.number}_{part}")
    last = ["r.t", "s.device_id NULLS LAST", 's.property COLLATE "C"', "r.id"]
    return "".join(shown), ", ".join([*by, *last]), " ".join(joins)


def _values(actor: Actor, term: Term, params: Params, joins: list[str]) -> list[Key]:
    if term.places is None:
        return sortable(Filter(Frame(actor, OBSERVATIONS, params)).compile(term.expr))
    name, column = f"k{term.number}", linked.OF[term.link][1]
    ids, places = params.bind(list(term.places)), params.bind(list(term.places.values()))
    joins.append(
        f"LEFT JOIN unnest({ids}::bigint[], {places}::float8[]) AS {name}(id, place) ON {name}.id = r.{column}"
    )
    return [(f"{name}.place", True)]


def of_row(term: Term, row: Row) -> Any:
    """As `of_reading`."""
    first = row[f"o{term.number}_0"]
    if first is None:
        return None
    if term.kind == "span":
        return (first, row[f"o{term.number}_1"])
    if term.kind == "json":
        return (first, row[f"o{term.number}_1"] or 0.0, row[f"o{term.number}_2"] or "")
    return first


# --- both -----------------------------------------------------------------------------------------------------------


def place(stream: Row, t: int, number: int = 0) -> tuple[int, bytes, str, int]:
    """Where an observation stands among those that are alike."""
    device = stream.get("device_id")
    return t, device.bytes if device is not None else _LAST, stream.get("property", ""), number


def compare(a: Row, b: Row, order: Order) -> int:
    """Of two with their keys `_o` and place `_at`."""
    for x, y, term in zip(a["_o"], b["_o"], order, strict=True):
        if x != y:
            if x is None or y is None:
                return 1 if x is None else -1
            if term.kind == "json" and x[0] != y[0]:
                return 1 if x[0] > y[0] else -1
            return (1 if x > y else -1) * (-1 if term.falling else 1)
    return (a["_at"] > b["_at"]) - (a["_at"] < b["_at"])
