"""Which team should get a case, and why: rules of the packs (class × area), then the nearest team of the kind."""

from __future__ import annotations

from uuid import UUID

from linli.cases import ports, tables
from linli.cases.contracts import TeamSuggestion
from linli.cases.models import Case
from linli.cases.tables import AssignmentRule
from linli.kernel.actor import contains


def matching(class_code: str, area_path: str) -> list[AssignmentRule]:
    """Rules for a class in an area: the more precise area first, then as written."""
    return [
        rule
        for rule in tables.assignment_rules()
        if class_code.startswith(rule.class_prefix) and contains(rule.area_prefix, area_path)
    ]


def suggestions(class_code: str, area_path: str, limit: int = 3) -> list[TeamSuggestion]:
    """Teams in the order in which they should be asked, each once, each with its reason."""
    found: dict[UUID, TeamSuggestion] = {}
    for rule in matching(class_code, area_path):
        for team in ports.teams_in(area_path, rule.team_kind or None):  # those serving the area first
            if rule.team_code and team.code != rule.team_code:
                continue
            found.setdefault(
                team.id, TeamSuggestion(team.id, team.name_zh, team.name_en or team.name_zh, rule.zh, rule.en)
            )
        if len(found) >= limit:
            break
    return list(found.values())[:limit]


def first_for(case_id: UUID) -> TeamSuggestion | None:
    row = Case.objects.filter(pk=case_id).values_list("class_code", "area_path").first()
    found = suggestions(*row, limit=1) if row and row[0] else []
    return found[0] if found else None
