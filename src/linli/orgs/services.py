"""Writes of orgs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from linli.identity import facade as identity
from linli.kernel import audit, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid, NotFound
from linli.orgs.contracts import CENTRE_KINDS, TEAM_KINDS
from linli.orgs.models import Centre, Membership, Team

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
AREA = re.compile(r"[A-Za-z0-9_-]{1,30}(\.[A-Za-z0-9_-]{1,30}){0,9}|")


def create_centre(*, actor: Actor, **fields: Any) -> Centre:
    return _save(actor, Centre(), "centre", fields, CENTRE_KINDS)


def update_centre(*, actor: Actor, centre: Centre, **fields: Any) -> Centre:
    return _save(actor, centre, "centre", fields, CENTRE_KINDS)


def create_team(*, actor: Actor, **fields: Any) -> Team:
    return _save(actor, Team(), "team", fields, TEAM_KINDS)


def update_team(*, actor: Actor, team: Team, **fields: Any) -> Team:
    return _save(actor, team, "team", fields, TEAM_KINDS)


def _save(actor: Actor, row: Any, kind: str, fields: dict[str, Any], kinds: tuple[str, ...]) -> Any:
    """Check, save, record: centres and teams have the same shape."""
    new = row._state.adding
    for name, value in fields.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)
    _check(row, kinds)
    actor.require("teams.manage", row.area_path)
    if getattr(row, "centre_id", None) and not Centre.objects.filter(id=row.centre_id).exists():
        raise Invalid("centre_id", "is not a centre")
    with services.unit(actor):
        _guarded(row.save)
        _changed(actor, kind, row, f"{kind}.{'create' if new else 'update'}", fields=sorted(fields))
        identity.forget_actors()
    return row


def _check(row: Any, kinds: tuple[str, ...]) -> None:
    errors = []
    if not CODE.fullmatch(row.code):
        errors.append(FieldError("code", "must have 1 to 40 letters, digits, - or _"))
    if row.kind not in kinds:
        errors.append(FieldError("kind", f"must be one of {', '.join(kinds)}"))
    if not 1 <= len(row.name_zh) <= 80:
        errors.append(FieldError("name_zh", "must have 1 to 80 characters"))
    if len(row.name_en) > 80:
        errors.append(FieldError("name_en", "must have at most 80 characters"))
    if not AREA.fullmatch(row.area_path):
        errors.append(FieldError("area_path", "is not an area path such as 340121403.001"))
    if errors:
        raise Invalid(errors=errors)


def _guarded(save: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            save()
    except IntegrityError:
        raise Conflict("the code is taken", code="code-taken") from None


def _changed(actor: Actor, kind: str, row: Any, action: str, **detail: Any) -> None:
    audit.record(actor=actor, action=action, kind=kind, ref=row.id, area=row.area_path, detail=detail)
    events.emit(
        type=f"{kind}.changed", kind=kind, ref=row.id, area=row.area_path, permission="teams.view",
        data={f"{kind}_id": str(row.id), "action": action},
    )  # fmt: skip


def set_member(*, actor: Actor, team: Team, account_id: UUID, lead: bool = False) -> Membership:
    """Put an account into a team, or change whether it leads."""
    found = identity.account(account_id)
    if found is None or not actor.can("people.view", found.area_path):
        raise NotFound()
    with services.unit(actor):
        row, _ = Membership.objects.update_or_create(team=team, account_id=account_id, defaults={"lead": lead})
        _changed(actor, "team", team, "team.member-set", account=str(account_id), lead=lead)
        identity.forget_actors()
    return row


def remove_member(*, actor: Actor, team: Team, account_id: UUID) -> None:
    with services.unit(actor):
        count, _ = Membership.objects.filter(team=team, account_id=account_id).delete()
        if not count:
            raise NotFound()
        _changed(actor, "team", team, "team.member-remove", account=str(account_id))
        identity.forget_actors()
