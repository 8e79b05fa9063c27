"""Who should get a case: rules by class, area, time and event, and the order of the teams that a rule names. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.kernel.actor import contains
from linli.work.contracts import TeamAtWork

EVENTS = ("new", "returned", "reopened")
DAYS = ("", "workday", "restday")
OVERLOAD = 8  # running tasks for each member on duty, beyond which another team comes first
NEARBY_M = 100  # distances are told in steps, so that no member's place can be read from them


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: empty fields hold for all. `hours` are (begin, end) in minutes of the day, an end before its begin
    goes past midnight. The target is a kind of team, one team, a centre's teams, or one member of a team."""

    class_prefix: str
    area_prefix: str
    team_kind: str
    team_code: str
    centre_code: str
    person: str
    zh: str
    en: str
    events: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    days: str = ""
    hours: tuple[tuple[int, int], ...] = ()
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """What rules look at besides class and area: the local time, whether people work that day, and what happened."""

    minute: int
    workday: bool
    event: str
    channel: str

    @classmethod
    def at(cls, when: datetime, workday: bool, event: str, channel: str) -> Moment:
        return cls(when.hour * 60 + when.minute, workday, event, channel)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A team that a rule names. `rank`: how near its area is, 0 first. `metres`: from a member on duty to the case."""

    team_id: UUID
    code: str
    rank: int
    work: TeamAtWork
    metres: float | None = None
    sent_back: bool = False


def parse(row: Mapping[str, Any]) -> Rule:
    """A rule as packs and versions write it."""
    return Rule(
        class_prefix=str(row.get("class", "")), area_prefix=str(row.get("area", "")),
        team_kind=str(row.get("team_kind", "")), team_code=str(row.get("team", "")),
        centre_code=str(row.get("centre", "")), person=str(row.get("person", "")), zh=row["zh"], en=row["en"],
        events=tuple(row.get("events") or ()), channels=tuple(row.get("channels") or ()), days=row.get("days", ""),
        hours=tuple(minutes(span) for span in row.get("hours") or ()), automatic=bool(row.get("automatic")),
    )  # fmt: skip


def minutes(span: str) -> tuple[int, int]:
    """`22:00-06:30` → (1320, 390)."""
    begin, _, end = span.partition("-")
    return _minute(begin), _minute(end)


def _minute(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    value = int(hour) * 60 + int(minute)
    if not 0 <= value <= 24 * 60 or len(minute) != 2 or int(minute) > 59:
        raise ValueError(f"{text.strip()} is no time of day")
    return value


def applies(rule: Rule, class_code: str, area_path: str, moment: Moment) -> bool:
    return (
        class_code.startswith(rule.class_prefix)
        and contains(rule.area_prefix, area_path)
        and (not rule.events or moment.event in rule.events)
        and (not rule.channels or moment.channel in rule.channels)
        and (not rule.days or moment.workday == (rule.days == "workday"))
        and (not rule.hours or any(_within(span, moment.minute) for span in rule.hours))
    )


def _within(span: tuple[int, int], minute: int) -> bool:
    begin, end = span
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def event_of(returned: int, reopened: int) -> str:
    """What brought the case to be given out: it was sent back, opened again, or is new."""
    return "returned" if returned else "reopened" if reopened else "new"


def best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Teams of one rule: who did not send it back, is at work and not overloaded comes first; then the nearer area,
    then the lighter load, then the nearer member."""

    def key(one: Candidate) -> tuple[Any, ...]:
        state = 2 if not one.work.available else 1 if one.work.load > OVERLOAD else 0
        return one.sent_back, state, one.rank, round(one.work.load), one.metres or 0.0, one.code

    return sorted(candidates, key=key)


def reasons(one: Candidate) -> list[dict[str, Any]]:
    """Why it stands where it stands: [{code, n}], to be said in words by whoever shows it."""
    said: list[dict[str, Any]] = []
    if one.sent_back:
        said.append({"code": "sent_back"})
    if one.work.on_duty:
        said.append({"code": "on_duty", "n": one.work.on_duty})
    elif one.work.rostered:
        said.append({"code": "rostered", "n": one.work.rostered})
    else:
        said.append({"code": "off_duty"})
    said.append({"code": "overloaded" if one.work.load > OVERLOAD else "tasks", "n": one.work.tasks})
    if one.metres is not None:
        said.append({"code": "metres", "n": max(NEARBY_M, round(one.metres / NEARBY_M) * NEARBY_M)})
    return said
