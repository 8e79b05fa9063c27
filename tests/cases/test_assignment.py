"""The rules of assignment that ship are sound, and each way of being unsound is found."""

from __future__ import annotations

from typing import Any

import pytest

from linli.cases import tables
from linli.cases.rules import assignment
from linli.kernel import packs

DEFAULT = {"class": "", "team_kind": "community"}
CODES = frozenset({"200501", "200502", "100101"})


def test_the_rules_that_ship_are_sound() -> None:
    codes = set(tables.catalogue().classes)
    for path in packs.files("assignment", (".yaml",)):
        assert assignment.check(packs.read_yaml(path), codes) == []


def test_a_request_for_assistance_goes_to_the_community_team_first() -> None:
    first = next(r for r in tables.routing_rows() if "200502".startswith(r["class"]))
    assert first["team_kind"] == "community"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{"class": "77", "team_kind": "pump"}, DEFAULT], "no class begins with 77"),
        ([{"class": "10"}, DEFAULT], "rule 1: names neither"),
        ([{"class": "2005", "team_kind": "a"}, {"class": "200502", "team_kind": "b"}, DEFAULT], "(200502) never"),
        ([DEFAULT, {"class": "10", "team_kind": "a"}], "rule 1 (all)"),
        ([{"class": "10", "team_kind": "a"}, {"class": "10", "team_kind": "a"}, DEFAULT], "repeats rule 1"),
        ([{"class": "10", "team_kind": "a"}, {"class": "", "area": "01", "team_kind": "a"}], "no rule is for every"),
    ],
)  # fmt: skip
def test_unsound_rules_are_found_out(rules: list[dict[str, Any]], said: str) -> None:
    found = assignment.check({"rules": rules}, CODES)
    assert len(found) == 1 and said in found[0]


def test_a_fallback_and_a_rule_of_one_area_are_meant() -> None:
    rules = [
        {"class": "10", "team_kind": "pump"},
        {"class": "10", "team_kind": "patrol"},
        {"class": "1001", "area": "01", "team": "T1"},
        DEFAULT,
    ]
    assert assignment.check({"rules": rules}, CODES) == []
