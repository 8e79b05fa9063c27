"""GET /live/events over plain asyncio: a small HTTP/1.1 server whose only long answers are event streams."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from prometheus_client import Counter, Gauge

from linli.kernel.actor import PUBLIC, Actor
from linli.live.actors import Actors, Credential, NoAnswer, Unknown
from linli.live.hub import RESET, Hub, Listener, Wish

log = logging.getLogger("linli.live")
MAX_HEAD = 32 * 1024
HEAD_SECONDS = 15.0
MAX_BUFFER = 1 << 20
PERMISSION = "live.follow"
LISTENERS = Gauge("linli_live_listeners", "Open event streams")
DROPPED = Counter("linli_live_dropped_total", "Streams ended by us", ["why"])
REFUSED = Counter("linli_live_refused_total", "Requests refused", ["status"])
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n"
)


class Refusal(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Server:
    """What connections share."""

    def __init__(self, hub: Hub, actors: Actors, limit: int = 10_000) -> None:
        self.hub, self.actors, self.limit = hub, actors, limit
        self.connections: set[Connection] = set()

    async def open(self, host: str, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self), host, port, backlog=1024)


class Connection(asyncio.Protocol):
    """One request; a stream lives until the client leaves, is too slow, or loses its session."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport: asyncio.Transport
        self.listener: Listener | None = None
        self._head = b""
        self._chunked = True
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.server.connections.add(self)
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._late)

    def _late(self) -> None:
        if self._task is None:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._closing = True
        self.server.connections.discard(self)
        if self._task is not None and not self._task.done():
            self._task.cancel()
        if self.listener is not None:
            self.server.hub.remove(self.listener)
            self.listener = None
            LISTENERS.dec()

    def data_received(self, data: bytes) -> None:
        if self._task is not None:
            return  # a stream's client has nothing more to say
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._timer.cancel()
            self._task = asyncio.create_task(self._answer())
        elif len(self._head) > MAX_HEAD:
            self._refuse(431, "the header is too large")

    async def _answer(self) -> None:
        try:
            await self._serve()
        except Refusal as refusal:
            self._refuse(refusal.status, refusal.detail)
        except Exception:
            log.exception("request failed")
            self._refuse(500, "")

    async def _serve(self) -> None:
        target, headers = self._parse()
        url = urlsplit(target)
        if url.path != "/live/events":
            raise Refusal(404, "there is only /live/events")
        if len(self.server.hub.listeners) >= self.server.limit:
            raise Refusal(503, "too many listeners")
        if not self.server.hub.epoch:
            raise Refusal(503, "the stream of events is not there yet")
        query = parse_qs(url.query)
        wish = wish_of(query)
        credential = Credential(headers.get("cookie", ""), headers.get("authorization", ""))
        actor = PUBLIC if wish.public else await self._actor(credential)
        if self._closing:
            return
        self.transport.set_write_buffer_limits(high=MAX_BUFFER)
        self._start_stream()
        self.listener = Listener(self, actor, wish, "" if wish.public else credential.key)
        self.listener_credential = credential
        LISTENERS.inc()
        last = headers.get("last-event-id") or (query.get("last_event_id") or [""])[0]
        self.server.hub.add(self.listener, last)

    def _parse(self) -> tuple[str, dict[str, str]]:
        lines = self._head.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise Refusal(400, "not a request of HTTP/1.1")
        self._chunked = parts[2] != "HTTP/1.0"
        if parts[0] != "GET":
            raise Refusal(405, "only GET")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise Refusal(400, "a header without a colon")
            headers[name.strip().lower()] = value.strip()
        return parts[1], headers

    async def _actor(self, credential: Credential) -> Actor:
        if credential.empty:
            raise Refusal(401, "sign in first")
        try:
            actor = await self.server.actors.of(credential)
        except Unknown:
            raise Refusal(401, "sign in first") from None
        except NoAnswer:
            raise Refusal(503, "who you are cannot be checked at the moment") from None
        if not actor.can(PERMISSION):
            raise Refusal(403, f"needs {PERMISSION}")
        return actor

    def _start_stream(self) -> None:
        if self._chunked:
            self.transport.write(STREAM_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        else:
            self.transport.write(STREAM_HEAD + b"Connection: close\r\n\r\n")

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        REFUSED.labels(str(status)).inc()
        import orjson

        title = HTTPStatus(status).phrase
        body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": []})
        extra = {401: "WWW-Authenticate: Bearer\r\n", 503: "Retry-After: 2\r\n", 405: "Allow: GET\r\n"}.get(status, "")
        head = (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
            f"Cache-Control: no-store\r\nConnection: close\r\n{extra}\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    # Sink

    def send(self, frame: bytes) -> bool:
        """Queue a frame. A client that leaves a megabyte unread is told to start anew, and dropped."""
        if self._closing or self.transport.is_closing():
            return False
        if self.transport.get_write_buffer_size() > MAX_BUFFER:
            self._write(RESET)
            self.drop("too slow")
            return False
        self._write(frame)
        return True

    def _write(self, frame: bytes) -> None:
        self.transport.write(b"%x\r\n%b\r\n" % (len(frame), frame) if self._chunked else frame)

    def drop(self, why: str) -> None:
        """End the stream; what is queued still goes out, for five seconds at most."""
        if self._closing or self.transport.is_closing():
            return
        DROPPED.labels(why).inc()
        if self._chunked:
            self.transport.write(b"0\r\n\r\n")
        self.transport.close()
        asyncio.get_running_loop().call_later(5, self.transport.abort)


def wish_of(query: dict[str, list[str]]) -> Wish:
    names = [n.strip() for value in query.get("types", []) for n in value.split(",")]
    names = [n for n in names if n]
    if len(names) > 50 or any(len(n) > 64 for n in names):
        raise Refusal(422, "types: at most 50 names of 64 letters")
    area = (query.get("area") or [""])[0]
    if len(area) > 120:
        raise Refusal(422, "area: too long")
    public = (query.get("audience") or [""])[0] == "public"
    return Wish(frozenset(names or ["*"]), area, public)
