"""Writes of rosters. What changes after it was published is noted, and the person sees it until they have read it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from linli.identity import facade as identity
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, NotFound
from linli.kernel.i18n import say
from linli.work import roster_rules, roster_selectors
from linli.work.models import Shift
from linli.work.patrol_rules import window
from linli.work.patrol_selectors import district_zone
from linli.work.roster_selectors import Owner

MOST_AT_ONCE, KEEP_DAYS = 200, 400


def plan_shifts(
    *, actor: Actor, account_id: UUID, day: date, begins: time, ends: time, team_id: UUID | None = None,
    centre_id: UUID | None = None, trade: str = "", lead: bool = False, weekdays: Sequence[int] = (), weeks: int = 1,
) -> list[Shift]:  # fmt: skip
    """Draft shifts of one person, on a day or in a weekly pattern. If one of them overlaps, none is made."""
    owner = roster_selectors.owner(actor, "rosters.manage", team_id, centre_id)
    if set(weekdays) - set(range(1, 8)):
        raise Invalid("weekdays", "are 1 (Monday) to 7")
    if not 1 <= weeks <= roster_rules.MOST_WEEKS:
        raise Invalid("weeks", f"must be 1 to {roster_rules.MOST_WEEKS}")
    _check_day(day)
    _check_person(owner, account_id)
    clean = _trade(trade)
    spells = [window(one, begins, ends, district_zone()) for one in roster_rules.days(day, weekdays, weeks)]
    with services.unit(actor):
        identity.lock_account(account_id)
        rows = []
        for start, end in spells:
            _check_free(account_id, start, end)
            rows.append(
                Shift.objects.create(
                    account_id=account_id, team_id=team_id, centre_id=centre_id, area_path=owner.area_path,
                    starts_at=start, ends_at=end, trade=clean, lead=lead,
                )
            )  # fmt: skip
        told(actor, owner, rows[0].id, "plan", shifts=len(rows))
    return rows


def take_shift(
    *, actor: Actor, owner: Owner, people: Collection[UUID], account_id: UUID, start: datetime, end: datetime,
    trade: str, lead: bool,
) -> Shift | None:  # fmt: skip
    """A draft of an import, within the caller's unit; None when the very same shift is in the roster already."""
    if account_id not in people:
        raise Invalid("account_id", say("不在这支队伍或这个中心", "is not of this team or centre"))
    identity.lock_account(account_id)
    clean = _trade(trade)
    same = Shift.objects.filter(owner.q, account_id=account_id, state__in=roster_rules.STANDING, starts_at=start,
                                ends_at=end, trade=clean, lead=lead)  # fmt: skip
    if same.exists():
        return None
    _check_free(account_id, start, end)
    return Shift.objects.create(
        account_id=account_id, team_id=owner.team_id, centre_id=owner.centre_id, area_path=owner.area_path,
        starts_at=start, ends_at=end, trade=clean, lead=lead,
    )  # fmt: skip


def drop_shifts(rows: Iterable[Shift]) -> int:
    """Drafts go, published ones are withdrawn and say so to their people; within the caller's unit."""
    count = 0
    for row in rows:
        count += 1
        if row.state == "draft":
            row.delete()
        else:
            row.state, row.changed_at = "withdrawn", clock.now()
            row.save(update_fields=["state", "changed_at"])
    return count


def change_shift(
    *, actor: Actor, shift_id: UUID, account_id: UUID | None = None, day: date | None = None,
    begins: time | None = None, ends: time | None = None, trade: str | None = None, lead: bool | None = None,
) -> Shift:  # fmt: skip
    """Change a draft or a published shift. In a published one the person is told, and who no longer has it too."""
    with services.unit(actor):
        row = roster_selectors.shift_for_update(actor, shift_id)
        if row.state == "withdrawn":
            raise Conflict(say("该班次已撤回", "The shift was withdrawn"))
        owner, before = _owner(row), (row.account_id, row.starts_at, row.ends_at, row.trade, row.lead)
        start, end = _hours(row, day, begins, ends)
        who = account_id or row.account_id
        if who != row.account_id:
            _check_person(owner, who)
        for one in sorted({who, row.account_id}):
            identity.lock_account(one)
        _check_free(who, start, end, but=row.id)
        if who != row.account_id and row.state == "published":
            _leave_behind(row)
        row.account_id, row.starts_at, row.ends_at = who, start, end
        row.trade = row.trade if trade is None else _trade(trade)
        row.lead = row.lead if lead is None else lead
        if before == (row.account_id, row.starts_at, row.ends_at, row.trade, row.lead):
            return row
        if row.state == "published":
            row.changed_at = clock.now()
        row.save()
        told(actor, owner, row.id, "change", state=row.state)
    return row


def withdraw_shift(*, actor: Actor, shift_id: UUID) -> None:
    """A draft goes; a published shift is withdrawn, and its person sees that until they have read it."""
    with services.unit(actor):
        row = roster_selectors.shift_for_update(actor, shift_id)
        if row.state == "withdrawn":
            return
        told(actor, _owner(row), row.id, "withdraw", state=row.state)
        drop_shifts([row])


def copy_week(
    *, actor: Actor, source: date, target: date, team_id: UUID | None = None, centre_id: UUID | None = None
) -> tuple[list[Shift], list[Shift]]:
    """The shifts of a week once more as drafts, at the same hours on the clock.

    Returns (made, left out): left out are those of people who are not free then, or no longer there.
    """
    owner = roster_selectors.owner(actor, "rosters.manage", team_id, centre_id)
    _check_day(target, "target")
    weeks = (roster_rules.monday(target) - roster_rules.monday(source)).days // 7
    if weeks == 0:
        raise Invalid("target", "must be another week")
    made, left = [], []
    with services.unit(actor):
        rows = list(roster_selectors.of_week(owner, source).order_by("starts_at", "id")[:MOST_AT_ONCE])
        for account_id in sorted({row.account_id for row in rows}):
            identity.lock_account(account_id)
        people = owner.people()
        for row in rows:
            start, end = roster_rules.moved(row.starts_at, row.ends_at, weeks, district_zone())
            if row.account_id not in people or roster_selectors.overlapping(row.account_id, start, end):
                left.append(row)
                continue
            made.append(
                Shift.objects.create(
                    account_id=row.account_id, team_id=team_id, centre_id=centre_id, area_path=owner.area_path,
                    starts_at=start, ends_at=end, trade=row.trade, lead=row.lead,
                )
            )  # fmt: skip
        told(actor, owner, team_id or centre_id, "copy", shifts=len(made), left_out=len(left))
    return made, left


def publish_week(*, actor: Actor, day: date, team_id: UUID | None = None, centre_id: UUID | None = None) -> int:
    """The drafts of a week count from now on; returns how many."""
    owner = roster_selectors.owner(actor, "rosters.manage", team_id, centre_id)
    _check_day(day)
    with services.unit(actor):
        count = roster_selectors.of_week(owner, day, ("draft",)).update(state="published")
        if count:
            told(actor, owner, team_id or centre_id, "publish", shifts=count)
    return count


def read_shift(*, actor: Actor, shift_id: UUID) -> Shift:
    """The person has read the shift as it stands."""
    with services.unit(actor):
        rows = Shift.objects.select_for_update(of=("self",)).exclude(state="draft")
        row = rows.filter(id=shift_id, account_id=actor.account_id).first()
        if row is None:
            raise NotFound()
        row.seen_at = clock.now()
        row.save(update_fields=["seen_at"])
        told(actor, _owner(row), row.id, "read")
    return row


def purge_shifts() -> int:
    """Shifts of long ago go: nobody's working days are kept for ever."""
    return Shift.objects.filter(ends_at__lt=clock.now() - timedelta(days=KEEP_DAYS)).delete()[0]


def _owner(row: Shift) -> Owner:
    return Owner(row.area_path, row.team_id, row.centre_id)


def _leave_behind(row: Shift) -> None:
    """What tells the person of before: a withdrawn shift of theirs at the old hours."""
    Shift.objects.create(
        account_id=row.account_id, team_id=row.team_id, centre_id=row.centre_id, area_path=row.area_path,
        starts_at=row.starts_at, ends_at=row.ends_at, trade=row.trade, lead=row.lead, state="withdrawn",
        changed_at=clock.now(),
    )  # fmt: skip
    row.seen_at = None


def _hours(row: Shift, day: date | None, begins: time | None, ends: time | None) -> tuple[datetime, datetime]:
    if day is None and begins is None and ends is None:
        return row.starts_at, row.ends_at
    if day is not None:
        _check_day(day)
    start, end = row.starts_at.astimezone(district_zone()), row.ends_at.astimezone(district_zone())
    return window(day or start.date(), begins or start.time(), ends or end.time(), district_zone())


def _check_day(day: date, field: str = "day") -> None:
    if abs((day - clock.now().date()).days) > KEEP_DAYS:
        raise Invalid(field, f"must be within {KEEP_DAYS} days of today")


def _check_person(owner: Owner, account_id: UUID) -> None:
    if account_id not in owner.people():
        raise Invalid("account_id", say("不在这支队伍或这个中心", "is not of this team or centre"))


def _check_free(account_id: UUID, start: datetime, end: datetime, but: UUID | None = None) -> None:
    if (other := roster_selectors.overlapping(account_id, start, end, but)) is None:
        return
    name = identity.display_name([account_id]).get(account_id, "")
    begins, ends = (at.astimezone(district_zone()) for at in (other.starts_at, other.ends_at))
    hours = f"{begins:%m-%d %H:%M}–{ends:%H:%M}"
    raise Invalid("begins", say(f"{name} 在 {hours} 已有班次", f"{name} already has a shift {hours}"))


def _trade(text: str) -> str:
    clean = text.strip()
    if len(clean) > 40 or "\0" in clean:
        raise Invalid("trade", "must have at most 40 characters")
    return clean


def told(actor: Actor, owner: Owner, ref: UUID | None, act: str, **detail: Any) -> None:
    """One audit row and one event. No person is in the event: whom it concerns sees it in their own list."""
    audit.record(actor=actor, action=f"roster.{act}", kind="roster", ref=ref or "", area=owner.area_path, detail=detail)
    events.emit(
        type="roster.changed", kind="roster", ref=ref or "", area=owner.area_path, permission="rosters.view",
        data={"act": act, "team_id": str(owner.team_id) if owner.team_id else None,
              "centre_id": str(owner.centre_id) if owner.centre_id else None},
    )  # fmt: skip
