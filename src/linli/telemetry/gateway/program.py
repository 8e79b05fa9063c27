"""One connection of a program: it publishes Observations and is told of them, and nothing else.

What it publishes is stored by the web process, in its order and with its own key, before it is acknowledged. At QoS 2
that is PUBREC; the same packet is not stored again until the program has let it go (PUBREL), and a message that comes
again over another line is the same there (`once`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, NamedTuple, Protocol

import orjson

from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.feed import Feed, Reading, Subscription
from linli.telemetry.gateway.frames import BadFrame, Connect
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.web import Away, Login, Web, words

log = logging.getLogger("linli.gateway")
MAX_QUEUED, AT_ONCE, AT_ONCE_BYTES = 200, 100, 1 << 20
MAX_UNTOLD, TOLD_AT_ONCE = 10_000, 500
MAX_BUFFER, MAX_UNREAD = 1 << 20, 200  # bytes and messages that it has not taken yet: more have to wait
PATIENCE_S = 60.0  # for a web process that is away, once the program has left
PUBREL = 6
AT_QOS_2, PUBREC, PUBCOMP = b"\x50", b"\x50\x02", b"\x70\x02"
CODES = {400: frames.BAD_PAYLOAD, 404: frames.BAD_TOPIC, 413: frames.TOO_LARGE}


class Programs(Protocol):
    web: Web
    feed: Feed

    def left(self, program: Program) -> None: ...
    def count_refusal(self, code: str) -> None: ...
    async def subscribe(self, program: Program, name: str, qos: int) -> tuple[int, str]: ...


class Message(NamedTuple):
    """What was published. `at`: when it came (ms), one apart from the one before; `again`: may have come before."""

    path: str
    text: str | None
    packet: bytes
    at: int
    once: str
    again: bool


class Program(Connection):
    """Takes the line of a connection over once the web process knows the program."""

    __slots__ = ("_again", "_creating", "_exact", "_exactly", "_full", "_last", "_programs", "_queue", "_tasks",
                 "_telling", "_untold", "account", "login", "subscriptions")  # fmt: skip
    named = True

    def __init__(self, old: Connection, said: Connect, programs: Programs, login: Login, account: str) -> None:
        super().__init__(old.gateway)
        self.transport, self.rest, self.peer, self.paused = old.transport, old.rest, old.peer, old.paused
        self.five, self.verbose, self.receive_max, self.largest = old.five, old.verbose, old.receive_max, old.largest
        self.client_id = said.client_id or f"-{id(self):x}"
        self.keep_alive = float(said.keep_alive)
        self.login, self.account = login, account
        self.subscriptions: dict[str, Subscription] = {}
        self._programs = programs
        self._queue: deque[Message] = deque()
        self._untold: deque[tuple[Subscription, Reading | str]] = deque()
        self._creating = self._telling = self._full = self._again = self._exactly = False
        self._exact: dict[bytes, bool] = {}  # packets at QoS 2 that it has not let go → whether they are stored
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_lost(self, error: Exception | None) -> None:
        """What it has published is stored all the same."""
        self.transport = None
        self.gateway.closed(self)
        self._untold.clear()
        self._programs.left(self)

    def cut(self, code: int, reason: str) -> None:
        """Its line is cut, and it is told why where it can be told."""
        self._programs.count_refusal("program-cut")
        self.part(code, reason)
        self.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("a program's line fails")
            self.cut(frames.UNAVAILABLE, "something went wrong here; come again")

    # --- packets ----------------------------------------------------------------------------------------------------

    def _other(self, data: bytes, first: int, at: int, end: int) -> None:
        if first >> 4 == frames.CONNECT:
            raise BadFrame("second CONNECT")
        if first >> 4 == frames.PUBLISH:
            self._again, self._exactly = bool(first & 8), first & 6 == 4
            self._publish(data, first ^ 6 if self._exactly else first, at, end)
        elif first >> 4 == PUBREL:
            self._released(data, first, at, end)
        else:
            super()._other(data, first, at, end)

    def _released(self, data: bytes, first: int, at: int, end: int) -> None:
        if first & 15 != 2 or end - at < 2 or (end - at > 2 and not self.five):
            raise BadFrame("PUBREL is malformed", frames.MALFORMED)
        if end - at > 3:
            frames.properties(data, at + 3, end, frames.OF_ANSWER)
        self._exact.pop(data[at : at + 2], None)
        self.write(PUBCOMP + data[at : at + 2])

    def acknowledge(self, packet: bytes) -> None:
        if packet in self._exact:
            self._exact[packet] = True
            self.write(PUBREC + packet)
        else:
            super().acknowledge(packet)

    def refuse_publish(self, packet: bytes, code: int, reason: str) -> None:
        if self._exact.pop(packet, None) is None:
            super().refuse_publish(packet, code, reason)
        else:
            self.write(frames.reasoned(AT_QOS_2, packet, code, self.words(reason)))

    def _take(self, topic: bytes, payload: bytes, packet: bytes) -> None:
        if self._exactly:
            if packet in self._exact:  # comes again: it is answered when it is stored
                if self._exact[packet]:
                    self.write(PUBREC + packet)
                return
            self._exact[packet] = False
        name = frames.published_to(topic)
        if not name.startswith(topics.OBSERVATIONS) or not name.endswith("Observations"):
            raise BadFrame(f"topic {name[:100]!r} is not a program's: v1.1/…/Observations is", frames.NOT_ALLOWED)
        try:
            text: str | None = payload.decode()
        except UnicodeDecodeError:
            text = None
        self._last = max(self.gateway.clock.now_ms(), self._last + 1)
        once = b"\0".join((self.client_id.encode(), packet, topic, payload)) if packet else b""
        self._queue.append(Message(
            name[len(topics.OBSERVATIONS) :], text, packet, self._last,
            hashlib.sha256(once).hexdigest() if once else "", self._again,
        ))  # fmt: skip
        if len(self._queue) >= MAX_QUEUED and not self._full:
            self._full = True
            self.pause()
        if not self._creating:
            self._creating = True
            self._start(self._create())

    def _subscribe(self, kind: int, data: bytes, at: int, end: int) -> None:
        packet, wishes = frames.parse_filters(kind, data, at, end, five=self.five)
        if kind == frames.UNSUBSCRIBE:
            found = [self.subscriptions.pop(name, None) for name, _ in wishes]
            for one in found:
                if one is not None:
                    self._programs.feed.drop(one)
            body = packet + (b"\0" + bytes(0 if one else frames.NONE_THERE for one in found) if self.five else b"")
            self.write(b"\xb0" + frames.encode_length(len(body)) + body)
            return
        self.pause()
        self._start(self._subscribing(packet, wishes))

    async def _subscribing(self, packet: bytes, wishes: list[frames.Wish]) -> None:
        codes, reason = bytearray(), ""
        try:
            for name, qos in wishes:
                code, why = await self._programs.subscribe(self, name, qos)
                codes.append(code if self.five or code < 0x80 else 0x80)
                reason = reason or why
            said = frames.reason_string(reason if self.verbose else "") if self.five else b""
            body = packet + said + bytes(codes)
            self.write(b"\x90" + frames.encode_length(len(body)) + body)
        finally:
            self.resume()

    # --- what it publishes ------------------------------------------------------------------------------------------

    async def _create(self) -> None:
        pause, since = 0.2, time.monotonic()
        try:
            while self._queue:
                part = self._next()
                try:
                    status, doc = await self._programs.web.ask(
                        "observations", self.login, {"messages": [_sent(m) for m in part]}
                    )
                except Away:
                    if self.transport is None and time.monotonic() - since > PATIENCE_S:
                        return
                    await asyncio.sleep(pause)
                    pause = min(5.0, pause * 2)
                    continue
                pause, since = 0.2, time.monotonic()
                if status != 200:
                    self._queue.clear()
                    self.cut(frames.NOT_ALLOWED, words(status, doc))
                    return
                for message, answer in zip(part, doc["answers"], strict=True):
                    if not self._queue:  # its line was cut by what came before
                        return
                    self._queue.popleft()
                    self._answer(message, answer)
                if self._full and len(self._queue) <= MAX_QUEUED // 2:
                    self._full = False
                    self.resume()
        finally:
            self._creating = False

    def _next(self) -> list[Message]:
        part, size = [], 0
        for message in self._queue:
            size += len(message.text or "")
            if part and (len(part) >= AT_ONCE or size > AT_ONCE_BYTES):
                break
            part.append(message)
        return part

    def _answer(self, message: Message, answer: dict[str, Any]) -> None:
        if answer["status"] == 201:
            self.acknowledge(message.packet)
            return
        self._programs.count_refusal("observation-refused")
        code, why = CODES.get(answer["status"], frames.NOT_ALLOWED), str(answer["message"])
        if self.five and message.packet:
            self.refuse_publish(message.packet, code, why)
        else:
            self._queue.clear()
            self.part(code, why)
            self.close()

    # --- what it is told --------------------------------------------------------------------------------------------

    def tell(self, to: Subscription, what: Reading | str) -> None:
        if self.transport is None:
            return
        if len(self._untold) >= MAX_UNTOLD:
            self.cut(frames.QUOTA, f"{MAX_UNTOLD} observations wait: more come than can be told")
            return
        self._untold.append((to, what))
        if not self._telling:
            self._telling = True
            self._start(self._tell())

    async def _tell(self) -> None:
        pause = 0.2
        try:
            while self._untold and self.transport is not None:
                if len(self.waiting or ()) > MAX_UNREAD or self.transport.get_write_buffer_size() > MAX_BUFFER:
                    await asyncio.sleep(0.05)
                    continue
                part = [self._untold[n] for n in range(min(TOLD_AT_ONCE, len(self._untold)))]
                groups, places = _grouped(part)
                try:
                    status, doc = await self._programs.web.ask("told", self.login, {"groups": groups})
                except Away:
                    await asyncio.sleep(pause)
                    pause = min(5.0, pause * 2)
                    continue
                pause = 0.2
                if status != 200:
                    self.cut(frames.NOT_ALLOWED, words(status, doc))
                    return
                for (to, _), (group, place) in zip(part, places, strict=True):
                    if self._untold:
                        self._untold.popleft()
                    self._send_one(to, doc["groups"][group][place])
        finally:
            self._telling = False

    def _send_one(self, to: Subscription, found: Any) -> None:
        """Nothing for what it may not see, or what is there no more."""
        if found is None or not to.on or self.transport is None:
            return
        self.send(to.topic, orjson.dumps(found), (lambda: None) if to.qos else None)


def _sent(message: Message) -> dict[str, Any]:
    return {"path": message.path, "text": message.text, "at": message.at, "once": message.once, "again": message.again}


def _grouped(part: list[tuple[Subscription, Reading | str]]) -> tuple[list[dict[str, Any]], list[tuple[int, int]]]:
    """By what is selected and of which feature; and where in the answer each is found."""
    groups: dict[tuple[str, int | None], list[Any]] = {}
    numbers: dict[tuple[str, int | None], int] = {}
    places = []
    for to, what in part:
        key = (to.select, to.feature)
        many = groups.setdefault(key, [])
        places.append((numbers.setdefault(key, len(numbers)), len(many)))
        many.append(what if isinstance(what, str) else tuple(what))
    sent = [{"select": select, "feature": feature, "found": many} for (select, feature), many in groups.items()]
    return sent, places
