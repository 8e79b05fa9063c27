"""Reads of imports of devices: one's own, with progress and what became of each row; what rows are judged by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from linli.devices.import_rules import Point, World
from linli.devices.importing_models import DeviceImport, ImportedRow
from linli.devices.models import Credential, Device, ThingModel
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q
from linli.kernel.sheets import Judged
from linli.orgs import facade as orgs
from linli.places import facade as places

MANAGE = "devices.manage"
SHOWN, PREVIEW, AT_ONCE = 500, 100, 5_000
OPEN_STATES = ("running", "undoing")
PLAIN = ("row", "code", "model", "name_zh", "name_en", "owner_department", "area", "lon", "lat", "parent", "gateway")


def world(actor: Actor, rows: Sequence[tuple[int, Mapping[str, str]]]) -> World:
    """What these rows are judged by, for this account."""
    codes = {values["code"] for _, values in rows if "code" in values}
    parents = {values["parent"] for _, values in rows if "parent" in values}
    known, taken = _codes(actor, codes)
    gateways = _gateways(actor, parents)
    names = Device.objects.filter(parent__code__in=gateways).values_list("parent__code", "parent_name")
    teams = orgs.teams_called({values["team"] for _, values in rows if "team" in values})
    models = list(ThingModel.objects.values_list("code", "name_zh", "name_en", "retired_at"))
    return World(
        models=_called([(code, (zh, en)) for code, zh, en, _ in models]),
        retired={code for code, _, _, at in models if at is not None},
        areas=_called([(g.area_path, (g.code, g.name_zh, g.name_en)) for g in places.grids()]),
        teams={word: str(one.id) for word, one in teams.items()},
        known=known, taken=taken, gateways=gateways, names=set(names), locate=_located, wgs84=places.to_wgs84,
        may=may(actor),
    )  # fmt: skip


def may(actor: Actor, permission: str = MANAGE) -> Callable[[str], bool]:
    """Whether the actor has a permission in an area, asked once an area."""
    return cache(lambda area: actor.can(permission, area))


def team_codes(devices: Sequence[Device]) -> dict[UUID | None, str]:
    """The codes of the teams that answer for devices."""
    found = orgs.teams([d.owner_team_id for d in devices if d.owner_team_id])
    return {key: team.code for key, team in found.items()}


def _called(things: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, str | None]:
    """What people call things, in small letters; None for what two are called. A code is always its own thing's."""
    found: dict[str, str | None] = {}
    for key, words in things:
        for word in {one.lower() for one in words if one}:
            found[word] = None if found.get(word, key) != key else key
    return found | {key.lower(): key for key, _ in things}


def _codes(actor: Actor, codes: Collection[str]) -> tuple[set[str], set[str]]:
    """Of these codes those of devices that the actor manages, and those that others have. Codes that an undone import
    left are free again for who manages there."""
    found = list(Device.objects.filter(code__in=codes).values_list("id", "code", "area_path", "state"))
    free = revivable([pk for pk, _, _, state in found if state == "retired"])
    mine = may(actor)
    known, taken = set(), set()
    for pk, code, area, _ in found:
        if not mine(area):
            taken.add(code)
        elif pk not in free:
            known.add(code)
    return known, taken


def revivable(device_ids: Collection[UUID]) -> set[UUID]:
    """Those that an undone import retired, and that nobody brought back since."""
    rows = ImportedRow.objects.filter(device_id__in=device_ids, state="undone")
    return {pk for pk in rows.values_list("device_id", flat=True) if pk is not None}


def _gateways(actor: Actor, codes: Collection[str]) -> set[str]:
    found = Device.objects.filter(area_q(actor, MANAGE), code__in=codes, gateway=True).exclude(state="retired")
    return set(found.values_list("code", flat=True))


def _located(points: list[Point]) -> list[str | None]:
    found = places.locate_many([lon for lon, _ in points], [lat for _, lat in points])
    return [place.area_path if place is not None else None for place in found]


# --- what is told of an import ----------------------------------------------------------------------------------------


def shown(row: DeviceImport, found: Judged | None = None) -> dict[str, Any]:
    """One import with its first refused rows and what an undo left; `found`: of one that is not kept, with the first
    rows as they were understood."""
    if found is not None:
        news = [one for one in found.rows if not one.get("known")]
        return {**_short(row), "errors": found.errors[:SHOWN], "kept_rows": [], "can_undo": False,
                "can_take_tokens": False, "preview": [_plain(one) for one in news[:PREVIEW]],
                "known": [one["code"] for one in found.rows if one.get("known")][:PREVIEW]}  # fmt: skip
    kept = list(told_rows(row, "kept", most=SHOWN))
    return {**_short(row), "errors": list(told_rows(row, "refused", most=SHOWN)), "kept_rows": kept,
            "can_undo": row.state == "done" and row.made > 0, "known": _known(row), "preview": [],
            "can_take_tokens": row.state == "done" and row.made > 0 and row.tokens_at is None}  # fmt: skip


def _short(row: DeviceImport) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "state": row.state, "at": row.created_at, "rows": row.rows, "made": row.made,
        "unchanged": row.unchanged, "refused": row.refused, "left": row.left, "withdrawn": row.withdrawn,
        "kept": row.kept, "tokens_at": row.tokens_at,
    }  # fmt: skip


def _known(row: DeviceImport) -> list[str]:
    rows = ImportedRow.objects.filter(batch=row, state="known").order_by("id")
    return list(rows.values_list("code", flat=True)[:PREVIEW])


def _plain(one: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "row",
        "code",
        "model",
        "name_zh",
        "name_en",
        "owner_department",
        "area",
        "lon",
        "lat",
        "parent",
        "gateway",
    )
    return {name: one[name] for name in names}


def told_rows(row: DeviceImport, state: str, *, most: int | None = None) -> Iterator[dict[str, Any]]:
    """Each mistake of refused rows, or why rows were kept: {row, code, field, reason}; of others just row and code."""
    rows = ImportedRow.objects.filter(batch=row, state=state).order_by("number", "id")
    for number, code, errors in rows.values_list("number", "code", "errors")[:most].iterator(AT_ONCE):
        for name, reason in errors or [("", "")]:
            yield {"row": number, "code": code, "field": name, "reason": reason}


def page(actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Newest first."""
    query = DeviceImport.objects.filter(created_by=actor.account_id)
    rows, after = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": [_short(r) for r in rows], "next": after}


def own(actor: Actor, batch_id: UUID) -> DeviceImport:
    """One's own import; NotFound for those of others."""
    row = DeviceImport.objects.filter(pk=batch_id, created_by=actor.account_id).first()
    if row is None:
        raise NotFound()
    return row


def own_for_update(actor: Actor, batch_id: UUID) -> DeviceImport:
    row = DeviceImport.objects.select_for_update().filter(pk=batch_id, created_by=actor.account_id).first()
    if row is None:
        raise NotFound()
    return row


# --- what an undo and the tokens look at ------------------------------------------------------------------------------


def made_devices(batch: DeviceImport) -> list[Device]:
    """Its devices that are not retired, by code, without a credential in force."""
    ids = ImportedRow.objects.filter(batch=batch, state="made").values("device_id")
    keyed = Credential.objects.filter(device_id__in=ids, revoked_at=None).values("device_id")
    found = Device.objects.filter(pk__in=ids).exclude(state="retired").exclude(pk__in=keyed)
    return list(found.select_related("model").order_by("code"))
