"""Routes of rosters as sheets, on work's router: out, in, and an empty one to fill in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Status
from ninja.files import UploadedFile

from linli.identity import facade as identity
from linli.kernel.errors import Invalid, TooLarge
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import say
from linli.orgs import facade as orgs
from linli.work import roster_file, roster_import_selectors, roster_import_services, roster_rules, roster_selectors
from linli.work.models import Shift
from linli.work.patrol_selectors import district_zone
from linli.work.roster_api import week_of
from linli.work.roster_selectors import Owner
from linli.work.router import router

MOST = 5000


def _head() -> list[str]:
    return [say("开始", "From"), say("结束", "To"), say("人员", "Person"), say("工种", "Trade"), say("带班", "Lead"),
            say("状态", "State"), say("账号", "Account"), say("队伍", "Team"), say("中心", "Centre")]  # fmt: skip


@router.get("/rosters/week.{form}", permission="rosters.view", response={200: str})
def week_sheet(
    request: HttpRequest, form: str, day: date, team_id: UUID | None = None, centre_id: UUID | None = None,
    weeks: int = 1,
) -> HttpResponse:  # fmt: skip
    """The week of a team or centre as `csv` or `xlsx`, or several from then on. Who plans it has the accounts in it
    too, and can import it again as it is: what stands already changes nothing."""
    if not 1 <= weeks <= roster_rules.MOST_WEEKS:
        raise Invalid("weeks", f"must be 1 to {roster_rules.MOST_WEEKS}")
    actor = actor_of(request)
    owner = roster_selectors.owner(actor, "rosters.view", team_id, centre_id)
    since, until = week_of(day)[0], week_of(day + timedelta(weeks=weeks - 1))[1]
    rows = roster_selectors.shifts(actor).filter(owner.q, starts_at__gte=since, starts_at__lt=until)
    accounts = actor.can("rosters.manage", owner.area_path)
    table = [_head(), *_lines(list(rows.order_by("starts_at", "id")[:MOST]), owner, accounts)]
    return sheet(form, f"roster-{roster_rules.monday(day)}", table)


def _lines(rows: list[Shift], owner: Owner, accounts: bool) -> list[list[str]]:
    people = {row.account_id for row in rows}
    names, known = identity.display_name(people), identity.usernames(people) if accounts else {}
    states = {"draft": say("草稿", "Draft"), "published": say("已发布", "Published")}
    zone, (team, centre) = district_zone(), _codes(owner)
    return [
        [roster_file.written(r.starts_at, zone), roster_file.written(r.ends_at, zone), names.get(r.account_id, ""),
         r.trade, say("是", "Yes") if r.lead else "", states.get(r.state, ""), known.get(r.account_id, ""),
         team, centre]
        for r in rows
    ]  # fmt: skip


def _codes(owner: Owner) -> tuple[str, str]:
    team = orgs.team(owner.team_id) if owner.team_id else None
    centre = orgs.centre(owner.centre_id) if owner.centre_id else None
    return (team.code if team else ""), (centre.code if centre else "")


@router.get("/rosters/template.{form}", permission="rosters.manage", response={200: str})
def template(
    request: HttpRequest, form: str, team_id: UUID | None = None, centre_id: UUID | None = None
) -> HttpResponse:
    """An empty sheet for an import; as `xlsx` with a page that explains the columns and one of the people to plan."""
    owner = roster_selectors.owner(actor_of(request), "rosters.manage", team_id, centre_id)
    people, (team, centre) = roster_selectors.people(owner), _codes(owner)
    known = identity.usernames(people)
    head = [say("队伍", "Team"), say("中心", "Centre"), say("账号", "Account"), say("开始", "From"), say("结束", "To"),
            say("工种", "Trade"), say("带班", "Lead")]  # fmt: skip
    who = [head[:3] + [say("人员", "Person")]] + [[team, centre, known.get(k, ""), name] for k, name in people.items()]
    return sheet(form, "roster-template", [head], (say("说明", "Notes"), _notes(head)), (say("人员", "People"), who))


def _notes(head: list[str]) -> list[list[str]]:
    whose = say("代码或名称; 队伍与中心填一项", "its code or name; either a team or a centre")
    return [
        [head[0], whose], [head[1], whose], [head[2], say("登录账号, 见“人员”页", "the sign-in name, see “People”")],
        [head[3], say("本地时间, 如 2026-12-01 08:00", "local time, such as 2026-12-01 08:00")],
        [head[4], say("同上; 只写钟点即其后的该时刻, 如 06:00", "the same; 06:00 alone is the next one")],
        [head[5], say("可空, 至多 40 字", "may be empty, at most 40 characters")],
        [head[6], say("是 / 空", "yes, or empty")],
    ]  # fmt: skip


@router.post("/roster-imports", permission="rosters.manage", response={200: dict, 202: dict})
def import_roster(request: HttpRequest, file: UploadedFile = File(...), check: bool = False) -> Status[dict[str, Any]]:
    """Take in a CSV or XLSX of at most 5,000 shifts and 5 MB as drafts. With `check`, only say how it is understood
    and what is wrong. Each error has the row, the field and a reason by code; good rows are taken in all the same.
    The same file again changes nothing."""
    if (file.size or 0) > roster_file.MAX_BYTES:
        raise TooLarge("a sheet has at most 5 MB", field="file")
    actor, name, data = actor_of(request), file.name or "", file.read()
    if check:
        row, found = roster_import_services.check(actor=actor, name=name, data=data)
        return Status(200, roster_import_selectors.shown(row, found))
    row = roster_import_services.take_in(actor=actor, name=name, data=data)
    return Status(202 if row.state == "running" else 200, roster_import_selectors.shown(row))


@router.get("/roster-imports", permission="rosters.manage", response=dict)
def list_roster_imports(request: HttpRequest, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    """One's own imports, newest first."""
    return roster_import_selectors.page(actor_of(request), cursor=cursor, limit=limit)


@router.get("/roster-imports/{uuid:batch_id}", permission="rosters.manage", response=dict)
def get_roster_import(request: HttpRequest, batch_id: UUID) -> dict[str, Any]:
    """How far it is, and the rows that were refused."""
    return roster_import_selectors.get(actor_of(request), batch_id)


@router.post("/roster-imports/{uuid:batch_id}/undo", permission="rosters.manage", response=dict)
def undo_roster_import(request: HttpRequest, batch_id: UUID) -> dict[str, Any]:
    """Take back all its shifts; not once a published one of them has begun."""
    row = roster_import_services.undo(actor=actor_of(request), batch_id=batch_id)
    return roster_import_selectors.shown(row)
