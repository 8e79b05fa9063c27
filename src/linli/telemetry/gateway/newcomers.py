"""Who is not known here may be known to PostgreSQL: it is asked once before a credential is refused.

With several gateways on one port a device that registered itself at one may come to another before the news of it does.
The questions are few, however many bad credentials come: those who wait are asked for together, one statement at a time
and at most ten a second; who comes when too many wait is told so at once, and what was just asked for is not asked for
again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg

from linli.telemetry.gateway import frames
from linli.telemetry.gateway.frames import Connect
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.registry import Registry, RegistrySource

log = logging.getLogger("linli.gateway")
MAX_WAITING, MAX_PEER = 500, 100  # who wait for an answer at a time, and of them from one address
PAUSE_S = 0.1  # from one question to the next
WAIT_S = 3.0  # for an answer
UNKNOWN_S = 5.0  # what nobody knew is not asked for again so long; what is registered meanwhile comes with the news
MAX_UNKNOWN = 20_000


class Hub(Protocol):
    """What is asked of the gateway."""

    registry: Registry
    source: RegistrySource

    async def refresh_some(self, ids: list[UUID]) -> None: ...
    def count_refusal(self, code: str) -> None: ...


class Ask(NamedTuple):
    """The hashes of what somebody says it is; any of them is enough."""

    hashes: list[bytes]
    known: asyncio.Future[bool | None]


class Newcomers:
    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.waiting: Counter[str] = Counter()  # by address
        self.questions = 0
        self._asks: list[Ask] = []
        self._unknown: dict[bytes, float] = {}  # hash → until when it is not asked for
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = False

    def knock(self, connection: Connection, said: Connect) -> bool:
        """A client of MQTT waits for the answer, and is let in or turned away by it. False: there is nothing to ask."""
        hashes = self._fresh(self.gateway.registry.hashes(said.user, said.password, said.client_id))
        if not hashes:
            return False
        connection.pause()
        self._start(self._admit(connection, said, hashes))
        return True

    async def known(self, hashes: Sequence[bytes], peer: str) -> bool | None:
        """Whether one of these credentials is known by now; None: nobody could be asked at the moment."""
        fresh = self._fresh(hashes)
        return await self._known(fresh, peer) if fresh else False

    def _fresh(self, hashes: Sequence[bytes]) -> list[bytes]:
        now = time.monotonic()
        return [h for h in hashes if self._unknown.get(h, 0.0) < now]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit(self, connection: Connection, said: Connect, hashes: list[bytes]) -> None:
        try:
            known = await self._known(hashes, connection.peer)
            if known is None:
                connection.turn_away(frames.BUSY, "who you are cannot be looked up at the moment; come again")
            else:
                connection.asked_for(said)
        finally:
            connection.resume()

    async def _known(self, hashes: list[bytes], peer: str) -> bool | None:
        if self.waiting[peer] >= MAX_PEER or self.waiting.total() >= MAX_WAITING:
            self.gateway.count_refusal("unknown-busy")
            return None
        ask = Ask(hashes, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        if not self._asking:
            self._asking = True
            self._start(self._ask_all())
        self.waiting[peer] += 1
        try:
            async with asyncio.timeout(WAIT_S):
                return await ask.known
        except TimeoutError:
            self.gateway.count_refusal("unknown-busy")
            return None
        finally:
            self.waiting[peer] -= 1
            if not self.waiting[peer]:
                del self.waiting[peer]

    async def _ask_all(self) -> None:
        """One question after the other until nobody waits. None is given up halfway: its line is the registry's."""
        try:
            while self._asks:
                part, self._asks = self._asks, []
                part = [one for one in part if not one.known.done()]
                answer = await self._answer({h for one in part for h in one.hashes})
                for one in part:
                    if not one.known.done():
                        one.known.set_result(None if answer is None else not answer.isdisjoint(one.hashes))
                await asyncio.sleep(PAUSE_S)
        finally:
            self._asking = False

    async def _answer(self, hashes: set[bytes]) -> set[bytes] | None:
        """Those by which somebody may speak, who is in the registry now; None when PostgreSQL does not answer."""
        if not hashes:
            return set()
        self.questions += 1
        try:
            if ids := await self.gateway.source.whose(list(hashes)):
                await self.gateway.refresh_some(ids)
        except (psycopg.Error, OSError) as error:
            log.warning("who is not known here could not be asked for: %s", type(error).__name__)
            return None
        known = {h for h in hashes if self.gateway.registry.by_hash.get(h) is not None}
        if len(self._unknown) > MAX_UNKNOWN:
            self._unknown.clear()
        self._unknown |= dict.fromkeys(hashes - known, time.monotonic() + UNKNOWN_S)
        return known
