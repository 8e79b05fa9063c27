"""Alarms join one case; tasks move it; both through the real consumers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.cases.conftest import IN_NORTH, D, Desk, jpeg, soon
from tests.cases.test_flow import CASES, act, dispatched, post

from linli.cases import events
from linli.cases.models import Case, Photo, Signal, TimelineEntry
from linli.devices.models import Alarm, Device, Rule, ThingModel
from linli.kernel import clock, ids
from linli.kernel.events import Envelope
from linli.kernel.inbox import deliver
from linli.kernel.models import OutboxEvent
from linli.work import services as work

pytestmark = pytest.mark.django_db


def tell(type: str, data: dict[str, Any], event_id: str = "") -> None:
    name = "cases.alarms" if type.startswith("alarm") else "cases.tasks"
    deliver(name, Envelope(id=event_id or str(ids.new_id()), type=type, at=clock.now().isoformat(), kind="x",
                           ref=str(data.get("alarm_id") or data.get("task_id")), data=data))  # fmt: skip


def alarm(east_m: float = 0, **more: Any) -> dict[str, Any]:
    lon = IN_NORTH[0] + east_m / 94_500
    return {"alarm_id": str(uuid4()), "device_id": str(uuid4()), "rule_id": str(uuid4()), "severity": "critical",
            "property": "level", "value": 3.2, "at": clock.now().isoformat(),
            "title": {"zh": "梅冲湖 水位 3.2 m", "en": "Level 3.2 m"}, "lon": lon, "lat": IN_NORTH[1],
            "case": {"class": "202151", "merge_radius_m": 300, "urgent": True}, **more}  # fmt: skip


def test_alarms_of_one_place_and_class_are_one_case(desk: Desk) -> None:
    first = alarm()
    event_id = str(ids.new_id())
    tell("alarm.raised", first, event_id)
    tell("alarm.raised", first, event_id)  # delivered twice
    tell("alarm.raised", alarm(280))
    tell("alarm.raised", alarm(500))
    tell("alarm.raised", alarm(10, case={"class": "202152", "merge_radius_m": 300, "urgent": False}))
    tell("alarm.raised", alarm(0, case=None))
    counts = sorted(Case.objects.values_list("class_code", "signal_count"))
    assert counts == [("202151", 1), ("202151", 2), ("202152", 1)]
    case = Case.objects.filter(class_code="202151").order_by("-signal_count").first()
    assert case.state == "filed" and case.urgent and case.kind == "device" and not case.private
    assert case.clocks["dispatch"]["unit"] == "urgent_hour"
    got = desk.client("dispatcher").get(f"{CASES}/{case.id}").json()
    assert len(got["signals"]) == 2 and got["signals"][0]["data"]["value"] == 3.2
    assert got["suggestions"][0]["team_id"] == str(desk.pump)


def test_a_cleared_alarm_proposes_closing_when_it_was_the_last(desk: Desk) -> None:
    one, two = alarm(), alarm(50)
    tell("alarm.raised", one)
    tell("alarm.raised", two)
    case = Case.objects.get()
    tell("alarm.changed", {"alarm_id": one["alarm_id"], "state": "cleared"})
    tell("alarm.changed", {"alarm_id": two["alarm_id"], "state": "active", "acknowledged": True})
    assert "propose_close" not in acts(case)
    tell("alarm.changed", {"alarm_id": two["alarm_id"], "state": "cleared"})
    assert acts(case)[-2:] == ["alarm_cleared", "propose_close"]
    assert Case.objects.get().state == "filed"  # nobody closes but a person
    assert Signal.objects.filter(data__cleared_at__isnull=False).count() == 2


def test_the_end_of_an_alarm_reaches_the_case_it_was_merged_into(desk: Desk) -> None:
    """At any remove, and closing is proposed only when no alarm of the whole family is left."""
    alarms = [alarm(), alarm(500), alarm(1000)]
    for one in alarms:
        tell("alarm.raised", one)
    first, second, third = (Signal.objects.get(ref=one["alarm_id"]).case for one in alarms)
    lead = desk.client("duty_lead")
    assert act(lead, str(first.id), "merge", into=str(second.id)).status_code == 200
    assert act(lead, str(second.id), "merge", into=str(third.id)).status_code == 200
    for n, one in enumerate(alarms, 1):
        tell("alarm.changed", {**one, "state": "cleared"})
        assert [a for a in acts(third) if a in ("alarm_cleared", "propose_close")][n - 1 :] == [
            "alarm_cleared" if n < 3 else "propose_close"
        ]
    assert not {"alarm_cleared", "propose_close"} & {*acts(first), *acts(second)}


def test_an_alarm_that_ended_before_the_case_began_proposes_closing(desk: Desk) -> None:
    """News travel by several processes: that of the end may come first."""
    ended = clock.now()
    model = ThingModel.objects.create(
        code="t_gauge", name_zh="水位计", name_en="Gauge", subject="place", category="water"
    )
    rule = Rule.objects.create(code="t-high", title_zh="水位高", title_en="High", model=model, property="level",
                               kind="threshold", op="gt", value=3, clear_value=2, severity="severe")  # fmt: skip
    raised = alarm()
    device = Device.objects.create(
        id=raised["device_id"], code="G1", name_zh="一", name_en="1", model=model, area_path=D
    )
    Alarm.objects.create(id=raised["alarm_id"], device=device, rule=rule, rule_version=1, severity="severe",
                         title_zh="水位高", title_en="High", started_at=ended - timedelta(minutes=9),
                         raised_at=ended - timedelta(minutes=8), cleared_at=ended)  # fmt: skip
    tell("alarm.changed", {**raised, "state": "cleared", "cleared_at": ended.isoformat()})
    assert not Case.objects.exists()
    tell("alarm.raised", raised)
    case = Case.objects.get()
    assert acts(case)[-1] == "propose_close"
    assert Signal.objects.get(case=case).data["cleared_at"] == ended.isoformat()
    tell("alarm.changed", {**raised, "state": "cleared"})
    assert acts(case).count("propose_close") == 1


def acts(case: Case) -> list[str]:
    rows = TimelineEntry.objects.filter(case=case).order_by("at", "id")
    return list(rows.values_list("act", flat=True))


def latest_task_event() -> dict[str, Any]:
    return OutboxEvent.objects.filter(type="task.changed").order_by("-created_at", "-id").first().envelope["data"]


def test_the_field_apps_task_moves_the_case_with_pictures_and_words(desk: Desk) -> None:
    case_id = dispatched(desk)
    case, crew = Case.objects.get(pk=case_id), desk.actor("team_member", D, desk.pump)
    tell("task.changed", latest_task_event())  # the opening of the task itself changes nothing
    assert Case.objects.get(pk=case_id).state == "dispatched"
    step(crew, case, "accept")
    assert Case.objects.get(pk=case_id).state == "handling"
    work.add_photo(actor=crew, task_id=case.task_id, photo_id=uuid4(), stage="after", data=jpeg())
    tell("task.changed", latest_task_event())
    # the field app is ahead of the events: the one who finishes may not verify even now
    work.act_on_task(actor=crew, task_id=case.task_id, step_id=uuid4(), action="finish", note="已疏通")
    tell("task.changed", latest_task_event())
    done = Case.objects.get(pk=case_id)
    assert done.state == "handled" and done.handler_ids == [crew.account_id]
    assert TimelineEntry.objects.get(case=done, act="finish").note == "已疏通"
    assert Photo.objects.filter(case=done, stage="after").count() == 1
    photo = Photo.objects.get(case=done)
    assert desk.client("duty_lead").get(f"/api/v1/files/{photo.file_id}").status_code == 200


def step(crew: Any, case: Case, action: str, note: str = "") -> None:
    work.act_on_task(actor=crew, task_id=case.task_id, step_id=uuid4(), action=action, note=note)
    tell("task.changed", latest_task_event())


def test_a_returned_task_brings_the_case_back_to_dispatch(desk: Desk) -> None:
    case_id = dispatched(desk)
    case, crew = Case.objects.get(pk=case_id), desk.actor("team_member", D, desk.pump)
    step(crew, case, "accept")
    step(crew, case, "return", note="不属本组")
    back = Case.objects.get(pk=case_id)
    assert back.state == "filed" and back.team_id is None and back.return_count == 1
    assert TimelineEntry.objects.get(case=back, act="return").note == "不属本组"


@pytest.mark.parametrize(("word", "then"), [("finish", "handled"), ("return", "filed")])
def test_what_the_team_did_while_the_case_stood_still_is_followed_on_resume(desk: Desk, word: str, then: str) -> None:
    case_id = dispatched(desk)
    case, crew = Case.objects.get(pk=case_id), desk.actor("team_member", D, desk.pump)
    step(crew, case, "accept")
    lead = desk.client("duty_lead")
    assert act(lead, case_id, "suspend", reason="等配件", recheck=soon()).json()["state"] == "suspended"
    step(crew, case, word, note="配件自备, 已换")
    assert Case.objects.get(pk=case_id).state == "suspended"
    assert act(lead, case_id, "resume").json()["state"] == then
    after = Case.objects.get(pk=case_id)
    assert after.task_id is None and crew.account_id in after.handler_ids
    assert acts(after)[-2:] == ["resume", word]
    told = TimelineEntry.objects.get(case=after, act=word)
    assert told.note == "配件自备, 已换" and (word == "return" or told.actor_id == crew.account_id)
    running = [name for name, clock in after.clocks.items() if clock["since"]]
    assert running == [{"finish": "verify", "return": "dispatch"}[word]]


def test_what_the_team_does_after_resume_moves_the_case_as_ever(desk: Desk) -> None:
    case_id = dispatched(desk)
    case, crew = Case.objects.get(pk=case_id), desk.actor("team_member", D, desk.pump)
    step(crew, case, "accept")
    act(desk.client("duty_lead"), case_id, "suspend", reason="等配件", recheck=soon())
    assert act(desk.client("duty_lead"), case_id, "resume").json()["state"] == "handling"
    step(crew, case, "finish", note="好了")
    assert Case.objects.get(pk=case_id).state == "handled"


@pytest.mark.parametrize("word", ["accept", "finish", "return"])
def test_a_dispatch_is_not_taken_back_behind_the_teams_back(desk: Desk, word: str) -> None:
    """Before the event has told the case of it."""
    case_id = dispatched(desk)
    case, crew = Case.objects.get(pk=case_id), desk.actor("team_member", D, desk.pump)
    work.act_on_task(actor=crew, task_id=case.task_id, step_id=uuid4(), action=word, note="x")
    refused = post(desk.client("dispatcher"), f"{CASES}/{case_id}/dispatch/undo")
    said = {"accept": "接单", "finish": "办结", "return": "退回"}[word]
    assert refused.status_code == 409 and said in refused.json()["detail"], refused.content
    assert Case.objects.get(pk=case_id).task_id == case.task_id
    tell("task.changed", latest_task_event())
    assert Case.objects.get(pk=case_id).state == {"accept": "handling", "finish": "handled", "return": "filed"}[word]


def test_a_finished_task_is_not_recalled(desk: Desk) -> None:
    case_id = dispatched(desk)
    case, crew = Case.objects.get(pk=case_id), desk.actor("team_member", D, desk.pump)
    step(crew, case, "accept")
    work.act_on_task(actor=crew, task_id=case.task_id, step_id=uuid4(), action="finish", note="好了")
    refused = act(desk.client("dispatcher"), case_id, "recall", reason="改派")
    assert refused.status_code == 409 and "测试员已办结" in refused.json()["detail"]
    tell("task.changed", latest_task_event())
    assert Case.objects.get(pk=case_id).state == "handled"


def test_old_news_of_a_task_changes_nothing(desk: Desk) -> None:
    case_id = dispatched(desk)
    old = latest_task_event()
    assert act(desk.client("dispatcher"), case_id, "recall", reason="改派").json()["state"] == "filed"
    tell("task.changed", {**old, "state": "done"})
    assert Case.objects.get(pk=case_id).state == "filed"


def test_a_finished_case_cancels_the_teams_task(desk: Desk) -> None:
    from linli.work import facade

    case_id = dispatched(desk)
    task = Case.objects.get(pk=case_id).task_id
    act(desk.client("team_member", D, desk.pump), case_id, "finish", note="好了")
    assert facade.task_state(task) in ("cancelled", "done")


def test_consumers_are_registered() -> None:
    from linli.kernel.events import CONSUMERS

    assert {"cases.alarms", "cases.tasks"} <= set(CONSUMERS) and events.on_alarm
