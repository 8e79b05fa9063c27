"""The functions of the language in SQL."""

from __future__ import annotations

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.selectors.typed import Typed, cast, typed

_UTC = "({0} AT TIME ZONE 'UTC')"
# name: (kinds of what it takes, kind of what it gives, SQL)
PLAIN = {
    "substringof": (("str", "str"), "bool", "strpos({1}, {0}) > 0"),
    "contains": (("str", "str"), "bool", "strpos({0}, {1}) > 0"),
    "startswith": (("str", "str"), "bool", "starts_with({0}, {1})"),
    "endswith": (("str", "str"), "bool", "right({0}, length({1})) = {1}"),
    "length": (("str",), "num", "length({0})"),
    "indexof": (("str", "str"), "num", "strpos({0}, {1}) - 1"),
    "tolower": (("str",), "str", "lower({0})"),
    "toupper": (("str",), "str", "upper({0})"),
    "trim": (("str",), "str", "btrim({0})"),
    "concat": (("str", "str"), "str", "{0} || {1}"),
    "substring": (("str", "num"), "str", "substr({0}, ({1})::integer + 1)"),
    "substring3": (("str", "num", "num"), "str", "substr({0}, ({1})::integer + 1, greatest(({2})::integer, 0))"),
    "year": (("time",), "num", f"extract(year FROM {_UTC})"),
    "month": (("time",), "num", f"extract(month FROM {_UTC})"),
    "day": (("time",), "num", f"extract(day FROM {_UTC})"),
    "hour": (("time",), "num", f"extract(hour FROM {_UTC})"),
    "minute": (("time",), "num", f"extract(minute FROM {_UTC})"),
    "second": (("time",), "num", f"floor(extract(second FROM {_UTC}))"),
    "fractionalseconds": (("time",), "num", f"mod(extract(second FROM {_UTC}), 1)"),
    "date": (("time",), "time", f"date_trunc('day', {_UTC}) AT TIME ZONE 'UTC'"),
    "time": (("time",), "duration", f"{_UTC} - date_trunc('day', {_UTC})"),
    "totaloffsetminutes": (("time",), "num", "CASE WHEN {0} IS NOT NULL THEN 0 END"),
    "now": ((), "time", "now()"),
    "mindatetime": ((), "time", "timestamptz '0001-01-01 00:00:00+00'"),
    "maxdatetime": ((), "time", "timestamptz '9999-12-31 23:59:59+00'"),
    "round": (("num",), "num", "round(({0})::numeric)"),
    "floor": (("num",), "num", "floor({0})"),
    "ceiling": (("num",), "num", "ceil({0})"),
}
RELATIONS = {
    "before": "lt",
    "after": "gt",
    "meets": "{0.end} = {1.sql} OR {0.sql} = {1.end}",
    "during": "{0.sql} >= {1.sql} AND {0.end} <= {1.end} AND {0.sql} < {1.end}",
    "overlaps": "{0.sql} < {1.end} AND {0.end} > {1.sql} OR {0.sql} = {1.sql}",
    "starts": "{0.sql} = {1.sql}",
    "finishes": "{0.end} = {1.end}",
}


def call(name: str, given: list[Typed]) -> Typed:
    if name in RELATIONS:
        return _relation(name, given)
    found = PLAIN.get("substring3" if name == "substring" and len(given) == 3 else name)
    if found is None:
        raise Wrong(f"{name} is not a function")
    kinds, gives, sql = found
    if len(given) != len(kinds):
        raise Wrong(f"{name} takes {len(kinds)} values, not {len(given)}")
    made = [cast(x, kind).sql for x, kind in zip(given, kinds, strict=True)]
    return typed(f"({sql.format(*made)})", gives)


def _relation(name: str, given: list[Typed]) -> Typed:
    if len(given) != 2:
        raise Wrong(f"{name} takes 2 values, not {len(given)}")
    if name == "during" and given[1].kind == "time":
        raise Wrong("during takes an interval second, such as 2026-11-01T00:00:00Z/2026-12-01T00:00:00Z")
    a, b = (cast(x, "span") for x in given)
    rule = RELATIONS[name]
    return spans(rule, a, b) if rule in ("lt", "gt") else typed(f"({rule.format(a, b)})", "bool")


def spans(op: str, a: Typed, b: Typed) -> Typed:
    """Times that may be intervals, without their ends: a before b, after it, the same, …"""
    made = {
        "lt": "{0.end} < {1.sql} OR ({0.end} = {1.sql} AND {0.sql} < {0.end})",
        "gt": "{0.sql} > {1.end} OR ({0.sql} = {1.end} AND {1.sql} < {1.end})",
        "le": "{0.sql} <= {1.sql} AND {0.end} <= {1.end}", "ge": "{0.sql} >= {1.sql} AND {0.end} >= {1.end}",
        "eq": "{0.sql} = {1.sql} AND {0.end} = {1.end}", "ne": "NOT ({0.sql} = {1.sql} AND {0.end} = {1.end})",
    }  # fmt: skip
    return typed(f"({made[op].format(a, b)})", "bool")
