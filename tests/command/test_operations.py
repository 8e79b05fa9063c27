"""Joint operations: planned, begun once, teams' tasks, ticks and notes, the end; who may, and who sees names."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import IN_NORTH, NORTH, SOUTH, D, Desk

from linli.cases import facade as cases
from linli.cases.models import Case, TimelineEntry
from linli.command import operation_plan, operation_services
from linli.command.models import Operation
from linli.kernel import clock, ids
from linli.kernel.actor import SYSTEM, Actor, Grant
from linli.kernel.errors import Conflict
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs
from linli.work import facade as work
from linli.work.models import Task

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
URL = "/api/v1/operations"


def report(*, private: bool = False) -> Case:
    done = cases.report_signal(actor=SYSTEM, channel="hotline", class_code="202156", text="井盖松动", lon=IN_NORTH[0],
                               lat=IN_NORTH[1], private=private)  # fmt: skip
    return Case.objects.get(pk=done.case_id)


def plan(desk: Desk, **other: Any) -> dict[str, Any]:
    now = clock.now()
    due = (now + timedelta(hours=2)).isoformat()
    return {
        "title": "汛前联合巡查", "area_path": D, "purpose": "雨前查一遍井盖和泵站",
        "begins_at": now.isoformat(), "ends_at": (now + timedelta(hours=6)).isoformat(),
        "team_ids": [str(desk.pump), str(desk.patrol)], "checks": ["集合点已定", "通知学校"],
        "items": [
            {"team_id": str(desk.pump), "title": "查泵站", "checks": ["启泵", "看水位"], "needs_photo": True},
            {"team_id": str(desk.patrol), "title": "查井盖", "due_at": due},
        ],
        **other,
    }  # fmt: skip


def make(desk: Desk, **other: Any) -> dict[str, Any]:
    made = desk.client("dispatcher").post(URL, plan(desk, **other), **JSON)
    assert made.status_code == 201, made.content
    return dict(made.json())


def act(desk: Desk, row: dict[str, Any], verb: str, role: str = "dispatcher", **body: Any) -> Any:
    return desk.client(role).post(f"{URL}/{row['id']}/{verb}", body, **JSON)


def told(case: Case) -> list[str]:
    lines = TimelineEntry.objects.filter(case=case, act__startswith="operation_")
    return list(lines.order_by("at", "id").values_list("act", flat=True))


def finish(task_id: str) -> None:
    Task.objects.filter(pk=task_id).update(state="done", ended_at=clock.now())


def test_its_life_from_plan_to_report(desk: Desk) -> None:
    case = report()
    orgs.ensure_centre(code="water", name_zh="水务中心", name_en="Water centre")
    orgs.ensure_team(code="pump", name_zh="泵站二组", name_en="Pump crew", kind="pump", area_path=D,
                     centre_id=next(c.id for c in orgs.centres() if c.code == "water"))  # fmt: skip
    row = make(desk, case_ids=[str(case.id)])
    assert row["state"] == "planned" and Task.objects.count() == 0
    assert [c["number"] for c in row["cases"]] == [case.number]
    row = act(desk, row, "start").json()
    assert row["state"] == "running" and row["started_by_name"]
    pump, patrol = row["teams"]
    assert pump["centre"]["en"] == "Water centre" and patrol["centre"] is None
    assert (pump["open"], pump["done"], pump["items"][0]["task_state"]) == (1, 0, "open")
    task = Task.objects.get(pk=pump["items"][0]["task_id"])
    assert task.needs_photo and [p["text"] for p in task.checklist] == ["启泵", "看水位"]
    assert task.due_at == Operation.objects.get().ends_at and "汛前联合巡查" in task.note
    row = act(desk, row, "items", team_id=str(desk.patrol), title="再看学校门口").json()
    assert len(row["teams"][1]["items"]) == 2 and Task.objects.count() == 3
    row = act(desk, row, "notes", text="泵站正常, 电话 13800001234").json()
    assert "13800001234" not in row["notes"][0]["text"] and row["notes"][0]["by_name"]
    early = act(desk, row, "end", summary="完成")
    assert early.status_code == 409 and "3" in early.json()["detail"]
    for team in row["teams"]:
        for one in team["items"]:
            finish(one["task_id"])
    row = act(desk, row, "end", summary="查了 12 个井盖, 没有问题").json()
    assert (row["state"], row["words"], row["done"]) == ("ended", "查了 12 个井盖, 没有问题", 3)
    assert told(case) == ["operation_link", "operation_start", "operation_end"]
    acts = ["create", "start", "item", "note", "end"]
    assert list(AuditRow.objects.filter(kind="operation").order_by("at", "id").values_list("action", flat=True)) == [
        f"operation.{one}" for one in acts
    ]
    rows = OutboxEvent.objects.filter(type="operation.changed").order_by("created_at", "id")
    events = [r.envelope for r in rows]
    assert [e["data"]["act"] for e in events] == acts
    pdf = desk.client("dispatcher").get(f"{URL}/{row['id']}/pdf")
    assert pdf.status_code == 200 and pdf.content.startswith(b"%PDF")


def test_the_report_waits_for_the_end(desk: Desk) -> None:
    assert desk.client("dispatcher").get(f"{URL}/{make(desk)['id']}/pdf").status_code == 409


def test_each_refusal_names_its_field(desk: Desk) -> None:
    now = clock.now()
    hidden = ids.new_id()
    ended = (now - timedelta(hours=1)).isoformat()
    bare = (now + timedelta(hours=1)).replace(tzinfo=None).isoformat()
    item = {"team_id": str(desk.pump), "title": "查泵站"}
    far = (now + timedelta(days=2)).isoformat()
    for other, field in (
        ({"title": " "}, "title"), ({"title": "长" * 81}, "title"), ({"ends_at": ended}, "ends_at"),
        ({"ends_at": (now + timedelta(days=40)).isoformat()}, "ends_at"), ({"ends_at": bare}, "ends_at"),
        ({"area_path": f"{D}.999"}, "area_path"), ({"team_ids": []}, "team_ids"),
        ({"team_ids": [str(hidden)]}, "team_ids.0"), ({"case_ids": [str(hidden)]}, "case_ids.0"),
        ({"team_ids": [str(desk.patrol)]}, "items.0.team_id"), ({"items": [{**item, "title": ""}]}, "items.0.title"),
        ({"items": [{**item, "due_at": far}]}, "items.0.due_at"), ({"checks": ["好", ""]}, "checks.1"),
        ({"items": [{**item, "checks": ["x" * 201]}]}, "items.0.checks.0"), ({"purpose": "x" * 2001}, "purpose"),
    ):  # fmt: skip
        answer = desk.client("dispatcher").post(URL, plan(desk, **other), **JSON)
        assert answer.status_code == 422, (field, answer.content)
        assert answer.json()["errors"][0]["field"].removeprefix("body.payload.").endswith(field), answer.json()
    assert Operation.objects.count() == 0


def test_a_plan_changes_until_it_starts_and_a_lost_race_is_told(desk: Desk) -> None:
    row, client = make(desk), desk.client("dispatcher")
    act(desk, row, "checks", check=0)
    body = plan(desk, title="汛前巡查", checks=["集合点已定"], items=[], version=row["version"])
    changed = client.put(f"{URL}/{row['id']}", body, **JSON).json()
    assert (changed["title"], changed["version"], changed["tasks"]) == ("汛前巡查", row["version"] + 1, 0)
    assert [(p["text"], p["done"]) for p in changed["checks"]] == [("集合点已定", True)]
    lost = client.put(f"{URL}/{row['id']}", body, **JSON)
    assert lost.status_code == 409 and "已被他人修改" in lost.json()["detail"]
    act(desk, row, "start")
    late = client.put(f"{URL}/{row['id']}", {**body, "version": row["version"] + 2}, **JSON)
    assert late.status_code == 409 and "开始" in late.json()["detail"]


def test_the_same_key_makes_one_operation(desk: Desk) -> None:
    client, body = desk.client("dispatcher"), plan(desk)
    for _ in range(2):
        assert client.post(URL, body, headers={"Idempotency-Key": "once"}, **JSON).status_code == 201
    assert Operation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_start_in_the_same_moment_and_each_task_stands_once(desk: Desk) -> None:
    row, gate, answers = make(desk), threading.Barrier(2), []

    def go() -> None:
        try:
            gate.wait(10)
            operation_services.start_operation(actor=SYSTEM, operation_id=UUID(row["id"]))
            answers.append("started")
        except Conflict as error:
            answers.append(error.code)
            assert "已于" in error.detail
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(answers) == ["operation-running", "started"]
    assert Task.objects.count() == 2
    assert AuditRow.objects.filter(action="operation.start").count() == 1


def test_a_tick_says_who_and_when_and_counts_once(desk: Desk) -> None:
    row = make(desk)
    for _ in range(2):
        row = act(desk, row, "checks", check=1).json()
    assert row["checks"][1]["done"] and row["checks"][1]["at"] and row["checks"][1]["by_name"]
    assert AuditRow.objects.filter(action="operation.tick").count() == 1
    row = act(desk, row, "checks", check=1, done=False).json()
    assert (row["checks"][1]["done"], row["checks"][1]["by_name"], row["checks"][1]["at"]) == (False, "", None)
    assert act(desk, row, "checks", check=2).json()["errors"][0]["field"] == "check"


def test_cancelling_takes_back_what_is_not_done(desk: Desk) -> None:
    case = report()
    row = make(desk, case_ids=[str(case.id)])
    row = act(desk, row, "start").json()
    done, left = (team["items"][0]["task_id"] for team in row["teams"])
    finish(done)
    assert act(desk, row, "cancel", reason=" ").json()["errors"][0]["field"] == "reason"
    row = act(desk, row, "cancel", reason="雨停了").json()
    assert (row["state"], row["words"]) == ("cancelled", "雨停了")
    assert (work.task_state(UUID(done)), work.task_state(UUID(left))) == ("done", "cancelled")
    assert told(case)[-1] == "operation_cancel"
    for verb, body in (("start", {}), ("notes", {"text": "x"}), ("cancel", {"reason": "x"}), ("checks", {"check": 0})):
        late = act(desk, row, verb, **body)
        assert late.status_code == 409 and "取消" in late.json()["detail"]


def test_the_end_may_take_tasks_back(desk: Desk) -> None:
    row = make(desk)
    assert act(desk, row, "end", summary="x").status_code == 409  # not started
    act(desk, row, "start")
    row = act(desk, row, "end", summary="提前收队", take_back=True).json()
    assert row["state"] == "ended" and row["tasks"] == 0
    assert set(Task.objects.values_list("state", flat=True)) == {"cancelled"}


def test_only_the_desk_of_the_area_acts_and_only_the_area_sees(desk: Desk) -> None:
    row = make(desk, area_path=NORTH)
    for area, status in ((D, 200), (NORTH, 200), (SOUTH, 404)):
        client = desk.client("dispatcher", area)
        assert client.get(f"{URL}/{row['id']}").status_code == status
        assert len(client.get(URL).json()["items"]) == (1 if status == 200 else 0)
    south = desk.client("dispatcher", SOUTH)
    assert south.post(f"{URL}/{row['id']}/start", {}, **JSON).status_code == 404
    assert south.post(URL, plan(desk, area_path=NORTH), **JSON).status_code == 403
    moved = desk.client("dispatcher", NORTH).put(
        f"{URL}/{row['id']}", plan(desk, area_path=D, version=row["version"]), **JSON
    )
    assert moved.status_code == 403  # nobody moves an operation to where they may not act
    assert act(desk, row, "start", role="grid_member").status_code == 403


def test_names_stand_only_before_those_who_work_there(desk: Desk) -> None:
    row = make(desk)
    act(desk, row, "checks", check=0)
    assert desk.client("supervisor").get(f"{URL}/{row['id']}").json()["checks"][0]["by_name"]
    other = desk.client("integrator").get(f"{URL}/{row['id']}").json()
    assert other["checks"][0]["done"] and other["checks"][0]["by_name"] == "" == other["by_name"]


def test_a_private_case_shows_to_who_sees_it_and_stays_linked(desk: Desk) -> None:
    secret, plain = report(private=True), report()
    row = make(desk, case_ids=[str(secret.id), str(plain.id)])
    assert len(row["cases"]) == 2
    seen = desk.client("grid_member").get(f"{URL}/{row['id']}").json()["cases"]
    assert [c["number"] for c in seen] == [plain.number]
    now = clock.now()
    other = operation_plan.Plan("改", D, now, now + timedelta(hours=1), [desk.pump])
    permissions = frozenset({"cases.view", "cases.dispatch", "tasks.view"})
    outsider = Actor("account", ids.new_id(), grants=(Grant("desk", D, permissions),))
    changed = operation_services.change_operation(
        actor=outsider, operation_id=UUID(row["id"]), version=row["version"], plan=other
    )
    assert changed.case_ids == [str(secret.id)]  # the one they saw is unlinked, the other they could not unlink
    operation_services.start_operation(actor=outsider, operation_id=UUID(row["id"]))
    assert told(secret) == ["operation_link", "operation_start"]


def test_the_list_costs_the_same_for_many(desk: Desk) -> None:
    client = desk.client("dispatcher")
    for n in range(6):
        act(desk, make(desk, title=f"行动 {n}"), "start")
    client.get("/api/v1/me")
    counts = {}
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as asked:
            page = client.get(f"{URL}?limit={limit}&state=running").json()
        assert len(page["items"]) == (1 if limit == 1 else 6) and page["items"][0]["tasks"] == 2
        counts[limit] = len(asked)
    assert counts[1] == counts[50] <= 5, counts
    first = client.get(f"{URL}?limit=4").json()
    rest = client.get(f"{URL}?limit=4&cursor={first['next']}").json()
    assert len({one["id"] for one in first["items"] + rest["items"]}) == 6
    assert client.get(f"{URL}?state=lost").json()["errors"][0]["field"] == "state"
