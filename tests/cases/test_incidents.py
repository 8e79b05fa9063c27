"""A storm of alarms is one case, through the real consumers; its end proposes closing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from tests.cases.conftest import IN_NORTH, D, Desk
from tests.cases.test_flow import CASES

from linli.cases.models import Case, Signal, TimelineEntry
from linli.devices.models import Alarm, Device, Incident, Rule, ThingModel
from linli.kernel import clock, ids, inbox
from linli.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule() -> Rule:
    model = ThingModel.objects.create(code="t_lamp", name_zh="路灯", name_en="Lamp", subject="place", category="light")
    return Rule.objects.create(
        code="t-lamp-silent", title_zh="路灯无数据", title_en="Lamp silent", model=model, kind="no_data", no_data_s=600,
        severity="warning", case={"class": "202151", "merge_radius_m": 100, "urgent": False},
    )  # fmt: skip


def lamps(count: int, rule: Rule, line: str) -> list[Device]:
    """Along a street: some further from each other than alarms are merged."""
    return Device.objects.bulk_create(
        Device(code=f"{line}-{n}", name_zh=f"{line}-{n}", model=rule.model, area_path=f"{D}.001",
               tags=[f"supply:{line}"], lon=IN_NORTH[0], lat=IN_NORTH[1] + n * 0.0002) for n in range(count)
    )  # fmt: skip


def alarm(devices: list[Device], rule: Rule) -> None:
    ms = int(clock.now().timestamp() * 1000)
    with connection.cursor() as cursor:
        for device in devices:
            body = {"alarm_id": str(ids.new_id()), "event_id": str(ids.new_id()), "device_id": str(device.pk),
                    "rule_id": str(rule.pk), "rule_version": 1, "started_at": ms, "raised_at": ms}  # fmt: skip
            cursor.execute("SELECT devices_alarm_raise(%s::jsonb)", [json.dumps(body)])


def clear(devices: list[Device]) -> None:
    at = int((clock.now() + timedelta(seconds=1)).timestamp() * 1000)
    with connection.cursor() as cursor:
        for a in Alarm.objects.filter(device__in=devices, cleared_at=None):
            body = {"event_id": str(ids.new_id()), "device_id": str(a.device_id), "rule_id": str(a.rule_id),
                    "started_at": at, "cleared_at": at}  # fmt: skip
            cursor.execute("SELECT devices_alarm_clear(%s::jsonb)", [json.dumps(body)])


def acts(case: Case) -> list[str]:
    return list(TimelineEntry.objects.filter(case=case).order_by("at", "id").values_list("act", flat=True))


def test_a_storm_is_one_case_and_its_end_proposes_closing(desk: Desk, rule: Rule) -> None:
    a, b = lamps(40, rule, "A"), lamps(4, rule, "B")
    alarm([*a, *b], rule)
    inbox.pump()
    assert Incident.objects.count() == 2
    found = {c.text: c for c in Case.objects.all()}
    assert set(found) == {"供电线路 A：设备无数据 (40 台设备)", "供电线路 B：设备无数据 (4 台设备)"}, (
        "also at one place"
    )
    clear(b)
    inbox.pump()
    assert [acts(found[t])[-1] for t in sorted(found)] == ["report", "propose_close"]


def test_the_case_of_the_first_alarm_is_the_storms(desk: Desk, rule: Rule) -> None:
    street = lamps(12, rule, "C")
    alarm(street[:1], rule)
    inbox.pump()
    case = Case.objects.get()
    assert case.state == "filed" and case.class_code == "202151"
    alarm(street[1:8], rule)
    inbox.pump()
    alarm(street[8:], rule)
    inbox.pump()
    assert Case.objects.count() == 1 and Incident.objects.get().alarms == 12
    kinds = sorted(Signal.objects.filter(case=case).values_list("kind", flat=True))
    assert kinds == ["alarm", "incident"], "the storm is one signal, not twelve"
    got: dict[str, Any] = desk.client("dispatcher").get(f"{CASES}/{case.pk}").json()
    assert [s["data"].get("root") for s in got["signals"]] == [None, "tag"]
    clear(street[:1])
    inbox.pump()
    assert acts(case)[-1] == "alarm_cleared", "the first alarm is over, its storm is not"
    clear(street)
    inbox.pump()
    assert acts(case)[-1] == "propose_close" and Incident.objects.get().ended_at
    again = [e.envelope for e in OutboxEvent.objects.filter(type="incident.changed")]
    for data in again:  # news that comes again, with another id
        inbox.deliver("cases.incidents", inbox.envelope_of({**data, "id": str(ids.new_id())}))
    assert acts(case).count("propose_close") == 1 and Case.objects.count() == 1
