"""One act on many cases: looked at, done case by case, taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.cases.conftest import D, Desk
from tests.cases.test_flow import CASES, act, post, report

from linli.cases.models import Case, TimelineEntry
from linli.kernel import clock, ids
from linli.work.models import Task

pytestmark = pytest.mark.django_db
BULK, UNDO = f"{CASES}/bulk", f"{CASES}/bulk/undo"


def bulk(client: Any, action: str, cases: list[str], **more: Any) -> dict[str, Any]:
    rows = [{"id": i} for i in cases]
    answer = post(client, BULK, {"action": action, "cases": rows, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def states(cases: list[str]) -> list[str]:
    held = dict(Case.objects.values_list("id", "state"))
    return [held[UUID(i)] for i in cases]


def test_a_look_tells_what_would_happen_and_changes_nothing(desk: Desk) -> None:
    lead = desk.client("duty_lead")
    cases = [report(desk)["id"], report(desk, class_code="202155")["id"], report(desk)["id"]]
    act(lead, cases[2], "cancel", reason="重复")
    before = list(Case.objects.order_by("id").values())
    rows, entries, tasks = before, TimelineEntry.objects.count(), Task.objects.count()
    found = bulk(lead, "dispatch", [*cases, str(ids.new_id())], check=True)
    assert found["done"] == 2 and found["undo_s"] == 0
    assert [i["team"] and i["team"]["en"] for i in found["items"]] == ["Pump crew", "Patrol", None, None]
    assert [bool(i["problem"]) for i in found["items"]] == [False, False, True, True]
    assert list(Case.objects.order_by("id").values()) == rows
    assert (TimelineEntry.objects.count(), Task.objects.count()) == (entries, tasks)


def test_dispatched_together_and_taken_back(desk: Desk) -> None:
    lead = desk.client("dispatcher")
    cases = [report(desk)["id"] for _ in range(3)]
    done = bulk(lead, "dispatch", cases)
    assert done["done"] == 3 and done["undo_s"] == 60 and states(cases) == ["dispatched"] * 3
    assert act(desk.client("team_member", D, desk.pump), cases[1], "take").status_code == 200
    back = post(lead, UNDO, {"case_ids": cases}).json()
    assert back["done"] == 2 and states(cases) == ["submitted", "handling", "submitted"]
    assert back["items"][1]["problem"]  # its team has begun
    assert Task.objects.filter(case_id=cases[0], state="cancelled").count() == 1
    assert post(lead, UNDO, {"case_ids": cases[:1]}).json()["done"] == 0  # once
    entry = TimelineEntry.objects.filter(case_id=cases[0]).order_by("at", "id").last()
    assert entry is not None and entry.act == "undo_dispatch"


def test_filed_together_by_version_and_taken_back_within_a_minute(desk: Desk) -> None:
    lead = desk.client("duty_lead")
    cases = [report(desk)["id"] for _ in range(2)]
    act(lead, cases[0], "accept")
    rows = [{"id": i, "version": 1} for i in cases]
    done = post(lead, BULK, {"action": "file", "cases": rows}).json()
    assert done["done"] == 1 and "受理" in done["items"][0]["problem"]  # changed since it was seen, and by what
    assert states(cases) == ["accepted", "filed"]
    assert post(desk.client("intake"), UNDO, {"case_ids": cases}).json()["done"] == 0  # another's
    row = Case.objects.get(pk=cases[1])
    row.undo["until"] = (clock.now() - timedelta(seconds=1)).isoformat()
    row.save()
    assert post(lead, UNDO, {"case_ids": cases}).json()["done"] == 0
    assert bulk(lead, "dispatch", cases[1:], team=str(desk.patrol))["done"] == 1
    assert post(lead, UNDO, {"case_ids": cases[1:]}).json()["done"] == 1
    row.refresh_from_db()
    assert row.state == "filed" and row.team_id is None and row.filed_at is not None


def test_filing_is_taken_back_with_its_clock(desk: Desk) -> None:
    lead, case = desk.client("duty_lead"), report(desk)["id"]
    was = Case.objects.get(pk=case)
    bulk(lead, "file", [case])
    assert Case.objects.get(pk=case).clocks != was.clocks
    assert post(lead, UNDO, {"case_ids": [case]}).json()["done"] == 1
    now = Case.objects.get(pk=case)
    assert (now.state, now.due_at, now.filed_at, now.clocks) == ("submitted", was.due_at, None, was.clocks)


def test_recalled_and_given_to_others_and_back(desk: Desk) -> None:
    lead = desk.client("dispatcher")
    cases = [report(desk)["id"] for _ in range(2)]
    bulk(lead, "dispatch", cases, team=str(desk.pump))
    assert post(lead, BULK, {"action": "recall", "cases": [{"id": cases[0]}]}).status_code == 422  # why?
    moved = bulk(lead, "reassign", cases, team=str(desk.patrol), reason="分工调整")
    assert moved["done"] == 2 and set(Case.objects.values_list("team_id", flat=True)) == {desk.patrol}
    same = bulk(lead, "reassign", cases[:1], team=str(desk.patrol), reason="再调")
    assert same["done"] == 0 and same["items"][0]["problem"]
    assert post(lead, UNDO, {"case_ids": cases}).json()["done"] == 2
    assert set(Case.objects.values_list("team_id", flat=True)) == {desk.pump}
    assert bulk(lead, "recall", cases, reason="暂缓")["done"] == 2 and states(cases) == ["filed", "filed"]
    assert post(lead, UNDO, {"case_ids": cases}).json()["done"] == 2 and states(cases) == ["dispatched"] * 2
    assert Task.objects.filter(case_id=cases[0], state="open").count() == 1


def test_who_may_not_is_told_so_for_each_case(desk: Desk) -> None:
    case = report(desk)["id"]
    found = bulk(desk.client("grid_member"), "dispatch", [case])
    assert found["done"] == 0 and found["items"][0]["problem"] and states([case]) == ["submitted"]
    assert post(desk.client("dispatcher"), BULK, {"action": "close", "cases": [{"id": case}]}).status_code == 422
    assert post(desk.client("dispatcher"), BULK, {"action": "file", "cases": []}).status_code == 422
