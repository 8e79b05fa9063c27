"""Nonsense at every door of a working district: refused by field and reason, counted, shown; others notice nothing."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any

import httpx
import pytest
from tests.faults.ledger import Api, Load, judge, now_ms
from tests.faults.mqtt import Device, NoAnswer
from tests.faults.stand import Stand

pytestmark = pytest.mark.slow
YEAR = 365 * 86_400_000
FRAMES = (
    b"\x30\xff\xff\xff\xff\x01",
    b"\x32\x03\x00\x01a",
    b"\xf0\x00",
    b"\x20\x02\x00\x00",
    b"\x00" * 4096,
)
BODIES: tuple[tuple[bytes, int, str], ...] = (
    (b"{", 400, "body"),
    (b"[5]", 422, "[0]"),
    (b'{"level": [1]}', 422, "level"),
    (b'{"ts": "x", "values": {"level": 1}}', 422, "ts"),
    (b"x" * 300_000, 413, "body"),
)
ROUND = [[117.27, 31.98], [117.28, 31.99], [117.27, 31.99], [117.28, 31.98], [117.27, 31.98]]  # crosses itself


def told(answer: httpx.Response, status: int, field: str) -> None:
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    errors = answer.json()["errors"]
    assert [e for e in errors if e["field"] == field and e["reason"]], answer.text[:300]


def figure(district: Stand, name: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{district.facts()['ports']['web']}/metrics", trust_env=False).text
    return sum(float(m[1]) for m in re.finditer(rf"^{name}(?:_total)?(?:{{[^}}]*}})? ([\d.e+]+)$", text, re.M))


def bad_devices(district: Stand, token: str) -> None:
    """Broken frames, wrong tokens, broken JSON, huge bodies and clocks that are years off."""
    ports = district.facts()["ports"]
    for frame in FRAMES:
        device = Device(ports["mqtt"], token, "bad")
        device.connect()
        assert device.line is not None
        device.line.sendall(frame)
        device.line.settimeout(10)
        assert device.line.recv(1) == b"", frame  # closed, and nobody else's line
    with pytest.raises(NoAnswer, match="refused"):
        Device(ports["mqtt"], "wrong-token", "guess").connect()
    with socket.create_connection(("127.0.0.1", ports["mqtt"]), timeout=10) as line:
        line.sendall(b"\x16\x03\x01 not MQTT at all")
        assert line.recv(1) == b""
    door = f"http://127.0.0.1:{ports['device']}/api/v1"
    with httpx.Client(trust_env=False, timeout=20) as web:
        for body, status, field in BODIES:
            told(web.post(f"{door}/{token}/telemetry", content=body), status, field)
        told(web.post(f"{door}/wrong-token/telemetry", json={"level": 1}), 401, "token")
        for ts in (5, now_ms() - 20 * YEAR, now_ms() + 10 * YEAR):
            answer = web.post(f"{door}/{token}/telemetry", json={"ts": ts, "values": {"level": 0.5}})
            assert answer.status_code == 200 and answer.json()["warnings"][0]["field"] == "ts", answer.text


def bad_people(district: Stand, intake: Api) -> None:
    """Broken JSON, pictures, GeoJSON and CSV, and bodies that are too large."""
    passwords = district.passwords()
    admin, holder = (Api(district.origin, sign_in=(name, passwords[name])) for name in ("admin", "integrator"))
    told(intake.http.post("cases", content=b"{", headers={"Content-Type": "application/json"}), 422, "body")
    told(intake.http.post("cases", json={"text": "x", "lon": 500, "lat": 31.9}), 422, "lon")
    case = intake.http.post("cases", json={"text": "坏照片", "lon": 117.27, "lat": 31.985}).json()["id"]
    for picture in (b"<svg/>", b"\xff\xd8\xff" + b"\0" * 500, b"\x89PNG\r\n\x1a\n" + b"\0" * 99):
        sent = intake.http.post(f"cases/{case}/photos", files={"file": ("a.jpg", picture, "image/jpeg")})
        told(sent, 422, "photo")
    huge = intake.http.post(
        f"cases/{case}/photos", files={"file": ("a.jpg", b"\xff\xd8\xff" * (5 << 20), "image/jpeg")}
    )
    assert huge.status_code == 413
    shape = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ROUND]},
             "properties": {"code": "bad-1", "name_zh": "坏", "level": 2}}  # fmt: skip
    for data, status in ((b"{", 422), (json.dumps({"type": "FeatureCollection", "features": [shape]}).encode(), 200)):
        sent = admin.http.post("grids/import?apply=true", files={"file": ("g.geojson", data, "application/geo+json")})
        report = sent.json()
        assert sent.status_code == status and all(e["field"] and e["reason"] for e in report["errors"]), sent.text
        assert report["errors"] and not report.get("created")
    sent = holder.http.post("devices/import", content="code,model,name_zh\nbad-1,no-such-model,坏\n".encode(),
                            headers={"Content-Type": "text/csv"})  # fmt: skip
    row: dict[str, Any] = next(r for r in sent.json()["rejected"] if r["field"] == "model")
    assert (row["row"], row["field"], bool(row["reason"])) == (1, "model", True), sent.text


@pytest.mark.timeout(300)
def test_bad_input_at_every_door_disturbs_nobody(district: Stand) -> None:
    api = Api(district.origin, key=district.key())
    known = list(district.demo_devices("water_level").values())[46]
    refused, clamped = figure(district, "linli_gateway_refused"), figure(district, "linli_gateway_clamped")
    before = api.get(f"devices/{known['id']}")["status"]
    with Load(district, devices=6) as load:
        for _ in range(3):
            bad_devices(district, known["token"])
            bad_people(district, load.intake)
        time.sleep(1)
        ledger = load.stop()
    assert figure(district, "linli_gateway_refused") >= refused + 3 * (len(FRAMES) + len(BODIES))
    assert figure(district, "linli_gateway_clamped") >= clamped + 9
    shown, end = before, time.monotonic() + 30
    while (
        shown["bad"] < before["bad"] + 3 * (len(FRAMES) + len(BODIES)) - 3 or shown["clamped"] < before["clamped"] + 9
    ):
        assert time.monotonic() < end, shown
        time.sleep(0.5)
        shown = api.get(f"devices/{known['id']}")["status"]
    assert shown["last_error"] and shown["last_error_at"]
    print(f"\n{ledger.facts()}; the bad device shows {shown['bad']} bad, {shown['clamped']} clamped")
    assert not ledger.refused and ledger.resent == 0, "a neighbour was disturbed"
    assert judge(api, load.dispatcher, ledger) == []
