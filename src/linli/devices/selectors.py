"""Reads of devices, rules and alarms. Default deny; things of households, persons and vehicles are in none of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count, Q, QuerySet

from linli.devices import incident_selectors, locks, others, rule_files, text, units
from linli.devices.contracts import Lease
from linli.devices.models import (
    SEVERITIES,
    STATES,
    Alarm,
    AlarmNote,
    Credential,
    Device,
    Rule,
    RuleVersion,
    SenseLease,
    ThingModel,
)
from linli.devices.wording import Property
from linli.kernel import clock, paging
from linli.kernel.actor import Actor, contains
from linli.kernel.errors import Forbidden, Invalid, NotFound
from linli.kernel.scope import area_q, within

OPEN = "place"
HEAVY = (
    "terms",
    *(f"model__{n}" for n in ("properties", "attributes", "events", "commands", "translations", "digest")),
)


# --- devices --------------------------------------------------------------------------------------------------------


def _visible(actor: Actor, permission: str = "devices.view") -> QuerySet[Device]:
    return Device.objects.filter(area_q(actor, permission), model__subject=OPEN)


def devices(
    actor: Actor, *, model: str = "", area: str = "", state: str = "", online: bool | None = None, q: str = "",
    owner: str = "", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Device], str | None]:  # fmt: skip
    """A page by code; retired ones only when `state` asks for them. Each row carries `worst` and `active_alarms`."""
    if state and state not in STATES:
        raise Invalid("state", f"must be one of {', '.join(STATES)}")
    found = _visible(actor).filter(within(area)).select_related("model", "status")
    found = found.filter(state=state) if state else found.exclude(state="retired")
    if model:
        found = found.filter(model_id=model)
    if owner:
        found = found.filter(owner_department=owner)
    if online is not None:
        alive = Q(status__online_until__gt=clock.now())
        found = found.filter(alive) if online else found.filter(~alive | Q(status=None))
    found = _matching(found, q).defer(*HEAVY)
    rows, after = paging.keyset(found, key=("code",), cursor=cursor, limit=limit)
    _mark_alarms(rows)
    return rows, after


def _matching(found: QuerySet[Device], q: str) -> QuerySet[Device]:
    if needed := text.needed(q):
        found = found.filter(terms__contains=needed)
        for word in q.split():
            found = found.filter(Q(code__icontains=word) | Q(name_zh__icontains=word) | Q(name_en__icontains=word))
    return found


def _mark_alarms(rows: Iterable[Device]) -> None:
    counts = alarm_marks([r.pk for r in rows])
    for row in rows:
        row.active_alarms, row.worst = counts.get(row.pk, (0, ""))  # type: ignore[attr-defined]


_MARKS = """
SELECT device_id, count(*), max(array_position(ARRAY['info', 'warning', 'severe', 'urgent'], severity)) - 1
FROM devices_alarm WHERE cleared_at IS NULL AND device_id = ANY(%s) GROUP BY device_id
"""


def alarm_marks(device_ids: list[UUID]) -> dict[UUID, tuple[int, str]]:
    """For each device with active alarms: how many, and the worst severity."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS, [device_ids])
        return {device_id: (n, SEVERITIES[worst]) for device_id, n, worst in cursor.fetchall()}


def device(actor: Actor, device_id: UUID) -> Device:
    found = _visible(actor).select_related("model", "status").filter(pk=device_id).first()
    if found is None:
        raise NotFound()
    _mark_alarms([found])
    return found


def visible_by_ids(actor: Actor, device_ids: list[UUID]) -> list[Device]:
    return list(_visible(actor).filter(pk__in=device_ids))


def visible_ids(actor: Actor, device_ids: Iterable[UUID]) -> set[UUID]:
    return set(_visible(actor).filter(pk__in=list(device_ids)).values_list("pk", flat=True))


def must_see(actor: Actor, device_id: UUID) -> None:
    if not visible_ids(actor, [device_id]):
        raise NotFound()


def device_for_update(actor: Actor, device_id: UUID, permission: str = "devices.manage") -> Device:
    """Locked, for a service. Whoever manages an area manages every thing in it, also those shown to nobody."""
    rows = Device.objects.select_related("model")
    return locks.for_update(rows, actor, permission, device_id, lambda: device(actor, device_id))


def in_order(actor: Actor, device_ids: list[UUID]) -> list[Device]:
    """Those of these devices that the actor sees, as they were given, each as `devices` gives it."""
    found = _visible(actor).filter(pk__in=device_ids).select_related("model", "status").defer(*HEAVY)
    by_id = {row.pk: row for row in found}
    rows = [by_id[pk] for pk in device_ids if pk in by_id]
    _mark_alarms(rows)
    return rows


def with_parents(actor: Actor, device_ids: list[UUID]) -> list[Device]:
    """As `in_order`, without alarms, each with `parent_code`: '' also for a gateway that the actor may not see."""
    by_id = {row.pk: row for row in _visible(actor).filter(pk__in=device_ids).defer(*HEAVY[:1])}
    parents = {row.parent_id for row in by_id.values() if row.parent_id}
    codes = dict(_visible(actor).filter(pk__in=parents).values_list("pk", "code"))
    for row in by_id.values():
        row.parent_code = codes.get(row.parent_id, "")  # type: ignore[attr-defined]
    return [by_id[pk] for pk in device_ids if pk in by_id]


_PINS = """
SELECT d.id::text, d.lon, d.lat, d.model_id, d.state, coalesce(s.online_until > now(), false),
       coalesce(a.worst, -1), d.code
FROM devices_device d JOIN devices_thing_model m ON m.code = d.model_id AND m.subject = 'place'
LEFT JOIN devices_status s ON s.device_id = d.id
LEFT JOIN (SELECT device_id, max(array_position(ARRAY['info', 'warning', 'severe', 'urgent'], severity)) - 1 AS worst
           FROM devices_alarm WHERE cleared_at IS NULL AND maintenance_id IS NULL
                 AND (shelved_until IS NULL OR shelved_until < now())
           GROUP BY device_id) a ON a.device_id = d.id
WHERE d.state <> 'retired' AND d.lon IS NOT NULL
"""
PIN_FIELDS = ["id", "lon", "lat", "model", "state", "online", "alarm", "code"]


def pins(
    actor: Actor, *, model: str = "", area: str = "", bbox: list[float] | None = None, most: int | None = None
) -> bytes:
    """All devices with a point, as JSON `{"fields": [...], "items": [[...], ...], "more": false}`; `alarm` is a
    severity or null. More than `most` are not told at all: no part of them would be a fair one."""
    where, params = "", []
    areas = actor.areas("devices.view")
    if "" not in areas:
        where += " AND (d.area_path = ANY(%s) OR d.area_path LIKE ANY(%s))"
        params += [list(areas), [a + ".%" for a in areas]]
    if area:
        where += " AND (d.area_path = %s OR starts_with(d.area_path, %s))"
        params += [area, area + "."]
    if model:
        where += " AND d.model_id = ANY(%s)"
        params.append(model.split(","))
    if bbox:
        where += " AND d.lon BETWEEN %s AND %s AND d.lat BETWEEN %s AND %s"
        params += [bbox[0], bbox[2], bbox[1], bbox[3]]
    if most is not None:
        where += " LIMIT %s"
        params.append(max(0, most) + 1)
    with connection.cursor() as cursor:
        cursor.execute(_PINS + where, params)
        items = [(i, round(x, 6), round(y, 6), m, s, o, SEVERITIES[w] if w >= 0 else None, c)
                 for i, x, y, m, s, o, w, c in cursor.fetchall()]  # fmt: skip
    more = most is not None and len(items) > most
    return orjson.dumps({"fields": PIN_FIELDS, "items": [] if more else items, "more": more})


def credentials(actor: Actor, device_id: UUID) -> list[Credential]:
    found = Device.objects.filter(area_q(actor, "devices.credentials"), pk=device_id)
    if not found.exists():
        raise NotFound()
    return list(Credential.objects.filter(device_id=device_id).order_by("-created_at"))


def thing_models() -> list[ThingModel]:
    return list(ThingModel.objects.order_by("category", "code"))


def thing_model(code: str) -> ThingModel:
    found = ThingModel.objects.filter(pk=code).first()
    if found is None:
        raise NotFound()
    return found


def leases(actor: Actor) -> list[Lease]:
    """Who evaluates which partition of the stream, for those who configure devices."""
    actor.require("devices.manage")
    found = SenseLease.objects.order_by("partition")
    return [
        Lease(*row) for row in found.values_list("partition", "owner", "epoch", "sequence", "expires_at", "saved_at")
    ]


# --- rules ----------------------------------------------------------------------------------------------------------


def rule_list(actor: Actor, *, model: str = "", device_id: UUID | None = None) -> list[Rule]:
    """Rules that touch the actor's areas: those above them, and those inside."""
    areas = actor.areas("rules.view")
    found = Rule.objects.select_related("model").order_by("code")
    if model:
        found = found.filter(model_id=model)
    rows = [r for r in found if any(contains(a, r.area_path) or contains(r.area_path, a) for a in areas)]
    if device_id is not None:
        thing = device(actor, device_id)
        rows = [r for r in rows if r.model_id == thing.model_id and contains(r.area_path, thing.area_path)
                and (r.device_ids is None or thing.pk in r.device_ids)]  # fmt: skip
    return rows


def rule(actor: Actor, rule_id: UUID) -> Rule:
    found = Rule.objects.select_related("model").filter(pk=rule_id).first()
    areas = actor.areas("rules.view")
    if found is None or not any(contains(a, found.area_path) or contains(found.area_path, a) for a in areas):
        raise NotFound()
    return found


def rule_for_update(actor: Actor, rule_id: UUID) -> Rule:
    rule(actor, rule_id)
    return Rule.objects.select_for_update(of=("self",)).select_related("model").get(pk=rule_id)


def rule_versions(actor: Actor, rule_id: UUID) -> list[RuleVersion]:
    rule(actor, rule_id)
    return list(RuleVersion.objects.filter(rule_id=rule_id).order_by("-version"))


def rule_entry(found: Rule) -> dict[str, Any]:
    """A rule as a pack writes it (`rule_files.entry`)."""
    names = (*rule_files.WHEN, *rule_files.PLAIN, "kind", "title_zh", "title_en", "severity", "reraise_s")
    return rule_files.entry(found.code, found.model_id, {name: getattr(found, name) for name in names})


# --- alarms ---------------------------------------------------------------------------------------------------------


def alarms(
    actor: Actor, *, state: str = "active", acknowledged: bool | None = None, severity: str = "",
    device_id: UUID | None = None, model: str = "", area: str = "", shelved: bool | None = False,
    since: datetime | None = None, until: datetime | None = None, incident_id: UUID | None = None,
    grouped: bool = False, held: bool | None = None, whose: Q | None = None, cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Alarm], str | None]:  # fmt: skip
    """A page, newest first. `shelved` None means both. What planned works hold (`held`) is there when asked for, and
    among the alarms of one device; all are among those of one incident. `grouped`: without what an incident's row
    stands for."""
    if state not in ("active", "cleared", "all"):
        raise Invalid("state", "must be active, cleared or all")
    wanted = [s for s in severity.split(",") if s]
    if set(wanted) - set(SEVERITIES):
        raise Invalid("severity", f"must be some of {', '.join(SEVERITIES)}")
    found = Alarm.objects.filter(area_q(actor, "alarms.view"), within(area))
    found = found.select_related("device", "rule").defer("device__terms", "device__attributes_shared")
    conditions = {
        "cleared_at__isnull": {"active": True, "cleared": False}.get(state),
        "acknowledged_at__isnull": None if acknowledged is None else not acknowledged,
        "severity__in": wanted or None,
        "device_id": device_id,
        "incident_id": incident_id,
        "device__model_id": model or None,
        "raised_at__gte": since,
        "raised_at__lt": until,
    }
    found = found.filter(**{k: v for k, v in conditions.items() if v is not None})
    shelved = None if incident_id else shelved
    held = False if held is None and not (device_id or incident_id) else held
    if held is not None and state != "cleared":
        in_works = Q(maintenance__isnull=False, cleared_at=None)
        found = found.filter(in_works) if held else found.exclude(in_works)
    if whose is not None:
        found = found.filter(whose)
    if grouped:
        behind = incident_selectors.hidden_behind(actor)
        found = found.filter(Q(incident=None) | ~Q(incident__in=behind))
    if shelved is not None and state != "cleared":
        on_shelf = Q(shelved_until__gt=clock.now(), cleared_at=None)
        found = found.filter(on_shelf) if shelved else found.exclude(on_shelf)
    return paging.keyset(found, key=("-raised_at", "-id"), cursor=cursor, limit=limit)


def alarm(actor: Actor, alarm_id: UUID) -> Alarm:
    found = Alarm.objects.filter(area_q(actor, "alarms.view"), pk=alarm_id).select_related("device", "rule").first()
    if found is None:
        raise NotFound()
    return found


def alarm_for_update(actor: Actor, alarm_id: UUID) -> Alarm:
    found = Alarm.objects.select_for_update(of=("self",)).select_related("device", "rule")
    row = found.filter(area_q(actor, "alarms.act"), pk=alarm_id).first()
    if row is None:
        alarm(actor, alarm_id)
        raise Forbidden("needs alarms.act there")
    return row


def alarm_notes(alarm_id: UUID) -> list[AlarmNote]:
    return list(AlarmNote.objects.filter(alarm_id=alarm_id).order_by("at", "id"))


def alarm_counts(actor: Actor, *, area: str = "") -> dict[str, Any]:
    """Active alarms by severity (shelved and held ones apart) and how many nobody has acknowledged."""
    now = clock.now()
    shown, free = Q(shelved_until=None) | Q(shelved_until__lte=now), Q(maintenance=None)
    row = Alarm.objects.filter(area_q(actor, "alarms.view"), within(area), cleared_at=None).aggregate(
        active=Count("pk", filter=free & shown),
        unacknowledged=Count("pk", filter=free & shown & Q(acknowledged_at=None)),
        shelved=Count("pk", filter=free & ~shown),
        held=Count("pk", filter=~free),
        **{s: Count("pk", filter=free & shown & Q(severity=s)) for s in SEVERITIES},
    )
    return {**{k: row[k] for k in ("active", "unacknowledged", "shelved", "held")},
            "severities": {s: row[s] for s in SEVERITIES}}  # fmt: skip


def rule_properties(model: ThingModel, condition: Any, *, shown: bool = False) -> list[Property]:
    """The properties that a rule of the model may name: its own, and as `model/property` those of the models that its
    condition looks at. `shown`: with units as people read them."""

    def of(one: ThingModel) -> list[Property]:
        return [Property.of(units.for_people(p) if shown else p) for p in one.properties]

    found = of(model)
    for other in ThingModel.objects.filter(code__in=others.models(condition), subject=OPEN):
        found += others.known(other.code, {"zh": other.name_zh, "en": other.name_en}, of(other))
    return found
