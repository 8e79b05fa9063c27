"""SensorThings over MQTT against a whole district: a stock client of both versions, real devices, real keys."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tests.adapters.sensorthings.test_writes import LOCATION
from tests.district import District, demo_district
from tests.stranger import Stranger, until

from linli.telemetry.gateway import frames
from linli.telemetry.gateway.frames import encode_length
from linli.telemetry.mqtt_client import publish_packet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TELEMETRY = "v1/devices/me/telemetry"
V4, V5 = paho.MQTTv311, paho.MQTTv5


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with demo_district() as running:
        yield running


@pytest.fixture(scope="module")
def key(district: District) -> str:
    return district.key()


@pytest.fixture(scope="module")
def stranger(district: District) -> Stranger:
    return Stranger(district)


@pytest.fixture(scope="module")
def web(district: District, key: str) -> Iterator[httpx.Client]:
    base = f"{district.origin.rstrip('/')}/sta/v1.1"
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False) as client:
        yield client


class Talker:
    """A client of paho; what happens to it comes one after the other."""

    def __init__(self, district: District, user: str, password: str | None = None, *, version: Any = V5,
                 client_id: str = "", clean: bool = True) -> None:  # fmt: skip
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()
        tell = self.events.put
        more = {} if version == V5 else {"clean_session": clean}
        self.mqtt = c = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, **more)
        c.username_pw_set(user, password)
        c.on_connect = lambda _c, _u, _f, code, _p: tell(("connected", code.value))
        c.on_disconnect = lambda _c, _u, _f, code, p: tell(("parted", (code.value, getattr(p, "ReasonString", ""))))
        c.on_publish = lambda _c, _u, mid, code, p: tell(("acked", (code.value, getattr(p, "ReasonString", ""))))
        c.on_subscribe = lambda _c, _u, _m, codes, p: tell(
            ("subscribed", ([x.value for x in codes], getattr(p, "ReasonString", "")))
        )
        c.on_message = lambda _c, _u, m: self.told.put((m.topic, json.loads(m.payload)))
        c.connect("127.0.0.1", district.port("mqtt"))
        c.loop_start()
        self.code = self.next("connected")

    def next(self, event: str, seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while True:
            found, what = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if found == event:
                return what

    def say(self, topic: str, body: Any, qos: int = 1) -> Any:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        self.mqtt.publish(topic, text, qos, properties=Properties(PacketTypes.PUBLISH) if self.five else None)
        return self.next("acked") if qos else None

    @property
    def five(self) -> bool:
        return self.mqtt.protocol == V5

    def hear(self, *topics: str, qos: int = 1) -> Any:
        self.mqtt.subscribe([(t, qos) for t in topics])
        return self.next("subscribed")

    def message(self, seconds: float = 20) -> tuple[str, Any]:
        return self.told.get(timeout=seconds)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@pytest.fixture
def program(district: District, key: str) -> Iterator[Talker]:
    made = Talker(district, "integrator", key)
    assert made.code == 0
    yield made
    made.close()


class Gauge:
    """A device with its own line, and the datastream of its level."""

    def __init__(self, district: District, stranger: Stranger, web: httpx.Client, code: str) -> None:
        self.id = stranger.device(code, "water_level")
        self.talker = Talker(district, stranger.token(self.id), version=V4)
        assert self.talker.code == 0
        asked = {"$filter": f"name eq '{code}'", "$expand": "Datastreams"}
        self.thing = until(lambda: web.get("/Things", params=asked).json()["value"])[0]
        streams = {s["name"]: s["@iot.id"] for s in self.thing["Datastreams"]}
        self.level = next(i for name, i in streams.items() if "水位" in name or "level" in name)

    def send(self, level: float, ts: int | None = None) -> int:
        ts = ts or time.time_ns() // 1_000_000
        self.talker.say(TELEMETRY, {"ts": ts, "values": {"level": level}})
        return ts


@pytest.fixture(scope="module")
def gauge(district: District, stranger: Stranger, web: httpx.Client) -> Iterator[Gauge]:
    made = Gauge(district, stranger, web, f"mqtt-{uuid.uuid4().hex[:8]}")
    yield made
    made.talker.close()


@pytest.fixture(scope="module")
def stream(web: httpx.Client) -> int:
    """A Datastream made by SensorThings."""
    unit = {"name": "m", "symbol": "m", "definition": "x"}
    body = {
        "name": "Tank", "description": "A tank", "Locations": [LOCATION], "Datastreams": [{
            "name": "Fill", "description": "How full", "unitOfMeasurement": unit,
            "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
            "Sensor": {"name": "Float", "description": "", "encodingType": "application/pdf", "metadata": "x"},
            "ObservedProperty": {"name": "Fill", "definition": "urn:fill", "description": ""},
        }],
    }  # fmt: skip
    made = web.post("/Things", json=body).json()
    return int(web.get(f"/Things({made['@iot.id']})/Datastreams").json()["value"][0]["@iot.id"])


def results(web: httpx.Client, stream: int) -> list[Any]:
    found = web.get(f"/Datastreams({stream})/Observations", params={"$top": 1000}).json()["value"]
    return [o["result"] for o in found]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("version", [V4, V5])
def test_what_is_acknowledged_can_be_read(
    district: District, key: str, web: httpx.Client, stream: int, version: Any, qos: int
) -> None:
    talker = Talker(district, "integrator", key, version=version)
    before = len(results(web, stream))
    assert talker.say(f"v1.1/Datastreams({stream})/Observations", {"result": 1.5}, qos)[0] == 0
    assert len(results(web, stream)) == before + 1
    talker.say("v1.1/Observations", {"result": "full", "Datastream": {"@iot.id": stream}}, qos)
    assert "full" in results(web, stream)
    last = 777 + 10 * qos + version  # of this turn only: at QoS 0 nobody waits for it
    talker.say(f"v1.1/Datastreams({stream})/Observations", {"result": last}, qos=0)
    talker.close()
    until(lambda: last in results(web, stream))


def hello(*names: str, level: int = 4) -> bytes:
    """CONNECT with a client id, a user name and a password."""
    start = b"\0\4MQTT" + bytes((level,)) + b"\xc2\0\x3c" + (b"\0" if level == 5 else b"")
    body = start + b"".join(len(n).to_bytes(2, "big") + n.encode() for n in names)
    return b"\x10" + encode_length(len(body)) + body


def test_a_message_at_qos_2_is_stored_once(district: District, key: str, web: httpx.Client, stream: int) -> None:
    """As its packets: sent again before PUBREC and after it, let go, and its number used for another message."""
    number = uuid.uuid4().int % 10**9
    with socket.create_connection(("127.0.0.1", district.port("mqtt")), 10) as line:
        line.sendall(hello("exact", "integrator", key))
        assert line.recv(4) == b"\x20\x02\x00\x00"
        first = publish_packet(f"v1.1/Datastreams({stream})/Observations", json.dumps({"result": number}).encode(), 7)
        line.sendall(b"\x34" + first[1:] + b"\x3c" + first[1:])
        assert line.recv(4) == b"\x50\x02\x00\x07"
        line.sendall(b"\x3c" + first[1:])
        assert line.recv(4) == b"\x50\x02\x00\x07"
        assert results(web, stream).count(number) == 1
        for _ in range(2):
            line.sendall(b"\x62\x02\x00\x07")
            assert line.recv(4) == b"\x70\x02\x00\x07"
        line.sendall(b"\x34" + first[1:])
        assert line.recv(4) == b"\x50\x02\x00\x07"
        assert results(web, stream).count(number) == 2


def test_a_message_at_qos_2_is_refused_alone(district: District, key: str, stream: int) -> None:
    """MQTT 5 hears why in PUBREC; paho's client does not look there."""
    topic = f"v1.1/Datastreams({stream})/Observations".encode()
    start = len(topic).to_bytes(2, "big") + topic
    with socket.create_connection(("127.0.0.1", district.port("mqtt")), 10) as line:
        line.sendall(hello("exact five", "integrator", key, level=5))
        told = line.recv(200)
        assert told[0] == 0x20 and told[3] == 0
        properties, _ = frames.properties(told, 4, len(told), frozenset((0x24, 0x25, 0x27, 0x29, 0x2A)))
        assert 0x24 not in properties, "no maximum QoS"
        for number, payload, code in ((1, b"{", frames.BAD_PAYLOAD), (1, b'{"result": 1}', None)):
            body = start + bytes((0, number, 0)) + payload
            line.sendall(b"\x34" + encode_length(len(body)) + body)
            answer = line.recv(300)
            assert (answer[0], answer[2:4]) == (0x50, b"\0\1") and (answer[4] if len(answer) > 4 else None) == code
            if code:
                assert b"not JSON" in answer
        line.sendall(b"\x62\x02\x00\x01")
        assert line.recv(4) == b"\x70\x02\x00\x01"


def test_a_device_s_reading_is_told(program: Talker, web: httpx.Client, gauge: Gauge) -> None:
    whole, some = f"v1.1/Datastreams({gauge.level})/Observations", "?$select=result,phenomenonTime"
    assert program.hear(whole, whole + some, "v1.1/Observations?$select=result")[0] == [1, 1, 1]
    took = []
    for number in range(5):
        began = time.monotonic()
        gauge.send(2 + number / 10)
        found = dict(program.message() for _ in range(3))
        took.append(time.monotonic() - began)
        assert found["v1.1/Observations?$select=result"] == {"result": 2 + number / 10}
        assert found[whole]["result"] == 2 + number / 10
        assert found[whole + some] == {k: found[whole][k] for k in ("phenomenonTime", "result")}
    told = found[whole]
    assert until(lambda: (a := web.get(told["@iot.selfLink"])).status_code == 200 and a.json()) == told
    print(f"told after: median {statistics.median(took) * 1000:.0f} ms, of which PUBACK is a part")
    program.mqtt.unsubscribe("v1.1/Observations?$select=result")


def test_what_a_device_sends_again_is_told_once(program: Talker, web: httpx.Client, gauge: Gauge) -> None:
    topic = f"v1.1/Datastreams({gauge.level})/Observations"
    program.hear(topic)
    ts = gauge.send(3.25)
    gauge.send(3.25, ts)
    gauge.send(3.5, ts + 5)
    assert [program.message()[1]["result"] for _ in range(2)] == [3.25, 3.5]


def test_what_programs_tell_is_told_to_others(
    district: District, key: str, program: Talker, web: httpx.Client, stream: int
) -> None:
    """Numbers and texts, by MQTT and by HTTP, and what is changed."""
    other = Talker(district, "integrator", key, version=V4)
    topic = f"v1.1/Datastreams({stream})/Observations"
    assert other.hear(topic, qos=0)[0] == [0]
    program.say(topic, {"result": 8.5})
    assert other.message()[1]["result"] == 8.5
    program.say(topic, {"result": "words"})
    text = other.message()[1]
    assert text["result"] == "words" and web.get(text["@iot.selfLink"]).json() == text
    made = web.post(f"/Datastreams({stream})/Observations", json={"result": 4, "resultQuality": "good"}).json()
    assert other.message()[1] == made
    web.patch(made["@iot.selfLink"], json={"resultQuality": "bad"})
    assert other.message()[1] == made | {"resultQuality": "bad"}
    other.close()


def test_what_is_wrong_is_named(
    district: District, key: str, program: Talker, stream: int, stranger: Stranger, gauge: Gauge
) -> None:  # fmt: skip
    topic = f"v1.1/Datastreams({stream})/Observations"
    for to, body, code, why in (
        (topic, "{", frames.BAD_PAYLOAD, "not JSON"), (topic, {"a": 1}, frames.BAD_PAYLOAD, "no 'a'"),
        (topic, b"\xff\xfe", frames.BAD_PAYLOAD, "UTF-8"), (topic, {"result": "\0"}, frames.BAD_PAYLOAD, "zero"),
        ("v1.1/Datastreams(99999999)/Observations", {"result": 1}, frames.BAD_TOPIC, "99999999"),
        ("v1.1/Things", {"name": "x"}, frames.NOT_ALLOWED, "not a program's"),
        (TELEMETRY, {"level": 1}, frames.NOT_ALLOWED, "not a program's"),
    ):  # fmt: skip
        code_, why_ = program.say(to, body)
        assert code_ == code and why in why_, (to, body, code_, why_)
    assert program.say(topic, {"result": 1}) == (0, "")
    codes, why = program.hear("v1.1/Things", "#", "v1/devices/me/rpc/request/+", topic, topic + "?$top=1")
    assert codes == [frames.BAD_FILTER, frames.NOT_ALLOWED, frames.NOT_ALLOWED, 1, frames.BAD_FILTER] and why
    old = Talker(district, "integrator", key, version=V4)
    old.mqtt.publish(topic, "{", 1)
    assert old.next("parted")[0] != 0
    old.close()
    device = Talker(district, stranger.token(gauge.id), client_id="another line")
    assert device.say(topic, {"result": 1})[0] == frames.NOT_ALLOWED
    assert device.hear(topic)[0] == [frames.NOT_ALLOWED]
    device.close()


def test_who_is_not_let_in(district: District, key: str) -> None:
    for user, password, version, code in (
        ("integrator", key[:-2] + "00", V5, frames.NOT_ALLOWED), ("dispatcher", key, V5, frames.NOT_ALLOWED),
        ("integrator", "linli_x", V5, frames.NOT_ALLOWED), ("integrator", key[:-2] + "00", V4, frames.NOT_ALLOWED),
        ("integrator", "whatever", V5, frames.NOT_ALLOWED),
    ):  # fmt: skip
        talker = Talker(district, user, password, version=version)
        assert talker.code == code
        talker.close()


def test_only_its_own_area_and_no_household(
    district: District, stranger: Stranger, program: Talker, gauge: Gauge, web: httpx.Client
) -> None:
    places = {d["area_path"] for d in stranger.get("devices?limit=200")["items"]}
    own = stranger.get(f"devices/{gauge.id}")["area_path"]
    other = next(p for p in sorted(places) if p != own and not own.startswith(p) and not p.startswith(own))
    name = f"elsewhere-{uuid.uuid4().hex[:8]}"
    district.run("account", "create", name, "--role", f"integrator@{other}", "--area", other)
    foreign = Talker(district, name, district.key(name))
    topic = f"v1.1/Datastreams({gauge.level})/Observations"
    assert foreign.hear(topic, "v1.1/Observations?$select=result")[0] == [frames.BAD_FILTER, 1]
    assert foreign.say(topic, {"result": 1})[0] == frames.BAD_TOPIC
    meter = stranger.device(f"meter-{uuid.uuid4().hex[:8]}", "water_meter_household")
    talker = Talker(district, stranger.token(meter), version=V4)
    program.hear("v1.1/Observations?$select=result")
    time.sleep(7)  # the new device is known everywhere
    talker.say(TELEMETRY, {"volume": 4321.5})
    gauge.send(4.75)
    heard = []
    while (found := program.message())[1] != {"result": 4.75}:
        heard.append(found[1])
    assert {"result": 4321.5} not in heard
    with pytest.raises(queue.Empty):
        while True:
            assert foreign.message(3)[1] not in ({"result": 4.75}, {"result": 4321.5})
    talker.close()
    foreign.close()


def test_a_key_that_is_revoked_is_cut(district: District, stranger: Stranger, gauge: Gauge) -> None:
    name = f"revoked-{uuid.uuid4().hex[:8]}"
    talker = Talker(district, "integrator", district.key("integrator", "--name", name))
    talker.hear(f"v1.1/Datastreams({gauge.level})/Observations")
    found = next(k for k in stranger.get("apikeys")["items"] if k["name"] == name)
    stranger.http.delete(f"apikeys/{found['id']}").raise_for_status()
    code, why = talker.next("parted", 15)
    assert code == frames.NOT_ALLOWED and "revoked" in why
    assert talker.next("connected", 15) == frames.NOT_ALLOWED  # it tries again by itself
    talker.close()


def test_a_new_line_of_the_same_client_takes_over(district: District, key: str) -> None:
    first = Talker(district, "integrator", key, client_id="one")
    second = Talker(district, "integrator", key, client_id="one")
    assert first.next("parted")[0] == frames.TAKEN_OVER
    first.mqtt.loop_stop()
    second.close()


def test_the_death_of_web_and_gateway_loses_and_doubles_nothing(
    district: District, key: str, web: httpx.Client, stream: int, gauge: Gauge
) -> None:
    """What was acknowledged is there, and what was not comes again with the flag for that: all of it is there once."""
    topic = f"v1.1/Datastreams({stream})/Observations"
    base = 10_000 + int(time.time()) % 1000 * 1000
    pids = {80: district.pid("web"), 180: district.pid("gateway")}
    acked: set[int] = set()
    mids: dict[int, int] = {}
    talker = Talker(district, "integrator", key, version=V4, client_id="steady", clean=False)
    talker.mqtt.on_publish = lambda _c, _u, mid, _r, _p: acked.add(mid)
    listener = Talker(district, "integrator", key, version=V4, client_id="listener")
    listener.hear(topic + "?$select=result")
    for number in range(300):
        body = {"result": base + number}
        if number % 2:
            body["phenomenonTime"] = f"2026-11-20T08:{number // 60:02}:{number % 60:02}Z"
        mids[talker.mqtt.publish(topic, json.dumps(body), 1).mid] = base + number
        if number in pids:
            os.kill(pids[number], signal.SIGKILL)
        time.sleep(0.02)
    until(lambda: len(acked) == 300, 120)
    found = [r for r in results(web, stream) if isinstance(r, int) and base <= r < base + 300]
    assert sorted(found) == sorted(mids.values())
    talker.close()
    listener.close()
