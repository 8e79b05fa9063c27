"""The gateway, seen by clients that know only its contract."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.telemetry.gatewaykit import Kit, gateway, row

from linli.engines.nats import Nats
from linli.telemetry.batch import CLAMPED, CODED, LATE, NO_TIME, OUT_OF_RANGE
from linli.telemetry.mqtt_client import MqttClient, Refused, connect_packet, publish_packet, subscribe_packet

pytestmark = pytest.mark.engines
Run = Callable[..., Any]
T = "v1/devices/me/telemetry"


async def client(kit: Kit, token: str = "token-a", **options: Any) -> MqttClient:
    one = MqttClient("127.0.0.1", kit.mqtt, token, **options)
    await one.connect()
    return one


def now() -> int:
    return int(time.time() * 1000)


def test_every_form_of_a_reading(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            c = await client(kit)
            t = now() - 5_000
            for doc in (
                {"level": 1.5, "open": True}, [{"level": 2}, {"level": 3}], {"ts": t, "values": {"level": 4.0}},
                [{"ts": t + 1, "values": {"level": 5}}, {"ts": t + 2, "values": {"level": 6, "nothing": None}}],
            ):  # fmt: skip
                await c.publish(T, json.dumps(doc).encode())
            await c.publish("linli/A/telemetry", b'{"level": 99}')
            await c.publish(T, json.dumps({"ts": t - 7_200_000, "values": {"level": 7}}).encode())
            found = await kit.stored(9)
            assert [(p, v) for _, p, _, v, _ in found if p == "level"] == [
                ("level", v) for v in (1.5, 2, 3, 4, 5, 6, 99, 7)
            ]
            flags = {v: f for _, p, _, v, f in found if p == "level"}
            assert flags[1.5] == NO_TIME and flags[4] == 0 and flags[99] == NO_TIME | OUT_OF_RANGE and flags[7] == LATE
            assert [(v, f) for _, p, _, v, f in found if p == "open"] == [(1.0, NO_TIME | CODED)]
            assert [x for _, p, x, v, _ in found if v in (4, 5, 6)] == [t, t + 1, t + 2]
            await c.close()

    run(go())


def test_a_device_of_an_older_version_is_understood(broker: Nats, run: Run) -> None:
    async def go() -> None:
        old = replace(row("A", "token-a"), translate={"lvl": ["level", 0.01, 0.0]})
        async with gateway(broker, [old, row("B", "token-b")]) as kit:
            c, other = await client(kit), await client(kit, "token-b")
            await c.publish(T, b'{"lvl": 312, "battery": 80}')
            await c.publish(T, b'{"lvl": 5000}')
            await other.publish(T, b'{"lvl": 312}')
            found = {(p, v, f & OUT_OF_RANGE) for _, p, _, v, f in await kit.stored(4)}
            assert found == {("level", 3.12, 0), ("battery", 80, 0), ("level", 50, OUT_OF_RANGE), ("lvl", 312, 0)}
            await c.close()
            await other.close()

    run(go())


def test_texts_become_attributes_before_the_acknowledgement(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            c = await client(kit)
            await c.publish(T, b'{"level": 1, "firmware": "2.1"}')
            assert [n["attributes"] for n in kit.noted if n["attributes"]] == [{"firmware": "2.1"}]
            await c.publish("v1/devices/me/attributes", b'{"site": "north", "channels": 4}')
            assert kit.noted[-1]["attributes"] == {"site": "north", "channels": 4}
            await c.close()

    run(go())


def test_a_number_between_quotes_is_a_reading_where_the_model_calls_it_one(broker: Nats, run: Run) -> None:
    async def go() -> None:
        level = {"level": {"type": "number", "min": 0, "max": 10}, "note": {"type": "text"}}
        async with gateway(broker, [row("A", "token-a", properties=level)]) as kit:
            c = await client(kit)
            await c.publish(T, b'{"level": "3.25", "note": "7", "serial": "8"}')
            await c.publish(T, b'{"level": "11"}')
            await c.publish(T, b'{"level": "three"}')
            assert [(p, v, f & OUT_OF_RANGE) for _, p, _, v, f in await kit.stored(2)] == [
                ("level", 3.25, 0), ("level", 11.0, OUT_OF_RANGE)]  # fmt: skip
            told = [n["attributes"] for n in kit.noted if n["attributes"]]
            assert told == [{"note": "7", "serial": "8"}, {"level": "three"}]
            await c.close()

    run(go())


def test_clocks_years_off_are_clamped_and_counted(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            c = await client(kit)
            for ts in (0, 946_684_800_000, now() + 10 * 365 * 86_400_000, -5):
                await c.publish(T, json.dumps({"ts": ts, "values": {"level": 1}}).encode())
            found = await kit.stored(4)
            assert all(abs(ts - now()) < 20_000 and f & CLAMPED and f & NO_TIME for _, _, ts, _, f in found)
            assert kit.gateway.clamped == 4 and "clock" in next(iter(kit.gateway.registry.devices.values())).error
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{kit.http}", trust_env=False) as web:
                answer = await web.post("/api/v1/token-a/telemetry", json={"ts": 5, "values": {"level": 1}})
                assert answer.status_code == 200 and answer.json()["warnings"][0]["field"] == "ts"
                old = {"ts": 1_400_000_000_000, "values": {"level": 1}}
                answer = await web.post("/api/v1/token-a/telemetry?backfill=1", json=old)
                assert answer.json() == {}
            await c.close()

    run(go())


def test_http_refusals_name_field_and_reason(broker: Nats, run: Run) -> None:
    cases: list[tuple[bytes, int, str]] = [
        (b"{", 400, "body"), (b"5", 422, "body"), (b"[5]", 422, "[0]"), (b'{"level": [1]}', 422, "level"),
        (b'{"ts": "x", "values": {"a": 1}}', 422, "ts"), (b'{"ts": 1, "values": 5}', 422, "values"),
        (b'[{"ts": 1, "values": {"level": {}}}]', 422, "[0].values.level"), (b'{"": 1}', 422, "''"),
        (b'{"": []}', 422, "''"), (json.dumps({"deep": ["x" * 100] * 50}).encode(), 422, "deep"),
        (b'{"a": 1e305}', 422, "a"), (json.dumps({"x" * 65: 1}).encode(), 422, repr("x" * 64)),
        (json.dumps({f"p{i}": i for i in range(300)}).encode(), 422, "p199"),
    ]  # fmt: skip

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{kit.http}", trust_env=False) as web:
                for body, status, field in cases:
                    answer = await web.post("/api/v1/token-a/telemetry", content=body)
                    assert answer.status_code == status, (body, answer.text)
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["errors"][0]["field"] == field, answer.text
                    assert answer.json()["errors"][0]["reason"]
                answer = await web.post("/api/v1/nobody/telemetry", content=b"{}")
                assert answer.status_code == 401 and answer.json()["errors"][0]["field"] == "token"
                answer = await web.post("/api/v1/token-b/telemetry", content=b"x" * 300_000)
                assert answer.status_code == 413
                assert (await web.get("/api/v1/token-a/telemetry")).status_code == 405
                assert (await web.post("/elsewhere")).status_code == 404
                assert (await web.post("/api/v1/token-b/telemetry", json={"level": 3})).status_code == 200
            assert [v for c, _, _, v, _ in await kit.stored(1) if c == "B"] == [3.0]
            device = kit.gateway.registry.token("token-a").device
            assert device is not None and device.bad == len(cases)

    run(go())


BAD: list[tuple[str, bytes, str]] = [
    ("json", publish_packet(T, b"{nope", 1), "not JSON"),
    ("topic", publish_packet("v1/devices/other/telemetry", b"{}", 1), "not this device's"),
    ("another device's topic", publish_packet("linli/B/telemetry", b'{"level":1}', 1), "not this device's"),
    ("wildcard", publish_packet("v1/devices/#", b"{}", 1), "wildcard"),
    ("qos 2", b"\x34" + publish_packet(T, b"{}", 1)[1:], "QoS 2"),
    ("packet 0", b"\x32\x1c" + publish_packet(T, b"{}", 1)[2:27] + b"\0\0{}", "identifier is 0"),
    ("length", b"\x30\xff\xff\xff\xff\x01", "four bytes"),
    ("huge", b"\x30\xff\xff\xff\x7f", "larger than"),
    ("cut", b"\x32\x03\x00\x01a", "cut short"),
    ("second connect", connect_packet("x", "token-a"), "second CONNECT"),
    ("server packet", b"\x20\x02\x00\x00", "not for a server"),
    ("subscribe flags", b"\x80" + subscribe_packet(1, "a")[1:], "flags"),
]


def test_bad_frames_close_their_own_connection_only(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            good = await client(kit, "token-b")
            device = kit.gateway.registry.token("token-a").device
            assert device is not None
            for i, (name, packet, reason) in enumerate(BAD):
                bad = await client(kit)
                bad.write(packet)
                await asyncio.wait_for(bad.closed.wait(), 5)
                assert reason in device.error, (name, device.error)
                assert device.bad == i + 1, name
                await good.publish(T, b'{"level": 1}')
            assert kit.gateway.refusals["bad-frame"] >= len(BAD) - 1
            await good.close()

    run(go())


def test_who_may_connect(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("OFF", "token-off", enabled=False)]) as kit:
            for token in ("nobody", "token-off", ""):
                with pytest.raises(Refused):
                    await client(kit, token)
            by_code = MqttClient("127.0.0.1", kit.mqtt, "A")
            await by_code.connect(password="token-a")
            with pytest.raises(Refused):
                await MqttClient("127.0.0.1", kit.mqtt, "B").connect(password="token-a")
            with pytest.raises(Refused):
                await MqttClient("127.0.0.1", kit.mqtt, "token-a").connect(will=("v1/devices/B/telemetry", b"{}"))
            reader, writer = await asyncio.open_connection("127.0.0.1", kit.mqtt)
            writer.write(b"\x10\x10\x00\x04MQTT\x06\x02\x00\x3c\x00\x00\x03abc")
            assert await reader.read(100) == b"\x20\x03\x00\x84\x00"
            writer.close()
            await by_code.close()

    run(go())


def test_take_over_will_and_subscriptions(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            first = MqttClient("127.0.0.1", kit.mqtt, "token-a", client_id="same")
            await first.connect(will=(T, b'{"online": 0}'))
            second = await client(kit, client_id="same")
            await asyncio.wait_for(first.closed.wait(), 5)
            second.write(subscribe_packet(7, "v1/devices/me/attributes", "v1/devices/+/telemetry", "#"))
            assert await second.messages.get() == ("packet 9", b"\0\x07\x01\x80\x80")
            second.write(b"\xc0\x00")
            assert (await second.messages.get())[0] == "packet 13"
            await second.publish("v1/devices/me/rpc/request/3", b'{"method":"getSessionLimits","params":{}}')
            topic, body = await second.messages.get()
            assert topic == "v1/devices/me/rpc/response/3" and json.loads(body)["maxInflightMessages"]
            await second.publish(T, b'{"level": 1}')
            assert sorted(p for _, p, *_ in await kit.stored(2)) == ["level", "online"]
            many = [await client(kit, client_id=f"c{i}") for i in range(5)]
            await asyncio.wait_for(second.closed.wait(), 5)
            for c in many:
                await c.close()

    run(go())


def test_a_disabled_device_is_put_out(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            a, b = await client(kit), await client(kit, "token-b")
            kit.gateway.source.rows = [row("A", "token-a", enabled=False)]  # type: ignore[attr-defined]
            await kit.gateway.refresh()
            await asyncio.wait_for(asyncio.gather(a.closed.wait(), b.closed.wait()), 5)
            assert kit.gateway.registry.token("token-b") is None

    run(go())


def test_a_device_that_sends_too_fast_is_slowed_alone(broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linli.telemetry.gateway.registry.BURST", 100.0)
    monkeypatch.setattr("linli.telemetry.gateway.registry.POINTS_PER_S", 200.0)

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            fast, calm = await client(kit, window=1000), await client(kit, "token-b")
            started = time.monotonic()
            flood = asyncio.gather(*(fast.publish(T, b'{"level": %d}' % i) for i in range(400)))
            for _ in range(20):
                before = time.monotonic()
                await calm.publish(T, b'{"level": 1}')
                assert time.monotonic() - before < 0.5
            await flood
            assert time.monotonic() - started > 1.0
            assert len([1 for c, *_ in await kit.stored(420) if c == "A"]) == 400
            await fast.close()
            await calm.close()

    run(go())


def test_broker_gone_nothing_is_acknowledged_then_it_catches_up(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            c = await client(kit)
            await c.publish(T, b'{"level": 0}')
            assert broker.child is not None
            broker.child.kill()
            broker.child.wait()
            waiting = [
                asyncio.ensure_future(c.publish(T, json.dumps({"ts": now() - i, "values": {"level": i}}).encode()))
                for i in range(1, 40)
            ]
            done, _ = await asyncio.wait(waiting, timeout=1.5)
            assert not done
            broker.start()  # from this thread: the server dies with the thread that started it
            await asyncio.wait_for(asyncio.gather(*waiting), 20)
            assert sorted(v for *_, v, _ in await kit.stored(40)) == list(range(40))
            await c.close()

    run(go())


def test_memory_is_bounded_while_the_stream_is_away(broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linli.telemetry.gateway.batcher.HIGH_POINTS", 300)
    monkeypatch.setattr("linli.telemetry.gateway.batcher.LOW_POINTS", 100)

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            clients = [await client(kit, client_id=f"c{i}", window=5000) for i in range(3)]
            assert broker.child is not None
            broker.child.kill()
            broker.child.wait()
            work = [asyncio.ensure_future(c.publish(T, b'{"level": %d}' % i)) for i in range(1000) for c in clients]
            await asyncio.sleep(1)
            assert kit.gateway.batcher.pressed and kit.gateway.batcher.pending < 3_000
            broker.start()  # from this thread: the server dies with the thread that started it
            await asyncio.wait_for(asyncio.gather(*work), 30)
            assert not kit.gateway.batcher.pressed and kit.gateway.batcher.pending == 0
            for c in clients:
                await c.close()

    run(go())


def test_paho_and_split_packets(broker: Nats, run: Run) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:

            def device() -> None:
                c = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="paho")
                c.username_pw_set("token-a")
                c.connect("127.0.0.1", kit.mqtt, 10)
                c.loop_start()
                for i in range(20):
                    c.publish(T, json.dumps({"level": i}), qos=1).wait_for_publish(5)
                c.disconnect()
                c.loop_stop()

            await asyncio.to_thread(device)
            slow = await client(kit)
            for byte in publish_packet(T, b'{"level": 20}', 1) + publish_packet(T, b'{"level": 21}'):
                slow.write(bytes((byte,)))
                await asyncio.sleep(0.001)
            assert [v for *_, v, _ in await kit.stored(22)] == list(range(22))
            await slow.close()

    run(go())


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=200), min_size=5, max_size=20), st.lists(st.integers(0, 255), min_size=20))
def test_fuzzed_frames_disturb_nobody(broker: Nats, frames: list[bytes], changes: list[int]) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            good = await client(kit, "token-b")
            base = bytearray(publish_packet(T, b'{"level": 1, "b": [1, 2]}', 1))
            for i, junk in enumerate(frames):
                _, writer = await asyncio.open_connection("127.0.0.1", kit.mqtt)
                mutated = bytearray(base)
                mutated[changes[i] % len(mutated)] = changes[-i - 1]
                writer.write((connect_packet("x", "token-a") if i % 2 else b"") + junk + bytes(mutated))
                await writer.drain()
                await good.publish(T, b'{"level": 1}')
                writer.close()
            await good.close()

    asyncio.run(asyncio.wait_for(go(), 60))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.sampled_from(
            ["ts", "values", "level"]), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_json_is_taken_whole_or_refused_by_name(doc: Any) -> None:
    from linli.telemetry.gateway.batcher import Part
    from linli.telemetry.gateway.payload import BadPayload, fill, parse, split
    from linli.telemetry.gateway.registry import Registry

    registry, part = Registry(b"k" * 32, 4), Part(0)
    registry.replace_some([], [row("A", "t")])
    device = registry.by_code["A"]
    try:
        message = parse(json.dumps(doc).encode())
        split(device, message)
        points, _ = fill(part, device, message, 1_800_000_000_000)
    except BadPayload as error:
        assert error.field and error.reason
        return
    part.seal()
    assert points == 0 or len(part.sealed[0][0]) == points
