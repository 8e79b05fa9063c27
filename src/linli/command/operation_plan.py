"""What an operation is made of, checked: every refusal names the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import facade as cases
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.masks import mask_text
from linli.orgs import facade as orgs
from linli.places import facade as places

MAX_TEAMS, MAX_ITEMS, MAX_CHECKS, MAX_CASES, MAX_NOTES = 20, 60, 40, 50, 500
MAX_TITLE, MAX_LINE, MAX_WORDS = 80, 200, 2000
LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class PlanItem:
    """A team's piece of work; without `due_at` it is due when the operation ends."""

    team_id: UUID
    title: str
    due_at: datetime | None = None
    checks: Sequence[str] = ()
    needs_photo: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All times have a zone."""

    title: str
    area_path: str
    begins_at: datetime
    ends_at: datetime
    team_ids: Sequence[UUID]
    purpose: str = ""
    case_ids: Sequence[UUID] = ()
    items: Sequence[PlanItem] = ()
    checks: Sequence[str] = field(default=())


def fields(actor: Actor, plan: Plan, kept_cases: Sequence[str] = ()) -> dict[str, Any]:
    """The columns of the plan. `kept_cases`: linked already; those the actor does not see stay linked."""
    if plan.area_path and places.grid_at(plan.area_path) is None:
        raise Invalid("area_path", "is not a known area")
    if not timedelta() < plan.ends_at - plan.begins_at <= LONGEST:
        raise Invalid("ends_at", f"must be after the beginning, at most {LONGEST.days} days")
    return {
        "title": text("title", plan.title, MAX_TITLE), "area_path": plan.area_path,
        "purpose": text("purpose", plan.purpose, MAX_WORDS, needed=False),
        "begins_at": plan.begins_at, "ends_at": plan.ends_at, "team_ids": _teams(plan.team_ids),
        "case_ids": _cases(actor, plan.case_ids, kept_cases),
    }  # fmt: skip


def checks(plan: Plan, kept: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """The operation's check-list; a point whose words stay keeps its tick."""
    if len(plan.checks) > MAX_CHECKS:
        raise Invalid("checks", f"at most {MAX_CHECKS} points")
    old = {point["text"]: point for point in kept}
    words = [text(f"checks.{n}", one, MAX_LINE) for n, one in enumerate(plan.checks)]
    return [old.get(one) or {"text": one, "done": False, "by": None, "at": None} for one in words]


def items(plan: Plan) -> list[PlanItem]:
    if len(plan.items) > MAX_ITEMS:
        raise Invalid("items", f"at most {MAX_ITEMS} items")
    span = (plan.begins_at, plan.ends_at)
    return [item(one, f"items.{n}.", list(map(str, plan.team_ids)), span) for n, one in enumerate(plan.items)]


def item(one: PlanItem, at: str, team_ids: Sequence[str], span: tuple[datetime, datetime]) -> PlanItem:
    """`at`: what comes before the names of its fields in a refusal."""
    if str(one.team_id) not in team_ids:
        raise Invalid(f"{at}team_id", "must be a team of the operation")
    if one.due_at is not None and not span[0] <= one.due_at <= span[1]:
        raise Invalid(f"{at}due_at", "must lie within the operation")
    if len(one.checks) > MAX_CHECKS:
        raise Invalid(f"{at}checks", f"at most {MAX_CHECKS} points")
    words = [text(f"{at}checks.{n}", point, MAX_LINE) for n, point in enumerate(one.checks)]
    return PlanItem(one.team_id, text(f"{at}title", one.title, MAX_LINE), one.due_at, words, one.needs_photo)


def text(name: str, value: str, most: int, *, needed: bool = True) -> str:
    clean = value.strip()
    if needed and not clean:
        raise Invalid(name, "must not be empty")
    if len(clean) > most or "\0" in clean:
        raise Invalid(name, f"must have at most {most} characters")
    return mask_text(clean)[0]


def _teams(wanted: Sequence[UUID]) -> list[str]:
    chosen = list(dict.fromkeys(wanted))
    if not 1 <= len(chosen) <= MAX_TEAMS:
        raise Invalid("team_ids", f"must be 1 to {MAX_TEAMS} teams")
    known = orgs.teams(chosen)
    for n, one in enumerate(chosen):
        if one not in known or not known[one].active:
            raise Invalid(f"team_ids.{n}", "is not a team at work")
    return [str(one) for one in chosen]


def _cases(actor: Actor, wanted: Sequence[UUID], kept: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(wanted))
    seen = cases.rows_seen(actor, [*chosen, *map(UUID, kept)])
    for n, one in enumerate(chosen):
        if one not in seen:
            raise Invalid(f"case_ids.{n}", "is not a case that you see")
    hidden = [one for one in kept if UUID(one) not in seen]
    if len(chosen) + len(hidden) > MAX_CASES:
        raise Invalid("case_ids", f"at most {MAX_CASES} cases")
    return [*map(str, chosen), *hidden]
