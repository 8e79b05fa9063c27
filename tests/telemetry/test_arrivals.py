"""Two gateways: who comes to one with a client id that the other has parts the older line there."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from tests.telemetry.gatewaykit import Kit, gateway, row
from tests.telemetry.test_mqtt5 import Five, T

from linli.engines.nats import Nats
from linli.engines.process import wait_until
from linli.telemetry.gateway import frames

pytestmark = pytest.mark.engines
ROWS = [row("A", "token-a"), row("B", "token-b")]


def played(broker: Nats, run: Callable[..., Any], play: Callable[[Kit, Kit], None]) -> None:
    async def go() -> None:
        async with (
            gateway(broker, list(ROWS), follow=True) as one, gateway(broker, list(ROWS), follow=True) as other,
        ):  # fmt: skip
            await asyncio.sleep(0.2)
            await asyncio.to_thread(play, one, other)

    run(go())


def test_the_older_line_is_parted_at_the_other_gateway(broker: Nats, run: Callable[..., Any]) -> None:
    def play(one: Kit, other: Kit) -> None:
        first = Five(one, "token-a", client_id="same")
        beside, neighbour = Five(one, "token-a", client_id="beside"), Five(one, "token-b", client_id="same")
        device = one.gateway.registry.by_code["A"]
        device.state_changed = False
        second = Five(other, "token-a", client_id="same")
        assert first.next("parted")[0] == frames.TAKEN_OVER
        first.close()
        assert wait_until(lambda: len(one.gateway.connections) == 2, 5) and list(device.sessions) == ["beside"]
        assert not device.state_changed, "it is on line, elsewhere"
        for line in (second, beside, neighbour):
            assert line.say(T, b'{"level": 1}') == (0, ""), "the newer stays, and so does whoever else there is"
        assert one.gateway.arrivals.parted == 1 and not other.gateway.arrivals.parted
        for line in (second, beside, neighbour):
            line.close()

    played(broker, run, play)


def test_old_news_parts_nobody(broker: Nats, run: Callable[..., Any]) -> None:
    def play(one: Kit, other: Kit) -> None:
        line = Five(one, "token-a", client_id="same")
        (session,) = one.gateway.registry.by_code["A"].sessions.values()
        arrivals, came = one.gateway.arrivals, session.since  # type: ignore[attr-defined]

        def hear(machine: str, ahead: float, at: float) -> None:
            hear_bytes(orjson.dumps(["another", machine, ahead, [[str(ROWS[0].device_id), "same", at]]]))

        def hear_bytes(data: bytes) -> None:
            heard = arrivals._heard(SimpleNamespace(data=data))
            asyncio.run_coroutine_threadsafe(heard, one.gateway._loop).result(5)

        for junk in (b"x", b"[]", b'["a", "m", 0, [["b"]]]', b'["a", "m", 0, [["b", "c", 1]]]'):
            hear_bytes(junk)
        hear(arrivals.machine, 0.0, came - 0.01)
        hear(arrivals.machine, 0.0, came)
        there = arrivals._ahead() - 7e6  # another machine, which has been up for two hours longer
        hear("there", there, came + 7e6 + 300)
        assert line.say(T, b'{"level": 1}') == (0, "") and not arrivals.parted
        hear("there", there, came + 7e6 + 700)
        assert line.next("parted")[0] == frames.TAKEN_OVER and arrivals.parted == 1
        line.close()

    played(broker, run, play)


def test_names_that_gateways_give_part_nobody(broker: Nats, run: Callable[..., Any]) -> None:
    """Two without a client id, each at another gateway, are two."""

    def play(one: Kit, other: Kit) -> None:
        lines = [Five(kit, "token-a", client_id="") for kit in (one, other)]
        assert not wait_until(lambda: bool(one.gateway.arrivals.parted + other.gateway.arrivals.parted), 0.5)
        for line in lines:
            assert line.say(T, b'{"level": 1}') == (0, "")
            with pytest.raises(queue.Empty):
                line.events.get(timeout=0.1)
            line.close()

    played(broker, run, play)
