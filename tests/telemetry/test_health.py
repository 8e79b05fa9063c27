"""Health of gateways and connectors: what real operations doors tell, summed and told apart; leases; who may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from tests.identity.accounts import client_of

from linli.devices.models import SenseLease
from linli.engines.testing import some_port
from linli.kernel import clock, ops_server

pytestmark = pytest.mark.django_db


def gateway(connections: int, refused: dict[str, int]) -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("linli_gateway_connections", "", registry=made).set(connections)
    Gauge("linli_gateway_devices", "", registry=made).set(20_000 + connections)
    Gauge("linli_gateway_store_seconds_p95", "", registry=made).set(connections / 1000)
    Counter("linli_gateway_messages", "", registry=made).inc(100)
    reasons = Counter("linli_gateway_refused", "", ["reason"], registry=made)
    for why, n in refused.items():
        reasons.labels(why).inc(n)
    Gauge("linli_gateway_tcp_connections", "", ["protocol"], registry=made).labels("hj212").set(2)
    Counter("linli_gateway_tcp_frames", "", ["protocol"], registry=made).labels("hj212").inc(9)
    return made


def history() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("linli_history_lag_s", "", registry=made).set(0.4)
    return made


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two gateways, sense that catches up, history; and a live process that is gone."""
    ports = {name: some_port() for name in ("gateway", "gateway-2", "sense", "history", "live")}
    monkeypatch.setenv("LINLI_METRICS_PORTS", json.dumps(ports))
    for name, value in (("MQTT", "1883"), ("DEVICE", "8081")):
        monkeypatch.setenv(f"LINLI_{name}_PORT", value)
    monkeypatch.delenv("LINLI_MQTTS_PORT", raising=False)
    monkeypatch.setenv("LINLI_TCP_PORTS", "hj212=9001,sl651=9002")
    up: dict[str, tuple[dict[str, Any], CollectorRegistry]] = {
        "gateway": ({"ready": True}, gateway(3, {"bad-frame": 2})),
        "gateway-2": ({"ready": True}, gateway(4, {"bad-frame": 1, "slowed-down": 5})),
        "sense": ({"ready": False, "catching_up": [1, 2]}, CollectorRegistry()),
        "history": ({"ready": True, "caught_up": True}, history()),
    }
    close = [ops_server.serve(ports[name], lambda state=state: state, registry, name=name)
             for name, (state, registry) in up.items()]  # fmt: skip
    yield
    for one in close:
        one()


def test_gateways_are_summed_and_what_is_gone_is_down(doors: None) -> None:
    now = clock.now()
    SenseLease.objects.create(partition=0, owner="box-1", epoch=3, sequence=70, expires_at=now + timedelta(seconds=9))
    SenseLease.objects.create(partition=1, owner="box-2", epoch=4, expires_at=now - timedelta(seconds=1))
    found = client_of("integrator", "D").get("/api/v1/telemetry/health").json()
    state = {p["name"]: (p["up"], p["ready"]) for p in found["processes"]}
    assert state == {"web": (True, True), "gateway": (True, True), "gateway-2": (True, True), "sense": (True, False),
                     "history": (True, True), "live": (False, False)}  # fmt: skip
    gate = found["gateway"]
    assert (gate["connections"], gate["messages"], gate["store_p95_s"]) == (7, 200, 0.004)
    assert gate["devices"] == 20_004, "every gateway knows the same devices"
    assert gate["refused"] == {"bad-frame": 3, "slowed-down": 5} and gate["pending"] is None
    assert found["sense"]["catching_up"] == [1, 2] and found["sense"]["pending"] is None
    assert found["history"]["lag_s"] == 0.4 and found["history"]["caught_up"] is True
    assert [(d["name"], d["port"], d["up"], d["connections"]) for d in found["doors"]] == [
        ("mqtt", 1883, True, None), ("http", 8081, True, None), ("hj212", 9001, True, 4), ("sl651", 9002, False, None)
    ]  # fmt: skip
    assert [(x["partition"], x["held"]) for x in found["leases"]] == [(0, True), (1, False)]


def test_on_a_machine_of_its_own_web_tells_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("METRICS_PORTS", "MQTT_PORT", "MQTTS_PORT", "DEVICE_PORT", "TCP_PORTS"):
        monkeypatch.delenv(f"LINLI_{name}", raising=False)
    found = client_of("integrator", "D").get("/api/v1/telemetry/health").json()
    assert [p["name"] for p in found["processes"]] == ["web"] and found["doors"] == []
    assert found["gateway"]["connections"] is None and found["gateway"]["refused"] == {}
