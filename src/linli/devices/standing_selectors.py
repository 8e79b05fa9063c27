"""How devices in use stand: as columns for whoever counts them, and some of them with their names and last errors."""

from __future__ import annotations

from uuid import UUID

from linli.devices.contracts import Standing, Standings
from linli.devices.models import STATES, Device, ThingModel
from linli.devices.roll import keeper
from linli.kernel.actor import Actor
from linli.kernel.scope import area_q

_STANDING = ("pk", "code", "name_zh", "name_en", "model_id", "model__name_zh", "model__name_en", "owner_department",
             "area_path", "status__last_seen", "status__online_until", "status__bad", "status__refused",
             "status__last_error", "status__last_error_at")  # fmt: skip


def standings(actor: Actor, *, area: str = "") -> Standings:
    """Every device of a place in use that the actor may see in an area, from the roll."""
    roll = keeper.now()
    mine = roll.visible(actor) & (roll.columns["state"] == STATES.index("active"))
    if area:
        mine &= roll.within((area,))
    columns = {name: column[mine] for name, column in roll.columns.items()}
    groups = {
        "model": (list(roll.models.texts), columns["model"]), "owner": (list(roll.owners.texts), columns["owner"]),
        "area": (list(roll.areas.texts), columns["area"]),
    }  # fmt: skip
    return Standings(roll.ids[mine], roll.codes[mine], groups,
                     **{name: columns[name] for name in ("seen", "until", "error", "bad", "refused")})  # fmt: skip


def standing_rows(actor: Actor, device_ids: list[UUID]) -> list[Standing]:
    """Those of these devices that the actor may see, in their order, in one query without their models' bodies."""
    found = Device.objects.filter(area_q(actor, "devices.view"), model__subject="place", pk__in=device_ids)
    rows = {
        pk: Standing(pk, code, {"zh": zh, "en": en or zh}, model, {"zh": m_zh, "en": m_en}, owner, path, seen, until,
                     bad or 0, refused or 0, error or "", error_at)
        for pk, code, zh, en, model, m_zh, m_en, owner, path, seen, until, bad, refused, error, error_at
        in found.values_list(*_STANDING)
    }  # fmt: skip
    return [rows[pk] for pk in device_ids if pk in rows]


def model_names() -> dict[str, dict[str, str]]:
    """Of each kind of thing its names."""
    found = ThingModel.objects.values_list("code", "name_zh", "name_en")
    return {code: {"zh": zh, "en": en} for code, zh, en in found}
