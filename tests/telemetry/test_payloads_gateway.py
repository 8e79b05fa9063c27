"""Devices whose thing model has a payload mapping, at a real gateway, over MQTT and HTTP, beside others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.telemetry.gatewaykit import gateway, row

from linli.engines.nats import Nats
from linli.telemetry import payloads
from linli.telemetry.mqtt_client import MqttClient

pytestmark = pytest.mark.engines
RAW = {
    "models": ["vendor-level"], "when": [{"path": "$.kind", "is": ["data"]}], "each": "$.rows[*]",
    "time": {"path": "@.at", "form": "compact"},
    "readings": [{"path": "@.hex", "property": "level", "scale": 0.01,
                  "bytes": {"coding": "hex", "at": 0, "length": 2}},
                 {"path": "@.more", "fields": True}],
    "codes": [{"code": "bat", "property": "battery"}],
}  # fmt: skip


def test_a_model_with_a_mapping_speaks_its_own_json(broker: Nats, run: Callable[..., Any]) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    at = int(time.time()) - 30
    said = time.strftime("%Y%m%d%H%M%S", time.gmtime(at + 8 * 3600))
    doc = {"kind": "data", "rows": [{"at": said, "hex": "0096", "more": {"bat": 88, "new": 1}}]}

    async def go() -> None:
        rows = [row("A", "token-a", model="vendor-level"), row("B", "token-b")]
        async with gateway(broker, rows, payloads=payloads.of_models(zone, [RAW])) as kit:
            for token, topic, body in (
                ("token-a", "v1/devices/me/telemetry", doc), ("token-a", "linli/A/telemetry", {"kind": "online"}),
                ("token-b", "linli/B/telemetry", {"level": 2}),
            ):  # fmt: skip
                one = MqttClient("127.0.0.1", kit.mqtt, token)
                await one.connect()
                await one.publish(topic, json.dumps(body).encode())
                await one.close()
            address = f"http://127.0.0.1:{kit.http}/api/v1/token-a/telemetry"
            async with httpx.AsyncClient() as http:
                bad = await http.post(address, json={"kind": "data", "rows": [{"at": said, "hex": "00"}]})
                assert bad.status_code == 422
                assert bad.json()["errors"] == [{"field": "rows[0].hex", "reason": "has fewer than 2 bytes"}]
                assert (await http.post(address, json={"kind": "online"})).status_code == 200
            found = await kit.stored(3)
            assert {(d, p, v) for d, p, _, v, _ in found} == {
                ("A", "level", 1.5), ("A", "battery", 88), ("B", "level", 2)}  # fmt: skip
            assert {t for d, _, t, _, _ in found if d == "A"} == {at * 1000}
            known = {d.code: d for d in kit.gateway.registry.devices.values()}
            assert "no mapping names new" in known["A"].error or known["A"].refused == 1
            assert known["A"].bad == 1 and known["B"].bad == 0

    run(go())
