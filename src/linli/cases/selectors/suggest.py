"""Which team should get a case, and why: the rules in force, then who of a rule's teams is at work and near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from linli.cases import geo, ports, tables
from linli.cases.contracts import TeamSuggestion
from linli.cases.models import Case, TimelineEntry
from linli.cases.rules import routing
from linli.cases.rules.routing import Candidate, Moment, Rule
from linli.cases.selectors import versions
from linli.kernel import clock
from linli.kernel.actor import Actor, contains


@dataclass(frozen=True, slots=True)
class Asked:
    """A case as rules look at it."""

    class_code: str
    area_path: str
    channel: str = "staff"
    returned: int = 0
    reopened: int = 0
    point: tuple[float, float] | None = None
    sent_back: frozenset[UUID] = frozenset()

    @property
    def event(self) -> str:
        return routing.event_of(self.returned, self.reopened)


FIELDS = ("id", "class_code", "area_path", "channel", "return_count", "reopen_count", "lon", "lat")


def asked(row: Mapping[str, Any], class_code: str = "") -> Asked:
    """Of a case's fields; for another class with `class_code`."""
    point = (row["lon"], row["lat"]) if row["lon"] is not None and row["lat"] is not None else None
    return Asked(class_code or row["class_code"], row["area_path"], row["channel"], row["return_count"],
                 row["reopen_count"], point, _sent_back(row["id"]) if row["return_count"] else frozenset())  # fmt: skip


def asked_of(case: Case, class_code: str = "") -> Asked:
    return asked({name: getattr(case, name) for name in FIELDS}, class_code)


def _sent_back(case_id: UUID) -> frozenset[UUID]:
    rows = TimelineEntry.objects.filter(case_id=case_id, act="return").values_list("detail", flat=True)
    return frozenset(UUID(d["team_id"]) for d in rows if d.get("team_id"))


def moment_of(one: Asked) -> Moment:
    """Now, as the district's clock and calendar have it."""
    calendar = tables.calendar()
    local = clock.now().astimezone(calendar.zone)
    return Moment.at(local, bool(calendar.is_workday(local.date())), one.event, one.channel)


def teams_of(rule: Rule, area_path: str) -> list[tuple[int, Any]]:
    """(how far up or down its area lies, team) for each team that a rule names for an area: the serving first."""
    teams = ports.district_teams()
    if rule.team_code:
        found = [t for t in teams if t.code == rule.team_code]
    else:
        found = [t for t in teams if not rule.team_kind or t.kind == rule.team_kind]
        if rule.centre_code:
            centre = ports.centres().get(rule.centre_code)
            found = [t for t in found if centre and t.centre_id == centre.id]
        else:
            found = [t for t in found if contains(t.area_path, area_path) or contains(area_path, t.area_path)]
    return sorted(((_steps(t.area_path, area_path), t) for t in found), key=lambda pair: (pair[0], pair[1].code))


def _steps(team_area: str, area_path: str) -> int:
    deep, own = len(area_path.split(".")), len(team_area.split(".")) if team_area else 0
    return deep - own if contains(team_area, area_path) else 100 + own - deep


def suggestions(one: Asked, limit: int = 3) -> list[TeamSuggestion]:
    """Teams in the order in which they should be asked, each once, each with its reasons."""
    found: dict[UUID, TeamSuggestion] = {}
    moment = moment_of(one)
    for number, rule in versions.rules_in_force():
        if not routing.applies(rule, one.class_code, one.area_path, moment):
            continue
        for team, candidate in _candidates(rule, one):
            found.setdefault(team.id, _suggestion(number, rule, one.event, team, candidate))
        if len(found) >= limit:
            break
    return list(found.values())[:limit]


def _candidates(rule: Rule, one: Asked) -> list[tuple[Any, Candidate]]:
    pairs = teams_of(rule, one.area_path)
    work = ports.at_work([team.id for _, team in pairs])
    teams = {team.id: team for _, team in pairs}
    rows = [
        Candidate(team.id, team.code, rank, (at := work[team.id]), _metres(at.places, one.point),
                  team.id in one.sent_back)
        for rank, team in pairs
    ]  # fmt: skip
    return [(teams[c.team_id], c) for c in routing.best_first(rows)]


def _metres(places: Sequence[tuple[float, float]], point: tuple[float, float] | None) -> float | None:
    if point is None or not places:
        return None
    x, y = geo.to_metres(*point)
    return min(geo.distance(x, y, *geo.to_metres(lon, lat), point[1]) for lon, lat in places)


def _suggestion(number: int, rule: Rule, event: str, team: Any, candidate: Candidate) -> TeamSuggestion:
    member = ports.person(rule.person) if rule.person else None
    automatic = rule.automatic and (event == "new" or event in rule.events)
    return TeamSuggestion(
        team.id, team.name_zh, team.name_en or team.name_zh, rule.zh, rule.en, number,
        tuple(routing.reasons(candidate)), automatic and candidate.work.available and not candidate.sent_back,
        member.id if member else None, member.display_name if member else "",
    )  # fmt: skip


def first_for(case_id: UUID) -> TeamSuggestion | None:
    row = Case.objects.filter(pk=case_id).values(*FIELDS).first()
    found = suggestions(asked(row), limit=1) if row and row["class_code"] else []
    return found[0] if found else None


def shown_to(actor: Actor, one: Asked) -> list[dict[str, Any]]:
    """The suggestions as this reader gets them."""
    places = actor.can("positions.view", one.area_path)
    return [shown(found, places=places) for found in suggestions(one)]


def shown(one: TeamSuggestion, *, places: bool) -> dict[str, Any]:
    """As the API gives it. `places`: whether the reader may know where members on duty are."""
    return {
        "team_id": one.team_id, "zh": one.name_zh, "en": one.name_en, "rule": one.rule,
        "reason": {"zh": one.reason_zh, "en": one.reason_en},
        "why": [w for w in one.why if places or w["code"] != "metres"],
        "member": {"id": one.member_id, "name": one.member} if one.member_id else None,
    }  # fmt: skip
