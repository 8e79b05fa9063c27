"""What is worse than usual."""

from __future__ import annotations

import pytest

from linli.command import rules


def row(code: str, now: int, *before: int) -> dict[str, object]:
    return {"class_code": code, "zh": code, "en": code, "now": now, "before": list(before)}


def test_the_chance_is_poissons() -> None:
    assert rules.chance(0, 4.0) == 1.0
    assert rules.chance(1, 2.0) == pytest.approx(1 - 0.1353352832)
    assert rules.chance(3, 1.0) == pytest.approx(0.0803013970714)
    assert rules.chance(200, 3.0) == pytest.approx(0.0, abs=1e-9)


def test_one_storm_does_not_hide_the_next() -> None:
    assert rules.usual([2, 2, 2, 40]) == 2.0
    assert rules.usual([2, 4]) == 3.0
    assert rules.usual([]) == 0.0


def test_only_what_is_many_and_rare_is_named_and_the_rarest_first() -> None:
    found = rules.worse(
        [row("usual", 10, *[9] * 8), row("few", 2, *[0] * 8), row("more", 14, *[5] * 8), row("flood", 30, *[1] * 8)]
    )
    assert [r["class_code"] for r in found] == ["flood", "more"]
    assert found[1]["usual"] == 5.0


def test_at_most_three() -> None:
    assert len(rules.worse(row(str(i), 30, 1) for i in range(9))) == 3
