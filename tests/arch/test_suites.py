"""Where a test stands tells its suite: the Makefile gives folders, so that no suite reads in all tests."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
MARK = "pytest.mark." + "e2e"


def test_the_browser_s_tests_are_slow_and_stand_in_one_folder() -> None:
    inside = sorted((TESTS / "e2e").glob("test_*.py"))
    assert len(inside) > 30
    unmarked = [p.name for p in inside if f"pytestmark = [pytest.mark.slow, {MARK}" not in p.read_text()]
    elsewhere = [str(p) for p in TESTS.rglob("*.py") if MARK in p.read_text() and p.parent != TESTS / "e2e"]
    assert unmarked == [] and elsewhere == []
