"""Programs at the gateway: what the feed tells whom, and that devices feel nothing of a web process that is away."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson
import pytest
from tests.telemetry.gatewaykit import Kit, gateway, row
from tests.telemetry.test_mqtt5 import Five, T

from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.kernel import stream as kernel_stream
from linli.telemetry import batch, stream
from linli.telemetry.gateway import frames
from linli.telemetry.gateway.feed import Feed, Reading, Subscription
from linli.telemetry.gateway.web import Web

Run = Callable[..., Any]
A, B = b"a" * 16, b"b" * 16


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def tell(self, to: Subscription, what: Reading | str) -> None:
        self.heard.append((to.topic, what))


def readings(*rows: tuple[bytes, str, int, float, int]) -> batch.Batch:
    devices, names = list(dict.fromkeys(r[0] for r in rows)), list(dict.fromkeys(r[1] for r in rows))
    made = batch.make(
        devices, names, [devices.index(r[0]) for r in rows], [names.index(r[1]) for r in rows],
        [r[2] for r in rows], [r[2] + 5 for r in rows], [r[3] for r in rows], [r[4] for r in rows],
    )  # fmt: skip
    return batch.decode(batch.encode(made))


def listening(feed: Feed, ear: Ear, topic: str, streams: Any, feature: int | None = None) -> Subscription:
    one = Subscription(ear, topic, 1)
    one.feature = feature
    feed.set(one, streams)
    return one


def test_the_feed_tells_who_listens_once_and_no_private_reading() -> None:
    feed, ear = Feed(int), Ear()
    one = listening(feed, ear, "one", {7: (A, "level")})
    listening(feed, ear, "both", {7: (A, "level"), 8: (A, "open"), 9: (B, "level")})
    rows = [(A, "level", 1, 2.5, 0), (A, "other", 1, 9.0, 0), (A, "open", 1, 1.0, batch.CODED),
            (B, "level", 1, 4.0, batch.PRIVATE), (A, "level", 2, 3.5, batch.TOLD)]  # fmt: skip
    feed.match(readings(*rows))
    feed.match(readings(*rows))
    told = Reading(7, 1, 6, 2.5, 0)
    assert ear.heard == [("one", told), ("both", told), ("both", Reading(8, 1, 6, 1.0, batch.CODED))]
    feed.drop(one)
    feed.match(readings((A, "level", 1, 2.75, 0)))  # changed since
    assert ear.heard[3:] == [("both", Reading(7, 1, 6, 2.75, 0))]
    assert feed.series == 3 and not one.on


def test_rows_go_by_datastream_or_by_feature() -> None:
    feed, ear = Feed(int), Ear()
    by_stream = listening(feed, ear, "stream", {7: (A, "level"), 8: None})
    by_feature = listening(feed, ear, "feature", {7: (A, "level")}, feature=3)
    feed.rows("e1", 7, [("7t1n1", 3), ("7t1n2", None)])
    feed.rows("e1", 7, [("7t1n1", 3), ("7t1n2", None)])  # the same news again
    feed.rows("e2", 99, [("99t1n3", 3)])
    want = [("stream", "7t1n1"), ("feature", "7t1n1"), ("stream", "7t1n2"), ("feature", "99t1n3")]
    assert ear.heard == want
    for one in (by_stream, by_feature):
        feed.set(one, {})
        feed.drop(one)
    assert not (feed.subscriptions or feed.series or feed._readings or feed._rows or feed._features)


class Relay:
    """Events of observations as the relay publishes them, from a thread of its own: while it speaks, the gateway's loop
    does not run, and is not connected yet after a restart of NATS."""

    def __init__(self, broker: Nats) -> None:
        self.broker = broker

    def tell(self, *events: dict[str, Any]) -> None:
        thread = threading.Thread(target=lambda: asyncio.run(self._tell(events)))
        thread.start()
        thread.join()

    async def _tell(self, events: Iterable[dict[str, Any]]) -> None:
        nc = await stream.connect("relay", url=self.broker.url)
        await kernel_stream.ensure(nc.jetstream(timeout=5))
        for event in events:
            await nc.jetstream(timeout=5).publish("evt.observation.kept", orjson.dumps(event))
        await nc.close()


def kept(number: int, at: str = "2026-11-27T08:00:00+00:00") -> dict[str, Any]:
    return {"id": f"e{number}", "at": at, "data": {"datastream": 7, "observations": [[f"7t1n{number}", None]]}}


def restarted(broker: Nats, *, emptied: bool = False) -> None:
    assert broker.child is not None
    broker.child.kill()
    broker.child.wait()
    if emptied:
        shutil.rmtree(broker.data / "jetstream")
    broker.start()  # from this thread: the server dies with the thread that started it


@pytest.mark.engines
@pytest.mark.parametrize("emptied", [False, True])
def test_what_was_kept_while_the_gateway_was_off_nats_is_told_after_it(
    broker: Nats, run: Run, monkeypatch: pytest.MonkeyPatch, emptied: bool
) -> None:
    """Also when NATS lost its streams and the relay sends all again: then nothing from before somebody listened."""
    monkeypatch.setattr(stream, "_HEARTBEAT_S", 0.5)
    relay, begun = Relay(broker), int(datetime.fromisoformat("2026-11-27T07:59:00+00:00").timestamp() * 1000)

    async def heard(ear: Ear, count: int) -> list[str]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                while len(ear.heard) < count:
                    await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        return [what for _, what in ear.heard]

    async def go() -> None:
        nc = await stream.connect("feed", url=broker.url)
        await stream.ensure_stream(nc)
        relay.tell(kept(1, "2026-11-27T07:00:00+00:00"))
        feed, ear = Feed(lambda: begun), Ear()
        feed.open(nc)
        await feed.watch()
        one = listening(feed, ear, "one", {7: None})
        relay.tell(kept(2))
        assert await heard(ear, 1) == ["7t1n2"]
        restarted(broker, emptied=emptied)
        relay.tell(*((kept(1, "2026-11-27T07:00:00+00:00"), kept(2)) if emptied else ()), kept(3), kept(4))
        if emptied:
            await stream.ensure_stream(nc)
        assert await heard(ear, 3) == ["7t1n2", "7t1n3", "7t1n4"]
        await feed.watch()
        relay.tell(kept(5))
        assert await heard(ear, 4) == ["7t1n2", "7t1n3", "7t1n4", "7t1n5"]
        feed.drop(one)
        assert feed._watch is None and feed._readers is None
        await nc.close()

    run(go())


def answered(kit: Kit, password: str) -> int:
    five = Five(kit, "integrator", password=password)
    five.close()
    return int(five.code)


@pytest.mark.engines
def test_without_a_web_process_devices_speak_and_programs_wait(broker: Nats, run: Run) -> None:
    def play(kit: Kit) -> None:
        assert answered(kit, "linli_a_b") == frames.NOT_ALLOWED  # nobody to ask
        kit.gateway.programs.open(Web(f"http://127.0.0.1:{some_port()}"), kit.nc)
        assert answered(kit, "linli_a_b") == frames.UNAVAILABLE
        assert answered(kit, "a-token-of-nobody") == frames.NOT_ALLOWED
        device = Five(kit, "token-a")
        assert device.code == 0 and device.say(T, b'{"level": 1}') == (0, "")
        assert device.say("v1.1/Observations", b'{"result": 1}')[0] == frames.NOT_ALLOWED
        device.mqtt.subscribe("v1.1/Observations")
        assert device.next("subscribed") == [frames.NOT_ALLOWED]
        device.close()
        assert not kit.gateway.programs.sessions and kit.gateway.programs._asking == 0

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            await asyncio.to_thread(play, kit)

    run(go())
