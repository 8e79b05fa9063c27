"""Run cards: begun once, by hand or by a trigger; teams' tasks, ticks, skips, and the end."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import IN_NORTH, Desk

from linli.cases import facade as cases
from linli.cases.models import Case, TimelineEntry
from linli.command import card_services, playbooks
from linli.command.models import CardRun, CardStep
from linli.kernel import clock, ids, inbox
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Conflict
from linli.kernel.models import AuditRow
from linli.work.models import Task

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
GAS, COVER = "202169", "202156"


def report(class_code: str, *, urgent: bool = False) -> Case:
    done = cases.report_signal(actor=SYSTEM, channel="hotline", class_code=class_code, text="请来看看", lon=IN_NORTH[0],
                               lat=IN_NORTH[1], urgent=urgent)  # fmt: skip
    return Case.objects.get(pk=done.case_id)


def start(client: Any, case: Case, code: str) -> Any:
    return client.post(f"/api/v1/cases/{case.id}/playbooks", {"playbook": code}, **JSON)


def act(client: Any, run: dict[str, Any], key: str, **body: Any) -> Any:
    return client.post(f"/api/v1/playbook-runs/{run['id']}/steps/{key}", body, **JSON)


def step(run: dict[str, Any], key: str) -> dict[str, Any]:
    return next(s for s in run["steps"] if s["key"] == key)


def told(case: Case) -> list[str]:
    lines = TimelineEntry.objects.filter(case=case, act__startswith="card_")
    return list(lines.order_by("at", "id").values_list("act", flat=True))


def test_the_packs_hold_playbooks_whose_classes_are_known() -> None:
    found = playbooks.playbooks()
    assert len(found) == 8
    prefixes = {t.class_prefix for b in found.values() for t in b.triggers}
    assert set(cases.class_names(sorted(prefixes))) == prefixes


def test_the_preview_says_what_starting_then_makes(desk: Desk) -> None:
    case, client = report(COVER), desk.client("dispatcher")
    before = client.get(f"/api/v1/cases/{case.id}/playbooks").json()
    assert [b["code"] for b in before["fitting"]] == ["manhole_cover"] and len(before["others"]) == 7
    made = start(client, case, "manhole_cover")
    assert made.status_code == 201, made.content
    seen = {s["key"]: s["team"] for s in before["fitting"][0]["steps"]}
    assert {s["key"]: s["team"] for s in made.json()["steps"]} == seen
    opened = CardStep.objects.filter(run_id=made.json()["id"], state="open")
    assert {s.key for s in opened} == {"guard", "owner"}  # `fix` waits
    assert Task.objects.filter(case_id=case.id).count() == opened.exclude(team_id=None).count()
    after = client.get(f"/api/v1/cases/{case.id}/playbooks").json()
    assert len(after["runs"]) == 1 and after["fitting"] == []
    assert told(case) == ["card_start"]
    assert AuditRow.objects.filter(action="case.card_start", ref=str(case.id)).count() == 1


def test_who_comes_second_is_told_who_was_first(desk: Desk) -> None:
    case, client = report(COVER), desk.client("dispatcher")
    start(client, case, "manhole_cover")
    again = start(client, case, "manhole_cover")
    assert again.status_code == 409 and "启动这张处置卡" in again.json()["detail"]
    assert CardRun.objects.count() == 1 and told(case) == ["card_start"]


@pytest.mark.django_db(transaction=True)
def test_two_start_in_the_same_moment_and_one_run_stands(desk: Desk) -> None:
    case, gate, answers = report(COVER), threading.Barrier(2), []

    def go() -> None:
        try:
            gate.wait(10)
            card_services.start_card(actor=SYSTEM, case_id=case.id, playbook="manhole_cover")
            answers.append("started")
        except Conflict as error:
            answers.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(answers) == ["card-started", "started"]
    run = CardRun.objects.get()
    assert Task.objects.filter(case_id=case.id).count() == run.steps.exclude(task_id=None).count()
    assert told(case) == ["card_start"]


def test_a_trigger_that_is_heard_twice_starts_once(desk: Desk) -> None:
    case = report(GAS, urgent=True)
    for name in ("case.created", "case.created", "case.changed"):
        event = {"id": str(ids.new_id()), "type": name, "kind": "case", "ref": str(case.id), "area": case.area_path,
                 "permission": "cases.view",
                 "at": clock.now().isoformat(), "data": {"act": "file", "open": True}}  # fmt: skip
        inbox.deliver("command.triggers", inbox.envelope_of(event))
        inbox.deliver("command.triggers", inbox.envelope_of(event))
    assert list(CardRun.objects.values_list("playbook", flat=True)) == ["gas_smell"]
    assert told(case) == ["card_start"]


def test_a_trigger_needs_all_its_parts(desk: Desk) -> None:
    assert card_services.start_by_trigger(case_id=report(GAS).id) == 0  # not urgent
    assert card_services.start_by_trigger(case_id=report(COVER, urgent=True).id) == 0  # only offered
    assert card_services.start_by_trigger(case_id=ids.new_id()) == 0


def test_a_tick_says_who_and_when_and_counts_once(desk: Desk) -> None:
    case, client = report(COVER), desk.client("dispatcher")
    run = start(client, case, "manhole_cover").json()
    assert act(client, run, "owner", act="done").json()["errors"][0]["field"] == "checks"
    for _ in range(2):
        run = act(client, run, "owner", act="tick", check=0).json()
    point = step(run, "owner")["checks"][0]
    assert point["done"] and point["by_name"] and point["at"]
    assert told(case).count("card_tick") == 1
    assert act(client, run, "owner", act="tick", check=9).status_code in (400, 422)
    assert step(act(client, run, "owner", act="done").json(), "owner")["state"] == "done"
    late = act(client, run, "owner", act="done")
    assert late.status_code == 409 and "已由" in late.json()["detail"]


def test_a_step_waits_and_a_skip_needs_a_reason(desk: Desk) -> None:
    client = desk.client("dispatcher")
    run = start(client, report(COVER), "manhole_cover").json()
    assert act(client, run, "fix", act="done").status_code == 409
    assert act(client, run, "guard", act="skip").json()["errors"][0]["field"] == "reason"
    task = CardStep.objects.get(run_id=run["id"], key="guard").task_id
    run = act(client, run, "guard", act="skip", reason="物业已围护").json()
    assert step(run, "guard")["state"] == "skipped" and step(run, "fix")["state"] == "open"
    if task:
        assert Task.objects.get(pk=task).state == "cancelled"


def test_a_teams_finished_task_ends_its_step_once(desk: Desk) -> None:
    case, client = report(COVER), desk.client("dispatcher")
    run = start(client, case, "manhole_cover").json()
    row = CardStep.objects.exclude(task_id=None).filter(run_id=run["id"], key="guard").get()
    Task.objects.filter(pk=row.task_id).update(state="done", ended_at=clock.now())
    assert card_services.follow_task(task_id=row.task_id) is True
    assert card_services.follow_task(task_id=row.task_id) is False
    row.refresh_from_db()
    assert row.state == "done" and all(p["done"] for p in row.checks)
    assert CardStep.objects.get(run_id=run["id"], key="fix").state == "open"
    assert told(case).count("card_done") == 1


def test_a_run_ends_with_words_when_nothing_is_left(desk: Desk) -> None:
    case, client = report(COVER), desk.client("dispatcher")
    run = start(client, case, "manhole_cover").json()
    url = f"/api/v1/playbook-runs/{run['id']}"
    early = client.post(f"{url}/end", {"summary": "好了"}, **JSON)
    assert early.status_code == 409 and "3" in early.json()["detail"]
    run = client.post(f"{url}/steps", {"title": "通知学校", "minutes": 10}, **JSON).json()
    assert run["steps"][-1]["zh"] == "通知学校" and run["steps"][-1]["state"] == "open"
    run = client.post(f"{url}/posts/commander", {}, **JSON).json()
    assert run["posts"][0]["name"]
    for one in run["steps"]:
        act(client, run, one["key"], act="skip", reason="演练")
    run = client.post(f"{url}/end", {"summary": "井盖已复位"}, **JSON).json()
    assert run["ended_at"] and run["summary"] == "井盖已复位"
    assert client.post(f"{url}/end", {"summary": "又一次"}, **JSON).status_code == 409
    assert told(case)[-1] == "card_end"


def test_a_run_keeps_the_version_it_began_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    client, case = desk.client("dispatcher"), report(COVER)
    run = start(client, case, "manhole_cover").json()
    old = playbooks.playbooks()["manhole_cover"]
    newer = playbooks.Playbook(old.code, 2, "新版", "New", old.steps[:1], old.triggers)
    monkeypatch.setattr(playbooks, "_read", lambda paths: {old.code: newer})
    seen = client.get(f"/api/v1/cases/{case.id}/playbooks").json()["runs"][0]
    assert (seen["version"], seen["zh"], len(seen["steps"])) == (1, run["zh"], len(old.steps))


def test_more_cards_take_no_more_queries(desk: Desk) -> None:
    client, case = desk.client("dispatcher"), report(COVER)
    counts = []
    for codes in (("manhole_cover",), ("fallen_tree", "power_cut", "lift_people")):
        for code in codes:
            start(client, case, code)
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/api/v1/cases/{case.id}/playbooks")
        counts.append(len(asked))
    assert counts[1] <= counts[0], counts
