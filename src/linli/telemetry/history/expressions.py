"""A filter over readings, as nested lists, into SQL with bound parameters. Pure.

What it takes: ["lit", kind, value], ["path", ["result"]], ["call", name, [...]], ["cmp", op, a, b], ["in", a, [...]],
["arith", op, a, b], ["neg", a], ["not", a], ["and", a, b], ["or", a, b], and ["series", n]: that the reading belongs to
the n-th of the sets of series that came with the question; ["linked", n]: what the n-th of its tables says of the
reading's series. Paths: result, phenomenonTime, resultTime; others are null. Compared with text, a result is what is
written: `21.5`, `true`. Times are microseconds since 1970 UTC; intervals are without their ends. What cannot be
compared is null, and so neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from linli.telemetry.history.questions import BadQuestion

Typed = tuple[str, str]  # SQL and its kind: num, str, bool, time, duration, null
MAX_DEPTH = 70
CODED = "bitAnd(flags, 16) != 0"  # a yes or no, kept as 1 or 0: no number
NULL: Typed = ("CAST(NULL AS Nullable(UInt8))", "null")
_OPS = {"eq": "=", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_SUMS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}
_PARTS = {
    "year": "toYear({0})", "month": "toMonth({0})", "day": "toDayOfMonth({0})", "hour": "toHour({0})",
    "minute": "toMinute({0})", "second": "toSecond({0})",
    "fractionalseconds": "(toUnixTimestamp64Micro(toDateTime64({0}, 6, 'UTC')) % 1000000) / 1e6",
}  # fmt: skip
_NUMBERS = {"round": "(sign({0}) * floor(abs({0}) + 0.5))", "floor": "floor({0})", "ceiling": "ceil({0})"}
_TEXTS = {"tolower": "lowerUTF8({0})", "toupper": "upperUTF8({0})", "trim": "trimBoth({0})"}
_ASKS = {
    "substringof": "position({1}, {0}) > 0", "contains": "position({0}, {1}) > 0",
    "startswith": "startsWith({0}, {1})", "endswith": "endsWith({0}, {1})",
}  # fmt: skip
_RELATIONS = {  # of two times or intervals a and b, as (start, end)
    "lt": "({0[1]} < {1[0]} OR ({0[1]} = {1[0]} AND {0[0]} < {0[1]}))",
    "gt": "({0[0]} > {1[1]} OR ({0[0]} = {1[1]} AND {1[0]} < {1[1]}))",
    "le": "({0[0]} <= {1[0]} AND {0[1]} <= {1[1]})", "ge": "({0[0]} >= {1[0]} AND {0[1]} >= {1[1]})",
    "eq": "({0[0]} = {1[0]} AND {0[1]} = {1[1]})", "ne": "NOT ({0[0]} = {1[0]} AND {0[1]} = {1[1]})",
    "meets": "({0[1]} = {1[0]} OR {0[0]} = {1[1]})",
    "during": "({0[0]} >= {1[0]} AND {0[1]} <= {1[1]} AND {0[0]} < {1[1]})",
    "overlaps": "(({0[0]} < {1[1]} AND {0[1]} > {1[0]}) OR {0[0]} = {1[0]})",
    "starts": "({0[0]} = {1[0]})", "finishes": "({0[1]} = {1[1]})",
}  # fmt: skip
_RELATIONS |= {"before": _RELATIONS["lt"], "after": _RELATIONS["gt"]}
_DAY_US = 86_400_000_000


class Compiler:
    """`parameters` fills as expressions are compiled. `result_time` is the SQL of that attribute."""

    def __init__(self, sets: list[str], result_time: str) -> None:
        self.parameters: dict[str, Any] = {}
        self.sets = sets
        self.tables: list[Typed] = []
        self.columns: dict[str, Typed] = {
            "result": (f"if({CODED}, NULL, value)", "num"), "phenomenonTime": ("ts", "time"),
            "resultTime": (result_time, "time"),
        }  # fmt: skip
        self.depth = 0

    def bind(self, value: Any, kind: str) -> str:
        name = f"x{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def where(self, expr: Any) -> str:
        """A condition."""
        sql, kind = self.compile(expr)
        return sql if kind in ("bool", "null") else NULL[0]

    def compile(self, expr: Any) -> Typed:
        self.depth += 1
        if self.depth > MAX_DEPTH or not isinstance(expr, list | tuple) or not expr:
            raise BadQuestion("where", "is not an expression, or nested too deeply")
        work = _NODES.get(str(expr[0]))
        if work is None:
            raise BadQuestion("where", f"{expr[0]!r} is not known")
        try:
            return work(self, *expr[1:])
        except (TypeError, ValueError, KeyError, IndexError) as error:
            if isinstance(error, BadQuestion):
                raise
            raise BadQuestion("where", f"{expr[0]} is not well formed") from error
        finally:
            self.depth -= 1

    # --- leaves -----------------------------------------------------------------------------------------------------

    def literal(self, kind: str, value: Any) -> Typed:
        if kind == "num":
            return self.bind(float(value), "Float64"), "num"
        if kind == "str":
            return self.bind(str(value), "String"), "str"
        if kind == "bool":
            return ("true" if value else "false"), "bool"
        if kind in ("time", "date"):
            return self.instant(int(value)), "time"
        if kind in ("duration", "clock"):
            return self.bind(int(value), "Int64"), "duration"
        return NULL

    def instant(self, micros: int) -> str:
        return f"fromUnixTimestamp64Micro({self.bind(micros, 'Int64')}, 'UTC')"

    def path(self, names: Any) -> Typed:
        return self.columns.get(str(names[0]), NULL) if len(names) == 1 else NULL

    def series(self, number: int) -> Typed:
        return self.sets[number], "bool"

    def linked(self, number: int) -> Typed:
        return self.tables[number]

    def written(self, expr: Any) -> Typed:
        """A result as text; anything else as it is."""
        if not of_result(expr):
            return self.compile(expr)
        return f"if({CODED}, if(value = 1, 'true', 'false'), toString(value))", "str"

    # --- operators --------------------------------------------------------------------------------------------------

    def compare(self, op: str, a: Any, b: Any) -> Typed:
        if _is(a, "span") or _is(b, "span"):
            return self.related(op, a, b)
        for one, other, o in ((a, b, op), (b, a, _SWAPPED[op])):
            if _is(other, "null"):
                return self.nothing(one, o)
            if _is(other, "bool") and of_result(one):
                return self.truth(o, bool(other[2]))
        (x, kx), (y, ky) = self.compile(a), self.compile(b)
        if "str" in (kx, ky):
            (x, kx), (y, ky) = self.written(a), self.written(b)
        if kx != ky or kx == "null":
            return NULL
        return f"({x} {_OPS[op]} {y})", "bool"

    def nothing(self, a: Any, op: str) -> Typed:
        if of_result(a):
            return ("false" if op == "eq" else "true", "bool") if op in ("eq", "ne") else NULL
        sql, kind = self.compile(a)
        if op not in ("eq", "ne"):
            return NULL
        if kind == "null":
            return ("true" if op == "eq" else "false"), "bool"
        return f"isNull({sql})" if op == "eq" else f"isNotNull({sql})", "bool"

    def truth(self, op: str, value: bool) -> Typed:
        if op not in ("eq", "ne"):
            return NULL
        return f"if({CODED}, value {'=' if value == (op == 'eq') else '!='} 1, NULL)", "bool"

    def related(self, name: str, a: Any, b: Any) -> Typed:
        """Of times and intervals; a reading is an instant."""
        sides = [self.stretch(one) for one in (a, b)]
        return NULL if None in sides else (_RELATIONS[name].format(*sides), "bool")

    def stretch(self, expr: Any) -> tuple[str, str] | None:
        """Start and end."""
        if _is(expr, "span"):
            return self.instant(int(expr[2][0])), self.instant(int(expr[2][1]))
        sql, kind = self.compile(expr)
        return (sql, sql) if kind == "time" else None

    def one_of(self, a: Any, given: Any) -> Typed:
        tests = [self.compare("eq", a, one)[0] for one in given]
        return (f"({' OR '.join(tests)})" if tests else "false"), "bool"

    def arithmetic(self, op: str, a: Any, b: Any) -> Typed:
        (x, kx), (y, ky) = self.compile(a), self.compile(b)
        sign = _SUMS[op]
        if kx == ky == "num":
            return (f"({x} {sign} nullIf({y}, 0))" if op in ("div", "mod") else f"({x} {sign} {y})"), "num"
        if kx == "time" and ky == "duration" and op in ("add", "sub"):
            return f"addMicroseconds(toDateTime64({x}, 6, 'UTC'), {'' if op == 'add' else '-'}{y})", "time"
        if kx == ky == "time" and op == "sub":
            return f"({_micros(x)} - {_micros(y)})", "duration"
        if kx == ky == "duration" and op in ("add", "sub"):
            return f"({x} {sign} {y})", "duration"
        return NULL

    def negative(self, a: Any) -> Typed:
        sql, kind = self.compile(a)
        return (f"(-{sql})", kind) if kind in ("num", "duration") else NULL

    def logic(self, word: str) -> Callable[..., Typed]:
        return lambda a, b: (f"({self.where(a)} {word} {self.where(b)})", "bool")

    def negate(self, a: Any) -> Typed:
        return f"(NOT {self.where(a)})", "bool"

    # --- functions --------------------------------------------------------------------------------------------------

    def call(self, name: str, given: Any) -> Typed:
        if name in _RELATIONS:
            return self.related(name, *given)
        found = [(self.written if name in _OF_TEXT else self.compile)(one) for one in given]
        sqls, kinds = [f[0] for f in found], [f[1] for f in found]
        if name in ("now", "mindatetime", "maxdatetime"):
            return {"now": "now64(6, 'UTC')", "mindatetime": self.instant(0),
                    "maxdatetime": self.instant(253_402_300_799_000_000)}[name], "time"  # fmt: skip
        for table, wanted, kind in ((_PARTS, "time", "num"), (_NUMBERS, "num", "num"), (_TEXTS, "str", "str"),
                                    (_ASKS, "str", "bool")):  # fmt: skip
            if name in table:
                whole = len(kinds) == (2 if table is _ASKS else 1) and set(kinds) == {wanted}
                return (f"({table[name].format(*sqls)})", kind) if whole else NULL
        return self.rest(name, sqls, kinds)

    def rest(self, name: str, sqls: list[str], kinds: list[str]) -> Typed:
        if name == "date" and kinds == ["time"]:
            return f"toDateTime64(toStartOfDay({sqls[0]}), 6, 'UTC')", "time"
        if name == "time" and kinds == ["time"]:
            return f"({_micros(sqls[0])} % {_DAY_US})", "duration"
        if name == "totaloffsetminutes" and kinds == ["time"]:
            return "toFloat64(0)", "num"
        if name == "length" and kinds == ["str"]:
            return f"toFloat64(lengthUTF8({sqls[0]}))", "num"
        if name == "indexof" and kinds == ["str", "str"]:
            return f"toFloat64(toInt64(positionUTF8({sqls[0]}, {sqls[1]})) - 1)", "num"
        if name == "concat" and kinds == ["str", "str"]:
            return f"concat({sqls[0]}, {sqls[1]})", "str"
        if name == "substring" and kinds[:1] == ["str"] and set(kinds[1:]) == {"num"} and len(kinds) in (2, 3):
            places = ", ".join(f"toInt64({s}){' + 1' if i == 0 else ''}" for i, s in enumerate(sqls[1:]))
            return f"substringUTF8({sqls[0]}, {places})", "str"
        return NULL


def of_result(expr: Any) -> bool:
    return len(expr) == 2 and expr[0] == "path" and list(expr[1]) == ["result"]


def _is(expr: Any, kind: str) -> bool:
    return len(expr) == 3 and expr[0] == "lit" and expr[1] == kind


def _micros(sql: str) -> str:
    return f"toUnixTimestamp64Micro(toDateTime64({sql}, 6, 'UTC'))"


_OF_TEXT = {*_TEXTS, *_ASKS, "length", "indexof", "concat", "substring"}
_SWAPPED = {"eq": "eq", "ne": "ne", "gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}
_NODES: dict[str, Callable[..., Typed]] = {
    "lit": Compiler.literal, "path": Compiler.path, "series": Compiler.series,
    "linked": Compiler.linked, "cmp": Compiler.compare,
    "in": Compiler.one_of, "arith": Compiler.arithmetic, "neg": Compiler.negative, "not": Compiler.negate,
    "and": lambda c, a, b: c.logic("AND")(a, b), "or": lambda c, a, b: c.logic("OR")(a, b), "call": Compiler.call,
}  # fmt: skip
