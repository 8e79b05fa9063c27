"""Programs: who may come in, what they may listen to, and that both stay true.

A program is who connects with an account's name and an API key. The web process knows both; it is asked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Protocol

from linli.identity.contracts import KEY_START
from linli.kernel.steady import SteadyClock
from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.feed import MAX_SERIES, Feed, Subscription
from linli.telemetry.gateway.frames import Connect
from linli.telemetry.gateway.mqtt import TAKEN, Connection
from linli.telemetry.gateway.program import Program
from linli.telemetry.gateway.web import Away, Login, Web, words

log = logging.getLogger("linli.gateway")
MAX_PROGRAMS, MAX_ASKING, MAX_TOPICS = 1_000, 100, 100
TRIES = 20  # wrong keys of one address in a minute
AT_MOST_QOS_1 = b"\x24\x01"  # what CONNACK says to devices
ENTER_S, PATIENCE_S, SUBSCRIBE_S = 10.0, 3.0, 20.0
REFRESH_S, CHANGED_S = 60.0, 5.0
REMEMBERED_S = 6.0  # the web process may take a key for good so long after it was revoked


class Hub(Protocol):
    clock: SteadyClock
    connections: set[Any]

    def count_refusal(self, code: str) -> None: ...


class Programs:
    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.web: Web = None  # type: ignore[assignment]  # until `open`
        self.feed = Feed(hub.clock.now_ms)
        self.sessions: dict[tuple[str, str], Program] = {}
        self.changed = False
        self._asking = 0
        self._refreshed = self._minute = time.monotonic()
        self._tries: Counter[str] = Counter()
        self._doubted: list[tuple[float, str]] = []  # (when, account): is its key still good?
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, web: Web, nc: Any) -> None:
        """Without this nobody but devices is let in."""
        self.web = web
        self.feed.open(nc)

    def count_refusal(self, code: str) -> None:
        self.hub.count_refusal(code)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- coming and going -------------------------------------------------------------------------------------------

    def knock(self, connection: Connection, said: Connect) -> bool:
        """Whether this may be a program. If so its line waits, and it is answered here."""
        if self.web is None or not said.user or not said.password.startswith(KEY_START):
            return False
        if self._tries[connection.peer] >= TRIES:
            self.count_refusal("too-many-tries")
            return False
        if self._asking >= MAX_ASKING or len(self.sessions) >= MAX_PROGRAMS:
            self.count_refusal("too-many-programs")
            connection.turn_away(frames.UNAVAILABLE, "too many programs")
            return True
        self._asking += 1
        connection.pause()
        self._start(self._admit(connection, said))
        return True

    async def _admit(self, connection: Connection, said: Connect) -> None:
        login, end = Login(said.user, said.password), time.monotonic() + PATIENCE_S
        try:
            while True:
                try:
                    status, doc = await self.web.ask("enter", login, seconds=ENTER_S)
                    break
                except Away as error:
                    if connection.transport is None or time.monotonic() > end:
                        connection.turn_away(frames.UNAVAILABLE, str(error))
                        return
                    await asyncio.sleep(0.3)
        finally:
            self._asking -= 1
        if connection.transport is None:
            return
        if status != 200:
            self._tries[connection.peer] += 1
            self.count_refusal("unknown-key")
            connection.turn_away(frames.NOT_ALLOWED, "unknown key, or one without a permission")
        elif said.will is not None:
            connection.turn_away(frames.NOT_ALLOWED, "a program has no will here")
        else:
            self._enter(connection, said, login, str(doc["account"]))

    def _enter(self, connection: Connection, said: Connect, login: Login, account: str) -> None:
        program = Program(connection, said, self, login, account)
        old = self.sessions.pop((account, program.client_id), None)
        if old is not None:
            old.part(frames.TAKEN_OVER, TAKEN)
            old.close()
        self.sessions[account, program.client_id] = program
        self.hub.connections.discard(connection)
        self.hub.connections.add(program)
        program.transport.set_protocol(program)
        connection.transport = None
        told = frames.welcome(said.asks, "" if said.client_id else program.client_id) if program.five else b""
        told = told.removeprefix(AT_MOST_QOS_1)  # programs publish at QoS 2, too
        program.write(frames.connack(frames.OK, five=program.five, said=told))
        program.resume()

    def left(self, program: Program) -> None:
        if self.sessions.get((program.account, program.client_id)) is program:
            del self.sessions[program.account, program.client_id]
        for one in program.subscriptions.values():
            self.feed.drop(one)
        program.subscriptions.clear()

    # --- what they listen to ----------------------------------------------------------------------------------------

    async def subscribe(self, program: Program, name: str, qos: int) -> tuple[int, str]:
        """(code of SUBACK, why not)."""
        if not name.startswith(topics.OBSERVATIONS) or "+" in name or "#" in name:
            self.count_refusal("topic")
            return frames.NOT_ALLOWED, "programs subscribe to v1.1/…/Observations, without wildcards"
        one = Subscription(program, name, min(qos, 1))
        old = program.subscriptions.get(name)
        if old is None and len(program.subscriptions) >= MAX_TOPICS:
            return frames.QUOTA, f"at most {MAX_TOPICS} topics"
        end = time.monotonic() + SUBSCRIBE_S
        while True:
            try:
                await self.feed.watch()
                status, doc = await self.web.ask("topic", program.login, {"topic": name}, seconds=SUBSCRIBE_S)
                break
            except (Away, OSError, TimeoutError) as error:
                if program.transport is None or time.monotonic() > end:
                    return frames.UNAVAILABLE, str(error)
                await asyncio.sleep(1)
        if status != 200:
            self.count_refusal("topic")
            return _CODES.get(status, frames.NOT_ALLOWED), words(status, doc)
        if self.feed.series + len(doc["streams"]) > MAX_SERIES:
            self.count_refusal("too-many-series")
            return frames.QUOTA, f"programs listen to {self.feed.series} series here, at most {MAX_SERIES}"
        if program.transport is not None:
            if old is not None:
                self.feed.drop(old)
            program.subscriptions[name] = one
            self._hold(one, doc)
        return one.qos, ""

    def _hold(self, one: Subscription, doc: Any) -> None:
        one.select, one.feature, one.tag = doc["select"], doc["feature"], doc["tag"]
        streams = {key: (bytes.fromhex(device), prop) if device else None for key, device, prop in doc["streams"]}
        self.feed.set(one, streams)

    # --- that it stays true -----------------------------------------------------------------------------------------

    def doubt(self, account: str) -> None:
        """A key or a right of this account has changed."""
        if any(p.account == account for p in self.sessions.values()):
            now = time.monotonic()
            self._doubted += [(now, account), (now + REMEMBERED_S, account)]

    def missed(self) -> None:
        """News may not have come: look at all keys and topics now."""
        self._minute = float("-inf")

    async def run(self) -> None:
        """Whatever goes wrong with programs, devices do not feel it."""
        while True:
            await asyncio.sleep(0.5)
            try:
                await self._look()
                if self.feed.subscriptions:
                    await self.feed.watch()
            except (OSError, TimeoutError) as error:
                log.warning("the stream is not watched for programs: %s", type(error).__name__)
            except Exception:
                log.exception("programs could not be looked after")

    async def _look(self) -> None:
        now = time.monotonic()
        due = {account for at, account in self._doubted if at <= now}
        self._doubted = [(at, account) for at, account in self._doubted if at > now]
        whole = now - self._minute >= REFRESH_S
        if whole:
            self._minute = now
            self._tries.clear()
        for program in list(self.sessions.values()):
            if whole or program.account in due:
                await self._check(program)
        if whole or due or (self.changed and now - self._refreshed >= CHANGED_S):
            self._refreshed, self.changed = now, False
            for one in list(self.feed.subscriptions):
                await self._refresh(one)

    async def _check(self, program: Program) -> None:
        try:
            status, doc = await self.web.ask("enter", program.login, seconds=ENTER_S)
        except Away:
            return
        if status != 200 and program.transport is not None:
            program.cut(frames.NOT_ALLOWED, words(status, doc))

    async def _refresh(self, one: Subscription) -> None:
        program = one.program
        try:
            status, doc = await self.web.ask("topic", program.login, {"topic": one.topic, "tag": one.tag})
        except Away:
            return
        if not one.on:
            return
        if status != 200:
            one.tag = ""
            self.feed.set(one, {})
        elif "streams" in doc:
            self._hold(one, doc)


_CODES = {400: frames.BAD_FILTER, 404: frames.BAD_FILTER, 413: frames.QUOTA}
