"""Who is told when nobody takes care: each step once, in its time, whatever stops, restarts or jumps meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connections
from tests.devices import desk
from tests.devices.desk import Staff
from tests.kernel.test_relay import database_url, wait_until

from linli.cases import tables
from linli.cases.rules.calendar import Calendar
from linli.devices import escalation
from linli.devices.models import Alarm, Device, Escalation, Incident, Maintenance, Rule, ThingModel
from linli.devices.services import escalating, incidents, maintenance
from linli.identity import roles
from linli.kernel import clock
from linli.kernel.models import OutboxEvent

MIN = timedelta(minutes=1)


@pytest.fixture
def crew(db: None) -> Staff:
    return desk.staff()


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Steps of one policy for all: (until, minutes, to[, raises])."""

    def written(*steps: Any, hours: str = "always", **where: Any) -> None:
        made = escalation.Policy("t", {k: frozenset(v) for k, v in where.items()}, hours,
                                 tuple(escalation.Step(*s) for s in steps))  # fmt: skip
        monkeypatch.setattr(escalation, "policies", lambda: [made])

    written(("acknowledged", 5, "duty_lead"), ("acknowledged", 15, "centre_lead"), ("cleared", 60, "supervisor"))
    return written


@pytest.fixture
def high(crew: Staff, plan: Any, gauge: Device, high_water: Rule) -> Alarm:
    return desk.alarm_of(gauge, high_water)


def steps(row: Alarm | Incident) -> list[str]:
    which = {"alarm": row} if isinstance(row, Alarm) else {"incident": row}
    return list(Escalation.objects.filter(**which).order_by("at", "id").values_list("step", flat=True))


def test_one_after_the_other_and_each_once(high: Alarm, crew: Staff) -> None:
    assert desk.tick() == 0
    desk.wait(high, 5.1)
    assert (desk.tick(), desk.tick()) == (1, 0)
    (notice,) = desk.notices()
    assert notice["audience"] == f"account:{crew.duty_lead}" and notice["data"]["until"] == "acknowledged"
    desk.wait(high, 10)
    assert desk.tick() == 1 and desk.told_to() == [str(crew.duty_lead), str(crew.lead)]
    desk.wait(high, 45)
    assert desk.tick() == 1 and desk.told_to()[-1] == str(crew.supervisor)
    assert steps(high) == ["acknowledged:5:duty_lead", "acknowledged:15:centre_lead", "cleared:60:supervisor"]
    desk.wait(high, 6000)
    assert desk.tick() == 0
    assert OutboxEvent.objects.filter(type="alarm.changed").count() == 3, "screens see it"


def test_the_page_says_what_comes_and_what_was(high: Alarm, crew: Staff, django_assert_max_num_queries: Any) -> None:
    me = desk.by(crew.desk)
    coming = me.get(f"/alarms/{high.pk}")["next_step"]
    assert (coming["to"], coming["name"]["zh"], coming["until"]) == ("duty_lead", "值班长", "acknowledged")
    high.refresh_from_db()
    assert desk.at_of(coming["at"]) == high.waits_from + 5 * MIN
    desk.wait(high, 6)
    desk.tick()
    with django_assert_max_num_queries(3):
        (listed,) = me.get("/alarms")["items"]
    assert listed["next_step"]["to"] == "centre_lead"
    (told,) = me.get(f"/alarms/{high.pk}")["escalations"]
    assert (told["name"]["en"], told["people"], told["raised_to"]) == ("Duty lead", 1, "")
    seen = me.post(f"/alarms/{high.pk}/acknowledge")
    assert seen["next_step"]["until"] == "cleared", "what waits for the end still comes"
    assert me.post(f"/alarms/{high.pk}/clear", {"text": "退水"})["next_step"] is None


@pytest.mark.parametrize("act", ["acknowledge", "take", "clear", "shelve", "works", "storm", "unseen"])
def test_what_stops_it(high: Alarm, crew: Staff, act: str) -> None:
    me, key = desk.by(crew.desk), f"/alarms/{high.pk}"
    if act in ("acknowledge", "take", "clear"):
        me.post(f"{key}/{act}", {"text": "x"})
    elif act == "shelve":
        me.post(f"{key}/shelve", {"until": desk.soon(300)})
        Alarm.objects.filter(pk=high.pk).update(waits_from=high.waits_from - 50 * MIN)
    elif act == "works":
        works = Maintenance.objects.create(title="检修", area_path=high.area_path, starts_at=clock.now(),
                                           ends_at=clock.now() + 60 * MIN)  # fmt: skip
        Alarm.objects.filter(pk=high.pk).update(maintenance=works)
    elif act == "storm":
        other = Rule.objects.create(
            code="t-x", title_zh="x", title_en="x", model=high.device.model, kind="no_data", severity="info"
        )
        storm = desk.storm_of([high.device], other)
        Alarm.objects.filter(pk=high.pk).update(incident=storm)
    else:
        Alarm.objects.filter(pk=high.pk).update(looked_at=None)
    if act != "shelve":
        desk.wait(high, 50)
    assert desk.tick() == 0 and desk.notices("escalated") == []


def test_from_the_shelf_and_after_works_it_waits_anew(high: Alarm, crew: Staff) -> None:
    now = desk.desk_selectors.district_now()
    Alarm.objects.filter(pk=high.pk).update(waits_from=now - 300 * MIN, shelved_until=now - 2 * MIN)
    assert desk.tick() == 0, "it came from the shelf two minutes ago"
    desk.wait(high, 4)
    assert desk.tick() == 1
    works = Maintenance.objects.create(title="检修", area_path=high.area_path, starts_at=now - 60 * MIN,
                                       ends_at=now - MIN, state="running")  # fmt: skip
    Alarm.objects.filter(pk=high.pk).update(maintenance=works, shelved_until=None, waits_from=now - 300 * MIN)
    maintenance.tick()
    high.refresh_from_db()
    assert high.maintenance_id is None and desk.desk_selectors.district_now() - high.waits_from < MIN


def test_a_step_makes_it_graver_and_stays_with_its_policy(
    crew: Staff, gauge: Device, high_water: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    graver = (escalation.Step("acknowledged", 5, "lead", True), escalation.Step("acknowledged", 30, "duty_lead"))
    severe = escalation.Policy("s", {"severity": frozenset(["severe"])}, "always", graver)
    early = (escalation.Step("acknowledged", 1, "supervisor"),)
    urgent = escalation.Policy("u", {"severity": frozenset(["urgent"])}, "always", early)
    monkeypatch.setattr(escalation, "policies", lambda: [severe, urgent])
    row = desk.alarm_of(gauge, high_water, 6 * MIN, team_id=crew.pump)
    assert (desk.tick(), desk.told_to()) == (1, [str(crew.lead)])
    row.refresh_from_db()
    assert row.severity == "urgent" and row.severity_at is not None
    assert desk.tick() == 0, "what was made urgent is not urgent for the policies"
    page = desk.by(crew.desk).get(f"/alarms/{row.pk}")
    assert page["notes"][-1]["text"] == "severe → urgent" and page["next_step"]["to"] == "duty_lead"
    assert (page["escalations"][0]["raised_from"], page["escalations"][0]["raised_to"]) == ("severe", "urgent")


def test_where_nobody_has_the_role_all_who_may_act_are_told(gauge: Device, high_water: Rule, plan: Any) -> None:
    desk.alarm_of(gauge, high_water, 6 * MIN)
    assert desk.tick() == 1
    (notice,) = desk.notices()
    assert (notice["audience"], notice["permission"]) == ("staff", "alarms.act")
    assert Escalation.objects.get().people == 0


def test_a_storm_of_500_is_told_once(crew: Staff, plan: Any, water: ThingModel, high_water: Rule) -> None:
    devices = Device.objects.bulk_create(
        [
            Device(code=f"S-{n}", name_zh=f"{n}", model=water, area_path=desk.PLACE, tags=["supply:7"])
            for n in range(500)
        ]
    )
    at = desk.desk_selectors.district_now() - 7 * MIN
    Alarm.objects.bulk_create([
        Alarm(device=d, rule=high_water, rule_version=1, severity="severe", title_zh="高", title_en="high",
              started_at=at, raised_at=at, created_at=at, waits_from=at, area_path=d.area_path) for d in devices
    ])  # fmt: skip
    assert desk.tick() == 0, "nobody has looked at them yet: it may be a storm"
    incidents.gather()
    storm = Incident.objects.get()
    assert storm.alarms == 500
    desk.wait(storm, 6)
    assert desk.tick() == 1 and desk.told_to() == [str(crew.duty_lead)] and steps(storm) == ["acknowledged:5:duty_lead"]
    assert desk.notices()[0]["kind"] == "incident" and not Escalation.objects.filter(alarm__isnull=False).exists()
    me = desk.by(crew.desk)
    assert me.get(f"/incidents/{storm.pk}")["next_step"]["to"] == "centre_lead"
    desk.by(crew.desk).post(f"/incidents/{storm.pk}/acknowledge")
    late = Device.objects.create(code="S-late", name_zh="x", model=water, area_path=desk.PLACE, tags=["supply:7"])
    desk.alarm_of(late, high_water, incident=storm)
    desk.wait(storm, 20)
    assert desk.tick() == 0, "somebody has it; who joins later begins nothing"
    one = Alarm.objects.filter(incident=storm, device=devices[0]).get()
    me("DELETE", f"/incidents/{storm.pk}/alarms/{one.pk}")
    one.refresh_from_db()
    assert desk.desk_selectors.district_now() - one.waits_from < MIN, "taken out, it waits from now on"


def test_only_working_time_where_the_pack_says_so(
    crew: Staff, plan: Any, gauge: Device, high_water: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoneinfo import ZoneInfo

    plan(("acknowledged", 30, "duty_lead"), hours="work")
    monkeypatch.setattr(tables, "calendar", lambda: Calendar(ZoneInfo("Asia/Shanghai"), ((8 * 60, 18 * 60),)))
    friday = datetime(2026, 11, 27, 9, 50, tzinfo=UTC)  # ten minutes before the day's work ends
    row = desk.alarm_of(gauge, high_water, waits_from=friday)
    at = desk.at_of(desk.by(crew.desk).get(f"/alarms/{row.pk}")["next_step"]["at"])
    assert at == datetime(2026, 11, 30, 0, 20, tzinfo=UTC), "on Monday, twenty minutes after eight"
    plan(("acknowledged", 30, "duty_lead"))
    at = desk.at_of(desk.by(crew.desk).get(f"/alarms/{row.pk}")["next_step"]["at"])
    assert at == friday + 30 * MIN


def test_a_machine_whose_clock_jumps_tells_nobody_early_or_twice(high: Alarm) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=9), tick=True):
        assert desk.tick() == 0, "the district's time is PostgreSQL's"
    desk.wait(high, 6)
    with time_machine.travel(clock.now() - timedelta(hours=9), tick=True):
        assert (desk.tick(), desk.tick()) == (1, 0)
    assert desk.tick() == 0


@pytest.mark.django_db(transaction=True)
def test_several_at_once_tell_once(gauge: Device, high_water: Rule, plan: Any) -> None:
    crew = desk.staff()
    for n in range(20):
        thing = Device.objects.create(code=f"W-{n}", name_zh=f"{n}", model=gauge.model, area_path=gauge.area_path)
        desk.alarm_of(thing, high_water, 6 * MIN)
    ready, given = threading.Barrier(4), []

    def run() -> None:
        ready.wait()
        given.append(escalating.escalate())
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    [t.start() for t in threads]
    [t.join(120) for t in threads]
    assert sum(given) + escalating.escalate() == 20 == Escalation.objects.count() == len(desk.notices())
    assert set(desk.told_to()) == {str(crew.duty_lead)}


PROGRAM = """
import os, sys, time
from pathlib import Path
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "linli.settings")
import django
django.setup()
from linli.devices.services import escalating
real, done = escalating._step, []

def step(*args):
    made = real(*args)
    done.append(1)
    if len(done) == 2:  # written, and not yet for good
        Path(sys.argv[1]).touch()
        time.sleep(60)
    return made

escalating._step = step
escalating.escalate()
"""


@pytest.mark.django_db(transaction=True)
def test_killed_between_two_it_goes_on_where_it_was(
    gauge: Device, water: ThingModel, high_water: Rule, tmp_path: Path
) -> None:
    """By the pack's own policy: severe, fifteen minutes, the duty lead."""
    crew = desk.staff()
    second = Device.objects.create(code="WL-9", name_zh="九", model=water, area_path=gauge.area_path)
    rows = [desk.alarm_of(d, high_water, 16 * MIN) for d in (gauge, second)]
    flag = tmp_path / "half"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(flag)], env={**os.environ, "LINLI_DATABASE_URL": database_url()}
    ) as worker:
        try:
            wait_until(flag.exists, 60)
        finally:
            worker.kill()
    assert Escalation.objects.count() == len(desk.notices()) == 1, "one whole, the other not at all"
    wait_until(lambda: escalating.escalate() == 1, 30)  # as soon as the server has let go of the dead one's lock
    assert [len(steps(r)) for r in rows] == [1, 1] and desk.told_to() == [str(crew.duty_lead)] * 2


def test_later_packs_come_first_and_change_by_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "escalation.yaml").write_text(
        "escalation:\n  - {code: urgent, steps: []}\n"
        "  - {code: gas, model: [gas_chamber], steps: [{until: cleared, after_min: 9, to: lead}]}\n"
        "departments: [{owner: 燃气公司, teams: [gas]}]\n", encoding="utf-8")  # fmt: skip
    monkeypatch.setenv("LINLI_PACKS", str(tmp_path))
    found = escalation.policies()
    assert [p.code for p in found] == ["gas", "urgent", "severe", "warning"] and found[1].steps == ()
    assert escalation.department_teams() == {"燃气公司": ("gas",)}


def test_the_packs_name_roles_that_there_are() -> None:
    known = {*roles.load().roles, escalation.LEAD}
    named = {s.to for p in escalation.policies() for s in p.steps}
    assert named and named <= known
    assert all(p.hours in (escalation.ALWAYS, escalation.WORK) for p in escalation.policies())
