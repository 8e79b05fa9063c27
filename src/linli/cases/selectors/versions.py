"""Versions of the rules of routing: which is in force, and what a list and a page of them show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from linli.cases import ports, tables
from linli.cases.contracts import CHANNELS
from linli.cases.models import RoutingVersion
from linli.cases.rules import assignment, routing
from linli.cases.rules.routing import Rule
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, NotFound
from linli.kernel.i18n import say
from linli.places import facade as places

Numbered = tuple[tuple[int, Rule], ...]


def rules_in_force() -> Numbered:
    """(number as written, rule) in the order in which they are tried, as of a few seconds ago at most."""
    return ports.remembered(("routing",), lambda: parsed(rows_in_force()))  # type: ignore[no-any-return]


def parsed(rows: Sequence[dict[str, Any]]) -> Numbered:
    """A more precise area first, then as written."""
    return tuple(sorted(enumerate(map(routing.parse, rows), 1), key=lambda pair: -len(pair[1].area_prefix)))


def in_force(at: datetime | None = None) -> RoutingVersion | None:
    """None while the packs' own rules hold."""
    return RoutingVersion.objects.filter(valid_from__lte=at or clock.now()).order_by("-valid_from", "-number").first()


def rows_in_force() -> list[dict[str, Any]]:
    found = in_force()
    return list(found.rules) if found else list(tables.routing_rows())


def digest(rows: Sequence[dict[str, Any]]) -> str:
    """What tells whether two sets of rules are the same."""
    return hashlib.sha256(orjson.dumps(list(rows), option=orjson.OPT_SORT_KEYS)).hexdigest()


def page(actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Newest first; the rules themselves are on each version's own page."""
    actor.require("routing.view")
    rows, after = paging.keyset(RoutingVersion.objects.all(), key=("-number",), cursor=cursor, limit=limit)
    held = in_force()
    names = ports.names([i for r in rows for i in (r.created_by, r.published_by)])
    return {
        "items": [head(r, held, names) for r in rows], "next": after,
        "may_write": may_write(actor), "packs": {"in_force": held is None, "rules": len(tables.routing_rows())},
    }  # fmt: skip


def may_write(actor: Actor) -> bool:
    """Rules hold for the whole district: who writes them must be in charge of all of it."""
    tops = [grid.area_path for grid in places.grids(0)] or [""]
    return all(actor.can("routing.manage", top) for top in tops)


def require_writer(actor: Actor) -> None:
    actor.require("routing.manage")
    if not may_write(actor):
        raise Forbidden(say("派单规则管全区, 只能由全区的负责人制定", "needs routing.manage in the whole district"))


def get(actor: Actor, version_id: UUID, *, lock: bool = False) -> RoutingVersion:
    actor.require("routing.view")
    rows = RoutingVersion.objects.select_for_update() if lock else RoutingVersion.objects
    found = rows.filter(pk=version_id).first()
    if found is None:
        raise NotFound()
    return found


def head(row: RoutingVersion, held: RoutingVersion | None, names: dict[UUID, str]) -> dict[str, Any]:
    now, own = clock.now(), row.valid_from
    state = "draft" if own is None else "planned" if own > now else "past"
    return {
        "id": row.id, "number": row.number, "state": "in_force" if held and held.pk == row.pk else state,
        "note": row.note, "rules_count": len(row.rules), "edition": row.edition,
        "created_at": row.created_at, "created_by": names.get(row.created_by, "") if row.created_by else "",
        "valid_from": own, "published_by": names.get(row.published_by, "") if row.published_by else "",
    }  # fmt: skip


def whole(row: RoutingVersion) -> dict[str, Any]:
    """A version with its rules, what is wrong with them, and what the last dry run of exactly these found."""
    names = ports.names([row.created_by, row.published_by])
    tried = row.tried if row.tried and row.tried.get("digest") == digest(row.rules) else None
    return head(row, in_force(), names) | {"rules": row.rules, "findings": findings(row.rules), "tried": tried}


def of_packs() -> dict[str, Any]:
    """The packs' rules in the same shape."""
    rows = list(tables.routing_rows())
    return {"id": None, "number": 0, "state": "in_force" if in_force() is None else "past", "rules": rows,
            "rules_count": len(rows), "findings": findings(rows), "tried": None, "note": "", "edition": 1,
            "created_at": None, "created_by": "", "valid_from": None, "published_by": ""}  # fmt: skip


def findings(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    names = assignment.Names(
        tables.catalogue().classes, {t.code: t.kind for t in ports.district_teams()}, ports.centres(),
        {login for r in rows if (login := r.get("person")) and _in_team(str(login), str(r.get("team", "")))} | {""},
        CHANNELS,
    )  # fmt: skip
    return [{"code": f.code, "rule": f.rule, "value": f.value, "other": f.other, "text": f.text, "grave": f.grave}
            for f in assignment.findings(rows, names)]  # fmt: skip


def _in_team(login: str, team_code: str) -> bool:
    who = ports.person(login)
    team = next((t for t in ports.district_teams() if t.code == team_code), None)
    return bool(who and team and who.id in ports.members_of(team.id, leads=False))
