"""Reads of imports of shifts: one's own, with progress and the rows that were refused; what stands already."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.identity import facade as identity
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.sheets import Judged
from linli.orgs import facade as orgs
from linli.work import roster_rules, roster_selectors
from linli.work.models import RosterImport, Shift
from linli.work.patrol_selectors import district_zone
from linli.work.roster_selectors import Owner

PREVIEW = 100


def standing(
    accounts: Collection[UUID], first: datetime, last: datetime
) -> dict[UUID, list[tuple[datetime, datetime, Any]]]:
    """What these accounts have in the roster about this time: {account: (from, to, (whose, trade, lead))}."""
    day = timedelta(days=2)
    rows = Shift.objects.filter(account_id__in=list(accounts), state__in=roster_rules.STANDING,
                                starts_at__lte=last + day, ends_at__gte=first - day)  # fmt: skip
    found: dict[UUID, list[tuple[datetime, datetime, Any]]] = {}
    for row in rows.iterator(chunk_size=2000):
        what = (Owner(row.area_path, row.team_id, row.centre_id), row.trade, row.lead)
        found.setdefault(row.account_id, []).append((row.starts_at, row.ends_at, what))
    return found


def owner_of(actor: Actor, row: Mapping[str, Any]) -> Owner:
    """Whose roster a row that waits is for, if the actor still plans it."""
    team, centre = (UUID(row[name]) if row[name] else None for name in ("team", "centre"))
    return roster_selectors.owner(actor, "rosters.manage", team, centre)


def shown(row: RosterImport, found: Judged | None = None) -> dict[str, Any]:
    """One import; `found`: with the first rows as they were understood."""
    told = {**_short(row), "errors": row.errors, "can_undo": _can_undo(row)}
    return {**told, "preview": _preview(found)} if found is not None else told


def _short(row: RosterImport) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "state": row.state, "at": row.created_at, "rows": row.rows, "made": row.made,
        "unchanged": row.unchanged, "refused": row.refused, "left": len(row.todo), "withdrawn": row.withdrawn,
    }  # fmt: skip


def _can_undo(row: RosterImport) -> bool:
    if row.state != "done":
        return False
    rows = Shift.objects.filter(id__in=row.shift_ids, state__in=roster_rules.STANDING)
    return rows.exists() and not rows.filter(state="published", starts_at__lte=clock.now()).exists()


def _preview(found: Judged) -> list[dict[str, Any]]:
    first, zone = found.rows[:PREVIEW], district_zone()
    names = identity.display_name({row["account"] for row in first})
    teams = orgs.teams([row["owner"].team_id for row in first if row["owner"].team_id])
    owners = {**teams, **{c.id: c for c in orgs.centres()}}
    return [
        {
            "row": row["row"], "of": _name(owners.get(row["owner"].team_id or row["owner"].centre_id)),
            "display_name": names.get(row["account"], ""), "starts_at": row["start"].astimezone(zone),
            "ends_at": row["end"].astimezone(zone), "trade": row["trade"], "lead": row["lead"],
        }
        for row in first
    ]  # fmt: skip


def _name(one: Any) -> dict[str, str]:
    return {"zh": one.name_zh, "en": one.name_en or one.name_zh} if one else {"zh": "", "en": ""}


def page(actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Newest first."""
    query = RosterImport.objects.filter(created_by=actor.account_id)
    rows, after = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": [_short(r) for r in rows], "next": after}


def get(actor: Actor, batch_id: UUID) -> dict[str, Any]:
    row = RosterImport.objects.filter(pk=batch_id, created_by=actor.account_id).first()
    if row is None:
        raise NotFound()
    return shown(row)
