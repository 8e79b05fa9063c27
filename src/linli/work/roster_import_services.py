"""Taking in many shifts at once from a sheet: checked at once, made by a job, undone as a whole until one has begun.

What it makes are drafts. A row that stands in the roster already changes nothing, so that an export can come again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.identity import facade as identity
from linli.kernel import audit, clock, jobs, services, sheets
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, LinliError, NotFound
from linli.kernel.i18n import say
from linli.kernel.sheets import Judged
from linli.orgs import facade as orgs
from linli.work import roster_file, roster_import_selectors, roster_rules, roster_services
from linli.work.models import RosterImport, Shift
from linli.work.patrol_selectors import district_zone
from linli.work.roster_file import World
from linli.work.roster_selectors import Owner

MAX_ERRORS, AT_ONCE = 500, 50
FIELDS = {"account_id": ("account", "person"), "begins": ("from", "overlap"), "trade": ("trade", "long"),
          "team_id": ("team", "owner"), "centre_id": ("centre", "owner")}  # fmt: skip


def check(*, actor: Actor, name: str, data: bytes) -> tuple[RosterImport, Judged]:
    """What taking the file in would do; nothing is kept."""
    found = _judged(actor, data)
    return _batch(actor, name, data, found, "checked"), found


def take_in(*, actor: Actor, name: str, data: bytes) -> RosterImport:
    """The import of a file. While one of the same file goes on it is that one; where every row stands in the roster
    already there is nothing to do, and the answer is the file's last import or one that is not kept."""
    actor.require("rosters.manage")
    digest = hashlib.sha256(data).hexdigest()
    with services.unit(actor):
        services.alone(f"roster-sheet:{digest}")
        held = RosterImport.objects.filter(sha256=digest, state__in=("running", "done")).order_by("-created_at")
        if (running := held.filter(state="running").first()) is not None:
            if running.created_by != actor.account_id:
                raise Conflict(say("他人正在导入这份文件", "Somebody else is importing this file"))
            return running
        found = _judged(actor, data)
        if not found.rows and not found.unchanged:
            raise Invalid("file", "holds no row that can be taken in")
        if not found.rows:
            last = held.filter(created_by=actor.account_id).first()
            return last or _batch(actor, name, data, found, "checked")
        batch = _batch(actor, name, data, found, "running")
        batch.save(force_insert=True)
        audit.record(actor=actor, action="roster.import_sheet", kind="roster_import", ref=batch.id,
                     detail={"rows": batch.rows, "refused": batch.refused})  # fmt: skip
        jobs.defer(_job(), batch_id=str(batch.id))
    return batch


def _job() -> Any:
    from linli.work import jobs as own

    return own.import_roster


def _batch(actor: Actor, name: str, data: bytes, found: Judged, state: str) -> RosterImport:
    return RosterImport(
        created_by=actor.account_id, name=name[:120].replace("\0", ""), sha256=hashlib.sha256(data).hexdigest(),
        rows=len(found.rows) + found.refused + found.unchanged, refused=found.refused, unchanged=found.unchanged,
        errors=found.errors[:MAX_ERRORS], todo=[_plain(row) for row in found.rows], state=state,
    )  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    owner: Owner = row["owner"]
    return {
        "row": row["row"], "team": str(owner.team_id or ""), "centre": str(owner.centre_id or ""),
        "account": str(row["account"]), "from": row["start"].isoformat(), "to": row["end"].isoformat(),
        "trade": row["trade"], "lead": row["lead"],
    }  # fmt: skip


def _judged(actor: Actor, data: bytes) -> Judged:
    if len(data) > roster_file.MAX_BYTES:
        raise Invalid("file", f"has more than {roster_file.MAX_BYTES // 1_000_000} MB")
    said = sheets.spoken("rosters")
    try:
        rows = sheets.read(data, said["columns"], needed=roster_file.NEEDED, most=roster_file.MAX_ROWS)
    except sheets.Unreadable as why:
        raise Invalid("file", f"cannot be read: {why}") from why
    zone = district_zone()
    accounts, called = roster_file.names(rows)
    owners = _owners(actor, called)
    world = World(
        zone=zone, today=clock.now().astimezone(zone).date(), most_days=roster_services.KEEP_DAYS, owners=owners,
        accounts=identity.ids_of(accounts), people={one: one.people() for one in set(owners.values())},
    )  # fmt: skip
    starts = roster_file.spelled(rows, zone)
    if starts:
        world.taken = roster_import_selectors.standing(world.accounts.values(), min(starts), max(starts))
    return roster_file.judged(rows, world, said)


def _owners(actor: Actor, called: Mapping[str, set[str]]) -> dict[tuple[str, str], Owner]:
    """Whose rosters the words mean, of those that the actor plans."""
    found = {("team", word): Owner(t.area_path, team_id=t.id) for word, t in orgs.teams_called(called["team"]).items()}
    centres = orgs.centres() if called["centre"] else []
    for word in called["centre"]:
        named = [c for c in centres if word in (c.name_zh, c.name_en)]
        coded = [c for c in centres if c.code == word]
        if coded or len(named) == 1:
            one = (coded or named)[0]
            found["centre", word] = Owner(one.area_path, centre_id=one.id)
    return {key: one for key, one in found.items() if actor.can("rosters.manage", one.area_path)}


def run(*, batch_id: UUID) -> None:
    """Make the shifts of an import, some at a time; may be run again after a crash and makes none twice."""
    while _some(batch_id):
        pass


def _some(batch_id: UUID) -> bool:
    with services.unit(SYSTEM):
        batch = RosterImport.objects.select_for_update().filter(pk=batch_id, state="running").first()
        if batch is None:
            return False
        actor = identity.actor_for(batch.created_by) if batch.created_by else None
        if actor is None or not actor.can("rosters.manage"):
            batch.state, batch.todo = "stopped", []
        else:
            _make(batch, actor, batch.todo[:AT_ONCE])
            batch.todo = batch.todo[AT_ONCE:]
            if not batch.todo:
                batch.state = "done"
        if batch.state != "running":
            batch.finished_at = clock.now()
        batch.save()
        return batch.state == "running"


def _make(batch: RosterImport, actor: Actor, rows: list[dict[str, Any]]) -> None:
    made: dict[Owner, int] = {}
    people: dict[Owner, set[UUID]] = {}
    for row in sorted(rows, key=lambda one: one["account"]):  # accounts are locked in one order everywhere
        try:
            with services.unit(actor):
                owner = roster_import_selectors.owner_of(actor, row)
                if owner not in people:
                    people[owner] = owner.people()
                shift = roster_services.take_shift(
                    actor=actor, owner=owner, people=people[owner], account_id=UUID(row["account"]),
                    start=datetime.fromisoformat(row["from"]), end=datetime.fromisoformat(row["to"]),
                    trade=row["trade"], lead=row["lead"],
                )  # fmt: skip
        except LinliError as error:
            field = error.errors[0].field if error.errors else ""
            name, reason = FIELDS.get(field, ("", "refused"))
            batch.refused += 1
            batch.errors = [*batch.errors, {"row": row["row"], "field": name, "reason": reason}][:MAX_ERRORS]
            continue
        if shift is None:
            batch.unchanged += 1
            continue
        batch.shift_ids = [*batch.shift_ids, shift.id]
        batch.made += 1
        made[owner] = made.get(owner, 0) + 1
    for owner, count in made.items():
        roster_services.told(actor, owner, owner.team_id or owner.centre_id, "import", shifts=count)


def undo(*, actor: Actor, batch_id: UUID) -> RosterImport:
    """Take back all shifts of an import that still stand, or none: not when a published one of them has begun."""
    with services.unit(actor):
        actor.require("rosters.manage")
        batch = RosterImport.objects.select_for_update().filter(pk=batch_id, created_by=actor.account_id).first()
        if batch is None:
            raise NotFound()
        if batch.state != "done":
            raise Conflict(say("尚未完成, 或已撤销", "Not finished, or undone already"))
        rows = list(Shift.objects.select_for_update(of=("self",))
                    .filter(id__in=batch.shift_ids, state__in=roster_rules.STANDING).order_by("id"))  # fmt: skip
        if any(row.state == "published" and row.starts_at <= clock.now() for row in rows):
            raise Conflict(say("其中已有班次开始, 不能整体撤销", "One of its shifts has begun: it cannot be undone"))
        for row in rows:
            actor.require("rosters.manage", row.area_path)
        counts: dict[Owner, int] = {}
        for row in rows:
            owner = Owner(row.area_path, row.team_id, row.centre_id)
            counts[owner] = counts.get(owner, 0) + 1
        batch.state, batch.withdrawn = "undone", roster_services.drop_shifts(rows)
        batch.save()
        audit.record(actor=actor, action="roster.undo_import", kind="roster_import", ref=batch.id,
                     detail={"withdrawn": batch.withdrawn})  # fmt: skip
        for owner, count in counts.items():
            roster_services.told(actor, owner, owner.team_id or owner.centre_id, "undo_import", shifts=count)
    return batch


def purge() -> int:
    """Imports go with the shifts they made."""
    old = clock.now() - timedelta(days=roster_services.KEEP_DAYS)
    return RosterImport.objects.filter(created_at__lt=old).delete()[0]
