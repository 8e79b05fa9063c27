"""A thing model drafted, published and changed in a running district: no process is started anew, and each of them
follows: gateway, sense, history, SensorThings, the job that moves devices."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from tests.devices.test_thing_shape import LEVEL, NAMED
from tests.district import District
from tests.stranger import Stranger, until

pytestmark = pytest.mark.slow
CM = LEVEL | {"code": "lvl", "unit": "cm", "range": [0, 1000], "usual": [10, 300], "quality": {"jump": 50}}
FIRST: dict[str, Any] = {
    "code": "well_probe", "version": 1, "name": {"zh": "井液位", "en": "Well probe"}, "subject": "place",
    "category": "water", "icon": "water", "interval_s": 60, "properties": [CM],
}  # fmt: skip
TURBIDITY = {"code": "turbidity", "name": {"zh": "浊度", "en": "turbidity"}, "type": "number", "unit": "[NTU]",
             "range": [0, 4000]}  # fmt: skip


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with District() as one:
        yield one


class Admin(Stranger):
    """Who writes thing models, and devices that speak MQTT."""

    def __init__(self, district: District) -> None:
        super().__init__(district)
        self.mqtt_port = district.port("mqtt")
        self.sta = httpx.Client(base_url=f"{district.origin}/sta/v1.1", headers=self.http.headers, timeout=20,
                                trust_env=False)  # fmt: skip

    def publish(self, made: dict[str, Any], body: dict[str, Any], **how: Any) -> dict[str, Any]:
        saved = self.ask("PUT", f"thing-model-drafts/{made['id']}", {"revision": made["revision"], "body": body})
        assert saved["problems"] == []
        how = {"revision": saved["revision"]} | how
        return self.ask("POST", f"thing-model-drafts/{made['id']}/publish", how)  # type: ignore[no-any-return]

    def next(self) -> dict[str, Any]:
        return self.post("thing-model-drafts", {"source": "next", "of": "well_probe"})  # type: ignore[no-any-return]

    def rule(self, prop: str, limit: float) -> dict[str, Any]:
        return self.post("rules", {  # type: ignore[no-any-return]
            "model": "well_probe", "title": {"zh": "过高", "en": "Too high"}, "kind": "threshold", "property": prop,
            "op": "gt", "value": limit, "severity": "severe",
        })  # fmt: skip

    def say(self, token: str, values: dict[str, Any]) -> int:
        """One message over MQTT, acknowledged; its time in ms."""
        ts = time.time_ns() // 1_000_000
        one = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex)
        one.username_pw_set(token)
        until(lambda: self._open(one), 20)
        sent = one.publish("v1/devices/me/telemetry", json.dumps({"ts": ts, "values": values}), qos=1)
        sent.wait_for_publish(10)
        assert sent.is_published()
        one.disconnect()
        one.loop_stop()
        return ts

    def _open(self, one: paho.Client) -> bool:
        one.connect("127.0.0.1", self.mqtt_port)
        one.loop_start()
        end = time.monotonic() + 2
        while time.monotonic() < end and not one.is_connected():
            time.sleep(0.05)
        if not one.is_connected():
            one.loop_stop()
        return one.is_connected()

    def stored(self, device: str, name: str) -> list[tuple[float, int]]:
        return [(r["value"], r["flags"]) for r in self.get(f"devices/{device}/readings?property={name}")["items"]]

    def streams(self, device: str) -> dict[str, str]:
        """Open datastreams of a device: name → symbol of its unit."""
        found = self.sta.get("/Things", params={"$filter": f"name eq '{device}'", "$expand": "Datastreams"}).json()
        return {row["name"]: row["unitOfMeasurement"]["symbol"] for row in found["value"][0]["Datastreams"]}


@pytest.mark.timeout(500)
def test_a_published_version_is_followed_by_everything_without_a_restart(district: District) -> None:
    me = Admin(district)
    pids = {name: district.pid(name) for name in ("gateway", "sense", "history")}
    model = me.publish(me.post("thing-model-drafts", {"source": "blank", "code": "well_probe"}), FIRST)
    assert (model["version"], model["origin"]) == (1, "local")
    old = me.device("WP-1", "well_probe")
    token = me.token(old)
    me.say(token, {"lvl": 120})
    until(lambda: me.stored(old, "lvl") == [(120.0, 0)])
    added(me, old, token)
    renamed(me, old, token)
    migrated(me, old, token)
    assert {name: district.pid(name) for name in pids} == pids, "nothing was started anew"


def added(me: Admin, old: str, token: str) -> None:
    """A property more: its range is known to the gateway, a rule over it raises an alarm."""
    body = copy.deepcopy(FIRST) | {"version": 2, "properties": [CM, TURBIDITY]}
    assert me.publish(me.next(), body)["version"] == 2
    rule = me.rule("turbidity", 100)
    assert rule["sentence"]["en"].startswith("when turbidity is above 100 NTU")
    moved = until(lambda: [m for m in me.get("thing-models/well_probe/migrations")["items"] if m["state"] == "done"])
    assert (moved[0]["changed"], me.get(f"devices/{old}")["model_version"]) == (1, 2)
    me.say(token, {"turbidity": 5000})
    until(lambda: me.stored(old, "turbidity") == [(5000.0, 4)])  # out of range: kept, marked, not judged
    assert me.get(f"alarms?device_id={old}")["items"] == []
    me.say(token, {"turbidity": 180})
    alarm = until(lambda: me.get(f"alarms?device_id={old}")["items"])[0]
    assert (alarm["rule_code"], alarm["value"]) == (rule["code"], 180)
    shown = {p["code"]: p["shown_unit"] for p in me.get("thing-models/well_probe")["properties"]}
    assert shown == {"lvl": "cm", "turbidity": "NTU"}
    assert set(me.streams("WP-1").values()) == {"cm", "[NTU]"}


def renamed(me: Admin, old: str, token: str) -> None:
    """Renamed and counted in metres: the old device is translated from then on, its alarm limit follows."""
    high = me.rule("lvl", 300)
    level = LEVEL | {"name": NAMED, "unit": "m", "range": [0, 10]}
    step = {"to": 3, "rename": {"lvl": "level"}, "convert": {"level": {"factor": 0.01, "offset": 0}}}
    body = copy.deepcopy(FIRST) | {"version": 3, "properties": [level, TURBIDITY], "migrate": [step]}
    assert me.publish(me.next(), body)["version"] == 3
    followed = me.get(f"rules/{high['id']}")
    assert (followed["property"], followed["value"]) == ("level", 3.0)
    until(lambda: me.say(token, {"lvl": 200}) and (2.0, 0) in me.stored(old, "level"), 40)
    me.say(token, {"lvl": 350})
    raised = until(lambda: [a for a in me.get(f"alarms?device_id={old}")["items"] if a["rule_code"] == high["code"]])
    assert raised[0]["value"] == 3.5
    assert "m" in set(me.streams("WP-1").values())


def migrated(me: Admin, old: str, token: str) -> None:
    """Its firmware is changed, then it turns out that it was not: the job goes, and goes back."""
    start = me.post("thing-models/well_probe/migrations", {"note": "fw 3"})
    path = f"thing-model-migrations/{start['id']}"
    until(lambda: me.get(path)["state"] == "done")
    until(lambda: me.say(token, {"level": 1.5}) and (1.5, 0) in me.stored(old, "level"), 40)
    me.ask("POST", f"{path}/undo", {})
    until(lambda: me.get(path)["state"] == "undone")
    until(lambda: me.say(token, {"lvl": 170}) and (1.7, 0) in me.stored(old, "level"), 40)
