"""A desk to try things on: a department with a team, a person of the desk, alarms and a storm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.devices.conftest import AREA, Caller
from tests.identity.accounts import make_account

from linli.devices import desk_selectors
from linli.devices.models import Alarm, Device, Incident, Rule
from linli.devices.services import escalating
from linli.identity import facade as identity
from linli.kernel import clock
from linli.kernel.models import OutboxEvent
from linli.orgs import facade as orgs

PLACE = f"{AREA}.001.002"


@dataclass
class Staff:
    """Accounts by what they are, and the teams."""

    desk: UUID
    lead: UUID
    duty_lead: UUID
    supervisor: UUID
    pump: UUID
    other: UUID


def staff() -> Staff:
    """The desk acts on alarms; the crew's lead sees them; the other team serves another community."""
    made = {role: make_account((role, AREA)).id for role in ("dispatcher", "centre_lead", "duty_lead", "supervisor")}
    pump = orgs.ensure_team(code="pump", name_zh="排水泵站组", kind="pump", area_path=AREA)
    other = orgs.ensure_team(code="far", name_zh="别处", kind="other", area_path=f"{AREA}.009")
    orgs.ensure_member(team_id=pump, account_id=made["centre_lead"], lead=True)
    return Staff(made["dispatcher"], made["centre_lead"], made["duty_lead"], made["supervisor"], pump, other)


def by(account_id: UUID) -> Caller:
    """Calls routes as a real account."""
    actor = identity.actor_for(account_id)
    assert actor is not None
    return Caller(actor)


def alarm_of(device: Device, rule: Rule, ago: timedelta = timedelta(), **more: Any) -> Alarm:
    """An active alarm that somebody has looked at, and that waits since `ago`."""
    at = desk_selectors.district_now() - ago
    given: dict[str, Any] = {
        "rule_version": 1, "severity": rule.severity, "title_zh": rule.title_zh, "title_en": rule.title_en,
        "started_at": at, "raised_at": at, "looked_at": at, "waits_from": at, "area_path": device.area_path,
    }  # fmt: skip
    return Alarm.objects.create(device=device, rule=rule, **(given | more))


def storm_of(devices: list[Device], rule: Rule, ago: timedelta = timedelta()) -> Incident:
    """An incident with an alarm at each of these devices."""
    at = desk_selectors.district_now() - ago
    row = Incident.objects.create(
        root="gateway", key=str(devices[0].pk), nature=str(rule.pk), device=devices[0], name_zh="网关",
        name_en="Gateway", title_zh=rule.title_zh, title_en=rule.title_en, severity=rule.severity, alarms=len(devices),
        devices=len(devices), area_path=devices[0].area_path, began_at=at, last_at=at, created_at=at, waits_from=at,
    )  # fmt: skip
    Alarm.objects.bulk_create(
        [Alarm(device=d, rule=rule, rule_version=1, severity=rule.severity, title_zh=rule.title_zh,
               title_en=rule.title_en, started_at=at, raised_at=at, looked_at=at, waits_from=at, incident=row,
               area_path=d.area_path) for d in devices]
    )  # fmt: skip
    return row


def notices(act: str = "") -> list[dict[str, Any]]:
    """Envelopes of `alarm.notice`, oldest first."""
    found = OutboxEvent.objects.filter(type="alarm.notice").order_by("created_at", "id")
    return [e for e in found.values_list("envelope", flat=True) if not act or e["data"]["act"] == act]


def told_to(act: str = "") -> list[str]:
    return [e["audience"].removeprefix("account:") for e in notices(act)]


def wait(row: Alarm | Incident, minutes: float) -> None:
    """So much more time has passed for it: everything that it remembers lies further back."""
    span = timedelta(minutes=minutes)
    row.refresh_from_db()
    more = {"shelved_until": row.shelved_until - span} if row.shelved_until else {}
    type(row).objects.filter(pk=row.pk).update(waits_from=row.waits_from - span, **more)


def tick() -> int:
    return escalating.escalate()


def soon(minutes: float = 60) -> str:
    return (clock.now() + timedelta(minutes=minutes)).isoformat()


def at_of(text: str) -> datetime:
    return clock.parse(text)
