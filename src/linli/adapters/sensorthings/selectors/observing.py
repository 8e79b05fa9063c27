"""Observations: readings in history, and those that are more than a reading in their own table, as one ordered list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Any

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.query import Query
from linli.adapters.sensorthings.schema import DATASTREAMS, OBSERVATIONS
from linli.adapters.sensorthings.selectors import halves, ids, newest, sorting
from linli.adapters.sensorthings.selectors.filters import Filter
from linli.adapters.sensorthings.selectors.frames import Frame, Params, rows, scope
from linli.kernel.actor import Actor
from linli.telemetry import facade as telemetry

Row = dict[str, Any]
TIME = ("path", ("phenomenonTime",))
DEEP = 50_000
MANY = 5_000
TIMES_AT_ONCE = 20_000  # in a question to history
_STREAM = "r.id, r.device_id, r.property, r.own, r.feature_id"


@dataclass(slots=True)
class Series:
    """Datastreams by id, and by their series. `whole`: too many to name, and the actor sees all there is."""

    streams: dict[int, Row]
    whole: bool = False
    feature: int | None = None  # only observations of this feature

    @property
    def plain(self) -> list[Row]:
        """Those whose readings count: with a feature, the ones that are of it."""
        found = [s for s in self.streams.values() if s["device_id"] is not None]
        return found if self.feature is None else [s for s in found if s["feature_id"] == self.feature]


def series(actor: Actor, where: str, params: Params) -> Series:
    seen = scope(actor, DATASTREAMS, "r", params)
    found = rows(f"SELECT {_STREAM} FROM sta_datastream r WHERE {seen} AND {where}", params)
    return Series({r["id"]: r for r in found}, "" in actor.areas("devices.view") and len(found) > MANY)


def of_streams(actor: Actor, ids: Sequence[int]) -> Series:
    params = Params()
    return series(actor, f"r.id = ANY({params.bind(list(ids))}::bigint[])", params)


def of_feature(actor: Actor, feature: int) -> Series:
    params = Params()
    key = params.bind(feature)
    own = f"SELECT 1 FROM sta_observation o WHERE o.datastream_id = r.id AND o.feature_id = {key}"
    where = f"(r.feature_id = {key} OR EXISTS ({own}))"
    return replace(series(actor, where, params), feature=feature)


def everything(actor: Actor) -> Series:
    return series(actor, "TRUE", Params())


# --- asking both stores ---------------------------------------------------------------------------------------------


def _asked(own: Series, halved: halves.Halves) -> dict[str, Any] | None:
    """The question to history; None when no series can answer it."""
    plain = own.plain
    if not plain or halved.history == halves.NEVER:
        return None
    told = sorted({s["device_id"].hex for s in plain if s["own"]})
    asked: dict[str, Any] = {"plain": told, "sets": halved.sets, "tables": halved.tables, "where": halved.history}
    if own.whole:
        return {**asked, "all": True, "properties": sorted({s["property"] for s in plain})}
    return {**asked, "series": halves.grouped(plain)}


def page(actor: Actor, own: Series, query: Query) -> tuple[list[Row], bool]:
    """The observations of a page, and whether there are more."""
    if _only_latest(query) and len(own.streams) == 1 and own.feature is None:
        many = next(iter(_latest(actor, own).values()), [])
        return many, bool(many) and _older(next(iter(own.streams.values())), many[0])
    found = _pages(actor, own, query, per=False)
    many = found.get(0, [])
    return many[: query.size], len(many) > query.size


def _older(stream: Row, last: Row) -> bool:
    """Whether there is more than the newest; where nobody knows, there may be."""
    first = stream.get("phenomenon_start")
    return first is None or times.micros_of(first) < last["t"] * 1000


def pages(actor: Actor, own: Series, query: Query) -> dict[int, list[Row]]:
    """A page for each datastream, with one observation more where there are more."""
    if _only_latest(query):
        return _latest(actor, own)
    return _pages(actor, own, query, per=True)


def _pages(actor: Actor, own: Series, query: Query, *, per: bool) -> dict[int, list[Row]]:
    if not own.streams:
        return {}
    halved = halves.halve(actor, query.filter, own.plain)
    order = sorting.plan(actor, query.order or ((TIME, False),))
    side = _side_exists(own)
    skip, size = query.skip, query.size + 1
    if side and skip + size > DEEP:
        raise Wrong(f"$skip goes to {DEEP} here: narrow by phenomenonTime instead")
    own_skip = 0 if side or per else skip
    kept = _history(own, halved, order, size if own_skip else skip + size, own_skip, per)
    if side:
        kept += _side(actor, own, halved, order, skip + size, per)
        kept.sort(key=cmp_to_key(lambda a, b: sorting.compare(a, b, order)))
    found: dict[int, list[Row]] = {}
    for row in kept:
        found.setdefault(row["ds"] if per else 0, []).append(row)
    cut = skip - own_skip
    return {key: many[cut : cut + size] for key, many in found.items()}


def _history(own: Series, halved: halves.Halves, order: sorting.Order, limit: int, skip: int, per: bool) -> list[Row]:
    asked = _asked(own, halved)
    if asked is None:
        return []
    tables, by_what = sorting.of_history(order, own.plain, halved.tables)
    asked |= {"tables": tables, "order": by_what, "limit": limit, "skip": skip, "per": per}
    table = telemetry.observations("page", asked)
    by = {(s["device_id"].bytes, s["property"]): s for s in own.plain}
    columns = [table[f"o{i}"].to_pylist() for i in range(len(order))]
    found = []
    for at, r in enumerate(table.to_pylist()):
        stream = by.get((r["device"], r["name"]))
        if stream is not None:
            keys = [sorting.of_reading(term, c[at], r["flags"]) for term, c in zip(order, columns, strict=True)]
            found.append(plain_row(stream, r) | {"_o": keys, "_at": sorting.place(stream, r["t"])})
    return found


def plain_row(stream: Row, r: Row) -> Row:
    """A reading as an observation."""
    value: Any = r["value"]
    if r["flags"] & telemetry.CODED:
        value = bool(value)
    elif value == int(value) and abs(value) < 1 << 53:
        value = int(value)
    t = r["t"]
    at, when = times.iso(t * 1000), None
    if not stream["own"]:
        when = at if r["recv"] == t else times.iso(r["recv"] * 1000)
    return {
        "_id": ids.of_reading(stream["id"], t), "ds": stream["id"], "t": t, "n": None, "phenomenonTime": at,
        "result": value, "resultTime": when, "feature_id": stream["feature_id"],
    }  # fmt: skip


def _side_exists(own: Series) -> bool:
    params = Params()
    return bool(rows(f"SELECT 1 FROM sta_observation r WHERE {_side_where(own, params)} LIMIT 1", params, often=True))


def _side_where(own: Series, params: Params) -> str:
    where = "TRUE" if own.whole else f"r.datastream_id = ANY({params.bind(list(own.streams))}::bigint[])"
    return where + (f" AND r.feature_id = {params.bind(own.feature)}" if own.feature is not None else "")


def _held(actor: Actor, halved: halves.Halves, params: Params) -> str:
    """The half of the rows, as a condition on `r`."""
    if halved.side is None:
        return "TRUE"
    frame = Frame(actor, OBSERVATIONS, params)
    where = Filter(frame).where(halved.side)
    return f"r.id IN (SELECT r.id FROM {frame.source()} WHERE {where})" if frame.joins else where


def _side(
    actor: Actor, own: Series, halved: halves.Halves, order: sorting.Order, limit: int, per: bool
) -> list[Row]:  # fmt: skip
    params = Params()
    where = f"{_side_where(own, params)} AND {_held(actor, halved, params)}"
    shown, by, joins = sorting.of_rows(actor, order, params)
    part = "PARTITION BY r.datastream_id " if per else ""
    sql = f"""SELECT * FROM (SELECT r.*{shown}, row_number() OVER ({part}ORDER BY {by}) AS _n
        FROM sta_observation r JOIN sta_datastream s ON s.id = r.datastream_id {joins}
        WHERE {where}) x WHERE _n <= {limit} ORDER BY _n"""
    found = []
    for r in rows(sql, params):
        keys = [sorting.of_row(term, r) for term in order]
        at = sorting.place(own.streams.get(r["datastream_id"], {}), r["t"], r["id"])
        found.append(side_row(r) | {"_o": keys, "_at": at})
    return found


def side_row(r: Row) -> Row:
    def when(name: str) -> str | None:
        return times.iso(times.micros_of(r[name])) if r[name] is not None else None

    def span(name: str) -> str | None:
        start, end = r[f"{name}_start"], r[f"{name}_end"]
        return times.iso_span(times.micros_of(start), times.micros_of(end)) if start is not None else None

    return {
        "_id": ids.of_row(r["datastream_id"], r["t"], r["bare"], r["id"]), "ds": r["datastream_id"], "t": r["t"],
        "n": r["id"], "phenomenonTime": span("phenomenon"), "result": r["result"], "resultTime": when("result_time"),
        "resultQuality": r["quality"], "validTime": span("valid"), "parameters": r["parameters"],
        "feature_id": r["feature_id"], "kept_at": r["kept_at"], "bare": r["bare"],
    }  # fmt: skip


# --- counts, the latest, one ----------------------------------------------------------------------------------------


def count(actor: Actor, own: Series, query: Query) -> int:
    return sum(counts(actor, own, query, per=False).values())


def counts(actor: Actor, own: Series, query: Query, *, per: bool = True) -> dict[int, int]:
    """How many, of each datastream (or of all as one, under 0)."""
    if not own.streams:
        return {}
    halved = halves.halve(actor, query.filter, own.plain)
    found = _plain_counts(own, halved, per=per)
    params = Params()
    key = "r.datastream_id" if per else "0"
    where = f"{_side_where(own, params)} AND {_held(actor, halved, params)}"
    sql = f"SELECT {key} AS k, count(*) AS n FROM sta_observation r WHERE {where} GROUP BY 1"
    for r in rows(sql, params):
        found[r["k"]] = found.get(r["k"], 0) + r["n"]
    return found


def _plain_counts(own: Series, halved: halves.Halves, *, per: bool) -> dict[int, int]:
    """Those in history."""
    asked, found = _asked(own, halved), dict[int, int]()
    if asked is None:
        return found
    by = {(s["device_id"].bytes, s["property"]): s["id"] for s in own.plain}
    apart = per or own.whole  # where all are asked, there may be some of things that are shown to nobody
    for r in telemetry.observations("count", {**asked, "per": apart}).to_pylist():
        stream = by.get((r["device"], r["name"])) if apart else 0
        if stream is not None:
            found[stream if per else 0] = found.get(stream if per else 0, 0) + r["n"]
    return found


def _only_latest(query: Query) -> bool:
    return (query.order == ((TIME, True),) and query.top == 1 and not query.skip and query.filter is None
            and not query.count)  # fmt: skip


def _latest(actor: Actor, own: Series) -> dict[int, list[Row]]:
    """The newest of each datastream: history keeps it at hand. One that is kept in full elsewhere is read there."""
    found: dict[int, Row] = {}
    plain = own.plain
    told = newest.of(s["device_id"] for s in plain) if plain else {}
    for s in plain:
        last = told[s["device_id"]].get(s["property"])
        if last is not None and not last[2] & telemetry.TOLD:
            found[s["id"]] = plain_row(s, {"t": last[0], "value": last[1], "flags": last[2], "recv": last[3]})
    params = Params()
    sql = f"""SELECT DISTINCT ON (r.datastream_id) r.* FROM sta_observation r WHERE {_side_where(own, params)}
        ORDER BY r.datastream_id, r.phenomenon_start DESC, r.id"""
    for r in rows(sql, params, often=True):
        other = found.get(r["datastream_id"])
        if other is None or times.micros_of(r["phenomenon_start"]) >= other["t"] * 1000:
            found[r["datastream_id"]] = side_row(r)
    return {key: [row] for key, row in found.items()}


def latest(actor: Actor, own: Series) -> dict[int, Row]:
    return {key: many[0] for key, many in _latest(actor, own).items()}


def one(actor: Actor, text: str) -> Row | None:
    key = ids.read(text)
    if key is None:
        return None
    if key.n is not None:
        return next((side_row(r) for r in kept(actor, [key.n]) if not r["bare"]), None)
    own = of_streams(actor, [key.stream])
    if not own.streams:
        return None
    params = Params()
    same = f"r.datastream_id = {params.bind(key.stream)} AND r.t = {params.bind(key.t)}"
    if side := rows(f"SELECT r.* FROM sta_observation r WHERE {same} AND r.bare", params):
        return side_row(side[0])
    at = ("cmp", "eq", TIME, ("lit", "time", key.t * 1000))
    many, _ = page(actor, own, Query(filter=at, top=100))
    return next((r for r in many if r["n"] is None), None)


def kept(actor: Actor, numbers: Sequence[int]) -> list[Row]:
    """Rows of observations by their numbers, of datastreams that the actor sees."""
    params = Params()
    seen = scope(actor, DATASTREAMS, "s", params)
    return rows(
        f"SELECT r.* FROM sta_observation r JOIN sta_datastream s ON s.id = r.datastream_id"
        f" WHERE r.id = ANY({params.bind(list(numbers))}::bigint[]) AND {seen}", params
    )  # fmt: skip


def having(actor: Actor, expr: Any) -> list[int]:
    """The datastreams with an observation for which `expr` holds."""
    return [key for key, n in counts(actor, everything(actor), Query(filter=expr)).items() if n]


def features_having(actor: Actor, expr: Any) -> list[int]:
    """The features with an observation for which `expr` holds."""
    own = everything(actor)
    halved = halves.halve(actor, expr, own.plain)
    found = {own.streams[key]["feature_id"] for key, n in _plain_counts(own, halved, per=True).items() if n}
    params = Params()
    where = f"{_side_where(own, params)} AND {_held(actor, halved, params)}"
    many = rows(f"SELECT DISTINCT r.feature_id FROM sta_observation r WHERE {where}", params)
    return sorted((found | {r["feature_id"] for r in many}) - {None})


def first_and_last(streams: Sequence[Row]) -> dict[int, tuple[int, int]]:
    """First and last time (ms) of the readings of datastreams."""
    by = {(s["device_id"].bytes, s["property"]): s["id"] for s in streams if s["device_id"] is not None}
    if not by:
        return {}
    plain = [s for s in streams if s["device_id"] is not None]
    table = telemetry.observations("series", {"series": halves.grouped(plain)})
    return {by[r["device"], r["name"]]: (r["first"], r["last"]) for r in table.to_pylist()}


def taken(wanted: Sequence[tuple[Row, Sequence[int]]]) -> dict[int, set[int]]:
    """For each series, by its id: which of these times (ms) it has a reading of already. Asked many at once."""
    found: dict[int, set[int]] = {stream["id"]: set() for stream, _ in wanted}
    part: list[tuple[Row, Sequence[int]]] = []
    asked = 0
    for stream, at in wanted:
        part.append((stream, at))
        asked += len(at)
        if asked >= TIMES_AT_ONCE:
            _taken(part, found)
            part, asked = [], 0
    _taken(part, found)
    return found


def _taken(wanted: Sequence[tuple[Row, Sequence[int]]], found: dict[int, set[int]]) -> None:
    by = {(stream["device_id"].bytes, stream["property"]): (stream["id"], set(at)) for stream, at in wanted}
    at = sorted({t for _, times in wanted for t in times})
    if not at:
        return
    table = telemetry.observations("times", {"series": halves.grouped([stream for stream, _ in wanted]), "at": at})
    for device, name, t in zip(*(table[c].to_pylist() for c in ("device", "name", "t")), strict=True):
        key, own = by[bytes(device), name]
        if t in own:
            found[key].add(t)
