"""What a page asks for, checked: an area that the actor may see, a team, a class, a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from linli.cases import facade as cases
from linli.insight import tables
from linli.insight.rules import periods
from linli.insight.rules.periods import Period
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid
from linli.kernel.scope import area_or_own
from linli.orgs import facade as orgs

VIEW = "indicators.view"


@dataclass(frozen=True, slots=True)
class Ask:
    area: str
    team: UUID | None
    class_code: str
    name: str  # of the period: day, week, month, quarter, year, or '' for any days
    period: Period
    previous: Period
    bases: Mapping[str, str] = field(default_factory=dict)


def today() -> date:
    return clock.now().astimezone(cases.zone()).date()


def check_team(actor: Actor, team: UUID | None) -> None:
    """The figures of a team of one are a person's own."""
    if team is None or team in actor.team_ids:
        return
    if orgs.member_counts([team]).get(team) == 1:
        raise Forbidden("figures of a team of one person are that person's own")


def period_of(name: str, day: date | None, start: date | None, end: date | None) -> tuple[str, Period, Period]:
    now = today()
    if start or end:
        if not (start and end):
            raise Invalid("start", "start and end come together")
        if end < start or (end - start) > timedelta(days=periods.MAX_DAYS):
            raise Invalid("end", f"must be 0 to {periods.MAX_DAYS} days after start")
        name, period = "", Period(start, end)
    else:
        if name not in periods.NAMES:
            raise Invalid("period", f"must be one of {', '.join(periods.NAMES)}")
        period = periods.of(name, day or now)
    if not 1990 <= period.start.year <= 2200:
        raise Invalid("day", "must be between 1990 and 2200")
    return name, period, periods.up_to(period, periods.before(period, name), now)


def bases_of(text: str) -> dict[str, str]:
    """`reworkRate:dispose,extensionRate:dispatch`: other denominators, of those that the packs allow."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        code, _, base = part.partition(":")
        item = tables.table().indicators.get(code)
        if item is None or base not in (item.base, *item.bases):
            raise Invalid("bases", f"{part[:80]} is no denominator that the packs allow")
        if base != item.base:
            found[code] = base
    return found


def ask(
    actor: Actor, *, area: str = "", team: UUID | None = None, class_code: str = "", period: str = "month",
    day: date | None = None, start: date | None = None, end: date | None = None, bases: str = "",
) -> Ask:  # fmt: skip
    for name, text in (("area", area), ("class_code", class_code)):
        if "\0" in text or len(text) > 120:
            raise Invalid(name, "is no code")
    found = area_or_own(actor, VIEW, area.strip() or None)
    check_team(actor, team)
    return Ask(found, team, class_code.strip(), *period_of(period, day, start, end), bases=bases_of(bases))


def ask_own(
    *, period: str = "month", day: date | None = None, start: date | None = None, end: date | None = None
) -> Ask:
    """For one's own figures, wherever they come from."""
    return Ask("", None, "", *period_of(period, day, start, end))
