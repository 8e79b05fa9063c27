"""Rules of routing, as pure functions: when a rule applies, and which of its teams comes first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from linli.cases.rules import assignment, routing
from linli.cases.rules.routing import Candidate, Moment
from linli.work.contracts import TeamAtWork

WORDS = {"zh": "归班组", "en": "To the crew"}


def rule(**given: Any) -> routing.Rule:
    return routing.parse({"class": "", "team_kind": "pump", **WORDS, **given})


def moment(hour: int, minute: int = 0, *, workday: bool = True, event: str = "new", channel: str = "qr") -> Moment:
    return Moment.at(datetime(2026, 3, 2, hour, minute, tzinfo=UTC), workday, event, channel)


@pytest.mark.parametrize(
    ("given", "when", "holds"),
    [
        ({}, moment(3), True),
        ({"class": "2004"}, moment(3), True),
        ({"class": "10"}, moment(3), False),
        ({"area": "01"}, moment(3), True),
        ({"area": "01.0"}, moment(3), False),  # a prefix of the text, not of the area
        ({"hours": ["08:00-18:00"]}, moment(8), True),
        ({"hours": ["08:00-18:00"]}, moment(18), False),
        ({"hours": ["22:00-06:00"]}, moment(23, 59), True),
        ({"hours": ["22:00-06:00"]}, moment(5, 59), True),
        ({"hours": ["22:00-06:00"]}, moment(6), False),
        ({"hours": ["08:00-12:00", "14:00-24:00"]}, moment(23), True),
        ({"days": "restday"}, moment(9), False),
        ({"days": "restday"}, moment(9, workday=False), True),
        ({"events": ["returned"]}, moment(9), False),
        ({"events": ["returned", "reopened"]}, moment(9, event="reopened"), True),
        ({"channels": ["device"]}, moment(9), False),
        ({"channels": ["device"]}, moment(9, channel="device"), True),
    ],
)
def test_a_rule_holds_for_what_it_names(given: dict[str, Any], when: Moment, holds: bool) -> None:
    assert routing.applies(rule(**given), "200406", "01.02", when) is holds


def candidate(code: str, rank: int = 0, metres: float | None = None, sent_back: bool = False, **work: Any) -> Candidate:
    return Candidate(UUID(int=ord(code)), code, rank, TeamAtWork(**work), metres, sent_back)


def test_the_best_team_is_at_work_near_and_not_overloaded() -> None:
    found = routing.best_first([
        candidate("a", sent_back=True, on_duty=3),
        candidate("b"),  # nobody there
        candidate("c", on_duty=1, tasks=30),  # overloaded
        candidate("d", rank=2, on_duty=2),
        candidate("e", rank=1, on_duty=2, tasks=8),
        candidate("f", rank=1, rostered=2, tasks=2, metres=900.0),
        candidate("g", rank=1, on_duty=2, tasks=2, metres=300.0),
    ])  # fmt: skip
    assert "".join(one.code for one in found) == "gfedcba"


def test_reasons_say_who_is_there_and_hide_exact_places() -> None:
    said = routing.reasons(candidate("g", on_duty=2, tasks=2, metres=337.0))
    assert said == [{"code": "on_duty", "n": 2}, {"code": "tasks", "n": 2}, {"code": "metres", "n": 300}]
    assert routing.reasons(candidate("g", on_duty=1, tasks=2, metres=3.0))[-1] == {"code": "metres", "n": 100}
    said = routing.reasons(candidate("h", sent_back=True, tasks=20))
    assert [one["code"] for one in said] == ["sent_back", "off_duty", "overloaded"]


NAMES = assignment.Names({"200406"}, {"P1": "pump"}, {"c1"}, {"", "li"}, ("qr", "device"))
DEFAULT = {"class": "", "team_kind": "pump"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"class": "30", "team_kind": "pump"}, "class"),
        ({"class": "20"}, "target"),
        ({"class": "20", "team": "P9"}, "team"),
        ({"class": "20", "team_kind": "sweepers"}, "kind"),
        ({"class": "20", "centre": "c9"}, "centre"),
        ({"class": "20", "person": "li"}, "person_team"),
        ({"class": "20", "team": "P1", "person": "wang"}, "person"),
        ({"class": "20", "team": "P1", "person": "li", "automatic": True}, "person_automatic"),
        ({"class": "20", "team_kind": "pump", "channels": ["pigeon"]}, "channel"),
        ({"class": "20", "team_kind": "pump", "hours": ["25:00-26:00"]}, "hours"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named(row: dict[str, Any], code: str) -> None:
    assert [(f.code, f.rule) for f in assignment.findings([row, DEFAULT], NAMES)] == [(code, 1)]


def test_a_rule_of_some_hours_hides_none_behind_it_and_is_no_default() -> None:
    night = {"class": "", "team": "P1", "hours": ["22:00-06:00"]}
    assert assignment.findings([night, {"class": "20", "team_kind": "pump"}, DEFAULT], NAMES) == []
    assert [f.code for f in assignment.findings([night], NAMES)] == ["gap"]
