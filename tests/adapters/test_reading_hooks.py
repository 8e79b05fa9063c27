"""Reading hooks: platforms of others push, their mapping reads it, and what is wrong is named and kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.adapters.sensorthings.conftest import Program, devices, history, program
from tests.cases.conftest import NORTH, SOUTH, D, Desk, desk

from linli.adapters.readings.models import ReadingDelivery, ReadingHook, UnknownNumber
from linli.adapters.readings.services import receiving
from linli.devices.models import DeviceStatus
from linli.devices.services import credentials
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.portal import limits
from linli.telemetry import facade as telemetry
from linli.telemetry import selectors
from linli.telemetry.batch import LATE, OUT_OF_RANGE, PRIVATE

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
__all__ = ["Program", "desk", "devices", "history", "program"]
JSON = {"content_type": "application/json"}
IMEI = "863703030668235"
MAPPING: dict[str, Any] = {
    "each": "$.items[*]", "device": {"path": "@.id", "as": "code"}, "time": {"path": "@.t", "form": "ms"},
    "readings": [{"path": "@.cm", "property": "level", "scale": 0.01},
                 {"path": "@.lid", "property": "open", "table": {"up": True, "down": False}}],
}  # fmt: skip
TOKEN = {"way": "token", "in": "header", "name": "X-Key"}


def enter(client: Any, **more: Any) -> dict[str, Any]:
    given = {"name": "水务平台", "auth": TOKEN, "mapping": MAPPING, **more}
    made = client.post("/api/v1/reading-hooks", given, **JSON)
    assert made.status_code == 201, made.content
    return dict(made.json())


def push(hook: dict[str, Any], doc: Any, headers: dict[str, str] | None = None, query: str = "") -> Any:
    raw = doc if isinstance(doc, bytes) else json.dumps(doc, ensure_ascii=False).encode()
    shown = {"X-Key": hook["secret"]} if headers is None else headers
    return Client().post(hook["path"] + query, raw, content_type="application/json",
                         headers={"Accept-Language": "en", **shown})  # fmt: skip


def now_ms() -> int:
    return round(clock.now().timestamp() * 1000)


def item(at: int, code: str = "N-1", **more: Any) -> dict[str, Any]:
    return {"id": code, "t": at, "cm": 150, "lid": "up", **more}


def log(hook: dict[str, Any]) -> list[ReadingDelivery]:
    return list(ReadingDelivery.objects.filter(hook_id=hook["id"]).order_by("created_at", "id"))


def newest(key: UUID) -> dict[str, tuple[int, float, int, int]]:
    return telemetry.newest([key])[0]


def stored(key: UUID, since: int) -> list[float]:
    """All levels of a device since a time, as they lie in history."""
    pages = selectors.history().export(key, "level", since, since + 60_000)
    return [value for page in pages for value in page.column("value").to_pylist()]


def test_a_push_is_stored_once_however_often_it_comes(desk: Desk, devices: dict[str, UUID]) -> None:
    hook, at = enter(desk.client("integrator")), now_ms() - 5_000
    for _ in range(3):
        answer = push(hook, {"items": [item(at), item(at - 1000, cm=140)]})
        assert (answer.status_code, answer.json()) == (
            200, {"items": 2, "readings": 4, "unknown": 0, "passed": False})  # fmt: skip
    found = newest(devices["n"])
    assert found["level"][:2] == (at, 1.5) and found["open"][:2] == (at, 1.0)
    assert stored(devices["n"], at - 2000) == [1.4, 1.5]
    status = DeviceStatus.objects.get(device_id=devices["n"])
    assert status.messages == 3 and status.last_seen is not None
    assert status.online_until is not None and status.online_until > clock.now()
    assert [(one.outcome, one.readings) for one in log(hook)] == [("stored", 4)] * 3
    assert "1.5" not in str(list(ReadingDelivery.objects.values()))


def test_what_is_wrong_is_named_kept_and_stores_nothing(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    hook, at = enter(client), now_ms() - 1000
    before = newest(devices["n"])
    answer = push(hook, {"items": [item(at), item(at, cm="deep"), item(at, lid="ajar"), item(at, t="soon")]})
    assert answer.status_code == 422 and answer["Content-Type"].startswith("application/problem+json")
    assert [one["field"] for one in answer.json()["errors"]] == ["items[1].cm", "items[2].lid", "items[3].t"]
    assert push(hook, {"items": [item(now_ms() + 3_600_000)]}).json()["errors"][0]["field"] == "items[0]"
    assert push(hook, b"{").json()["errors"] == [{"field": "body", "reason": "is not JSON"}]
    assert push(hook, b'{"a": "\\u0000"}').status_code == 422
    assert push(hook, {"items": [{"id": "N-1", "t": at}]}).json()["errors"][0]["field"] == "items[0]"
    assert push(hook, {}).json()["errors"] == [{"field": "items[*]", "reason": "has no items"}]
    assert newest(devices["n"]) == before
    kept = client.get(f"/api/v1/reading-hooks/{hook['id']}/deliveries?outcome=refused").json()["items"]
    assert len(kept) == 6 and kept[-1]["errors"][0] == {"field": "items[1].cm", "reason": "must be a number or a bool"}
    assert "deep" not in json.dumps(kept)
    assert client.get(f"/api/v1/reading-hooks/{hook['id']}/deliveries?outcome=x").status_code == 422


def test_unknown_devices_and_those_of_other_areas_are_counted_and_listed(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    hook, at = enter(client, area_path=NORTH), now_ms()
    before = newest(devices["s"])
    for _ in range(2):
        answer = push(hook, {"items": [item(at, "S-1"), item(at, "nobody", cm="x"), item(at)]}).json()
        assert answer == {"items": 3, "readings": 2, "unknown": 2, "passed": False}
    assert newest(devices["s"]) == before
    page = client.get(f"/api/v1/reading-hooks/{hook['id']}/unknown-numbers", {"limit": 1}).json()
    more = client.get(f"/api/v1/reading-hooks/{hook['id']}/unknown-numbers", {"cursor": page["next"]}).json()
    assert {(one["number"], one["count"]) for one in page["items"] + more["items"]} == {("S-1", 2), ("nobody", 2)}
    with mock.patch.object(receiving, "MOST_UNKNOWN", 2):
        push(hook, {"items": [item(at, "third")]})
    assert UnknownNumber.objects.filter(hook_id=hook["id"]).count() == 2


def test_a_household_meter_by_its_number_keeps_its_privacy(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    credentials.register_station(actor=SYSTEM, device_id=devices["m"], protocol="outside", number=IMEI)
    mapping = {**MAPPING, "device": {"path": "@.id", "as": "number"}}
    hook, at = enter(client, mapping=mapping), now_ms() - 7_200_000
    with mock.patch.object(telemetry, "write", wraps=telemetry.write) as wrote:
        assert push(hook, {"items": [item(at, int(IMEI), cm=5000)]}).json()["readings"] == 2  # type: ignore[arg-type]
    flags = {row[1]: row[5] for row in wrote.call_args.args[0]}
    assert flags["level"] == PRIVATE | LATE | OUT_OF_RANGE and flags["open"] & PRIVATE
    tried = client.post(
        f"/api/v1/reading-hooks/{hook['id']}/test", {"body": {"items": [item(at, IMEI)]}}, **JSON
    ).json()
    assert tried["items"][0]["known"] and tried["items"][0]["code"] == ""


def test_a_try_shows_what_would_be_stored_and_stores_nothing(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    hook, at = enter(client), now_ms()
    ask = f"/api/v1/reading-hooks/{hook['id']}/test"
    before = newest(devices["n"])
    tried = client.post(ask, {"body": {"items": [item(at), item(at, "nobody")]}}, **JSON).json()
    assert tried["ok"] and [(one["device"], one["known"], one["code"]) for one in tried["items"]] == [
        ("N-1", True, "N-1"), ("nobody", False, "")]  # fmt: skip
    assert [(r["property"], r["value"], r["known"]) for r in tried["items"][0]["readings"]] == [
        ("level", 1.5, True), ("open", True, True)]  # fmt: skip
    bad = client.post(ask, {"body": {"items": [item(at, cm="x")]}}, **JSON, headers={"Accept-Language": "en"}).json()
    assert not bad["ok"] and bad["errors"] == [{"field": "items[0].cm", "reason": "must be a number or a bool"}]
    assert newest(devices["n"]) == before and not ReadingDelivery.objects.exists()


def test_each_preset_makes_a_hook_and_reads_its_sample(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    presets = client.get("/api/v1/reading-hooks/presets").json()
    assert {"onenet", "onenet_things", "ctwing", "ctwing_raw", "iotda", "thingsboard", "chirpstack"} <= {
        one["code"] for one in presets}  # fmt: skip
    for one in presets:
        assert one["source"]["zh"] and one["source"]["en"]
        hook = enter(client, name=one["code"], auth=one["auth"], mapping=one["mapping"])
        tried = client.post(f"/api/v1/reading-hooks/{hook['id']}/test", {"body": one["sample"]}, **JSON).json()
        assert tried["ok"] and tried["items"][0]["readings"], (one["code"], tried)


def test_a_token_in_header_or_address_and_a_signature_of_the_body(desk: Desk, devices: dict[str, UUID]) -> None:
    client, doc = desk.client("integrator"), {"items": [item(now_ms())]}
    by_header = enter(client)
    assert push(by_header, doc, {"X-Key": f"Bearer {by_header['secret']}"}).status_code == 200
    for headers in ({}, {"X-Key": ""}, {"X-Key": "no"}, {"X-Key": "密"}):
        assert push(by_header, doc, headers).status_code == 401
    by_address = enter(client, auth={"way": "token", "in": "query", "name": "token"})
    assert push(by_address, doc, {}, f"?token={by_address['secret']}").status_code == 200
    assert push(by_address, doc, {}, "?token=no").status_code == push(by_address, doc, {}).status_code == 401
    by_hmac, raw = enter(client, auth={"way": "hmac"}), json.dumps(doc).encode()
    made = hmac.new(by_hmac["secret"].encode(), raw, hashlib.sha256)
    for said in (made.hexdigest(), f"sha256={made.hexdigest()}", base64.b64encode(made.digest()).decode()):
        assert push(by_hmac, raw, {"X-Signature": said}).status_code == 200
        assert push(by_hmac, raw + b" ", {"X-Signature": said}).status_code == 401
    assert [one.errors[0]["field"] for one in log(by_hmac) if one.outcome == "signature"] == ["X-Signature"] * 3
    assert by_header["secret"] not in str(list(ReadingHook.objects.values()))


def onenet_digest(token: str, nonce: str, msg: str) -> str:
    """Written anew from the platform's manual."""
    return base64.b64encode(hashlib.md5((token + nonce + msg).encode()).digest()).decode()


def test_onenet_asks_for_the_address_and_signs_what_it_pushes(desk: Desk, devices: dict[str, UUID]) -> None:
    client, at = desk.client("integrator"), now_ms() - 2000
    credentials.register_station(actor=SYSTEM, device_id=devices["n"], protocol="outside", number="2016617")
    preset = next(one for one in client.get("/api/v1/reading-hooks/presets").json() if one["code"] == "onenet")
    hook = enter(client, auth=preset["auth"], mapping=preset["mapping"])
    asked = {"msg": "abc+1", "nonce": "n1", "signature": onenet_digest(hook["secret"], "n1", "abc+1")}
    answer = Client().get(hook["path"], asked)
    assert (answer.status_code, answer.content) == (200, b"abc+1")
    assert Client().get(hook["path"], {**asked, "msg": "other"}).status_code == 401
    msg = f'{{"type": 1, "dev_id": 2016617, "ds_id": "level", "at": {at}, "value": 2.5}}'
    for text in (msg, msg.replace(" ", "")):
        proof = onenet_digest(hook["secret"], "n2", text)
        raw = f'{{"msg": {text}, "msg_signature": "{proof}", "nonce": "n2"}}'.encode()
        assert push(hook, raw, {}).json()["readings"] == 1
        assert push(hook, raw.replace(b"2.5", b"9.5"), {}).status_code == 401
    assert newest(devices["n"])["level"][:2] == (at, 2.5)
    online = '{"type":2,"dev_id":2016617,"status":1}'
    proof = onenet_digest(hook["secret"], "n3", online)
    raw = f'{{"msg":{online},"msg_signature":"{proof}","nonce":"n3"}}'.encode()
    assert push(hook, raw, {}).json() == {"items": 0, "readings": 0, "unknown": 0, "passed": True}
    assert [one.outcome for one in log(hook)] == ["verified", "signature", "stored", "signature", "stored", "signature",
                                                  "passed"]  # fmt: skip
    assert Client().get(enter(client)["path"], asked).status_code == 404


def test_limits_by_hook_of_pushes_and_of_their_size(desk: Desk, devices: dict[str, UUID]) -> None:
    hook, doc = enter(desk.client("integrator"), per_hour=2, most_kb=1), {"items": [item(now_ms())]}
    assert [push(hook, doc).status_code for _ in range(3)] == [200, 200, 429]
    large = push(hook, b" " * 1025)
    assert large.status_code == 413 and large.json()["errors"][0]["field"] == "body"
    with mock.patch.dict(limits.MOST, {"readings-bad": 4}):
        for _ in range(6):
            assert push(hook, doc, {}).status_code == 401
    assert len(log(hook)) == 2 + 4
    with mock.patch.dict(limits.MOST, {"readings-door": 0}):
        assert push(hook, doc).status_code == 429


def test_paused_given_a_new_secret_and_retired(desk: Desk, devices: dict[str, UUID]) -> None:
    client, doc = desk.client("integrator"), {"items": [item(now_ms())]}
    hook = enter(client)
    at = f"/api/v1/reading-hooks/{hook['id']}"
    assert "secret" not in client.get(at).json()
    made = client.post(f"{at}/secret", {"version": 1}, **JSON).json()
    assert push(hook, doc).status_code == push(made, doc).status_code == 200
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1), tick=True):
        assert push(hook, {"items": [item(now_ms())]}).status_code == 401
    assert client.patch(at, {"version": 1, "enabled": False}, **JSON).status_code == 409
    assert client.patch(at, {"version": 2, "enabled": False}, **JSON).status_code == 200
    assert push(made, doc).status_code == 404
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == 404 and client.get("/api/v1/reading-hooks").json()["items"] == []
    assert push(made, doc).status_code == 404 and log(hook)


def test_a_hook_that_cannot_be_is_refused_by_field(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    bad = {"name": " ", "auth": {"way": "magic"}, "mapping": {"readings": [{"path": "x"}]}, "per_hour": 0,
           "most_kb": 5000, "area_path": D}  # fmt: skip
    answer = client.post("/api/v1/reading-hooks", bad, **JSON)
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} >= {
        "name", "auth.way", "mapping.device", "mapping.time", "mapping.readings[0].path", "per_hour",
        "most_kb"}  # fmt: skip
    for auth, field in (({"way": "hmac", "in": "query"}, "auth.in"), ({"way": "token", "name": "a b"}, "auth.name")):
        given = {"name": "x", "auth": auth, "mapping": MAPPING}
        assert [e["field"] for e in client.post("/api/v1/reading-hooks", given, **JSON).json()["errors"]] == [field]
    assert SOUTH


def test_the_list_asks_as_much_for_many_and_the_log_goes(desk: Desk, devices: dict[str, UUID]) -> None:
    client = desk.client("integrator")
    counts = {}
    for limit in (1, 50):
        for n in range(3):
            push(enter(client, name=f"{limit}-{n}"), {"items": [item(now_ms())]})
        with CaptureQueriesContext(connection) as queries:
            shown = client.get(f"/api/v1/reading-hooks?limit={limit}").json()["items"]
        counts[limit] = len(queries)
        assert (shown[0]["stored"], shown[0]["last"]["outcome"]) == (2, "stored")
    assert counts[1] == counts[50]
    refused = enter(client, name="refused")
    push(refused, b"{")
    with time_machine.travel(clock.now() + timedelta(days=2)):
        receiving.forget_old()
    assert [one.outcome for one in ReadingDelivery.objects.all()] == ["refused"]
    with time_machine.travel(clock.now() + timedelta(days=31)):
        receiving.forget_old()
    assert not ReadingDelivery.objects.exists()
