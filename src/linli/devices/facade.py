"""What other modules call. Values are those of `contracts`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.devices import (
    bench_selectors,
    conditions,
    escalation,
    incident_selectors,
    open_selectors,
    others,
    outside_selectors,
    selectors,
    standing_selectors,
    trial_selectors,
)
from linli.devices.contracts import AlarmInfo, DeviceInfo, Kind, Lease, RegistryRow, RuleRow, Standing, Standings
from linli.devices.models import Alarm, Device, Incident
from linli.devices.services import devices as _devices
from linli.devices.services import hearing as _hearing
from linli.devices.services import imports
from linli.devices.services import incidents as _incidents
from linli.devices.services import open_things as _open
from linli.devices.services import packs as _packs
from linli.devices.storms import headline
from linli.kernel.actor import Actor

__all__ = ["AlarmInfo", "DeviceInfo", "Kind"]


def load_packs() -> dict[str, int]:
    """Bring thing models and rules of the packs in force into the database; safe to repeat."""
    return _packs.load_packs()


def import_devices(*, actor: Actor, rows: Iterable[Mapping[str, Any]], with_tokens: bool = False) -> imports.Report:
    """Many devices at once; see `services.imports.import_rows`. Known codes are left as they are."""
    return imports.import_rows(actor=actor, rows=rows, with_tokens=with_tokens)


def device(actor: Actor, device_id: UUID) -> DeviceInfo:
    """A device the actor may see; NotFound otherwise (also for things of households, persons and vehicles)."""
    return _info(selectors.device(actor, device_id))


def visible_ids(actor: Actor, device_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the given devices that the actor may see."""
    return selectors.visible_ids(actor, device_ids)


def must_see(actor: Actor, device_id: UUID) -> None:
    """As `device`, for who needs nothing of it but that: NotFound when the actor may not see it."""
    selectors.must_see(actor, device_id)


def kind(actor: Actor, device_id: UUID) -> Kind:
    """A device the actor may see, with its model's properties; NotFound otherwise."""
    found = selectors.device(actor, device_id)
    return Kind(_info(found), found.model.interval_s, found.model.properties, found.attributes_shared)


def standings(actor: Actor, *, area: str = "") -> Standings:
    """Every device of a place in use that the actor may see in an area, as columns: at most some seconds old."""
    return standing_selectors.standings(actor, area=area)


def standing_rows(actor: Actor, device_ids: list[UUID]) -> list[Standing]:
    """Those of these devices that the actor may see, in their order, with what the gateway noted of them."""
    return standing_selectors.standing_rows(actor, device_ids)


def model_names() -> dict[str, dict[str, str]]:
    """Of each kind of thing its names, by its code."""
    return standing_selectors.model_names()


def leases(actor: Actor) -> list[Lease]:
    """Who evaluates which partition of the stream of readings; needs `devices.manage`."""
    return selectors.leases(actor)


def visible_devices(actor: Actor, device_ids: Iterable[UUID]) -> dict[UUID, DeviceInfo]:
    """Those of the given devices that the actor may see."""
    return {d.pk: _info(d) for d in selectors.visible_by_ids(actor, list(device_ids))}


def open_things() -> list[tuple[Any, ...]]:
    """(id, code, name, model, area path, owner department) of every thing of a place, for whoever keeps a copy beside
    its readings and asks for each reader's areas itself."""
    return open_selectors.things()


def open_stamp() -> str:
    """Another text whenever `open_things` gives other rows."""
    return open_selectors.stamp()


def open_device(*, actor: Actor, fields: Mapping[str, Any]) -> DeviceInfo:
    """A device whose properties are yet to be told (`enter_property`). `fields`: code, name_zh, lon and lat or
    area_path. Needs `devices.manage` there."""
    return _info(_open.open_device(actor=actor, fields=fields))


def enter_property(*, actor: Actor, device_id: UUID, kind: str, name: str, prop: Mapping[str, Any]) -> str:
    """See `services.open_things.enter_property`; returns the code of the device's model."""
    return _open.enter_property(actor=actor, device_id=device_id, kind=kind, name=name, prop=prop)


def update_device(*, actor: Actor, device_id: UUID, fields: Mapping[str, Any]) -> DeviceInfo:
    """Change what is given of name_zh, name_en, lon and lat, state, tags, owner."""
    return _info(_devices.update_device(actor=actor, device_id=device_id, fields=fields))


def retire_device(*, actor: Actor, device_id: UUID, reason: str = "") -> DeviceInfo:
    """Take a device out of service for good; its readings stay."""
    return _info(_devices.retire_device(actor=actor, device_id=device_id, reason=reason))


def device_by_code(code: str) -> DeviceInfo | None:
    """For system use: any device of a place."""
    found = Device.objects.filter(code=code, model__subject="place").first()
    return _info(found) if found else None


def speaking(by: str, numbers: Iterable[str]) -> dict[str, RegistryRow]:
    """For system use: devices of any subject by their code, or (`by` is number) by the number that platforms of others
    know them by."""
    return outside_selectors.speaking(by, numbers)


def note_heard(points: Mapping[UUID, int]) -> None:
    """For system use: these devices told so many readings just now, by way of a platform of others."""
    _hearing.note_heard(points)


def alarm(alarm_id: UUID) -> AlarmInfo | None:
    """For system use, such as a case made of an alarm."""
    row = Alarm.objects.filter(pk=alarm_id).first()
    if row is None:
        return None
    state = "active" if row.cleared_at is None else "cleared"
    return AlarmInfo(row.pk, row.device_id, row.rule_id, row.severity, state, row.area_path,
                     row.raised_at, row.cleared_at)  # fmt: skip


def incident_of(alarm_id: UUID) -> UUID | None:
    """For system use: the storm that an alarm belongs to, as of now: what nobody has looked at is looked at first."""
    row = Alarm.objects.filter(pk=alarm_id).values_list("incident_id", "looked_at", "cleared_at").first()
    if row is not None and row[1] is None and row[2] is None:
        _incidents.gather()
        row = Alarm.objects.filter(pk=alarm_id).values_list("incident_id", "looked_at", "cleared_at").first()
    return row[0] if row else None


def alarms_of(incident_id: UUID) -> list[UUID]:
    """For system use: all alarms of an incident, oldest first."""
    found = Alarm.objects.filter(incident_id=incident_id).order_by("raised_at", "id")
    return list(found.values_list("pk", flat=True))


def _info(d: Device) -> DeviceInfo:
    return DeviceInfo(d.pk, d.code, d.name_zh, d.name_en, d.model_id, d.area_path, d.grid_id, d.lon, d.lat, d.state,
                      d.owner_team_id)  # fmt: skip


def desk_alarms(actor: Actor, area: str, limit: int) -> list[dict[str, Any]]:
    """For hand-over notes: storms as one line each, then active alarms, shelved ones too, newest first: {id, incident,
    zh, en, severity, area_path, raised_at, acknowledged, shelved_until}."""
    if not actor.can("alarms.view"):
        return []
    storms, _ = incident_selectors.incidents(actor, area=area, shelved=None, limit=limit)
    rows, _ = selectors.alarms(actor, area=area, shelved=None, grouped=True, limit=limit)
    return [_desk_storm(s) for s in storms] + [
        {"id": r.pk, "incident": False, "zh": f"{r.device.name_zh}：{r.rule.title_zh}",
         "en": f"{r.device.name_en or r.device.name_zh}: {r.rule.title_en}", "severity": r.severity,
         "area_path": r.area_path,
         "raised_at": r.raised_at, "acknowledged": r.acknowledged_at is not None, "shelved_until": r.shelved_until}
        for r in rows
    ]  # fmt: skip


def _desk_storm(row: Incident) -> dict[str, Any]:
    told = headline({"zh": row.name_zh, "en": row.name_en}, {"zh": row.title_zh, "en": row.title_en}, row.devices)
    return {"id": row.pk, "incident": True, **told, "severity": row.severity, "area_path": row.area_path,
            "raised_at": row.began_at, "acknowledged": row.unacknowledged == 0,  # type: ignore[attr-defined]
            "shelved_until": row.shelved_until}  # fmt: skip


def on_working_hours(fn: Callable[[datetime, float], datetime]) -> None:
    """A room above registers its calendar: `fn(since, seconds)` is the moment at which so many were worked. Policies of
    escalation that count working time go by it; without one they count all time."""
    escalation.on_hours(fn)


def draft_rule(
    actor: Actor, *, rule_id: UUID | None, version: int | None, body: Mapping[str, Any] | None, model: str
) -> RuleRow:
    """For the bench: a rule as sense reads it, from a draft; Invalid names what writing it would refuse."""
    return bench_selectors.draft(actor, rule_id=rule_id, version=version, body=body, model=model)


def read_properties(rule: RuleRow) -> list[str]:
    """Which properties a rule reads, of its device and of others that it looks at; none: any."""
    if rule.condition is not None:
        looked = (name for _, _, name in others.looks(rule.condition))
        return list(dict.fromkeys([*conditions.properties_of(rule.condition), *looked]))
    return [rule.property] if rule.property else []


def reach_s(rule: RuleRow) -> int:
    """How far back, in seconds, the readings matter that a rule's terms look at."""
    return conditions.reach_s(rule.condition) if rule.condition is not None else 0


def learns(rule: RuleRow) -> bool:
    """Whether a rule asks what is usual: then a reading costs many times more."""
    return rule.condition is not None and conditions.learns(rule.condition)


def judged_devices(actor: Actor, rule: RuleRow, limit: int) -> list[tuple[RegistryRow, dict[str, str]]]:
    """Devices that a rule judges and the actor may see, each with its names; Invalid when there are more."""
    return bench_selectors.judged_devices(actor, rule, limit)


def looked_at(actor: Actor, rule: RuleRow, rows: list[RegistryRow]) -> list[RegistryRow]:
    """Devices that a rule looks at besides those that it judges (`rows`), in their places, as far as the actor sees."""
    return bench_selectors.looked_at(actor, rule, rows)


def raised_alarms(
    actor: Actor, rule_id: UUID, device_ids: list[UUID], start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """What a rule really raised in a span: {device_id, started_at, raised_at, ended_at, value, version, reason}."""
    return [
        {"device_id": a.device_id, "started_at": a.started_at, "raised_at": a.raised_at, "ended_at": a.cleared_at,
         "value": a.value, "version": a.rule_version, "reason": a.clear_reason}
        for a in bench_selectors.raised(actor, rule_id, device_ids, start, end)
    ]  # fmt: skip


def trial(actor: Actor, *, code: str, body: Mapping[str, Any] | None, speaks: int | None) -> trial_selectors.Trial:
    """A device of a thing model, or of a draft of one, as gateway and sense would read it; Invalid names what is wrong
    with the draft."""
    return trial_selectors.trial(actor, code=code, body=body, speaks=speaks)
