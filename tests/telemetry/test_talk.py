"""Attributes, commands and the children of a gateway, over real sockets with a client of somebody else's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from tests.telemetry.gatewaykit import Kit, gateway, row

from linli.engines.nats import Nats

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
ROWS = [row("A", "token-a"), row("G", "token-g", speaks=True), row("C1", "token-c", of="G"), row("B", "token-b")]
A, C1 = ROWS[0].device_id, ROWS[2].device_id


class Peer:
    """A stock MQTT client; what it receives is in `got`."""

    def __init__(self, kit: Kit, token: str, *topics: str) -> None:
        self.got: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.lost = False
        self.id = uuid.uuid4().hex
        self.mqtt = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.id, protocol=paho.MQTTv311)
        self.mqtt.username_pw_set(token)
        self.mqtt.on_message = lambda _c, _u, m: self.got.put((m.topic, json.loads(m.payload)))
        self.mqtt.on_disconnect = lambda *_: setattr(self, "lost", True)
        self.granted: queue.Queue[Any] = queue.Queue()
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put([c.value for c in codes])
        self.mqtt.connect("127.0.0.1", kit.mqtt)
        self.mqtt.loop_start()
        self.codes = self.subscribe(*topics) if topics else []

    def subscribe(self, *topics: str, qos: int = 1) -> list[int]:
        self.mqtt.subscribe([(t, qos) for t in topics])
        return list(self.granted.get(timeout=10))

    def say(self, topic: str, doc: Any) -> bool:
        """Published and acknowledged."""
        sent = self.mqtt.publish(topic, json.dumps(doc), qos=1)
        with contextlib.suppress(RuntimeError):
            sent.wait_for_publish(5)
        return bool(sent.is_published()) and not self.lost

    def next(self, seconds: float = 10) -> tuple[str, Any]:
        return self.got.get(timeout=seconds)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


@contextlib.contextmanager
def peer(kit: Kit, token: str, *topics: str) -> Iterator[Peer]:
    one = Peer(kit, token, *topics)
    try:
        yield one
    finally:
        one.close()


def played(broker: Nats, run: Run, play: Callable[[Kit], Any]) -> None:
    """`play` runs beside the gateway's own loop, as a stranger would."""

    async def go() -> None:
        async with gateway(broker, list(ROWS)) as kit:
            await asyncio.to_thread(play, kit)

    run(go())


def on_loop(kit: Kit, act: Callable[[], Any]) -> None:
    kit.gateway._loop.call_soon_threadsafe(act)


def test_attributes_are_asked_for_and_changes_told(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.told[A] = ({"fw": "1"}, {"rate": 5, "name": "东"})
        with peer(kit, "token-a", "v1/devices/me/attributes", "v1/devices/me/attributes/response/+") as one:
            assert one.say("v1/devices/me/attributes/request/7", {"clientKeys": "fw", "sharedKeys": "rate,none"})
            assert one.next() == ("v1/devices/me/attributes/response/7", {"client": {"fw": "1"}, "shared": {"rate": 5}})
            one.say("v1/devices/me/attributes/request/8", {"sharedKeys": "name"})
            assert one.next() == ("v1/devices/me/attributes/response/8", {"shared": {"name": "东"}})
            one.say("v1/devices/me/attributes/request/9", {})
            assert one.next()[1] == {"client": {"fw": "1"}, "shared": {"rate": 5, "name": "东"}}
            on_loop(kit, lambda: kit.gateway.talk.attributes_changed(A, ["rate", "gone"]))
            assert one.next() == ("v1/devices/me/attributes", {"rate": 5})
            assert one.next() == ("v1/devices/me/attributes", {"deleted": ["gone"]})
        with peer(kit, "token-b", "v1/devices/me/attributes") as other:
            on_loop(kit, lambda: kit.gateway.talk.attributes_changed(A, ["rate"]))
            with pytest.raises(queue.Empty):
                other.next(0.5)

    played(broker, run, play)


def test_what_a_device_tells_of_itself_is_read_back_before_it_is_written(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        with peer(kit, "token-a", "v1/devices/me/attributes/response/+") as one:
            one.mqtt.publish("v1/devices/me/attributes", '{"site": "north"}', qos=1)
            one.say("v1/devices/me/attributes/request/1", {"clientKeys": "site"})
            assert one.next()[1] == {"client": {"site": "north"}}

    played(broker, run, play)


def test_a_command_is_sent_acknowledged_and_answered(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        device = kit.gateway.registry.devices[A.bytes]
        source.commands.append((41, A, "open", {"gate": 2}, False))
        with peer(kit, "token-a", "v1/devices/me/rpc/request/+") as one:  # queued before it came
            assert one.next() == ("v1/devices/me/rpc/request/41", {"method": "open", "params": {"gate": 2}})
            source.commands.append((42, A, "state", None, False))
            on_loop(kit, lambda: kit.gateway.talk.look([device], again=False))
            assert one.next() == ("v1/devices/me/rpc/request/42", {"method": "state", "params": None})
            assert one.say("v1/devices/me/rpc/response/42", {"open": True})
            assert one.say("v1/devices/me/rpc/response/41", {"error": "stuck"})
        told = {(s["number"], s["state"]): s["result"] for s in source.settled}
        assert told == {(41, "delivered"): None, (42, "delivered"): None, (42, "answered"): {"open": True},
                        (41, "failed"): {"error": "stuck"}}  # fmt: skip

    played(broker, run, play)


def test_a_device_that_does_not_listen_is_sent_nothing(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.commands.append((50, A, "open", None, True))
        with peer(kit, "token-a", "v1/devices/me/attributes") as one:
            device = kit.gateway.registry.devices[A.bytes]
            on_loop(kit, lambda: kit.gateway.talk.look([device], again=False))
            with pytest.raises(queue.Empty):
                one.next(0.5)
            assert source.commands
            one.subscribe("v1/devices/me/rpc/request/+")
            assert one.next()[1]["method"] == "open"
            one.mqtt.unsubscribe("v1/devices/me/rpc/request/+")
            one.say("v1/devices/me/telemetry", {"level": 1})
            source.commands.append((51, A, "open", None, True))
            on_loop(kit, lambda: kit.gateway.talk.look([device], again=False))
            with pytest.raises(queue.Empty):
                one.next(0.5)

    played(broker, run, play)


@pytest.mark.parametrize(
    ("topic", "doc"),
    [
        ("v1/devices/me/rpc/response/x", {}), ("v1/devices/me/rpc/response/0", {}), ("v1/gateway/telemetry", {}),
        ("v1/devices/me/rpc/response/" + "9" * 30, {}), ("v1/devices/me/attributes", {"a": "\0"}),
        ("v1/devices/me/attributes/request/1", []), ("v2/fw/request/1/chunk/0", {}),
    ],
)  # fmt: skip
def test_what_is_not_a_devices_to_say_cuts_it_off(broker: Nats, run: Run, topic: str, doc: Any) -> None:
    def play(kit: Kit) -> None:
        with peer(kit, "token-a") as one:
            assert not one.say(topic, doc)
        assert kit.gateway.registry.devices[A.bytes].error or any(n["error"] for n in kit.noted)

    played(broker, run, play)


def test_children_speak_over_their_gateway(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, list(ROWS)) as kit:
            names = await asyncio.to_thread(speak, kit)
            found = await kit.stored(4)
            codes = {d.id: d.code for d in kit.gateway.registry.devices.values()}
            assert sorted((d, p, v) for d, p, _, v, _ in found) == [
                ("C1", "level", 1.0), ("C1", "level", 2.0), ("C2", "level", 3.0), ("新的", "level", 4.0)]  # fmt: skip
            assert names == {"C1", "C2", "新的"} and "B" in codes.values()

    def speak(kit: Kit) -> set[str]:
        with peer(kit, "token-g", "v1/gateway/rpc", "v1/gateway/attributes", "v1/gateway/attributes/response") as one:
            assert one.codes == [1, 1, 1]
            assert one.say("v1/gateway/connect", {"device": "C2", "type": "rain"})
            doc = {"C1": [{"ts": 1_795_000_000_000, "values": {"level": 1}}, {"level": 2}], "C2": [{"level": 3}],
                   "新的": {"level": 4, "firmware": "3"}}  # fmt: skip
            assert one.say("v1/gateway/telemetry", doc)
            g = kit.gateway
            spoken = {d.code for d in g.registry.devices.values() if d.parent}
            assert g.registry.devices[ROWS[3].device_id.bytes].points == 0
            assert g.registry.child(g.registry.devices[ROWS[1].device_id.bytes], "C2").model == "rain"
            return spoken

    run(go())


def test_a_gateway_speaks_for_nobody_else(broker: Nats, run: Run) -> None:
    """Not for a stranger, nor a child it may not have; what the others say in the same message is kept."""

    async def go() -> None:
        async with gateway(broker, list(ROWS)) as kit:
            await asyncio.to_thread(speak, kit)
            assert [(d, v) for d, _, _, v, _ in await kit.stored(1)] == [("C1", 2.0)]
            refused = kit.gateway.refusals
            assert refused["not-a-child"] == 2 and refused["bad-value"] == 1

    def speak(kit: Kit) -> None:
        with peer(kit, "token-g") as one:
            assert one.say("v1/gateway/telemetry", {"nobody": [{"level": 1}], "C1": [{"level": 2}]})
            assert one.say("v1/gateway/telemetry", {"C1": [{"level": {}}], "nobody": [{"level": 1}]})
            assert not one.say("v1/gateway/telemetry", [1])
        with peer(kit, "token-c") as child:  # a child with a token of its own is no gateway
            assert child.subscribe("v1/gateway/rpc") == [128]
            assert not child.say("v1/gateway/telemetry", {"C1": [{"level": 9}]})

    run(go())


def test_a_child_is_asked_and_told_over_its_gateway(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.told[C1] = ({"fw": "1"}, {"rate": 5})
        source.commands.append((60, C1, "beep", 3, False))
        with peer(kit, "token-g", "v1/gateway/rpc", "v1/gateway/attributes", "v1/gateway/attributes/response") as one:
            one.say("v1/gateway/connect", {"device": "C1"})
            wanted = {"device": "C1", "data": {"id": 60, "method": "beep", "params": 3}}
            assert one.next() == ("v1/gateway/rpc", wanted)
            assert one.say("v1/gateway/rpc", {"device": "C1", "id": 60, "data": {"done": 1}})
            one.say("v1/gateway/attributes/request", {"id": 4, "device": "C1", "client": False, "keys": ["rate", "x"]})
            said = {"id": 4, "device": "C1", "values": {"rate": 5}}
            assert one.next() == ("v1/gateway/attributes/response", said)
            one.say("v1/gateway/attributes/request", {"id": 5, "device": "C1", "client": True, "key": "fw"})
            assert one.next()[1] == {"id": 5, "device": "C1", "value": "1"}
            on_loop(kit, lambda: kit.gateway.talk.attributes_changed(C1, ["rate"]))
            assert one.next() == ("v1/gateway/attributes", {"device": "C1", "data": {"rate": 5}})
            assert one.say("v1/gateway/attributes", {"C1": {"site": "n"}})
            child = kit.gateway.registry.devices[C1.bytes]
            assert child.sessions
            one.say("v1/gateway/disconnect", {"device": "C1"})
            assert not child.sessions
        assert [(s["number"], s["state"]) for s in source.settled] == [(60, "delivered"), (60, "answered")]
        assert {"site": "n"} in [n["attributes"] for n in kit.noted]

    played(broker, run, play)


def test_a_child_given_to_another_gateway_is_not_spoken_for(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        child = kit.gateway.registry.devices[C1.bytes]
        with peer(kit, "token-g", "v1/gateway/rpc") as one:
            one.say("v1/gateway/connect", {"device": "C1"})
            assert child.sessions
            source.rows[2] = row("C1", "token-c")  # its own device from now on
            asyncio.run_coroutine_threadsafe(kit.gateway.refresh(), kit.gateway._loop).result(10)
            assert not child.sessions
            kit.gateway.talk.store.child = None  # type: ignore[assignment]  # not asked: the name is denied below
            kit.gateway.children._deny(kit.gateway.registry.devices[ROWS[1].device_id.bytes], "C1", "")
            assert one.say("v1/gateway/telemetry", {"C1": [{"level": 1}]})
            assert child.points == 0

    played(broker, run, play)


def test_a_device_over_http(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.told[A] = ({"fw": "1"}, {"rate": 5})
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1/token-a", trust_env=False) as http:
            assert http.get("/attributes?clientKeys=fw&sharedKeys=rate").json() == {"client": {"fw": "1"},
                                                                                   "shared": {"rate": 5}}  # fmt: skip
            listed = http.get("/attributes", params={"sharedKeys": ["rate", "none", "rate"]})
            assert listed.json() == {"shared": {"rate": 5}}, "as the SDK for HTTP writes a list"
            assert http.get("/rpc?timeout=200").status_code == 408
            source.commands.append((70, A, "open", {"x": 1}, False))
            assert http.get("/rpc?timeout=5000").json() == {"id": 70, "method": "open", "params": {"x": 1}}
            assert http.post("/rpc/70", json={"ok": True}).status_code == 200
            assert http.post("/rpc", json={"method": "getSessionLimits"}).json()["maxPayloadSize"]
            assert http.post("/rpc/0", json={}).status_code == 422 and http.get("/firmware").status_code == 404
        assert [(s["number"], s["state"]) for s in source.settled] == [(70, "delivered"), (70, "answered")]

    played(broker, run, play)
