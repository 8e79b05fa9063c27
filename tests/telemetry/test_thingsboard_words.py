"""ThingsBoard's answers to the letter, its short topics, and what devices written for it send."""

from __future__ import annotations

import asyncio
import json
import queue
import uuid
from collections.abc import Callable
from threading import Thread
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from tests.telemetry.gatewaykit import Kit, gateway, row
from tests.telemetry.test_talk import Peer, on_loop, peer

from linli.engines.nats import Nats
from linli.engines.process import wait_until
from linli.telemetry.gateway import http_talk, topics

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
ROWS = [row("A", "token-a"), row("G", "token-g", speaks=True), row("C1", "token-c", of="G")]
A, C1 = ROWS[0].device_id, ROWS[2].device_id


def played(broker: Nats, run: Run, play: Callable[[Kit], Any]) -> list[Any]:
    async def go() -> list[Any]:
        async with gateway(broker, list(ROWS)) as kit:
            want = await asyncio.to_thread(play, kit)
            return await kit.stored(want) if want else []

    return run(go())  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", topics.FORMS, ids=["long", "short", "short JSON"])
def test_the_topics_by_each_of_their_names(broker: Nats, run: Run, form: topics.Form) -> None:
    def play(kit: Kit) -> int:
        source: Any = kit.gateway.source
        source.told[A] = ({"site": "north"}, {"rate": 5})
        device = kit.gateway.registry.devices[A.bytes]
        mine = [form.attributes, *(f"{n}+" for n in (form.answer_attributes, form.command, form.answer_command))]
        with peer(kit, "token-a", *mine) as one:
            assert one.codes == [1] * 4
            assert one.say(form.telemetry, {"level": 3}) and one.say(form.attributes, {"floor": 2})
            assert one.say(f"{form.ask_attributes}7", {"clientKeys": "site, none", "sharedKeys": "rate"})
            assert one.next() == (f"{form.answer_attributes}7", {"client": {"site": "north"}, "shared": {"rate": 5}})
            on_loop(kit, lambda: kit.gateway.talk.attributes_changed(A, ["rate"]))
            assert one.next() == (form.attributes, {"rate": 5})
            source.commands.append((41, A, "open", {"gate": 2}, False))
            on_loop(kit, lambda: kit.gateway.talk.look([device], again=False))
            assert one.next() == (f"{form.command}41", {"method": "open", "params": {"gate": 2}})
            assert one.say(f"{form.answer_command}41", {"open": True})
            one.say(f"{form.command}3", {"method": "getSessionLimits", "params": {}})
            topic, said = one.next()
            assert topic == f"{form.answer_command}3" and said["maxPayloadSize"]
            assert one.subscribe(form.command + "41") == [128] and not one.say(form.answer_command + "x", {})
        assert {(s["number"], s["state"]) for s in source.settled} == {(41, "delivered"), (41, "answered")}
        assert {"floor": 2} in [n["attributes"] for n in kit.noted]
        return 1

    assert [(p, v) for _, p, _, v, _ in played(broker, run, play)] == [("level", 3.0)]


def test_what_is_listened_to_twice_is_told_by_both_names_and_asked_once(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.told[A] = ({}, {"rate": 5})
        with peer(
            kit, "token-a", "v1/devices/me/attributes", "v2/a", "v2/r/req/+", "v1/devices/me/rpc/request/+"
        ) as one:
            on_loop(kit, lambda: kit.gateway.talk.attributes_changed(A, ["rate"]))
            assert {one.next()[0], one.next()[0]} == {"v1/devices/me/attributes", "v2/a"}
            source.commands.append((41, A, "open", None, False))
            on_loop(kit, lambda: kit.gateway.talk.look([kit.gateway.registry.devices[A.bytes]], again=False))
            assert one.next()[0] == "v1/devices/me/rpc/request/41"
            with pytest.raises(queue.Empty):
                one.next(0.5)

    played(broker, run, play)


def test_a_side_of_which_there_is_nothing_is_left_out(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.told[A] = ({"fw": "1"}, {})
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1/token-a", trust_env=False) as http:
            for asked, said in (
                ("?clientKeys=none&sharedKeys=none", {}), ("", {"client": {"fw": "1"}}),
                ("?clientKeys=&sharedKeys=", {"client": {"fw": "1"}}), ("?clientKeys=&sharedKeys=a", {}),
                ("?clientKeys=fw&sharedKeys=", {"client": {"fw": "1"}}),
            ):  # fmt: skip
                assert http.get(f"/attributes{asked}").json() == said, asked

    played(broker, run, play)


def test_a_child_gets_one_value_or_several(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        source.told[C1] = ({"fw": "1"}, {"rate": 5, "unit": "m"})
        with peer(kit, "token-g", "v1/gateway/attributes/response") as one:
            for asked, said in (
                ({"client": True, "key": "fw"}, {"value": "1"}), ({"client": False, "keys": ["rate"]}, {"value": 5}),
                ({"client": False, "keys": ["rate", "none"]}, {"values": {"rate": 5}}),
                ({"client": False, "key": "none"}, {}), ({"client": False, "keys": ["none", "never"]}, {}),
                ({"client": False}, {"values": {"rate": 5, "unit": "m"}}),
            ):  # fmt: skip
                one.say("v1/gateway/attributes/request", {"id": 1, "device": "C1"} | asked)
                assert one.next()[1] == {"id": 1, "device": "C1"} | said, asked

    played(broker, run, play)


def test_answers_that_are_no_json_and_numbers_that_are_texts(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        with peer(kit, "token-a") as one:
            one.mqtt.publish("v1/devices/me/rpc/response/5", "done, 好", qos=1).wait_for_publish(5)
            one.mqtt.publish("v1/devices/me/rpc/response/6", b"", qos=1).wait_for_publish(5)
        for junk in (b"\xff", b"a\0b"):
            with peer(kit, "token-a") as one:
                one.mqtt.publish("v1/devices/me/rpc/response/7", junk, qos=1)
                assert wait_until(lambda one=one: one.lost, 5)  # type: ignore[misc]
        with peer(kit, "token-g") as one:
            assert one.say("v1/gateway/rpc", {"device": "C1", "id": "8", "data": {"ok": 1}})
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1/token-a", trust_env=False) as http:
            assert http.post("/rpc/9", content=b"plain").status_code == 200
        assert {s["number"]: s["result"] for s in source.settled} == {5: "done, 好", 6: None, 8: {"ok": 1}, 9: "plain"}

    played(broker, run, play)


def test_objects_and_lists_among_readings_are_attributes(broker: Nats, run: Run) -> None:
    """The example of its documentation; what the model calls a reading must be one."""

    def play(kit: Kit) -> int:
        deep = {"someNumber": 42, "someArray": [1, 2, 3], "someNestedObject": {"key": "value"}}
        with peer(kit, "token-a") as one:
            doc = {
                "stringKey": "value1",
                "booleanKey": True,
                "doubleKey": 42.0,
                "longKey": 73,
                "jsonKey": deep,
                "l": [1],
            }
            assert one.say("v1/devices/me/telemetry", doc)
            assert one.say("v1/devices/me/telemetry", {"ts": "1795000000000", "values": {"level": 1}})
            assert not one.say("v1/devices/me/telemetry", {"level": {"x": 1}})
        told = [n["attributes"] for n in kit.noted if n["attributes"]]
        assert told == [{"stringKey": "value1", "jsonKey": deep, "l": [1]}]
        return 4

    found = {p: (v, t) for _, p, t, v, _ in played(broker, run, play)}
    assert {p: v for p, (v, _) in found.items()} == {"booleanKey": 1, "doubleKey": 42, "longKey": 73, "level": 1}
    assert found["level"][1] == 1_795_000_000_000


def test_a_wait_of_0_is_the_usual_one_and_a_long_one_is_cut(
    broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_talk, "USUAL_MS", 600)
    monkeypatch.setattr(http_talk, "MOST_MS", 900)

    def play(kit: Kit) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1/token-a", trust_env=False) as http:
            for asked, least in (("", 0.5), ("?timeout=0", 0.5), ("?timeout=99999999", 0.8), ("?timeout=50", 0.04)):
                answer = http.get(f"/rpc{asked}")
                assert answer.status_code == 408 and answer.elapsed.total_seconds() > least, asked
            assert http.get("/rpc?timeout=soon").status_code == 422

    played(broker, run, play)


def test_who_hangs_up_while_it_waits_takes_no_command_along(
    broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_talk, "LOOK_S", 0.2)

    def play(kit: Kit) -> None:
        source: Any = kit.gateway.source
        device = kit.gateway.registry.devices[A.bytes]
        with httpx.Client(base_url=f"http://127.0.0.1:{kit.http}/api/v1/token-a", trust_env=False) as http:
            with pytest.raises(httpx.ReadTimeout):
                http.get("/rpc?timeout=20000", timeout=0.3)
            assert wait_until(lambda: not any(s.wants_commands for s in device.sessions.values()), 5)
            source.commands.append((41, A, "open", None, True))
            on_loop(kit, lambda: kit.gateway.talk.look([device], again=False))
            assert wait_until(lambda: not device.sessions, 5), "it is not on line any more"
            assert source.commands and not source.settled
            assert http.get("/rpc?timeout=5000").json()["id"] == 41
            assert wait_until(lambda: source.settled, 5)
        assert [(s["number"], s["state"]) for s in source.settled] == [(41, "delivered")]

    played(broker, run, play)


@pytest.mark.parametrize(("client", "user"), [("provision", None), ("provision", "whoever"), ("", "provision")])
def test_a_guest_says_so_by_either_name(broker: Nats, run: Run, client: str, user: str | None) -> None:
    def play(kit: Kit) -> None:
        codes: queue.Queue[Any] = queue.Queue()
        one = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client or uuid.uuid4().hex)
        if user is not None:
            one.username_pw_set(user)
        one.on_connect = lambda _c, _u, _f, code, _p: codes.put(code.is_failure)
        one.on_subscribe = lambda _c, _u, _m, granted, _p: codes.put(granted[0].value)
        one.connect("127.0.0.1", kit.mqtt)
        Thread(target=one.loop_forever, daemon=True).start()
        assert codes.get(timeout=10) is False
        one.subscribe("/provision/response", 1)
        assert codes.get(timeout=10) == 1
        one.disconnect()
        device = Peer(kit, "token-a")
        assert device.say("v1/devices/me/telemetry", json.loads('{"level": 1}'))
        device.close()

    played(broker, run, play)
