"""How other processes ask history. Knows no Django; safe for many threads.

    client = HistoryClient(os.environ["LINLI_HISTORY_URL"])
    client.series([device_id], "level", start, end, 500)   # a pyarrow.Table: device, t, min, max, mean, count

Times are milliseconds since 1970 UTC. With a `clickhouse+http(s)://` URL the questions go straight to that server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import httpx
import msgspec
import orjson
import pyarrow as pa

from linli.telemetry import tiers
from linli.telemetry.batch import Batch, encode
from linli.telemetry.history import observations, questions
from linli.telemetry.history.line import Answer, Line, NoAnswer
from linli.telemetry.history.newest import Row, complete, lacking, of_table
from linli.telemetry.history.questions import BadQuestion


class HistoryUnavailable(Exception):
    """History does not answer now; the text says why."""


class HistoryClient:
    def __init__(self, url: str, *, timeout: float = 35.0) -> None:
        self.server = url.startswith("clickhouse")
        self.url = url
        self._own = threading.local()
        if not self.server:
            parts = urlsplit(url)
            self._at = (parts.hostname or "127.0.0.1", parts.port or 80, parts.username or "", timeout)
            self._http = httpx.Client(
                base_url=f"{parts.scheme}://{parts.hostname}:{parts.port}", timeout=timeout, trust_env=False,
                headers={"authorization": f"Bearer {parts.username or ''}"},
            )  # fmt: skip

    # --- questions --------------------------------------------------------------------------------------------------

    def readings(
        self,
        device_id: UUID,
        property: str | None,
        start: int,
        end: int,
        cursor: tuple[int, str] | None = None,
        limit: int = 1_000,
        *,
        newest: bool = True,
    ) -> pa.Table:
        """device, property, t, recv, value, flags by (t, property). The next cursor is the last row's (t, property)."""
        if self.server:
            return self._ask(questions.readings(device_id.bytes, property, start, end, cursor, limit, newest))
        query: dict[str, Any] = {"devices": str(device_id), "start": start, "end": end, "limit": limit}
        if property is not None:
            query["property"] = property
        if cursor is not None:
            query["cursor_t"], query["cursor_property"] = cursor
        query["order"] = "newest" if newest else "oldest"
        return self._get("readings", query)

    def series(self, device_ids: Sequence[UUID], property: str, start: int, end: int, points: int = 500) -> pa.Table:
        """device, t, min, max, mean, count: at most points + 1 buckets a device, extremes kept."""
        if self.server:
            ids = [d.bytes for d in device_ids]
            return self._ask(questions.series(ids, property, start, end, points, since=tiers.now()))
        return self._get(
            "series",
            {"devices": _ids(device_ids), "property": property, "start": start, "end": end, "points": points},
        )

    def compared(self, asked: Sequence[tuple[UUID, str, int, int]], points: int = 500) -> pa.Table:
        """i, t, min, max, mean, count, last, last_t of up to eight series in one answer, each (device, property, start,
        end) over its own span; `i` is its place in `asked`."""
        if self.server:
            return self._ask(questions.side_by_side([(d.bytes, *rest) for d, *rest in asked], points, tiers.now()))
        told = orjson.dumps([(str(d), *rest) for d, *rest in asked]).decode()
        return self._get("compared", {"series": told, "points": points})

    def latest(self, device_ids: Sequence[UUID]) -> pa.Table:
        """device, property, t, value, flags: the newest reading of each series."""
        if self.server:
            return self._ask(questions.latest([d.bytes for d in device_ids]))
        return self._get("latest", {"devices": _ids(device_ids)})

    def newest(self, device_ids: Sequence[UUID]) -> list[dict[str, Row]]:
        """For each device, property → (t, value, flags, when received) of its newest reading: `latest` for who asks at
        every page."""
        if self.server:
            found = of_table([d.bytes for d in device_ids], self.latest(device_ids))
            for _ in complete(found, [self._ask(one) for one in questions.arrived(lacking(found))]):
                pass
            return [found[d.bytes] for d in device_ids]
        answer = self._call("POST", "/newest", {}, content=b"".join(d.bytes for d in device_ids))
        return _NEWEST.decode(answer.content)

    def rollup(
        self, device_ids: Sequence[UUID], properties: Sequence[str], start: int, end: int, step: str = "hour",
        zone: str = questions.DEFAULT_ZONE,
    ) -> pa.Table:  # fmt: skip
        """device, property, b (bucket start), min, max, mean, count, last; step is minute, hour or day."""
        if self.server:
            ids = [d.bytes for d in device_ids]
            return self._ask(questions.rollup(ids, list(properties), start, end, step, zone))
        return self._get(
            "rollup",
            {"devices": _ids(device_ids), "properties": ",".join(properties), "start": start, "end": end,
             "step": step, "zone": zone},
        )  # fmt: skip

    def counts(self, device_ids: Sequence[UUID], start: int, end: int) -> pa.Table:
        if self.server:
            return self._ask(questions.counts([d.bytes for d in device_ids], start, end))
        return self._get("counts", {"devices": _ids(device_ids), "start": start, "end": end})

    def flagged(self, device_ids: Sequence[UUID] | None, start: int, end: int) -> pa.Table:
        """device, readings, clamped, out_of_range, late, doubtful: counts of the span, of these devices or of all."""
        if self.server:
            ids = None if device_ids is None else [d.bytes for d in device_ids]
            return self._ask(questions.flagged(ids, start, end))
        devices = "*" if device_ids is None else _ids(device_ids)
        return self._get("flagged", {"devices": devices, "start": start, "end": end})

    def arrivals(
        self, device_ids: Sequence[UUID], properties: Sequence[str], start: int, end: int, *, size: int = 1_000_000
    ) -> Iterator[pa.Table]:
        """Readings of a span in the order of the stream, in pieces of about `size`: device, property, t, recv, value,
        flags, seq. A message's readings stand in one piece."""
        after: int | None = None
        while True:
            if self.server:
                ids = [d.bytes for d in device_ids]
                table = self._ask(questions.arrivals(ids, list(properties), start, end, after, size))
            else:
                query = {"devices": _ids(device_ids), "properties": ",".join(properties), "start": start, "end": end,
                         "limit": size}  # fmt: skip
                table = self._get("arrivals", query if after is None else {**query, "after": after})
            if len(table):
                yield table
            if len(table) < size:
                return
            after = table["seq"][-1].as_py()

    def export(self, device_id: UUID, property: str | None, start: int, end: int) -> Iterator[pa.RecordBatch]:
        """All readings of a span, oldest first, in pieces: property, t, value, flags."""
        if self.server:
            for table in questions.pages(self._client(), device_id.bytes, property, start, end):
                yield from table.select(["property", "t", "value", "flags"]).to_batches()
            return
        query = {"devices": str(device_id), "start": start, "end": end, "property": property or ""}
        with self._http.stream("GET", "/export", params=query) as answer:
            if answer.status_code != 200:
                answer.read()
                _raise(answer.status_code, answer.json() if "json" in answer.headers.get("content-type", "") else {})
            yield from pa.ipc.open_stream(_Body(answer.iter_bytes()))

    def state(self) -> dict[str, Any]:
        return self._call("GET", "/state", {}).json()

    def flush(self, sequence: int, seconds: int = 10) -> bool:
        """Wait until the reading at `sequence` of the stream can be read."""
        try:
            self._call("POST", "/flush", {"sequence": sequence, "seconds": seconds})
        except HistoryUnavailable:
            return False
        return True

    # --- observations: what a program writes and may read at once ---------------------------------------------------

    def observations(self, ask: str, asked: dict[str, Any]) -> pa.Table:
        """See `history.observations`: `ask` is page, count, series or times."""
        if self.server:
            return self._ask(observations.ASKED[ask](asked))
        return self._table(self._call("POST", "/observations", {"ask": ask}, content=orjson.dumps(asked)))

    def write(self, batch: Batch) -> None:
        """Returns when the readings can be read; raises HistoryUnavailable when they may not be yet."""
        self._own_process()
        self._call("POST", "/write", {}, content=encode(batch))

    def forget(self, device_id: UUID, property: str, times: Sequence[int]) -> None:
        """Take out the readings at these times (ms), and out of the rollups."""
        self._own_process()
        body = orjson.dumps({"device": device_id.hex, "property": property, "times": list(times)})
        self._call("POST", "/forget", {}, content=body)

    def put(self, device_id: UUID, property: str, rows: pa.Table) -> None:
        """Rows (`corrections.ROWS`) take the place of all there are of the series at their times, in the rollups too;
        of a row without `keep` only the time counts. The same again changes nothing."""
        self._own_process()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        asked = {"devices": str(device_id), "property": property}
        self._call("POST", "/put", asked, content=sink.getvalue().to_pybytes())

    def sql(self, text: str, areas: Sequence[str], limit: int, zone: str, stamp: str) -> pa.Table | None:
        """An analyst's statement (see `analyst.py`); None when history does not have the things of `stamp` yet."""
        self._own_process()
        asked = {"sql": text, "areas": list(areas), "limit": limit, "zone": zone, "stamp": stamp}
        answer = self._call("POST", "/sql", {}, content=orjson.dumps(asked), other=409)
        return None if answer.status_code == 409 else self._table(answer)

    def keep_things(self, table: pa.Table, stamp: str) -> None:
        """What analysts see of the registry, from now on."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        self._call("POST", "/things", {"stamp": stamp}, content=sink.getvalue().to_pybytes())

    def _own_process(self) -> None:
        if self.server:
            raise HistoryUnavailable("with a ClickHouse server this is done there: readings come by the gateway only")

    def backup(self, name: str) -> tuple[str, int]:
        """Make a backup; returns the folder that holds it and how many readings are in it."""
        made = self._call("POST", "/backup", {"name": name}, timeout=3600).json()
        return str(made["path"]), int(made["rows"])

    # --- transport --------------------------------------------------------------------------------------------------

    def _get(self, name: str, query: dict[str, Any]) -> pa.Table:
        return self._table(self._call("GET", f"/{name}", query))

    def _table(self, answer: Answer) -> pa.Table:
        return pa.ipc.open_stream(answer.content).read_all()

    def _call(
        self, method: str, path: str, query: dict[str, Any], *, content: bytes = b"", timeout: float | None = None,
        other: int = 200,
    ) -> Answer:  # fmt: skip
        """`other`: a status besides 200 that is an answer too."""
        line: Line | None = getattr(self._own, "line", None)
        if line is None:
            line = self._own.line = Line(*self._at)
        try:
            answer = line.ask(method, f"{path}?{urlencode(query)}" if query else path, content, timeout=timeout)
        except NoAnswer as error:
            raise HistoryUnavailable(f"history does not answer: {error}") from error
        if answer.status_code not in (200, other):
            _raise(answer.status_code, answer.json() if "json" in answer.kind else {})
        return answer

    def _client(self) -> Any:
        """A ClickHouse client of this thread's own."""
        from linli.telemetry.history.store import QUERY_SETTINGS, Store

        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = Store(None, self.url).client(**QUERY_SETTINGS)
        return client

    def _ask(self, question: questions.Question) -> pa.Table:
        return questions.ask(self._client(), question)


def _ids(device_ids: Sequence[UUID]) -> str:
    return ",".join(str(d) for d in device_ids)


_NEWEST = msgspec.msgpack.Decoder(list[dict[str, Row]])


def _raise(status: int, body: dict[str, Any]) -> None:
    if status == 422:
        error = (body.get("errors") or [{"field": "", "reason": body.get("detail", "")}])[0]
        raise BadQuestion(error["field"], error["reason"])
    raise HistoryUnavailable(body.get("detail") or f"history answered {status}")


class _Body:
    """A streamed answer as a file for Arrow."""

    closed = False

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        parts = [self._rest]
        have = len(self._rest)
        while size < 0 or have < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            have += len(chunk)
        data = b"".join(parts)
        size = len(data) if size < 0 else size
        self._rest = data[size:]
        return data[:size]

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None: ...
