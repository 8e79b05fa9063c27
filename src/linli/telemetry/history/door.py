"""The questions of other processes, over loopback HTTP with a bearer token; answers stream as Arrow.

GET /readings /series /compared /latest /rollup /counts /flagged /arrivals /export /state, POST /backup /flush
/observations /newest /write /forget /put /sql and /things. Each worker thread has its own client of the store: one
client answers one question at a time.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from linli.telemetry import tiers
from linli.telemetry.batch import BadBatch, decode
from linli.telemetry.history import analyst, corrections, observations, questions
from linli.telemetry.history.newest import Newest, complete, lacking, of_table
from linli.telemetry.history.questions import BadQuestion, Question
from linli.telemetry.history.store import QUERY_SETTINGS, Store
from linli.telemetry.http1 import Request, Response, json_response, problem

ARROW = "application/vnd.apache.arrow.stream"
PACKED = "application/vnd.msgpack"
WORKERS = 2
MAX_DEVICES = 2_000


class Door:
    """`state` tells how far the writer is; `reached(sequence, seconds)` waits until it has stored that one;
    `backup(name)` makes a copy; `write(batch)` stores readings; `put(device, property, times, rows)` puts some in
    the place of others, or nothing."""

    def __init__(
        self, store: Store, token: str, state: Callable[[], dict[str, Any]], reached: Any, backup: Any,
        write: Any = None, put: Any = None, newest: Newest | None = None,
    ) -> None:  # fmt: skip
        self.store = store
        self.token = token
        self.state = state
        self.reached = reached
        self.backup = backup
        self.write = write
        self.put = put
        self.newest = newest
        self._own = threading.local()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="question")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="export")
        self._analysts = ThreadPoolExecutor(1, thread_name_prefix="analyst")  # one at a time: they wait for each other
        self.stamp = ""  # the registry's stamp of what analysts see

    def _client(self) -> Any:
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self.store.client(**QUERY_SETTINGS)
        return client

    async def handle(self, request: Request) -> Response:
        sent = request.headers.get("authorization", "")
        if not hmac.compare_digest(sent.encode(), f"Bearer {self.token}".encode()):
            return problem(401, "unauthenticated", "the district's history token is needed")
        try:
            return await self._route(request)
        except BadQuestion as error:
            return problem(422, "invalid", str(error), [(error.field, error.reason)])
        except ClickHouseError as error:
            return problem(503, "unavailable", f"the store could not answer: {str(error)[:200]}")

    async def _route(self, request: Request) -> Response:
        name, query = request.path.strip("/"), request.query
        if request.method == "GET" and name == "latest" and self.newest is not None:
            return Response(200, _arrow(await self._latest(self.newest, _devices(query))), ARROW)
        if request.method == "GET" and name in _QUESTIONS:
            return await self._ask(_QUESTIONS[name](query))
        if request.method == "GET" and name == "export":
            return self._export(query)
        if request.method == "GET" and name == "state":
            return json_response(self.state())
        if request.method == "POST" and name == "backup":
            return await self._backup(query.get("name", "latest"))
        if request.method == "POST" and name == "flush":
            done = await self.reached(_int(query, "sequence"), min(30, _int(query, "seconds", 10)))
            return json_response({"stored": done}, 200 if done else 504)
        if request.method == "POST" and name in ("observations", "newest", "write", "forget", "put", "sql", "things"):
            return await getattr(self, f"_{name}")(request)
        return problem(404, "not-found", "no such question")

    async def _observations(self, request: Request) -> Response:
        asked = _body(request)
        made = observations.ASKED.get(request.query.get("ask", "page"))
        if made is None:
            raise BadQuestion("ask", f"must be one of {', '.join(observations.ASKED)}")
        try:
            question = made(asked)
        except (TypeError, ValueError, KeyError) as error:
            if isinstance(error, BadQuestion):
                raise
            raise BadQuestion("body", "is not a question about observations") from error
        return await self._ask(question)

    async def _write(self, request: Request) -> Response:
        """Readings of another process of ours, as one batch; answered when they can be read."""
        try:
            batch = decode(request.body)
        except BadBatch as error:
            raise BadQuestion("body", str(error)) from error
        if len(batch) and int(batch.ts.min()) < (kept := tiers.now().raw):
            raise BadQuestion("time", f"the district keeps readings since {tiers.day(kept)}; older ones are not taken")
        stored = await self.write(batch)
        return json_response({"stored": stored}, 200 if stored else 504)

    async def _forget(self, request: Request) -> Response:
        asked = _body(request)
        try:
            device, times = bytes.fromhex(asked["device"]), [int(t) for t in asked["times"]]
            await self.put(device, str(asked["property"]), times, None)
        except (TypeError, ValueError, KeyError) as error:
            raise BadQuestion("body", "must have device, property and times") from error
        return json_response({"forgotten": len(times)})

    async def _put(self, request: Request) -> Response:
        """Rows (`corrections.ROWS`) that take the place of all there are at their times; answered when that is so."""
        devices, prop = _devices(request.query), request.query.get("property", "")
        try:
            table = pa.ipc.open_stream(request.body).read_all().cast(corrections.ROWS)
            times = table["t"].to_pylist()
            await self.put(devices[0], prop, times, table.filter(table["keep"]))
        except (pa.ArrowInvalid, ValueError) as error:
            raise BadQuestion("body", f"must be an Arrow stream of rows: {str(error)[:200]}") from error
        return json_response({"put": len(times)})

    async def _sql(self, request: Request) -> Response:
        """An analyst's text over the views of `analyst.py`; 409 when the things there are not those of `stamp`."""
        asked = _body(request)
        if asked.get("stamp") != self.stamp:
            return problem(409, "other-things", "send the things of this stamp first")
        try:
            text, areas, limit, zone = asked["sql"], list(asked["areas"]), int(asked["limit"]), str(asked["zone"])
        except (TypeError, ValueError, KeyError) as error:
            raise BadQuestion("body", "must have sql, areas, limit and zone") from error
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(
            self._analysts, lambda: _arrow(analyst.ask(self._client(), str(text), areas, limit, zone))
        )
        return Response(200, data, ARROW)

    async def _things(self, request: Request) -> Response:
        try:
            table = pa.ipc.open_stream(request.body).read_all()
        except pa.ArrowInvalid as error:
            raise BadQuestion("body", "is no Arrow stream") from error
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._analysts, lambda: analyst.keep_things(self._client(), table))
        self.stamp = request.query.get("stamp", "")
        return json_response({"things": len(table)})

    async def _latest(self, newest: Newest, devices: list[bytes]) -> pa.Table:
        found = newest.find(devices)
        if found is None:
            version, loop = newest.version, asyncio.get_running_loop()
            question = questions.latest(devices)
            found = await loop.run_in_executor(self._workers, lambda: questions.ask(self._client(), question))
            newest.fill(devices, found, version)
        return found

    async def _newest(self, request: Request) -> Response:
        """As `latest`, for who asks at every page: ids of 16 bytes in, property → (t, value, flags, recv) out."""
        body, newest = request.body, self.newest or Newest()
        devices = [body[at : at + 16] for at in range(0, len(body), 16)]
        if len(body) % 16 or not 1 <= len(devices) <= MAX_DEVICES:
            raise BadQuestion("devices", f"must be 1 to {MAX_DEVICES} ids of 16 bytes")
        known = newest.known(devices)
        if known is None:
            found = of_table(devices, await self._latest(newest, devices))
        else:
            found = {d: dict(own) for d, own in zip(devices, known, strict=True)}
        if missing := lacking(found):
            asked = list(questions.arrived(missing))
            loop = asyncio.get_running_loop()
            tables = await loop.run_in_executor(
                self._workers, lambda: [questions.ask(self._client(), one) for one in asked]
            )
            for row in complete(found, tables):
                newest.arrived(*row)
        return Response(200, msgspec.msgpack.encode([found[d] for d in devices]), PACKED)

    async def _ask(self, question: Question) -> Response:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(self._workers, lambda: _arrow(questions.ask(self._client(), question)))
        return Response(200, data, ARROW)

    def _export(self, query: dict[str, str]) -> Response:
        device = _devices(query)[0]
        start, end = _int(query, "start"), _int(query, "end")
        questions.readings(device, None, start, end, None, 1, False)  # refuse a bad span before the first byte

        def chunks() -> Iterator[bytes]:
            sink = _Sink()
            with pa.ipc.new_stream(sink, READING) as writer:
                for table in questions.pages(self._client(), device, query.get("property") or None, start, end):
                    writer.write_table(table.select(READING.names).cast(READING))
                    yield sink.take()
            yield sink.take()

        return Response(200, self._stream(chunks()), ARROW)

    async def _stream(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        while (chunk := await loop.run_in_executor(self._slow, next, chunks, None)) is not None:
            yield chunk

    async def _backup(self, name: str) -> Response:
        try:
            path, rows = await self.backup(name)
        except ValueError as error:
            return problem(422, "invalid", str(error), [("name", str(error))])
        return json_response({"path": str(path), "rows": rows})


READING = pa.schema([("property", pa.string()), ("t", pa.int64()), ("value", pa.float64()), ("flags", pa.uint8())])


class _Sink:
    """A file that is emptied as it is written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data

    def flush(self) -> None: ...
    def close(self) -> None: ...
    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _body(request: Request) -> dict[str, Any]:
    try:
        found = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise BadQuestion("body", "is not JSON") from error
    if not isinstance(found, dict):
        raise BadQuestion("body", "must be an object")
    return found


def _int(query: dict[str, str], name: str, default: int | None = None) -> int:
    text = query.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise BadQuestion(name, "must be a whole number") from None


def _devices(query: dict[str, str]) -> list[bytes]:
    try:
        found = [UUID(text).bytes for text in query.get("devices", "").split(",") if text]
    except ValueError:
        raise BadQuestion("devices", "must be ids with commas between") from None
    if not 1 <= len(found) <= MAX_DEVICES:
        raise BadQuestion("devices", f"1 to {MAX_DEVICES} are needed")
    return found


def _readings(query: dict[str, str]) -> Question:
    cursor = (_int(query, "cursor_t"), query.get("cursor_property", "")) if "cursor_t" in query else None
    return questions.readings(
        _devices(query)[0], query.get("property") or None, _int(query, "start"), _int(query, "end"), cursor,
        _int(query, "limit", 1_000), query.get("order") != "oldest",
    )  # fmt: skip


def _series(query: dict[str, str]) -> Question:
    return questions.series(
        _devices(query), query.get("property", ""), _int(query, "start"), _int(query, "end"),
        _int(query, "points", 500), since=tiers.now(),
    )  # fmt: skip


def _compared(query: dict[str, str]) -> Question:
    """`series`: device, property, start and end of each, as JSON."""
    try:
        asked = [(UUID(d).bytes, str(p), int(a), int(b)) for d, p, a, b in orjson.loads(query.get("series", ""))]
    except (ValueError, TypeError) as error:
        raise BadQuestion("series", "must be lists of device, property, start and end") from error
    return questions.side_by_side(asked, _int(query, "points", 500), tiers.now())


def _rollup(query: dict[str, str]) -> Question:
    return questions.rollup(
        _devices(query), [p for p in query.get("properties", "").split(",") if p], _int(query, "start"),
        _int(query, "end"), query.get("step", "hour"), query.get("zone", questions.DEFAULT_ZONE),
    )  # fmt: skip


def _counts(query: dict[str, str]) -> Question:
    return questions.counts(_devices(query), _int(query, "start"), _int(query, "end"))


def _flagged(query: dict[str, str]) -> Question:
    devices = None if query.get("devices") == "*" else _devices(query)
    return questions.flagged(devices, _int(query, "start"), _int(query, "end"))


def _arrivals(query: dict[str, str]) -> Question:
    return questions.arrivals(
        _devices(query), [p for p in query.get("properties", "").split(",") if p], _int(query, "start"),
        _int(query, "end"), _int(query, "after") if "after" in query else None, _int(query, "limit"),
    )  # fmt: skip


_QUESTIONS: dict[str, Callable[[dict[str, str]], Question]] = {
    "readings": _readings,
    "series": _series,
    "compared": _compared,
    "latest": lambda query: questions.latest(_devices(query)),
    "rollup": _rollup,
    "counts": _counts,
    "flagged": _flagged,
    "arrivals": _arrivals,
}
