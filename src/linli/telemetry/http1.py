"""A small HTTP/1.1 server on asyncio and h11, for doors that are not the web: devices, and history's questions."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import orjson

READ_S = 30.0


class TooLarge(Exception):
    """The body is larger than the door takes."""


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer: str = ""
    gone: Callable[[], bool] = lambda: False
    """Whether the client has hung up and sent nothing behind this."""


@dataclass(slots=True)
class Response:
    """`body` is bytes, or an async iterator of bytes that is sent in chunks."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


def json_response(data: Any, status: int = 200) -> Response:
    return Response(status, orjson.dumps(data), "application/json")


def problem(status: int, code: str, detail: str, errors: list[tuple[str, str]] | None = None) -> Response:
    """application/problem+json, as the web gives it."""
    body = {
        "type": f"urn:linli:problem:{code}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
        "errors": [{"field": f, "reason": r} for f, r in errors or []],
    }  # fmt: skip
    return Response(status, orjson.dumps(body), "application/problem+json")


class Server:
    """Serves `handler` on 127.0.0.1 (or `host`); refuses bodies above `max_body` with 413."""

    def __init__(self, handler: Handler, *, max_body: int = 1 << 20, max_connections: int = 2_000) -> None:
        self.handler = handler
        self.max_body = max_body
        self.max_connections = max_connections
        self.open = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None, share: bool = False) -> None:
        self._server = await asyncio.start_server(
            self._client, host, port, ssl=tls, backlog=1024, limit=1 << 17, reuse_port=share or None
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.open >= self.max_connections:
            writer.close()
            return
        self.open += 1
        peer = (writer.get_extra_info("peername") or ("",))[0]
        try:
            await self._talk(reader, writer, peer)
        except (OSError, TimeoutError, h11.RemoteProtocolError, h11.LocalProtocolError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            with contextlib.suppress(Exception):
                writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        conn = h11.Connection(h11.SERVER, max_incomplete_event_size=32 * 1024)
        while True:
            try:
                request = await self._request(conn, reader, writer, peer)
            except h11.RemoteProtocolError as error:
                response = problem(error.error_status_hint, "bad-request", str(error))
                await self._answer(conn, writer, response, close=True)
                return
            except TooLarge:
                reason = f"larger than {self.max_body} bytes"
                response = problem(413, "too-large", f"the body is {reason}", [("body", reason)])
                await self._answer(conn, writer, response, close=True)
                return
            if request is None:
                return
            await self._answer(conn, writer, await self._handle(request))
            if conn.our_state is not h11.DONE or conn.their_state is not h11.DONE:
                return
            conn.start_next_cycle()

    async def _handle(self, request: Request) -> Response:
        try:
            return await self.handler(request)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            import logging

            logging.getLogger("linli.http").exception("%s %s", request.method, request.path.split("/")[-1])
            return problem(500, "internal", type(error).__name__)

    async def _request(
        self, conn: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> Request | None:
        head: h11.Request | None = None
        parts: list[bytes] = []
        size = 0
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                if conn.they_are_waiting_for_100_continue:
                    writer.write(conn.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                async with asyncio.timeout(READ_S):
                    conn.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > self.max_body:
                    raise TooLarge
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                found = _parse(head, b"".join(parts), peer)
                found.gone = reader.at_eof
                return found
            else:
                return None

    async def _answer(
        self, conn: h11.Connection, writer: asyncio.StreamWriter, response: Response, *, close: bool = False
    ) -> None:
        if conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        whole = response.body if isinstance(response.body, bytes) else None
        headers = [("content-type", response.content_type), *response.headers.items()]
        headers.append(("transfer-encoding", "chunked") if whole is None else ("content-length", str(len(whole))))
        if close:
            headers.append(("connection", "close"))
        head = h11.Response(status_code=response.status, headers=headers)
        writer.write(conn.send(head) or b"")
        if whole is not None:
            writer.write(conn.send(h11.Data(data=whole)) or b"")
        else:
            async for chunk in response.body:  # type: ignore[union-attr]
                writer.write(conn.send(h11.Data(data=chunk)) or b"")
                await writer.drain()
        writer.write(conn.send(h11.EndOfMessage()) or b"")
        async with asyncio.timeout(READ_S):
            await writer.drain()


def _parse(head: h11.Request, body: bytes, peer: str) -> Request:
    parts = urlsplit(head.target.decode("ascii", "replace"))
    query: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        # Given twice is a list, as clients write one that do not join it themselves.
        query[name] = f"{query[name]},{value}" if name in query else value
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in head.headers}
    return Request(
        head.method.decode("ascii", "replace"), unquote(parts.path), query, headers, body, peer,
    )  # fmt: skip
