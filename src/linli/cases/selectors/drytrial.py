"""A dry run of rules of routing: to whom they would have given the cases of the last days, beside those in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import ports, tables
from linli.cases.models import Case
from linli.cases.rules import routing
from linli.cases.rules.calendar import Calendar
from linli.cases.rules.routing import Moment
from linli.cases.selectors import suggest, versions
from linli.cases.selectors.versions import Numbered
from linli.kernel import clock
from linli.kernel.errors import Invalid

MAX_DAYS, MAX_CASES, MAX_MOVES = 92, 100_000, 40
_FIELDS = ("class_code", "area_path", "channel", "return_count", "reopen_count", "filed_at", "created_at", "team_id")


def run(rows: Sequence[dict[str, Any]], days: int) -> dict[str, Any]:
    """Counts and the largest moves of classes between teams. Who was on duty then is not played again: the team is the
    one that a rule names first by area. `agreed`: cases of which the rules name the team that has had them in the end.
    """
    if not 1 <= days <= MAX_DAYS:
        raise Invalid("days", f"must be between 1 and {MAX_DAYS}")
    try:
        after = Judge(versions.parsed(rows))
    except ValueError as why:
        raise Invalid("rules", str(why)) from why
    before, counts, moves = Judge(versions.rules_in_force()), Counter[str](), Counter[tuple[str, str, str]]()
    since = clock.now() - timedelta(days=days)
    found = Case.objects.filter(source="linli", created_at__gte=since).exclude(class_code="")
    for case in found.order_by("-created_at").values_list(*_FIELDS)[:MAX_CASES].iterator(chunk_size=5000):
        _count(case, before, after, counts, moves)
    return {
        "days": days, "since": since.isoformat(), "cases": counts["cases"], "changed": counts["changed"],
        "agreed": {"before": counts["right_before"], "after": counts["right_after"], "of": counts["given"]},
        "nobody": {"before": counts["nobody_before"], "after": counts["nobody_after"]},
        "automatic": counts["automatic"], "whole": counts["cases"] < MAX_CASES,
        "moves": [_move(*key, n) for key, n in moves.most_common(MAX_MOVES)], "moved_kinds": len(moves),
        "unused": after.unused(),
    }  # fmt: skip


def _count(case: tuple[Any, ...], before: Judge, after: Judge, counts: Counter[str], moves: Counter[Any]) -> None:
    code, area, channel, returned, reopened, filed, created, held = case
    asked = (code, area, channel, routing.event_of(returned, reopened), filed or created)
    old, (new, automatic) = before.team(*asked)[0], after.team(*asked)
    counts["cases"] += 1
    counts["nobody_before"] += old is None
    counts["nobody_after"] += new is None
    counts["automatic"] += automatic
    if held:
        counts["given"] += 1
        counts["right_before"] += old == held
        counts["right_after"] += new == held
    if old != new:
        counts["changed"] += 1
        moves[code, str(old or ""), str(new or "")] += 1


def _move(code: str, old: str, new: str, n: int) -> dict[str, Any]:
    found = tables.catalogue().classes.get(code)
    names = ports.team_names([UUID(t) for t in (old, new) if t])
    return {
        "class": code, "class_name": {"zh": found.zh, "en": found.en} if found else {"zh": code, "en": code}, "n": n,
        "from": names[UUID(old)] if old else None, "to": names[UUID(new)] if new else None,
    }  # fmt: skip


class Judge:
    """Rules applied to many cases of the past: each question of class, area and moment is answered once."""

    def __init__(self, rules: Numbered) -> None:
        self.rules = rules
        self.calendar: Calendar = tables.calendar()
        self.known: dict[tuple[Any, ...], tuple[UUID | None, int, bool]] = {}
        self.used: Counter[int] = Counter()
        self.workdays: dict[Any, bool] = {}
        self.timed = any(r.hours for _, r in rules)

    def team(self, code: str, area: str, channel: str, event: str, at: datetime) -> tuple[UUID | None, bool]:
        """The team that the rules name first, and whether their rule gives out by itself."""
        local = at.astimezone(self.calendar.zone)
        day = local.date()
        if day not in self.workdays:
            self.workdays[day] = bool(self.calendar.is_workday(day))
        moment = Moment.at(local if self.timed else local.replace(hour=0, minute=0), self.workdays[day], event, channel)
        key = (code, area, moment)
        if key not in self.known:
            self.known[key] = self._first(code, area, moment)
        team, number, automatic = self.known[key]
        self.used[number] += 1
        return team, automatic

    def _first(self, code: str, area: str, moment: Moment) -> tuple[UUID | None, int, bool]:
        for number, rule in self.rules:
            if routing.applies(rule, code, area, moment) and (teams := suggest.teams_of(rule, area)):
                return teams[0][1].id, number, rule.automatic
        return None, 0, False

    def unused(self) -> list[int]:
        """Numbers of the rules that no case came to."""
        return sorted(number for number, _ in self.rules if not self.used[number])
