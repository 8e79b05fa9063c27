"""MQTT 5 with a stock client: what it is told that 3.1.1 cannot be; and packets written by hand that break it."""

from __future__ import annotations

import asyncio
import json
import queue
import random
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from tests.telemetry import mqttkit
from tests.telemetry.gatewaykit import Kit, gateway, row

from linli.engines.nats import Nats
from linli.telemetry.gateway import frames
from linli.telemetry.gateway.frames import BadFrame

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
T = "v1/devices/me/telemetry"
A = row("A", "token-a").device_id


class Five:
    def __init__(
        self, kit: Kit, token: str, *, password: str | None = None, client_id: str = "five", **asks: Any
    ) -> None:  # fmt: skip
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        tell = self.events.put
        self.mqtt = c = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        c.username_pw_set(token, password)
        c.on_connect = lambda _c, _u, _f, code, props: tell(("connected", (code.value, props)))
        c.on_disconnect = lambda _c, _u, _f, code, props: tell(
            ("parted", (code.value, getattr(props, "ReasonString", "")))
        )
        c.on_publish = lambda _c, _u, mid, code, props: tell(
            ("acked", (code.value, getattr(props, "ReasonString", "")))
        )
        c.on_subscribe = lambda _c, _u, _m, codes, _p: tell(("subscribed", [x.value for x in codes]))
        c.on_unsubscribe = lambda _c, _u, _m, codes, _p: tell(("unsubscribed", [x.value for x in codes]))
        c.on_message = lambda _c, _u, m: tell(("message", (m.topic, json.loads(m.payload))))
        props = Properties(PacketTypes.CONNECT)
        for name, value in asks.items():
            setattr(props, name, value)
        c.connect("127.0.0.1", kit.mqtt, properties=props)
        c.loop_start()
        self.code, self.told = self.next("connected")

    def next(self, event: str) -> Any:
        while True:
            found, what = self.events.get(timeout=10)
            if found == event:
                return what

    def say(self, topic: str, payload: bytes, qos: int = 1, **props: Any) -> Any:
        made = Properties(PacketTypes.PUBLISH)
        for name, value in props.items():
            setattr(made, name, value)
        self.mqtt.publish(topic, payload, qos, properties=made)
        return self.next("acked") if qos else None

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def played(broker: Nats, run: Run, play: Callable[[Kit], Any]) -> list[tuple[Any, ...]]:
    async def go() -> list[tuple[Any, ...]]:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            want = await asyncio.to_thread(play, kit)
            return await kit.stored(want or 0) if want else []

    return run(go())


def test_it_is_told_what_is_offered_and_readings_come_in(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> int:
        five = Five(kit, "token-a", client_id="", SessionExpiryInterval=60, UserProperty=[("a", "b"), ("a", "c")])
        assert five.code == 0 and five.told.MaximumQoS == 1 and five.told.SessionExpiryInterval == 0
        assert five.told.AssignedClientIdentifier and five.told.MaximumPacketSize == frames.MAX_PACKET
        assert five.say(T, b'{"level": 1}') == (0, "")
        assert five.say(T, b'{"level": 2}', UserProperty=("x", "y"), ContentType="json") == (0, "")
        five.say(T, b'{"level": 3}', qos=0)
        five.close()
        return 3

    assert [v for *_, v, _ in played(broker, run, play)] == [1, 2, 3]


def test_one_bad_message_is_named_and_the_line_stays(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> int:
        five = Five(kit, "token-a")
        code, reason = five.say(T, b'{"level": {}}')
        assert code == frames.BAD_PAYLOAD and reason == "level: must be a number, a bool or a text"
        code, reason = five.say("v1/devices/B/telemetry", b"{}")
        assert code == frames.NOT_ALLOWED and "not this device's" in reason
        assert five.say(T, b'{"level": 4}') == (0, "")
        five.close()
        quiet = Five(kit, "token-b", RequestProblemInformation=0)
        assert quiet.say(T, b"nonsense") == (frames.BAD_PAYLOAD, "")
        quiet.say(T, b"nonsense", qos=0)  # nothing to answer with but the end of the line
        assert quiet.next("parted") == (frames.BAD_PAYLOAD, "")
        quiet.close()
        assert kit.gateway.registry.devices[A.bytes].bad + sum(n["bad"] for n in kit.noted) >= 2
        return 1

    assert [v for *_, v, _ in played(broker, run, play)] == [4]


def test_subscriptions_and_take_over(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        first = Five(kit, "token-a", client_id="same")
        first.mqtt.subscribe([("v1/devices/me/rpc/request/+", 1), ("#", 0), ("v1/gateway/rpc", 1)])
        assert first.next("subscribed") == [1, frames.NOT_ALLOWED, frames.NOT_ALLOWED]
        source: Any = kit.gateway.source
        source.commands.append((7, A, "open", None, False))
        kit.gateway._loop.call_soon_threadsafe(
            lambda: kit.gateway.talk.look([kit.gateway.registry.devices[A.bytes]], again=False)
        )
        assert first.next("message") == ("v1/devices/me/rpc/request/7", {"method": "open", "params": None})
        first.mqtt.unsubscribe(["v1/devices/me/rpc/request/+", "x"])
        assert first.next("unsubscribed") == [0, frames.NONE_THERE]
        second = Five(kit, "token-a", client_id="same")
        assert first.next("parted")[0] == frames.TAKEN_OVER
        for one in (first, second):
            one.close()

    played(broker, run, play)


@pytest.mark.parametrize(("token", "asks", "code"), [
    ("nobody", {}, frames.NOT_ALLOWED), ("", {}, frames.BAD_LOGIN),
    ("token-a", {"AuthenticationMethod": "SCRAM"}, frames.BAD_METHOD),
])  # fmt: skip
def test_who_is_not_let_in_hears_why(broker: Nats, run: Run, token: str, asks: dict[str, Any], code: int) -> None:
    def play(kit: Kit) -> None:
        five = Five(kit, token, **asks)
        assert five.code == code
        five.close()

    played(broker, run, play)


def test_no_more_is_in_flight_than_the_client_takes(broker: Nats, run: Run) -> None:
    """Receive maximum 2: the third waits for an acknowledgement."""

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            reader, writer = await asyncio.open_connection("127.0.0.1", kit.mqtt)
            connect = b"\x00\x04MQTT\x05\x82\x00\x3c\x03\x21\x00\x02\x00\x03abc\x00\x07token-a"
            writer.write(b"\x10" + bytes((len(connect),)) + connect)
            topic = b"v1/devices/me/rpc/request/+"
            body = b"\x00\x01\x00" + len(topic).to_bytes(2, "big") + topic + b"\x01"
            writer.write(b"\x82" + bytes((len(body),)) + body)
            source: Any = kit.gateway.source
            source.commands += [(n, A, "open", None, True) for n in (1, 2, 3)]
            seen = b""
            while seen.count(b"/request/") < 2:
                seen += await asyncio.wait_for(reader.read(1000), 5)
            await asyncio.sleep(0.3)
            connection = next(iter(kit.gateway.registry.devices[A.bytes].sessions.values()))
            assert len(connection.in_flight) == 2 and len(connection.waiting) == 1
            writer.write(b"\x40\x04\x00\x01\x10\x00")  # no matching subscribers: also an acknowledgement
            while seen.count(b"/request/") < 3:
                seen += await asyncio.wait_for(reader.read(1000), 5)
            writer.write(b"\x40\x03\x00\x02\x87")  # not authorized: it did not take it
            writer.write(b"\x40\x02\x00\x03")
            await asyncio.sleep(0.3)
            assert sorted(s["number"] for s in source.settled) == [1, 3] and not connection.in_flight
            writer.close()

    run(go())


@pytest.mark.parametrize(("body", "reason"), [
    (b"\x05\x11\x00\x00", "cut short"), (b"\x02\x7f\x00", "not for this packet"),
    (b"\x06\x21\x00\x01\x21\x00\x02", "twice"), (b"\x03\x15\x00\x05", "cut short"),
    (b"\xff\xff\xff\xff\x01", "four bytes"), (b"\x07\x26\x00\x01\xff\x00\x01a", "UTF-8"),
])  # fmt: skip
def test_broken_properties_are_named(body: bytes, reason: str) -> None:
    with pytest.raises(BadFrame, match=reason):
        frames.properties(body, 0, len(body), frames.OF_CONNECT)


def test_all_kinds_of_properties_are_read() -> None:
    body = b"\x01\x01\x02\x00\x00\x00\x09\x03\x00\x01t\x08\x00\x01r\x09\x00\x02\xff\x00\x26\x00\x01k\x00\x01v"
    found, end = frames.properties(bytes((len(body),)) + body + b"rest", 0, len(body) + 5, frames.OF_PUBLISH)
    assert found == {1: 1, 2: 9, 3: "t", 8: "r", 9: b"\xff\x00", 0x26: ("k", "v")} and end == len(body) + 1


some = settings(max_examples=300, deadline=None)


@some
@given(st.randoms(use_true_random=False), st.integers(1, 50))
def test_any_packets_in_any_pieces(chance: random.Random, step: int) -> None:
    data, _, _ = mqttkit.stream(chance, 12)
    whole = mqttkit.drink(data, [])
    assert mqttkit.drink(data, list(range(step, len(data), step))) == whole, "how they are cut changes nothing"


@some
@given(st.binary(max_size=2_000), st.booleans(), st.integers(1, 50))
def test_any_bytes(data: bytes, known: bool, step: int) -> None:
    chance = random.Random(1)
    data = mqttkit.hello(chance, True) + data if known else data
    mqttkit.drink(data, list(range(step, len(data), step)))


def test_what_the_fuzzer_brings_is_read() -> None:
    """A driver whose line is closed early, or waits for the rest of a packet, says nothing."""
    visitor, chance = mqttkit.Visitor(), random.Random(1)
    for _ in range(5_000):
        visitor.say(chance)
    visitor.leave()
    assert visitor.read == 5_000 and visitor.whole > 0.3 * visitor.read
    assert visitor.ear.taken > 0.05 * visitor.read and visitor.read < 10 * visitor.lines
    assert not mqttkit.A.sessions
