"""Who has an alarm or an incident: taken, handed over, given back, undone; lists, counts, notices, rights."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from tests.devices import desk
from tests.devices.conftest import AREA, person
from tests.devices.desk import Staff
from tests.identity.accounts import make_account

from linli.devices import desk_selectors, escalation
from linli.devices.models import Alarm, Assignment, Device, Incident, Rule, ThingModel
from linli.devices.services import assigning
from linli.devices.services.assigning import Which, Wish
from linli.kernel import clock, ids
from linli.kernel.errors import Conflict
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs


@pytest.fixture
def crew(db: None) -> Staff:
    return desk.staff()


@pytest.fixture
def high(gauge: Device, high_water: Rule) -> Alarm:
    return desk.alarm_of(gauge, high_water)


@pytest.fixture
def five(water: ThingModel) -> list[Device]:
    rows = [Device(code=f"G-{n}", name_zh=f"{n} 号", model=water, area_path=desk.PLACE) for n in range(5)]
    return Device.objects.bulk_create(rows)


def test_whoever_takes_it_has_seen_it_and_the_undo_gives_both_back(high: Alarm, call: Callable) -> None:
    me = call()
    taken = me.post(f"/alarms/{high.pk}/take", {"text": "我去看"})
    mine = str(me.actor.account_id)
    assert (taken["assignee_id"], taken["acknowledged_by"], taken["taken_at"]) == (mine, mine, taken["assigned_at"])
    (act,) = taken["assignments"]
    assert (act["kind"], act["text"], act["acknowledged"], act["can_undo"]) == ("take", "我去看", True, True)
    assert AuditRow.objects.filter(action="alarm.take", ref=str(high.pk)).count() == 1
    told = OutboxEvent.objects.filter(type="alarm.changed").latest("created_at").envelope["data"]
    assert (told["assigned"], told["team_id"], told["acknowledged"]) == (True, None, True)
    assert mine not in str(told), "who, stands in no event for all"
    assert len(me.post(f"/alarms/{high.pk}/take", {})["assignments"]) == 1, "twice is once"
    back = me.post(f"/alarms/{high.pk}/assignments/{act['id']}/undo")
    assert [back[n] for n in ("assignee_id", "acknowledged_at", "taken_at", "assigned_at")] == [None] * 4
    assert [a["kind"] for a in back["assignments"]] == ["take", "undo"] and back["assignments"][0]["undone_at"]
    me.post(f"/alarms/{high.pk}/assignments/{act['id']}/undo", status=409)
    me.post(f"/alarms/{high.pk}/assignments/{ids.new_id()}/undo", status=404)


def test_what_was_seen_before_stays_seen(high: Alarm, call: Callable) -> None:
    first, me = call(), call()
    seen = first.post(f"/alarms/{high.pk}/acknowledge")["acknowledged_at"]
    act = me.post(f"/alarms/{high.pk}/take")["assignments"][0]
    assert act["acknowledged"] is False
    assert me.post(f"/alarms/{high.pk}/assignments/{act['id']}/undo")["acknowledged_at"] == seen


def test_the_second_is_told_that_it_is_taken(high: Alarm, call: Callable) -> None:
    call().post(f"/alarms/{high.pk}/take")
    answer = call().post(f"/alarms/{high.pk}/take", status=409)
    assert answer["type"].endswith(":taken") and "already" in answer["detail"]


def test_handing_over_tells_the_person_and_the_team(high: Alarm, crew: Staff) -> None:
    me = desk.by(crew.desk)
    who = me.get(f"/alarm-assignees?alarm_id={high.pk}")
    assert [t["name"]["zh"] for t in who["teams"]] == ["排水泵站组"], "the other team serves another place"
    people = [p["id"] for p in who["people"]]
    assert people[0] == str(crew.lead) and str(crew.desk) in people and str(crew.supervisor) not in people
    team = me.post(f"/alarms/{high.pk}/assign", {"team_id": str(crew.pump), "text": "请到场"})
    assert (team["team_id"], team["assignee_id"], team["taken_at"]) == (str(crew.pump), None, None)
    assert desk.told_to("assigned") == [str(crew.lead)]
    (notice,) = desk.notices()
    assert notice["permission"] == "" and notice["data"]["title"]["zh"] == "水位过高" and notice["kind"] == "alarm"
    one = me.post(f"/alarms/{high.pk}/assign", {"assignee_id": str(crew.duty_lead)})
    assert (one["assignee_id"], one["team_id"]) == (str(crew.duty_lead), None) and one["taken_at"]
    assert desk.told_to("assigned")[1:] == [str(crew.duty_lead)]
    undone = me.post(f"/alarms/{high.pk}/assignments/{one['assignments'][-1]['id']}/undo")
    assert (undone["team_id"], undone["taken_at"]) == (str(crew.pump), None)
    assert desk.told_to("withdrawn") == [str(crew.duty_lead)] and desk.told_to("assigned")[2:] == [str(crew.lead)]
    free = me.post(f"/alarms/{high.pk}/give-back", {"text": "误派"})
    assert (free["team_id"], free["assigned_at"], free["assignments"][-1]["kind"]) == (None, None, "give_back")


def test_a_team_is_told_by_those_who_may_open_the_page(high: Alarm, crew: Staff) -> None:
    """Without a lead all are told, but for whom no alarm is to be seen; a lead who sees none leads nobody there."""
    blind, night = make_account(("team_member", AREA)), make_account(("dispatcher", AREA))
    team = orgs.ensure_team(code="night", name_zh="夜班", kind="pump", area_path=AREA)
    orgs.ensure_member(team_id=team, account_id=blind.id, lead=True)
    orgs.ensure_member(team_id=team, account_id=night.id)
    desk.by(crew.desk).post(f"/alarms/{high.pk}/assign", {"team_id": str(team)})
    assert desk.told_to("assigned") == [str(night.id)]
    assert desk_selectors.leads_of(Alarm.objects.get(pk=high.pk)) == [night.id]


def test_what_is_refused_says_why(high: Alarm, crew: Staff) -> None:
    me, path = desk.by(crew.desk), f"/alarms/{high.pk}/assign"
    for body, field in (
        ({}, "assignee_id"), ({"assignee_id": str(crew.desk), "team_id": str(crew.pump)}, "assignee_id"),
        ({"team_id": str(crew.other)}, "team_id"), ({"assignee_id": str(crew.supervisor)}, "assignee_id"),
        ({"assignee_id": str(ids.new_id())}, "assignee_id"),
        ({"team_id": str(crew.pump), "seen_at": "2026-11-27T08:00:00"}, "seen_at"),
        ({"team_id": str(crew.pump), "text": "x" * 1001}, "text"),
    ):  # fmt: skip
        assert me.post(path, body, 422)["errors"][0]["field"] == field, body
    me.get("/alarm-assignees", 422)
    me.get("/alarms?assigned=his", 422)
    before = me.post(path, {"team_id": str(crew.pump)})["assigned_at"]
    me.post(f"/alarms/{high.pk}/take")
    stale = me.post(path, {"assignee_id": str(crew.duty_lead), "seen_at": before}, 409)
    assert stale["type"].endswith(":stale")
    desk.by(crew.supervisor).post(f"/alarms/{high.pk}/take", {}, 403)
    Alarm.objects.filter(pk=high.pk).update(cleared_at=clock.now())
    assert me.post(path, {"team_id": str(crew.pump)}, 409)["type"].endswith(":cleared")


def test_a_department_s_alarm_stays_in_it(high: Alarm, crew: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalation, "department_teams", lambda: {"排水管理所": ("far",)})
    Device.objects.filter(pk=high.device_id).update(owner_department="排水管理所")
    me = desk.by(crew.desk)
    me.post(f"/alarms/{high.pk}/assign", {"team_id": str(crew.pump)}, 422)
    assert me.post(f"/alarms/{high.pk}/assign", {"team_id": str(crew.other)})["team_id"] == str(crew.other)
    Device.objects.filter(pk=high.device_id).update(owner_team_id=crew.pump)
    assert me.post(f"/alarms/{high.pk}/assign", {"team_id": str(crew.pump)})["team_id"] == str(crew.pump)


def test_mine_my_team_s_and_nobody_s(crew: Staff, five: list[Device], high_water: Rule) -> None:
    rows = [desk.alarm_of(d, high_water, timedelta(minutes=n)) for n, d in enumerate(five)]
    lead, me = desk.by(crew.lead), desk.by(crew.desk)
    for row in rows[:3]:
        me.post(f"/alarms/{row.pk}/assign", {"assignee_id": str(crew.lead)} if row == rows[0] else
                {"team_id": str(crew.pump)})  # fmt: skip
    found = {w: [a["id"] for a in lead.get(f"/alarms?assigned={w}&grouped=true")["items"]]
             for w in ("mine", "team", "nobody")}  # fmt: skip
    pks = [str(r.pk) for r in rows]
    assert found == {"mine": pks[:1], "team": pks[1:3], "nobody": pks[3:]}
    page = lead.get("/alarms?assigned=team&limit=1")
    assert [a["id"] for a in lead.get(f"/alarms?assigned=team&limit=1&cursor={page['next']}")["items"]] == pks[2:3]
    counts = lead.get("/alarms/counts")
    assert (counts["mine"], counts["team"], counts["nobody"]) == (1, 2, 2)
    assert me.get("/alarms/counts")["mine"] == 0


def test_an_incident_as_a_whole(crew: Staff, five: list[Device], high_water: Rule) -> None:
    storm = desk.storm_of(five, high_water)
    me, key = desk.by(crew.desk), f"/incidents/{storm.pk}"
    taken = me.post(f"{key}/take", {"text": "一起处理"})
    assert (taken["assignee_id"], taken["unacknowledged"]) == (str(crew.desk), 0)
    assert len(me.get("/alarms?assigned=mine")["items"]) == 5, "its alarms are whose it is"
    assert me.get("/alarms?assigned=nobody")["items"] == []
    assert me.get("/incidents?assigned=mine")["items"][0]["id"] == str(storm.pk)
    counts = me.get("/alarms/counts")
    assert (counts["mine"], counts["nobody"]) == (1, 0), "an incident counts as one"
    desk.by(crew.duty_lead).post(f"{key}/take", status=409)
    undone = me.post(f"{key}/assignments/{taken['assignments'][0]['id']}/undo")
    assert (undone["assignee_id"], undone["unacknowledged"]) == (None, 5)
    team = me.post(f"{key}/assign", {"team_id": str(crew.pump)})
    assert (team["team_id"], desk.notices()[-1]["kind"]) == (str(crew.pump), "incident")
    assert me.post(f"{key}/give-back")["team_id"] is None


def test_many_at_once_each_for_itself(crew: Staff, five: list[Device], high_water: Rule) -> None:
    rows = [desk.alarm_of(d, high_water) for d in five[:3]]
    storm = desk.storm_of(five[3:], high_water)
    desk.by(crew.duty_lead).post(f"/alarms/{rows[0].pk}/take")
    Alarm.objects.filter(pk=rows[1].pk).update(cleared_at=clock.now())
    me = desk.by(crew.desk)
    body = {"alarm_ids": [str(r.pk) for r in rows], "incident_ids": [str(storm.pk)], "take": True}
    done = {r["id"]: r for r in me.post("/alarm-assignments", body)["items"]}
    assert [done[str(r.pk)]["wrong"] for r in rows] == ["taken", "cleared", ""] and done[str(storm.pk)]["incident"]
    again = {r["id"]: r for r in me.post("/alarm-assignments", body)["items"]}
    assert again[str(rows[2].pk)] == {"id": str(rows[2].pk), "incident": False, "act_id": None, "wrong": ""}
    act = done[str(rows[2].pk)]["act_id"]
    assert me.post(f"/alarms/{rows[2].pk}/assignments/{act}/undo")["assignee_id"] is None
    me.post("/alarm-assignments", {"take": True}, 422)
    me.post("/alarm-assignments", {"alarm_ids": [str(rows[2].pk)]}, 200)
    assert me.post("/alarm-assignments", {"alarm_ids": [str(rows[2].pk)]})["items"][0]["wrong"] == "invalid"
    other = person(f"{AREA}.002")
    assert desk.Caller(other).post("/alarm-assignments", body)["items"][1]["wrong"] == "not-found"


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_take_it_at_once_one_has_it(gauge: Device, high_water: Rule) -> None:
    row = desk.alarm_of(gauge, high_water)
    people, won, lost = [person() for _ in range(10)], [], []
    ready = threading.Barrier(len(people))

    def take(actor) -> None:  # type: ignore[no-untyped-def]
        ready.wait()
        try:
            assigning.assign(actor=actor, which=Which(alarm_id=row.pk), wish=Wish(take=True))
            won.append(actor.account_id)
        except Conflict as error:
            lost.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=[p]) for p in people]
    [t.start() for t in threads]
    [t.join(60) for t in threads]
    row.refresh_from_db()
    assert [row.assignee_id] == won and lost == ["taken"] * 9
    assert Assignment.objects.count() == 1


def test_figures_tell_of_departments_how_long_it_took(crew: Staff, five: list[Device], high_water: Rule) -> None:
    """Of what was acknowledged or taken, and beside it of how many; an incident counts for each of its alarms."""
    Device.objects.filter(pk__in=[d.pk for d in five]).update(owner_department="排水管理所")
    rows = [desk.alarm_of(d, high_water, timedelta(minutes=60)) for d in five[:3]]
    for row, minutes in zip(rows, (10, 20), strict=False):
        at = row.raised_at + timedelta(minutes=minutes)
        Alarm.objects.filter(pk=row.pk).update(acknowledged_at=at, taken_at=at + timedelta(minutes=2))
    storm = desk.storm_of(five[3:], high_water, timedelta(minutes=60))
    Incident.objects.filter(pk=storm.pk).update(taken_at=storm.began_at + timedelta(minutes=40))
    (one,) = desk.by(crew.desk).get("/alarm-figures?by=department")["items"]
    assert (one["alarms"], one["acknowledged"], one["acknowledge_median_s"], one["acknowledge_p90_s"]) == (
        5, 2, 900, 1140,
    )  # fmt: skip
    assert (one["taken"], one["take_median_s"], one["escalated"]) == (4, 1860, 0), "12, 22, 40, 40 minutes"
    desk.tick()
    assert desk.by(crew.desk).get("/alarm-figures?by=department")["items"][0]["escalated"] == 3
    assert not any("assignee" in k or "by" in k for k in one), "nobody is counted"
