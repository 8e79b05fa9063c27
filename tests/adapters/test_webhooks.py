"""Webhooks: signed, heard by right only, sent again until they arrive, once each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from django.test import Client
from tests.cases.conftest import IN_NORTH, NORTH, SOUTH, D, Desk, desk
from tests.cases.test_flow import report
from tests.identity.accounts import make_account

from linli.adapters.webhooks import rules, services
from linli.adapters.webhooks.models import Delivery, Hook
from linli.identity import facade as identity
from linli.kernel import clock, events, ids, inbox
from linli.kernel.models import AuditRow, InboxEvent, OutboxEvent

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
__all__ = ["desk"]


class Ear:
    """A server that keeps what it hears, and answers as told."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answer = 200
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ear.heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(ear.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/in"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]


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
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
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
