"""The whole district with `--tcp-ports`: a station's reading is read back by the API, a vehicle's place by nobody."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.district import District
from tests.stranger import Stranger, until

from linli.engines.testing import some_port
from linli.telemetry.codecs import hj212, jtt808
from linli.telemetry.codecs.all import NAMES
from linli.telemetry.codecs.framing import digits_of

pytestmark = pytest.mark.slow
PHONE = "13305189341"


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    wanted = ",".join(f"{name}={some_port()}" for name in NAMES)
    with District(args=("--tcp-ports", wanted)) as one:
        yield one


class Api(Stranger):
    def station(self, code: str, model: str, protocol: str, number: str, secret: str = "") -> str:
        made = self.device(code, model)
        self.post(f"devices/{made}/stations", {"protocol": protocol, "number": number, "secret": secret})
        return made


def ask(port: int, data: bytes, decoder: Any) -> Any:
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(data)
        while True:
            if not (data := line.recv(4096)):
                raise ConnectionResetError("the gateway does not know this station yet")
            if items := decoder.feed(data):
                return items[0]


@pytest.mark.timeout(400)
def test_a_station_is_read_back_by_the_api(district: District) -> None:
    ports = district.status()["ports"]
    assert {f"tcp-{name}" for name in NAMES} <= set(ports) and f"tcp://127.0.0.1:{ports['tcp-hj212']}" in district.log()
    api = Api(district)
    station = api.station("HJ-1", "dust_station", "hj212", "010000A8900016F000169DC0", "123456")
    now = int(time.time()) * 1000
    stamp = digits_of(now, "%Y%m%d%H%M%S")
    cp = f"DataTime={stamp};a34002-Rtd=87.5,a34002-Flag=N;a34004-Rtd=3,a34004-Flag=D"
    message = hj212.Message(f"{stamp}000", "22", "2011", "123456", "010000A8900016F000169DC0", 5, cp)

    def answered() -> bool:  # the gateway hears of the new station within a moment
        with contextlib.suppress(ConnectionResetError):
            return bool(ask(ports["tcp-hj212"], hj212.encode(message), hj212.HjDecoder()).cn == "9014")
        return False

    until(answered)
    rows = until(lambda: api.get(f"devices/{station}/readings")["items"])
    assert {(r["property"], r["value"], r["flags"]) for r in rows} == {("pm10", 87.5, 0), ("pm25", 3.0, 32)}
    assert until(lambda: api.get(f"devices/{station}")["status"]["online"])
    assert [d["id"] for d in api.get("devices?q=HJ-1&online=true")["items"]] == [station]


@pytest.mark.timeout(200)
def test_a_vehicle_is_answered_and_shown_to_nobody(district: District) -> None:
    api, port = Api(district), district.port("tcp-jtt808")
    vehicle = api.station("TRUCK-1", "duty_vehicle", "jtt808", PHONE)
    body = bytes(4) + b"LINLI" + b"M".ljust(20, b"\0") + b"T1".ljust(7, b"\0") + b"\x01" + b"A1"

    def registered() -> Any:
        reply = ask(port, jtt808.encode(jtt808.Packet(0x0100, PHONE, 1, body)), jtt808.TerminalDecoder())
        return reply.body[3:] if reply.body[2] == 0 else None

    code = until(registered)
    place = bytes.fromhex("000000000000000301e8480006f9a600000a01000000")
    report = place + bytes.fromhex(digits_of(int(time.time()) * 1000, "%y%m%d%H%M%S"))
    decoder = jtt808.TerminalDecoder()
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        for kind, content in ((0x0102, code), (0x0200, report)):
            line.sendall(jtt808.encode(jtt808.Packet(kind, PHONE, 2, content)))
            (reply,) = decoder.feed(line.recv(4096))
            assert reply.kind == 0x8001 and reply.body[-1] == 0
    time.sleep(2)
    for path in ("", "/readings", "/readings.csv", "/series?property=lat"):
        api.get(f"devices/{vehicle}{path}", 404)
    assert api.get("devices?q=TRUCK-1")["items"] == [] and vehicle not in str(api.get("device-pins"))
    logs = "".join(path.read_text(errors="replace") for path in (district.home / "logs").glob("*.log"))
    assert PHONE not in logs and "32.0" not in json.dumps(api.get("devices?model=duty_vehicle"))
