"""Formulas over a device's properties: `abs(inside - outside) * 9.81`. Read once into steps, never run as code.

    formula = parse("inside - outside")     # FormulaError says what is wrong
    formula.operands                        # ("inside", "outside")
    formula.steps                           # (("get", 0), ("get", 1), ("-", 2)), for a stack

Knows numbers, names, + - * / with parentheses, min and max of two or more, abs. No Django, no numpy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_LENGTH, MAX_OPERANDS, MAX_DEPTH = 200, 8, 16
FUNCTIONS = {"min": 2, "max": 2, "abs": 1}  # with so many arguments at least; abs with just one
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|([-+*/(),])|(\S))", re.ASCII)
Node = tuple[Any, ...]
"""("number", 9.81) · ("get", "inside") · (operator or function, Node, ...)"""


class FormulaError(ValueError):
    """Says what is wrong with a formula."""


@dataclass(frozen=True, slots=True)
class Formula:
    """`steps` for a stack: ("number", value), ("get", place among the operands), (what, how many it takes)."""

    tree: Node
    operands: tuple[str, ...] = field(default=())
    steps: tuple[tuple[str, Any], ...] = field(default=())


def parse(text: Any) -> Formula:
    """A formula read. Raises FormulaError."""
    if not isinstance(text, str) or not text.strip():
        raise FormulaError("is missing")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"has more than {MAX_LENGTH} characters")
    reader = _Reader(text)
    tree = reader.sum(0)
    if reader.here:
        raise FormulaError(f"is not understood from {reader.here!r} on")
    operands = tuple(dict.fromkeys(names(tree)))
    if not 1 <= len(operands) <= MAX_OPERANDS:
        raise FormulaError(f"must read 1 to {MAX_OPERANDS} properties")
    return Formula(tree, operands, tuple(_steps(tree, operands)))


class _Reader:
    """One token ahead; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.here = next(self.tokens, "")

    def next(self) -> str:
        was, self.here = self.here, next(self.tokens, "")
        return was

    def sum(self, depth: int) -> Node:
        return self._chain(depth, "+-", self.product)

    def product(self, depth: int) -> Node:
        return self._chain(depth, "*/", self.factor)

    def _chain(self, depth: int, operators: str, part: Callable[[int], Node]) -> Node:
        if depth > MAX_DEPTH:
            raise FormulaError(f"has more than {MAX_DEPTH} brackets within each other")
        found = part(depth)
        while self.here and self.here in operators:
            found = (self.next(), found, part(depth))
        return found

    def factor(self, depth: int) -> Node:
        signs = 0
        while self.here and self.here in "+-":
            signs += self.next() == "-"
        found = self.atom(depth)
        return ("neg", found) if signs % 2 else found

    def atom(self, depth: int) -> Node:
        token = self.next()
        if token == "(":
            found = self.sum(depth + 1)
            self._close()
            return found
        if token[:1].isdigit() or token[:1] == ".":
            return ("number", _number(token))
        if not token[:1].isalpha() and token[:1] != "_":
            raise FormulaError(f"has {token!r} where a number or a property should be" if token else "ends too soon")
        if self.here != "(":
            return ("get", token)
        return self._call(token, depth)

    def _call(self, name: str, depth: int) -> Node:
        if name not in FUNCTIONS:
            raise FormulaError(f"knows {', '.join(FUNCTIONS)}, but not {name}")
        self.next()
        found = [self.sum(depth + 1)]
        while self.here == ",":
            self.next()
            found.append(self.sum(depth + 1))
        self._close()
        if len(found) < FUNCTIONS[name] or (name == "abs" and len(found) > 1):
            raise FormulaError("abs takes one figure" if name == "abs" else f"{name} takes two figures or more")
        return (name, *found)

    def _close(self) -> None:
        if self.next() != ")":
            raise FormulaError("lacks a closing bracket")


def _tokens(text: str) -> Iterator[str]:
    end = 0
    for found in _TOKEN.finditer(text):
        if found[4]:
            raise FormulaError(f"has {found[4]!r}, which it does not know")
        end = found.end()
        yield found[0].strip()
    if text[end:].strip():
        raise FormulaError(f"is not understood from {text[end:].strip()!r} on")


def _number(token: str) -> float:
    value = float(token)
    if not math.isfinite(value):
        raise FormulaError(f"has {token}, which is no number")
    return value


def names(tree: Node) -> Iterator[str]:
    """The properties that it reads, in the order in which they stand there."""
    if tree[0] == "get":
        yield tree[1]
    elif tree[0] != "number":
        for part in tree[1:]:
            yield from names(part)


def _steps(tree: Node, operands: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if tree[0] == "number":
        yield tree
    elif tree[0] == "get":
        yield "get", operands.index(tree[1])
    else:
        for part in tree[1:]:
            yield from _steps(part, operands)
        yield tree[0], len(tree) - 1


# --- back to text -----------------------------------------------------------------------------------------------------

_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3}
_WORDS = {"*": "×", "/": "÷", "-": "−"}


def shown(tree: Node, name: Callable[[str], str], calls: Mapping[str, str] | None = None) -> str:
    """A formula as text. With `calls` (what functions are called) as people read it, × and ÷ for * and /."""
    return _text(tree, name, calls, 0)


def _text(tree: Node, name: Callable[[str], str], calls: Mapping[str, str] | None, above: int) -> str:
    what = tree[0]
    if what == "number":
        return f"{tree[1]:g}" if calls is not None else repr(tree[1])
    if what == "get":
        return name(tree[1])
    if what in FUNCTIONS:
        return f"{(calls or {}).get(what, what)}({', '.join(_text(part, name, calls, 0) for part in tree[1:])})"
    binds = _BINDS[what]
    if what == "neg":
        found = f"{_word('-', calls)}{_text(tree[1], name, calls, binds)}"
    else:
        left, right = (_text(part, name, calls, binds + n) for n, part in enumerate(tree[1:]))
        found = f"{left} {_word(what, calls)} {right}"
    return f"({found})" if binds < above or (what == "neg" and above > 1) else found


def _word(what: str, calls: Mapping[str, str] | None) -> str:
    return what if calls is None else _WORDS.get(what, what)


def renamed(text: str, steps: Mapping[str, tuple[str, float, float]]) -> str:
    """The same figure where properties were renamed or have another unit: new = old · factor + offset."""

    def moved(tree: Node) -> Node:
        if tree[0] == "get":
            name, factor, offset = steps.get(tree[1], (tree[1], 1.0, 0.0))
            found: Node = ("get", name)
            found = ("-", found, ("number", offset)) if offset > 0 else found
            found = ("+", found, ("number", -offset)) if offset < 0 else found
            return ("/", found, ("number", factor)) if factor != 1 else found
        return tree if tree[0] == "number" else (tree[0], *(moved(part) for part in tree[1:]))

    tree = parse(text).tree
    return shown(moved(tree), str) if set(names(tree)) & set(steps) else text
