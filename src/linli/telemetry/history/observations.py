"""Questions of programs that speak in observations: any filter, order and page over given series of readings.

A question is a dict: `series` = [[property, [device id as hex, …]], …], or `all` = true with `properties`; `sets`: a
list of such series lists for the filter; `tables`: a list of {kind: num, str or time, of: [[property, [[device, value],
…]], …]} for the filter and the order; `plain`: devices (hex) whose readings have no time of result of their own;
`where`, `order` = [[expression, falling], …]; `limit`, `skip`; `per` = true for a page of each series; `counted`.
Readings with the flag TOLD are kept in full elsewhere and are left out.
"""

from __future__ import annotations

import re
from typing import Any

from linli.telemetry.batch import CODED, TOLD
from linli.telemetry.history.expressions import NULL, Compiler, Typed, of_result
from linli.telemetry.history.questions import MAX_ROWS, BadQuestion, Question

MAX_SERIES, MAX_SKIP = 400_000, 10_000_000
_HEX = re.compile(r"[0-9a-f]{32}")
_COLUMNS = "device, toString(property) AS name, toUnixTimestamp64Milli(ts) AS t, toUnixTimestamp64Milli(recv) AS recv"


def _devices(given: Any) -> str:
    if not given or not all(isinstance(d, str) and _HEX.fullmatch(d) for d in given):
        raise BadQuestion("series", "must name devices by 32 hexadecimal digits")
    return "device IN (" + ", ".join(f"unhex('{d}')" for d in given) + ")"


def _series(given: Any, ask: Compiler) -> str:
    if sum(len(devices) for _, devices in given) > MAX_SERIES:
        raise BadQuestion("series", f"at most {MAX_SERIES}")
    parts = [f"(property = {ask.bind(str(name), 'String')} AND {_devices(devices)})" for name, devices in given]
    return f"({' OR '.join(parts)})" if parts else "false"


_KINDS = {"num": ("Array(Float64)", float, -1.7e308), "time": ("Array(Int64)", int, -(1 << 62)),
          "str": ("Array(String)", str, "\x01\x01")}  # fmt: skip


def _table(given: Any, ask: Compiler) -> Typed:
    """A value of each series: null for those that are not named."""
    of, made, none = _KINDS[str(given["kind"])]
    keys, values = [], []
    for name, pairs in given["of"]:
        own = str(name).encode().hex()
        _devices([device for device, _ in pairs])
        keys += [f"unhex('{device}{own}')" for device, _ in pairs]
        values += [made(value) for _, value in pairs]
    if not keys:
        return NULL
    found = f"transform(concat(device, toString(property)), [{', '.join(keys)}], {ask.bind(values, of)}, {none!r})"
    found = f"nullIf({found}, {none!r})"
    return (f"fromUnixTimestamp64Micro({found}, 'UTC')" if given["kind"] == "time" else found), str(given["kind"])


def _parts(asked: dict[str, Any]) -> tuple[Compiler, str]:
    """The compiler with its sets, and the whole condition."""
    plain = asked.get("plain") or []
    late = "CAST(raw.recv AS Nullable(DateTime64(3, 'UTC')))"  # the column: a page shows ms under this name
    if plain:
        late = f"if({_devices(plain)}, NULL, raw.recv)"
    ask = Compiler([], late)
    ask.sets = [_series(one, ask) for one in asked.get("sets") or []]
    ask.tables = [_table(one, ask) for one in asked.get("tables") or []]
    where = [f"bitAnd(flags, {TOLD}) = 0"]
    if asked.get("all"):
        where.append(f"property IN {ask.bind([str(p) for p in asked['properties']], 'Array(String)')}")
    else:
        where.append(_series(asked.get("series") or [], ask))
    if asked.get("where"):
        where.append(ask.where(asked["where"]))
    return ask, " AND ".join(where)


def _single(asked: dict[str, Any]) -> bool:
    given = asked.get("series") or []
    return not asked.get("all") and len(given) == 1 and len(given[0][1]) == 1


def page(asked: dict[str, Any]) -> Question:
    """device, name, t, recv, value, flags and the values it is ordered by: o0, o1, … (times as microseconds)."""
    limit, skip = int(asked.get("limit") or 0), int(asked.get("skip") or 0)
    if not 1 <= limit <= MAX_ROWS or not 0 <= skip <= MAX_SKIP:
        raise BadQuestion("limit", f"must be between 1 and {MAX_ROWS}, and skip at most {MAX_SKIP}")
    ask, where = _parts(asked)
    own, order = [], []
    for number, (expr, falling) in enumerate(asked.get("order") or []):
        sql, kind = ("value", "num") if of_result(expr) else ask.compile(expr)
        shown = f"toUnixTimestamp64Micro(toDateTime64({sql}, 6, 'UTC'))" if kind == "time" else sql
        own.append(f", {shown} AS o{number}")
        way = f"{'DESC' if falling else 'ASC'} NULLS LAST"
        order += [f"bitAnd(flags, {CODED})"] if sql == "value" else []  # numbers, then yes and no
        order.append(f"{'ts' if sql == 'ts' else f'o{number}'} {way}")
    order += [] if order and order[-1].startswith("ts ") else ["ts"]
    order += ["device", "property"]
    by = " BY device, property" if asked.get("per") else ""
    if order[0].startswith("ts ") and _single(asked):
        order = [f"ts {'DESC' if (asked.get('order') or [[0, False]])[0][1] else 'ASC'}"]  # as the rows lie: no sorting
    sql = (
        f"SELECT {_COLUMNS}, value, flags{''.join(own)} FROM raw WHERE {where} ORDER BY {', '.join(order)}"
        f" LIMIT {skip}, {limit}{by}"
    )
    return Question(sql, ask.parameters)


def count(asked: dict[str, Any]) -> Question:
    """How many there are: n; with `per`, of each series: device, name, n."""
    ask, where = _parts(asked)
    if asked.get("per"):
        sql = (
            f"SELECT device, toString(property) AS name, count() AS n FROM raw WHERE {where} GROUP BY device, property"
        )
    else:
        sql = f"SELECT count() AS n FROM raw WHERE {where}"
    return Question(sql, ask.parameters)


def series(asked: dict[str, Any]) -> Question:
    """Which series have such a reading: device, name, with its first and last time in ms."""
    ask, where = _parts(asked)
    sql = f"""SELECT device, toString(property) AS name, toUnixTimestamp64Milli(min(ts)) AS first,
        toUnixTimestamp64Milli(max(ts)) AS last FROM raw WHERE {where} GROUP BY device, property"""
    return Question(sql, ask.parameters)


def times(asked: dict[str, Any]) -> Question:
    """Which of the times `at` (ms) the series has readings of, also those kept in full elsewhere: device, name, t."""
    ask = Compiler([], "recv")
    at = [int(t) for t in asked["at"]]
    where = _series(asked["series"], ask)
    span = f"ts BETWEEN fromUnixTimestamp64Milli({min(at)}) AND fromUnixTimestamp64Milli({max(at)})"
    moments = ask.bind(at, "Array(Int64)")
    sql = f"""SELECT device, toString(property) AS name, toUnixTimestamp64Milli(ts) AS t FROM raw
        WHERE {where} AND {span} AND has({moments}, t)"""
    return Question(sql, ask.parameters)


ASKED = {"page": page, "count": count, "series": series, "times": times}
