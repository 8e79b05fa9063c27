"""Webhooks: signed, heard by right only, sent again until they arrive, once each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.adapters.receiver import Ear, signatures
from tests.cases.conftest import IN_NORTH, NORTH, SOUTH, D, Desk, desk
from tests.cases.test_flow import report
from tests.identity.accounts import make_account

from linli.adapters.webhooks import catalogue, jobs, rules, services
from linli.adapters.webhooks.models import Delivery, Hook
from linli.identity import facade as identity
from linli.kernel import clock, events, ids, inbox
from linli.kernel.models import AuditRow, InboxEvent, OutboxEvent

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
__all__ = ["desk"]


@pytest.fixture
def ear(settings: Any) -> Iterator[Ear]:
    settings.LINLI_HOOKS_TO_LOOPBACK = True
    made = Ear()
    yield made
    made.server.shutdown()
    made.server.server_close()


def enter(client: Any, ear: Ear, **more: Any) -> dict[str, Any]:
    body = {"name": "对接", "url": ear.url, "types": ["case.*"], **more}
    made = client.post("/api/v1/webhooks", body, **JSON)
    assert made.status_code == 201, made.content
    return dict(made.json())


def run() -> None:
    """What the process `jobs` does: hand events to consumers, then send what is due."""
    inbox.pump()
    for row in Hook.objects.filter(enabled=True):
        services.deliver(row.id)


def test_news_arrives_signed_and_without_words_or_names(desk: Desk, ear: Ear) -> None:
    made = enter(desk.client("integrator"), ear)
    case = report(desk, lon=IN_NORTH[0], lat=IN_NORTH[1], text="王五家漏水 13812345678")
    run()
    headers, body = ear.heard[0]
    assert json.loads(body)["type"] == "case.created" and json.loads(body)["ref"] == case["id"]
    assert "王五" not in body.decode() and "audience" not in json.loads(body)
    assert signatures(made, headers, body)
    assert abs(int(headers["webhook-timestamp"]) - clock.now().timestamp()) < 60
    assert "secret" not in desk.client("integrator").get(f"/api/v1/webhooks/{made['id']}").json()


def test_each_event_is_sent_once_however_often_it_is_delivered(desk: Desk, ear: Ear) -> None:
    enter(desk.client("integrator"), ear)
    report(desk)
    run()
    count = len(ear.heard)
    assert count == Delivery.objects.filter(state="sent").count() >= 1
    for row in Delivery.objects.all():
        services._queue(row.hook, inbox.envelope_of({**row.body, "id": str(row.event_id)}))
    run()
    assert len(ear.heard) == count
    assert len({h["webhook-id"] for h, _ in ear.heard}) == count


def test_what_fails_is_sent_again_under_its_id_and_given_up_after_two_days(desk: Desk, ear: Ear) -> None:
    made = enter(desk.client("integrator"), ear, types=["case.created"])
    ear.answer = 500
    report(desk)
    run()
    assert len(ear.heard) == 1
    services.deliver(Hook.objects.get().id)
    assert len(ear.heard) == 1, "not before its time"
    at = clock.now()
    for pause in rules.WAITS:
        at += pause + timedelta(seconds=1)
        with time_machine.travel(at, tick=False):
            services.deliver(Hook.objects.get().id)
    item = Delivery.objects.get()
    assert (item.state, item.status, item.attempts) == ("failed", 500, 10)
    assert len({h["webhook-id"] for h, _ in ear.heard}) == 1 and len(ear.heard) == 10
    ear.answer = 204
    url = f"/api/v1/webhooks/{made['id']}/deliveries/{item.id}/again"
    assert desk.client("integrator").post(url, **JSON).json()["state"] == "waiting"
    run()
    item.refresh_from_db()
    assert item.state == "sent" and Hook.objects.get().failing_since is None


def test_an_address_that_is_gone_is_switched_off(desk: Desk, ear: Ear) -> None:
    enter(desk.client("integrator"), ear)
    ear.answer = 410
    report(desk)
    run()
    assert Hook.objects.get().enabled is False
    before = len(ear.heard)
    report(desk)
    run()
    assert len(ear.heard) == before


def test_one_hears_only_ones_own_area_and_what_one_asked_for(desk: Desk, ear: Ear) -> None:
    enter(desk.client("integrator", SOUTH), ear)
    report(desk, lon=IN_NORTH[0], lat=IN_NORTH[1])
    run()
    assert ear.heard == []
    enter(desk.client("integrator", D), ear, types=["alarm.*"])
    enter(desk.client("integrator", D), ear, area_path=SOUTH)
    report(desk, lon=IN_NORTH[0], lat=IN_NORTH[1])
    run()
    assert ear.heard == []
    enter(desk.client("integrator", D), ear, area_path=NORTH)
    report(desk, lon=IN_NORTH[0], lat=IN_NORTH[1], private=True)
    run()
    assert ear.heard == [], "private cases need a right of their own"


def test_a_narrow_key_makes_a_narrow_hook(desk: Desk, ear: Ear) -> None:
    account = make_account(("integrator", D))
    key = identity.create_apikey(account_id=account.id, scopes=["integrations.manage"])
    bearer = {"headers": {"Authorization": f"Bearer {key}"}, **JSON}
    made = Client().post("/api/v1/webhooks", {"name": "x", "url": ear.url, "types": ["*"]}, **bearer)
    assert made.status_code == 201, made.content
    report(desk)
    run()
    assert ear.heard == []


def test_a_test_message_and_the_log(desk: Desk, ear: Ear) -> None:
    client = desk.client("integrator")
    made = enter(client, ear)
    assert client.post(f"/api/v1/webhooks/{made['id']}/test", **JSON).status_code == 201
    run()
    assert [b["type"] for b in ear.bodies()] == ["webhook.test"]
    log = client.get(f"/api/v1/webhooks/{made['id']}/deliveries").json()["items"]
    assert [(d["type"], d["state"], d["status"]) for d in log] == [("webhook.test", "sent", 200)]
    assert AuditRow.objects.filter(kind="webhook").count() == 2


def test_changed_by_one_at_a_time_and_deleted(desk: Desk, ear: Ear) -> None:
    client = desk.client("integrator")
    made = enter(client, ear)
    url = f"/api/v1/webhooks/{made['id']}"
    assert client.patch(url, {"version": 1, "enabled": False}, **JSON).json()["version"] == 2
    assert client.patch(url, {"version": 1, "enabled": True}, **JSON).status_code == 409
    report(desk)
    run()
    assert ear.heard == []
    assert client.delete(url).status_code == 204 and client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://example.org"}, "url"), ({"url": "https://user:pass@example.org/"}, "url"),
        ({"url": "https://"}, "url"), ({"url": "https://x:99999/"}, "url"), ({"types": []}, "types"),
        ({"types": ["case"]}, "types"), ({"name": " "}, "name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_field(desk: Desk, body: dict[str, Any], field: str) -> None:
    good = {"name": "x", "url": "https://example.org/in", "types": ["*"]}
    answer = desk.client("integrator").post("/api/v1/webhooks", {**good, **body}, **JSON)
    assert answer.status_code == 422
    assert field in {e["field"] for e in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("address", "loopback", "barred"),
    [
        ("127.0.0.1", False, True), ("127.0.0.1", True, False), ("::1", False, True), ("169.254.169.254", True, True),
        ("::ffff:169.254.169.254", True, True), ("0.0.0.0", True, True), ("10.1.2.3", False, False),
        ("8.8.8.8", False, False),
    ],
)  # fmt: skip
def test_this_machine_and_its_secrets_are_never_asked(address: str, loopback: bool, barred: bool) -> None:
    assert rules.barred(address, loopback) is barred


def test_loopback_is_refused_unless_the_district_allows_it(desk: Desk, ear: Ear, settings: Any) -> None:
    settings.LINLI_HOOKS_TO_LOOPBACK = False
    enter(desk.client("integrator"), ear)
    report(desk)
    run()
    assert ear.heard == [] and "never asked" in Hook.objects.get().last_error


def test_a_new_secret_and_the_one_before_sign_side_by_side_for_a_day(desk: Desk, ear: Ear) -> None:
    client = desk.client("integrator")
    first = enter(client, ear)
    url = f"/api/v1/webhooks/{first['id']}"
    second = client.post(f"{url}/secret", {"version": 1}, **JSON).json()
    assert second["secret"] != first["secret"] and second["version"] == 2
    assert client.post(f"{url}/secret", {"version": 1}, **JSON).status_code == 409
    assert "secret" not in client.get(url).json()
    client.post(f"{url}/test", **JSON)
    run()
    assert signatures(first, *ear.heard[-1]) and signatures(second, *ear.heard[-1])
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=False):
        client = desk.client("integrator")
        client.post(f"{url}/test", **JSON)
        run()
    assert not signatures(first, *ear.heard[-1]) and signatures(second, *ear.heard[-1])


def test_the_log_tells_what_waits_what_is_tried_again_and_what_was_given_up(desk: Desk, ear: Ear) -> None:
    client = desk.client("integrator")
    made = enter(client, ear)
    url = f"/api/v1/webhooks/{made['id']}"
    tests = [client.post(f"{url}/test", **JSON).json() for _ in range(4)]
    Delivery.objects.filter(pk=tests[0]["id"]).update(state="failed", attempts=10)
    Delivery.objects.filter(pk__in=[tests[1]["id"], tests[2]["id"]]).update(next_at=clock.now() + timedelta(hours=1))
    ear.answer = 503
    run()
    log = {
        name: [row["id"] for row in client.get(f"{url}/deliveries?standing={name}").json()["items"]]
        for name in ("waiting", "retrying", "given_up", "sent")
    }
    assert log == {"waiting": [tests[2]["id"], tests[1]["id"]], "retrying": [tests[3]["id"]],
                   "given_up": [tests[0]["id"]], "sent": []}  # fmt: skip
    assert client.get(f"{url}/deliveries?standing=lost").status_code == 422
    found = client.get("/api/v1/webhooks").json()["items"][0]
    assert (found["waiting"], found["retrying"], found["given_up"]) == (2, 1, 1)
    assert (found["last"]["id"], found["last"]["status"], found["last"]["standing"]) == (
        tests[3]["id"],
        503,
        "retrying",
    )
    one = client.get(f"{url}/deliveries/{tests[3]['id']}").json()
    assert one["body"]["type"] == "webhook.test" and one["took_ms"] >= 0 and one["body"] == ear.bodies()[-1]
    assert client.get(f"{url}/deliveries/{made['id']}").status_code == 404


def test_a_message_that_comes_while_another_worker_sends_waits_two_seconds_not_a_minute(
    desk: Desk, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook_id = enter(desk.client("integrator"), ear)["id"]
    monkeypatch.setattr(services, "alone", lambda what, row_id: nullcontext(False))
    jobs.deliver(hook_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM scheduled_at - now()) FROM procrastinate_jobs WHERE queueing_lock = %s",
            [f"webhooks.deliver:{hook_id}"],
        )
        assert [0 < float(row[0]) < 10 for row in cursor.fetchall()] == [True]


def test_the_list_of_hooks_reads_as_often_for_one_as_for_many(desk: Desk, ear: Ear) -> None:
    client = desk.client("integrator")

    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/api/v1/webhooks").status_code == 200
        return len(seen)

    for _ in range(2):
        client.post(f"/api/v1/webhooks/{enter(client, ear)['id']}/test", **JSON)
    few = count()
    for _ in range(8):
        client.post(f"/api/v1/webhooks/{enter(client, ear)['id']}/test", **JSON)
    assert count() == few


def test_a_paused_hook_says_that_it_cannot_be_tested_and_one_that_was_gone_says_so(desk: Desk, ear: Ear) -> None:
    client = desk.client("integrator")
    url = f"/api/v1/webhooks/{enter(client, ear)['id']}"
    ear.answer = 410
    client.post(f"{url}/test", **JSON)
    run()
    assert client.get(url).json()["stopped_at"] and not client.get(url).json()["enabled"]
    refused = client.post(f"{url}/test", headers={"Accept-Language": "zh"}, **JSON)
    assert refused.status_code == 409 and "暂停" in refused.json()["detail"]
    assert client.patch(url, {"version": 1, "enabled": True}, **JSON).json()["stopped_at"] is None


def test_every_event_that_staff_can_hear_is_described_with_its_permissions(desk: Desk) -> None:
    reviewed: dict[str, set[str]] = {}
    with (Path(__file__).parents[1] / "identity" / "events.csv").open(encoding="utf-8") as source:
        for line in csv.DictReader(source):
            if not line["type"].startswith(rules.SILENT) and line["permission"] != "public":
                reviewed.setdefault(line["type"], set()).add(line["permission"])
    described = {one.type: {*one.permissions, *(["account"] if one.account else [])} for one in catalogue.EVENTS}
    assert described == reviewed
    found = {one["type"]: one["may"] for one in desk.client("integrator").get("/api/v1/webhooks/events").json()}
    assert found["case.created"] and not found["handover.changed"] and found.keys() == reviewed.keys()


def test_refusals_are_in_the_language_of_whoever_asks(desk: Desk) -> None:
    body = {"name": "", "url": "ftp://x", "types": []}
    for lang, word in (("zh", "网址"), ("en", "address")):
        answer = desk.client("integrator").post("/api/v1/webhooks", body, headers={"Accept-Language": lang}, **JSON)
        assert word in {e["field"]: e["reason"] for e in answer.json()["errors"]}["url"]


def taken() -> int:
    return InboxEvent.objects.filter(consumer="adapters.webhooks").count()


def thousand() -> None:
    for number in range(1000):
        kind, permission = ("case", "cases.view") if number % 100 == 0 else ("alarm", "alarms.view")
        events.emit(type=f"{kind}.changed", kind=kind, ref=ids.new_id(), area=NORTH, permission=permission)


def test_a_thousand_events_that_no_hook_wants_cost_one_read_and_no_row(
    desk: Desk, ear: Ear, django_assert_num_queries: Any
) -> None:
    thousand()
    batch = [row.envelope for row in OutboxEvent.objects.filter(type__endswith=".changed")]
    with django_assert_num_queries(1):
        assert sum(inbox.wanted("adapters.webhooks", batch)) == 0
    inbox.pump()
    assert taken() == 0


def test_of_a_thousand_events_only_the_wanted_ones_are_taken_and_each_once(desk: Desk, ear: Ear) -> None:
    enter(desk.client("integrator"), ear, types=["case.changed"], area_path=NORTH)
    thousand()
    run()
    assert taken() == Delivery.objects.count() == len(ear.heard) == 10
    OutboxEvent.objects.update(sent_at=None)  # as after the loss of the stream
    run()
    assert taken() == Delivery.objects.count() == len(ear.heard) == 10


def test_old_events_that_are_told_again_are_not_news_to_a_new_hook(desk: Desk, ear: Ear) -> None:
    report(desk)
    run()
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        made = enter(desk.client("integrator"), ear)
        OutboxEvent.objects.update(sent_at=None)
        run()
        assert ear.heard == []
        url = f"/api/v1/webhooks/{made['id']}"
        assert desk.client("integrator").patch(url, {"version": 1, "enabled": False}, **JSON).status_code == 200
        report(desk)
        run()
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False):
        assert desk.client("integrator").patch(url, {"version": 2, "enabled": True}, **JSON).status_code == 200
        OutboxEvent.objects.update(sent_at=None)
        run()
        assert ear.heard == [], "what happened while it was paused"
        report(desk)
        run()
    assert {b["type"] for b in ear.bodies()} >= {"case.created"}
