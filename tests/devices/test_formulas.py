"""Formulas of calculated figures: what they are read as, what is refused, and that they reckon as Python does."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import numpy as np
import pytest

from linli.devices.formulas import FormulaError, Node, parse, renamed, shown
from linli.telemetry.sense.figures import reckon

NAMES = ("a", "b", "depth_2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is missing"), (7, "is missing"), ("a +", "ends too soon"), ("(a", "lacks a closing bracket"),
        ("a b", "is not understood from 'b' on"), ("a @ b", "has '@'"), ("a ** 2", "has '*' where"),
        ("__import__('os')", "but not __import__"), ("sqrt(a)", "knows min, max, abs, but not sqrt"),
        ("max(a)", "max takes two"),
        ("abs(a, b)", "abs takes one"), ("1 + 2", "must read 1 to 8"), ("a.b", "has '.'"),
        ("a * 1e999", "is no number"),
        ("+".join(f"p{n}" for n in range(9)), "must read 1 to 8"), ("a" * 201, "more than 200"),
        ("(" * 20 + "a" + ")" * 20, "more than 16 brackets"), ("a / ", "ends too soon"), ("水位 + 1", "has '水'"),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused_with_a_reason(text: Any, reason: str) -> None:
    with pytest.raises(FormulaError) as error:
        parse(text)
    assert reason in str(error.value)


def written(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([*NAMES, "2", "0.5", "10"])
    one, two = written(rng, depth - 1), written(rng, depth - 1)
    return rng.choice([f"{one} + {two}", f"{one} - {two}", f"{one} * {two}", f"({one}) / {two}", f"-{one}", f"({one})",
                       f"{one} - ({two})", f"min({one}, {two})", f"max({one}, {two}, 1)", f"abs({one})"])  # fmt: skip


def slowly(tree: Node, values: dict[str, float]) -> float:
    """NaN where it cannot be reckoned."""
    if tree[0] in ("number", "get"):
        return tree[1] if tree[0] == "number" else values[tree[1]]
    parts = [slowly(part, values) for part in tree[1:]]
    if any(math.isnan(p) for p in parts) or (tree[0] == "/" and parts[1] == 0):
        return math.nan
    return {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
            "neg": lambda a: -a, "abs": abs, "min": min, "max": max}[tree[0]](*parts)  # fmt: skip


def test_columns_are_reckoned_as_python_reckons_and_text_comes_back() -> None:
    rng, tried = random.Random(3), 0
    rows = [{n: rng.choice([0.0, 1.0, -2.5, 4.0, 9.0]) for n in NAMES} for _ in range(40)]
    while tried < 500:
        text = written(rng, 4)
        if len(text) > 200 or not re.search(r"\b(a|b|depth_2)\b", text):
            continue
        tried += 1
        formula = parse(text)
        found = reckon(formula.steps, [np.array([row[n] for row in rows]) for n in formula.operands])
        by_python = [_python(text, row) for row in rows]
        assert np.allclose(found, [slowly(formula.tree, row) for row in rows], equal_nan=True), text
        for mine, theirs in zip(found.tolist(), by_python, strict=True):
            assert math.isnan(mine) if theirs is None else mine == pytest.approx(theirs), text
        again = parse(shown(formula.tree, str))
        assert again.tree == formula.tree, "what is written out is read as it was"


def _python(text: str, row: dict[str, float]) -> float | None:
    """As Python itself reads the text; None: no number."""
    try:
        return float(eval(text, {"__builtins__": {}, "min": min, "max": max, "abs": abs}, row))
    except ZeroDivisionError:
        return None


def test_what_is_missing_makes_no_figure() -> None:
    column = np.array([1.0, np.nan, 0.0])
    found = reckon(parse("max(a, 5) / a").steps, [column])
    assert found[0] == 5 and np.isnan(found[1:]).all()


def test_names_and_units_of_another_version() -> None:
    assert renamed("a + b", {"c": ("d", 2.0, 0.0)}) == "a + b"
    text = renamed("-a * b", {"a": ("x", 10.0, 3.0), "b": ("b", 1.0, -4.0)})
    old, new = {"a": 1.5, "b": 7.0}, {"x": 1.5 * 10 + 3, "b": 7.0 - 4.0}
    assert slowly(parse(text).tree, new) == pytest.approx(slowly(parse("-a * b").tree, old))
