"""Expressions of `$filter` and `$orderby` as nested tuples, by recursive descent.

    ("lit", kind, value)    kind: num, str, bool, null, time, span, duration, date, clock, geo, id
    ("path", ("Datastream", "Thing", "name"))
    ("call", "substringof", (a, b)) · ("cmp", "eq", a, b) · ("in", a, (b, c)) · ("arith", "add", a, b)
    ("neg", a) · ("not", a) · ("and", a, b) · ("or", a, b) · ("holds", list, a): that a JSON list has a member
    ("any", a): a/b/any(x: x/c eq 1), that there is such a one; x stands for its links, a/b

Times are microseconds, durations too; geometries are WKT. A place in a list, `a/b[2]`, is a step of its path.
"""

from __future__ import annotations

import re
from typing import Any

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong

Expr = tuple[Any, ...]
MAX_LENGTH, MAX_DEPTH = 8_000, 60
_DAY = r"\d{4}-\d{2}-\d{2}"
_TIME = rf"{_DAY}T\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:Z|[+-]\d{{2}}:?\d{{2}}|[ ]\d{{2}}:\d{{2}})?"
_TOKENS = re.compile(
    rf"""(?P<space>\s+)
    |(?P<span>{_TIME}/(?:{_TIME}|P[0-9YMWDTHS.]+))
    |(?P<time>{_TIME})
    |(?P<date>{_DAY})
    |(?P<clock>\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?)
    |(?P<id>\d+t\d+(?:n\d+)?)
    |(?P<num>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    |(?P<typed>(?:geography|geometry|duration|datetime|date|time)'(?:[^']|'')*')
    |(?P<str>'(?:[^']|'')*')
    |(?P<name>@?[A-Za-z_$\u0080-\uffff][\w.@\u0080-\uffff-]*)
    |(?P<mark>[(),/\[\]:-])""",
    re.VERBOSE,
)
COMPARE = ("eq", "ne", "gt", "ge", "lt", "le")
_WORDS = {"true": ("lit", "bool", True), "false": ("lit", "bool", False), "null": ("lit", "null", None)}
Token = tuple[str, str]


def _lex(text: str) -> list[Token]:
    if len(text) > MAX_LENGTH:
        raise Wrong(f"an expression has at most {MAX_LENGTH} characters")
    if "\0" in text:
        raise Wrong("an expression holds no zero character")
    found, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise Wrong(f"cannot read the expression at {text[at : at + 20]!r}")
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match.group()))
        at = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _lex(text)
        self.at = self.depth = 0

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, *words: str) -> str | None:
        """The next token when it is one of `words` (case does not matter), and go on."""
        kind, text = self.peek()
        if kind in ("name", "mark") and text.lower() in words:
            self.at += 1
            return text.lower()
        return None

    def need(self, word: str) -> None:
        if self.take(word) is None:
            raise Wrong(f"expected {word!r} instead of {self.peek()[1] or 'the end'!r}")

    def either(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Wrong("the expression is nested too deeply")
        left = self.both()
        while self.take("or"):
            left = ("or", left, self.both())
        self.depth -= 1
        return left

    def both(self) -> Expr:
        left = self.compared()
        while self.take("and"):
            left = ("and", left, self.compared())
        return left

    def compared(self) -> Expr:
        left = self.sum()
        while op := self.take(*COMPARE, "in"):
            if op == "in":
                left = ("in", left, self.listed(")")) if self.take("(") else ("holds", self.sum(), left)
            else:
                right = self.sum()
                left = ("cmp", op, _dated(left, right), _dated(right, left))
        return left

    def sum(self) -> Expr:
        left = self.product()
        while op := self.take("add", "sub"):
            left = _moved(("arith", op, left, self.product()))
        return left

    def product(self) -> Expr:
        left = self.single()
        while op := self.take("mul", "div", "mod"):
            left = ("arith", op, left, self.single())
        return left

    def single(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Wrong("the expression is nested too deeply")
        try:
            if self.take("not"):
                return ("not", self.compared())
            if self.take("-"):
                return ("neg", self.single())
            if self.take("("):
                inner = self.either()
                self.need(")")
                return inner
            return self.word()
        finally:
            self.depth -= 1

    def word(self) -> Expr:
        kind, text = self.peek()
        self.at += 1
        if kind == "name":
            return self.named(text)
        if kind in _LITERALS:
            return _LITERALS[kind](text)
        raise Wrong(f"expected a value instead of {text or 'the end'!r}")

    def named(self, text: str) -> Expr:
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if self.take("("):
            return ("call", text.lower(), self.listed(")"))
        parts = [text, *self.places()]
        while self.take("/"):
            kind, part = self.peek()
            if kind not in ("name", "num"):
                raise Wrong(f"expected a name after {'/'.join(parts)}/")
            self.at += 1
            if part.lower() == "any" and self.take("("):
                return self.any(tuple(parts))
            parts += [part, *self.places()]
        return ("path", tuple(parts))

    def any(self, links: tuple[str, ...]) -> Expr:
        kind, name = self.peek()
        if kind != "name":
            raise Wrong(f"expected a name after {'/'.join(links)}/any(")
        self.at += 1
        self.need(":")
        inner = _meant(self.either(), name, links)
        self.need(")")
        there = ("cmp", "ne", ("path", (*links, "id")), ("lit", "null", None))
        return ("any", ("and", there, inner))

    def places(self) -> list[str]:
        """What stands in `[ ]` after a name: places in lists."""
        found = []
        while self.take("["):
            kind, text = self.peek()
            if kind != "num" or not text.isdigit():
                raise Wrong(f"expected a whole number instead of {text or 'the end'!r}")
            self.at += 1
            found.append(text)
            self.need("]")
        return found

    def listed(self, end: str) -> tuple[Expr, ...]:
        found: list[Expr] = []
        while not self.take(end):
            if found:
                self.need(",")
            found.append(self.either())
        return tuple(found)


def _moved(expr: Expr) -> Expr:
    """A given interval plus or minus a duration is an interval."""
    _, op, left, right = expr
    if left[:2] != ("lit", "span") or right[:2] != ("lit", "duration"):
        return expr
    by = right[2] if op == "add" else -right[2]
    return ("lit", "span", (left[2][0] + by, left[2][1] + by))


_TIMES = {"phenomenonTime", "resultTime", "validTime", "time"}
_QUOTED = re.compile(rf"{_TIME}(?:/(?:{_TIME}|P[0-9YMWDTHS.]+))?")


def _dated(expr: Expr, other: Expr) -> Expr:
    """A time in quotes that is compared with an attribute that is one."""
    if expr[:2] != ("lit", "str") or other[0] != "path" or other[1][-1] not in _TIMES:
        return expr
    if {"properties", "parameters"} & set(other[1]) or not _QUOTED.fullmatch(expr[2]):
        return expr
    return ("lit", "span", times.span(expr[2])) if "/" in expr[2] else ("lit", "time", times.instant(expr[2]))


def _meant(expr: Any, name: str, links: tuple[str, ...]) -> Any:
    """An expression with `links` where it says `name`."""
    if not isinstance(expr, tuple):
        return expr
    if len(expr) == 2 and expr[0] == "path":
        return ("path", (*links, *expr[1][1:])) if expr[1][0] == name else expr
    return tuple(_meant(part, name, links) for part in expr)


def _text(quoted: str) -> str:
    return quoted[1:-1].replace("''", "'")


def _typed(text: str) -> Expr:
    kind, _, rest = text.partition("'")
    inner = _text("'" + rest)
    if kind in ("geography", "geometry"):
        return ("lit", "geo", inner)
    if kind == "duration":
        return ("lit", "duration", times.duration(inner))
    if kind == "time":
        return ("lit", "clock", _clock(inner))
    return ("lit", "date", times.instant(inner)) if kind == "date" else ("lit", "time", times.instant(inner))


def _clock(text: str) -> int:
    """Microseconds since midnight."""
    try:
        hours, minutes, *seconds = text.split(":")
        return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds[0] if seconds else 0)) * 1_000_000)
    except ValueError:
        raise Wrong(f"{text!r} is not a time of the day") from None


def _number(text: str) -> Expr:
    value = float(text) if any(c in text for c in ".eE") else int(text)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise Wrong(f"{text[:40]!r} is too large a number")
    return ("lit", "num", value)


_LITERALS = {
    "span": lambda text: ("lit", "span", times.span(text)),
    "time": lambda text: ("lit", "time", times.instant(text)),
    "date": lambda text: ("lit", "date", times.instant(text)),
    "clock": lambda text: ("lit", "clock", _clock(text)),
    "id": lambda text: ("lit", "str", text),
    "num": _number,
    "str": lambda text: ("lit", "str", _text(text)),
    "typed": _typed,
}


def expression(text: str) -> Expr:
    """The expression of a `$filter`. Raises Wrong."""
    parser = _Parser(text)
    found = parser.either()
    if parser.peek()[0] != "end":
        raise Wrong(f"did not expect {parser.peek()[1]!r} after a whole expression")
    return found


def order(text: str) -> tuple[tuple[Expr, bool], ...]:
    """`$orderby`: (expression, whether falling) for each part."""
    parser = _Parser(text)
    found = []
    while True:
        inner = parser.sum()
        found.append((inner, parser.take("asc", "desc") == "desc"))
        if not parser.take(","):
            break
    if parser.peek()[0] != "end":
        raise Wrong(f"$orderby: did not expect {parser.peek()[1]!r}")
    return tuple(found)


def leaves(expr: Expr) -> list[tuple[str, ...]]:
    """All paths that an expression names."""
    if expr[0] == "path":
        return [expr[1]]
    return [p for part in expr[1:] if isinstance(part, tuple) for p in _within(part)]


def _within(part: tuple[Any, ...]) -> list[tuple[str, ...]]:
    if part and isinstance(part[0], str):
        return leaves(part) if part[0] in _KINDS else []
    return [p for one in part if isinstance(one, tuple) for p in _within(one)]


_KINDS = {"path", "call", "cmp", "in", "holds", "any", "arith", "neg", "not", "and", "or"}
