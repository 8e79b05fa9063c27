"""Clocks by stage: limits of the class's rows, pauses with their reasons, extension, notices before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from tests.cases.conftest import NORTH, Desk, jpeg
from tests.cases.test_flow import act, report
from tests.identity.accounts import actor_for, client_for

from linli.cases import calendars, clocks, jobs, tables
from linli.cases.models import Case, TimelineEntry
from linli.cases.rules import clock as rule
from linli.cases.rules import demands as demand_rules
from linli.cases.services import act as acting
from linli.cases.services import photos, upkeep
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Invalid
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs
from linli.work import facade as work

pytestmark = pytest.mark.django_db
ZONE = tables.calendar().zone
MONDAY = datetime(2026, 11, 23, 9, tzinfo=ZONE)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def local(value: datetime | None) -> str:
    return value.astimezone(ZONE).strftime("%m-%d %H:%M") if value else ""


def handed(desk: Desk, when: datetime, **more: Any) -> Case:
    """A case that the pump crew has: five working hours (200104) unless said otherwise."""
    with at(when):
        case_id = report(desk, **{"class_code": "200104", **more})["id"]
        answer = act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump))
        assert answer.status_code == 200, answer.content
    return Case.objects.get(pk=case_id)


def test_each_stage_has_a_clock_of_its_own(desk: Desk) -> None:
    desk_client, crew = desk.client("dispatcher"), desk.client("team_member", team=desk.pump)
    intake, lead = desk.client("intake"), desk.client("duty_lead")
    with at(MONDAY):
        case_id = report(desk, class_code="200104")["id"]
    steps: tuple[tuple[int, Any, str, dict[str, Any]], ...] = (
        (10, intake, "accept", {}),
        (20, intake, "file", {}),
        (40, desk_client, "dispatch", {"team": str(desk.pump)}),
        (60, crew, "take", {}),
        (120, crew, "finish", {"note": "已清"}),
        (150, lead, "check", {}),
        (170, lead, "close", {}),
    )
    running = []
    for minutes, client, action, given in steps:
        with at(MONDAY + timedelta(minutes=minutes)):
            running.append(
                [c["stage"] for c in client.get(f"/api/v1/cases/{case_id}").json()["clocks"] if c["running"]]
            )
            assert act(client, case_id, action, **given).status_code == 200, action
    assert running == [["accept"], ["file"], ["dispatch"], ["handle"], ["handle"], ["verify"], ["close"]]
    used = {stage: c.used_s // 60 for stage, c in clocks.clocks_of(Case.objects.get(pk=case_id)).items()}
    assert used == {"accept": 10, "file": 10, "dispatch": 20, "handle": 80, "verify": 30, "close": 20}
    shown = lead.get(f"/api/v1/cases/{case_id}").json()["clocks"]
    assert [c["stage"] for c in shown] == ["accept", "file", "dispatch", "handle", "verify", "close"]
    assert shown[5]["zh"] == "结案" and shown[5]["en"] == "Closing" and shown[0]["limit"] == 1


def test_a_clock_of_the_whole_phase_that_an_older_case_carries_goes_over_into_stages(desk: Desk) -> None:
    with at(MONDAY):
        case_id = report(desk)["id"]
        Case.objects.filter(pk=case_id).update(clocks={"intake": Case.objects.get(pk=case_id).clocks["accept"]})
    with at(MONDAY + timedelta(minutes=5)):
        assert act(desk.client("intake"), case_id, "accept").status_code == 200
    held = clocks.clocks_of(Case.objects.get(pk=case_id))
    assert held["intake"].stopped and held["intake"].used_s == 300 and held["file"].since


def test_limits_come_of_the_class_and_its_condition_in_the_version_in_force(desk: Desk) -> None:
    with at(MONDAY):
        case = handed(
            desk, MONDAY, class_code="100103"
        )  # a grid's cover: one working day, dispatched within half an hour
        assert case.priority == 1 and case.clocks["handle"]["unit"] == "work_day"
        urgent = report(desk, class_code="100103")["id"]
        assert act(desk.client("intake"), urgent, "file", condition=2, **{"class": "100103"}).status_code == 200
        held = Case.objects.get(pk=urgent).clocks["dispatch"]
        assert (held["limit"], held["unit"]) == (0.25, "urgent_hour")
        plain = report(desk, class_code="100103")["id"]
        assert act(desk.client("intake"), plain, "file", **{"class": "100103"}).status_code == 200
        held = Case.objects.get(pk=plain).clocks["dispatch"]
        assert (held["limit"], held["unit"]) == (0.5, "work_hour")


def row(code: str, start: str, end: str | None = None, no: int | None = None, **more: Any) -> demand_rules.Row:
    values = {**dict.fromkeys(demand_rules.VALUES), "limits": {}, "version": start, "source": "", **more}
    return demand_rules.Row(class_code=code, no=no, valid_from=date.fromisoformat(start),
                            valid_to=date.fromisoformat(end) if end else None, **values)  # fmt: skip


def test_demands_add_up_from_the_widest_row_to_the_nearest_and_by_their_dates() -> None:
    rows = {"*": [row("*", "2026-01-01", merge_radius_m=200, priority=0)],
            "10*": [row("10*", "2026-01-01", merge_radius_m=30, need_report=("place",))],
            "1001": [row("1001", "2026-01-01", "2026-06-30", photos_after=1), row("1001", "2026-07-01", photos_after=2),
                     row("1001", "2026-01-01", no=2, priority=3, need_report=())]}  # fmt: skip
    early, late = date(2026, 6, 30), date(2026, 7, 1)
    assert demand_rules.demand(rows, "1001", None, early).photos_after == 1
    found = demand_rules.demand(rows, "1001", 2, late)
    assert (found.photos_after, found.priority, found.merge_radius_m, found.need_report) == (2, 3, 30, ())
    assert demand_rules.demand(rows, "2001", None, late).merge_radius_m == 200


def test_a_row_of_demands_is_read_cell_by_cell() -> None:
    cells = dict.fromkeys(("no", *demand_rules.VALUES, *demand_rules.LIMITED, "valid_to", "source"), "")
    cells |= {"class": "10*", "version": "1", "valid_from": "2026-01-01"}
    read = tables._demand({**cells, "need_report": "-", "need_finish": "note place", "file": "2 work_day"})
    assert (read.need_report, read.need_finish, read.photos_after) == ((), ("note", "place"), None)
    assert read.limits == {"file": (2.0, "work_day")}
    for wrong in ({"need_report": "phone"}, {"close": "2 weeks"}):
        with pytest.raises(ValueError, match="demands of class 10"):
            tables._demand({**cells, **wrong})


def test_what_a_class_demands_is_refused_by_field_and_reason(desk: Desk) -> None:
    intake, crew = desk.client("intake"), desk.client("team_member", team=desk.pump)
    with at(MONDAY):
        bare = {"text": "井盖坏了", "class_code": "100103", "address": "幸福路口"}
        refused = intake.post("/api/v1/cases", bare, content_type="application/json")
        assert refused.status_code == 422
        assert refused.json()["errors"] == [{"field": "lon", "reason": "“雨水井盖”类须有位置"}]
        case = handed(desk, MONDAY, class_code="100103")
        needs = {a["act"]: a["need"] for a in crew.get(f"/api/v1/cases/{case.id}").json()["actions"]}
        assert needs["finish"] == ["note", "photo_after"] and needs["return"] == ["reason"]
        refused = act(crew, str(case.id), "finish", note="已换")
        assert refused.status_code == 422
        assert refused.json()["errors"] == [{"field": "photo_after", "reason": "“雨水井盖”类办结时须有照片至少 1 张"}]
        photos.add_photo(actor=desk.actor("dispatcher"), case_id=case.id, stage="after", data=jpeg())
        assert act(crew, str(case.id), "finish", note="已换").json()["state"] == "handled"


def test_how_near_and_how_recent_is_the_same_is_said_by_the_class(desk: Desk) -> None:
    lon, lat = 117.25, 31.99
    with at(MONDAY):
        report(desk, class_code="200406", lon=lon + 0.0011, lat=lat)  # about 104 m to the east
    asked = {"lon": lon, "lat": lat, "class_code": "200406"}

    def found(days: int, **more: Any) -> list[str]:
        with at(MONDAY + timedelta(days=days)):
            items = desk.client("dispatcher").get("/api/v1/cases/nearby", {**asked, **more}).json()["items"]
        return [item["reason"]["zh"] for item in items]

    assert len(found(0)) == 1 and found(0, class_code="100103") == []  # 150 m for ponding, 20 m for a manhole
    assert "早于并案时限" not in found(2)[0] and "早于并案时限" in found(4)[0]  # three days for ponding


def test_the_reason_and_the_day_of_looking_again_stay_with_the_pause(desk: Desk) -> None:
    case, lead = handed(desk, MONDAY), desk.account("duty_lead")
    with at(MONDAY + timedelta(hours=2)):
        given = {"reason": "等配件, 电话 13800001234", "recheck": "2026-11-26"}
        acting.act(actor=actor_for(lead.id), case_id=case.id, action="suspend", given=given)
        shown = client_for(lead).get(f"/api/v1/cases/{case.id}").json()["clocks"]
    stood = next(c for c in shown if c["stage"] == "handle")
    assert stood["paused"] and not stood["due_at"] and stood["pauses"][0]["state"] == {"zh": "挂账", "en": "Suspended"}
    assert stood["pauses"][0]["recheck"] == "2026-11-26" and "13800001234" not in stood["pauses"][0]["why"]
    case.refresh_from_db()
    assert local(case.notice_at) == "11-26 08:30" and case.due_at is None
    assert work.task(case.task_id).due_at is None
    with at(datetime(2026, 11, 26, 8, 31, tzinfo=ZONE)):
        assert upkeep.give_notices() == 1 and upkeep.give_notices() == 0
    assert TimelineEntry.objects.filter(case=case, act="recheck_due").count() == 1
    with at(MONDAY + timedelta(days=3, hours=2)):
        assert act(client_for(lead), str(case.id), "resume").status_code == 200
    case.refresh_from_db()
    assert case.pauses[0]["to"] and case.clocks["handle"]["used_s"] == 2 * 3600
    assert local(case.due_at) == "11-26 16:00"  # eleven to twelve, and two hours after lunch
    assert work.task(case.task_id).due_at == case.due_at


def test_pause_history_is_kept_when_the_rule_changes(desk: Desk) -> None:
    """Filed as another class after a pause: what was used and the pause stay, only the limit is another."""
    case, lead = handed(desk, MONDAY), desk.account("duty_lead")
    with at(MONDAY + timedelta(hours=1)):
        act(client_for(lead), str(case.id), "suspend", reason="等", recheck="2026-11-25")
    with at(MONDAY + timedelta(hours=2)):
        act(client_for(lead), str(case.id), "resume")
    with at(MONDAY + timedelta(hours=3)):
        held = Case.objects.get(pk=case.id)
        before = held.pauses
        held.class_code, held.condition_no = "200102", None  # one working day
        clocks.relimit(held, MONDAY + timedelta(hours=3))
        assert held.pauses == before and len(before) == 1
        assert held.clocks["handle"]["unit"] == "work_day" and held.clocks["handle"]["used_s"] == 2 * 3600
        assert [s[2] for s in held.clocks["handle"]["segments"]] == [3600, 3600]


def told(case: Case) -> list[tuple[str, str]]:
    rows = TimelineEntry.objects.filter(case=case, act__in=("warn", "escalate")).order_by("at", "id")
    return [(r.act, local(r.at)) for r in rows]


def tick(moment: datetime) -> None:
    with at(moment):
        jobs.give_notices()


def test_warned_before_and_escalated_after_in_working_hours_only(desk: Desk) -> None:
    lead = desk.account("team_member", team=desk.pump)
    orgs.ensure_member(team_id=desk.pump, account_id=lead.id, lead=True)
    monday = MONDAY.replace(hour=14)
    mate = desk.account("team_member", NORTH, team=desk.pump)
    case = handed(desk, monday)  # five hours: three and a half today, and until ten tomorrow
    assert local(case.due_at) == "11-24 10:00" and local(case.notice_at) == "11-24 09:00"
    for moment in (monday.replace(hour=23), monday.replace(day=24, hour=8, minute=59)):
        tick(moment)
    assert told(case) == []
    tick(monday.replace(day=24, hour=9, minute=1))
    tick(monday.replace(day=24, hour=10, minute=1))
    tick(monday.replace(day=24, hour=15, minute=59))
    assert told(case) == [("warn", "11-24 09:01"), ("escalate", "11-24 10:01")]
    tick(monday.replace(day=24, hour=16, minute=1))  # four working hours more, with lunch between
    tick(monday.replace(day=24, hour=17))
    assert told(case)[2:] == [("escalate", "11-24 16:01")]
    events = [e.envelope for e in OutboxEvent.objects.filter(type="case.notice").order_by("id")]
    assert {e["audience"] for e in events[:2]} == {f"account:{lead.id}", f"account:{mate.id}"}  # the team is warned
    assert [(e["audience"], e["permission"]) for e in events[2:]] == [
        (f"account:{lead.id}", ""), ("staff", "cases.supervise")]  # fmt: skip
    assert "text" not in events[0]["data"] and events[0]["data"]["stage"] == "handle"
    case.refresh_from_db()
    assert case.notice_at is None
    assert AuditRow.objects.filter(action="case.escalate", ref=str(case.id)).count() == 2


def test_what_runs_out_in_the_evening_is_told_in_the_morning_unless_urgent(desk: Desk) -> None:
    friday = datetime(2026, 11, 20, 17, tzinfo=ZONE)
    # refuse: five hours of work; the calendar's days run over the weekend, the notice waits for Monday
    case = handed(desk, friday, class_code="200406")
    held = clocks.clocks_of(case)
    held["handle"] = rule.change_limit(tables.calendar(), held["handle"], 1, "calendar_day", False, friday)
    with at(friday):
        clocks.store(case, held)
        found = {n.code: local(n.at) for n in clocks.notices_of(case)}
        case.urgent = True
        pressing = {n.code: local(n.at) for n in clocks.notices_of(case)}
    assert found == {"warn": "11-23 08:30", "late:0:lead": "11-23 08:30", "late:4:supervisor": "11-23 14:30"}
    assert pressing == {"warn": "11-21 12:12", "late:0:lead": "11-21 17:00", "late:4:supervisor": "11-21 21:00"}


def test_an_extension_moves_the_deadline_and_warns_anew(desk: Desk) -> None:
    case, lead = handed(desk, MONDAY), desk.client("duty_lead")  # five hours, lunch between
    assert local(case.due_at) == "11-23 16:00" and local(case.notice_at) == "11-23 15:00"
    tick(MONDAY.replace(hour=15, minute=1))
    with at(MONDAY.replace(hour=15, minute=30)):
        assert act(lead, str(case.id), "extend", reason="雨天", hours=7).status_code == 200
    case.refresh_from_db()
    assert local(case.due_at) == "11-24 16:00" and case.told == {} and case.clocks["handle"]["extended_s"] == 7 * 3600
    assert local(work.task(case.task_id).due_at) == "11-24 16:00"  # the team's task goes by the same deadline
    with at(MONDAY.replace(day=24, hour=14)):
        tick(clocks.notices_of(case)[0].at)
    assert [a for a, _ in told(case)] == ["warn", "warn"]


def test_an_open_case_from_before_notices_gets_them(desk: Desk) -> None:
    case = handed(desk, MONDAY)
    Case.objects.filter(pk=case.id).update(notice_at=None)
    with at(MONDAY):
        assert upkeep.plan_missing() == 1
    assert Case.objects.get(pk=case.id).notice_at == case.notice_at


def test_a_store_that_is_away_does_not_stop_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from linli.kernel import storage

    def away() -> Any:
        raise OSError("no route")

    monkeypatch.setattr(storage, "store", away)
    calendars.forget()
    assert tables.calendar().is_workday(date(2026, 11, 23))
    calendars.forget()


def test_a_closed_case_is_told_of_no_more(desk: Desk) -> None:
    case = handed(desk, MONDAY)
    Case.objects.filter(pk=case.id).update(closed_at=MONDAY, state="closed")
    tick(MONDAY + timedelta(days=3))
    assert told(case) == [] and Case.objects.get(pk=case.id).notice_at is None


def test_a_team_with_its_own_hours_is_clocked_by_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {**calendars.settings(), "teams": [{"kind": "pump", "every_day": True, "hours": [["00:00", "24:00"]]}]}
    monkeypatch.setattr(calendars, "settings", lambda: said)
    calendars.forget()
    try:
        case = handed(desk, datetime(2026, 11, 20, 17, tzinfo=ZONE))  # Friday; five working hours
        assert local(case.due_at) == "11-20 22:00" and work.task(case.task_id).due_at == case.due_at
    finally:
        calendars.forget()


NOTICE = b"date,workday,zh,en,source\n2027-01-01,0,,,gb\n2027-01-30,1,,,gb\n"


def test_the_notice_of_a_provisional_year_moves_open_deadlines_and_tells(
    desk: Desk, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from linli.kernel import storage

    shelf = storage.FolderStore(tmp_path)
    monkeypatch.setattr(storage, "store", lambda: shelf)
    tables.forget()
    try:
        friday = datetime(2027, 1, 29, 15, tzinfo=ZONE)
        case = handed(desk, friday, class_code="200102")  # one working day
        assert local(case.due_at) == "02-01 15:00" and case.clocks["handle"]["provisional"]
        with pytest.raises(Invalid, match="2028-01-01"):
            upkeep.correct_calendar(actor=SYSTEM, year=2027, notice=b"date,workday\n2028-01-01,0\n")
        upkeep.correct_calendar(actor=SYSTEM, year=2027, notice=NOTICE)
        with at(friday):
            jobs.recompute_deadlines()
        after = Case.objects.get(pk=case.id)
        assert local(after.due_at) == "01-30 15:00" and not after.clocks["handle"]["provisional"]
        assert local(work.task(case.task_id).due_at) == "01-30 15:00" and after.version == case.version + 1
        entry = TimelineEntry.objects.get(case=case, act="calendar")
        assert set(entry.detail["stages"]) == {"handle"}
        assert OutboxEvent.objects.filter(type="case.changed", envelope__data__act="calendar").exists()
        with at(friday):
            jobs.recompute_deadlines()  # a second run changes and tells nothing
        assert TimelineEntry.objects.filter(case=case, act="calendar").count() == 1
        assert AuditRow.objects.filter(action="calendar.correct", ref="2027").count() == 1
    finally:
        monkeypatch.undo()
        tables.forget()


def test_the_command_shows_checks_and_applies_a_year(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], db: None
) -> None:
    from linli.cli import main
    from linli.kernel import storage

    shelf = storage.FolderStore(tmp_path / "files")
    monkeypatch.setattr(storage, "store", lambda: shelf)
    tables.forget()
    notice = tmp_path / "notice.csv"
    notice.write_bytes(NOTICE)
    try:
        assert main(["calendar", "check", "2026"]) == 0 and main(["calendar", "check", "2027"]) == 1
        assert "provisional" in capsys.readouterr().out
        assert main(["calendar", "apply", str(notice), "--year", "2026"]) == 2
        assert "not in 2026" in capsys.readouterr().err
        assert main(["calendar", "apply", str(notice), "--year", "2027"]) == 0
        assert main(["calendar", "show", "2027"]) == 0
        assert "2027-01-30 Sat worked" in capsys.readouterr().out
    finally:
        monkeypatch.undo()
        tables.forget()
