"""The book kept like the registry: what is told of within half a second, all of it once a minute.

All is compared by stamps, page by page: only rows that differ are read, and readings are judged between the pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from nats.aio.client import Client

from linli.kernel.waiting import wait
from linli.telemetry.batch import Batch
from linli.telemetry.sense.book import Book
from linli.telemetry.sense.store import Store

RELOAD_S = 60.0
MAX_CHANGED, AT_ONCE = 10_000, 500  # devices: told of one by one, read at a time
PAGE_PAUSE_S = 0.02
SUBJECTS = ("evt.device.changed", "evt.rule.changed", "evt.model.changed", "evt.grid.changed")


class Registry:
    """`lock` is held by whoever changes the book."""

    def __init__(self, book: Book, store: Store, lock: asyncio.Lock) -> None:
        self.book, self.store, self.lock = book, store, lock
        self.changed: set[UUID] = set()
        self.not_ours: set[bytes] = set()  # asked for and not ours to judge (things of households)
        self.whole = False
        self._news = asyncio.Event()

    async def start(self, nc: Client) -> None:
        """Follow the news and read everything."""
        for subject in SUBJECTS:
            await nc.subscribe(subject, cb=self._heard)
        await self._load_changed()
        await self._compare(pause=0)

    async def keep(self) -> None:
        last = time.monotonic()
        while True:
            if await wait(self._news, RELOAD_S):
                await asyncio.sleep(0.1)
            self._news.clear()
            if time.monotonic() - last >= RELOAD_S or len(self.changed) > MAX_CHANGED:
                self.whole = True
            await self._load_changed()
            if self.whole:
                last, self.whole = time.monotonic(), False
                await self._compare(pause=PAGE_PAUSE_S)

    async def meet(self, batches: Sequence[Batch]) -> None:
        """A device may speak before the event of its creation is here: its first readings are judged too. Under the
        lock."""
        known = self.book.by_id
        new = {d for b in batches for d in b.devices if d not in known} - self.not_ours
        if new:
            self.book.put_devices(await self.store.registry([UUID(bytes=d) for d in new]))
            self.not_ours |= new - known.keys()

    async def _heard(self, msg: Any) -> None:
        with contextlib.suppress(ValueError, KeyError, AttributeError):
            event = orjson.loads(msg.data)
            if event["type"] == "device.changed":
                self.changed.add(UUID(event["ref"]))
            else:
                self.whole = self.whole or event["type"] != "rule.changed"
        self._news.set()

    async def _load_changed(self) -> None:
        """Rules, and the devices that were told of."""
        some, self.changed = self.changed, set()
        rules = await self.store.rules()
        async with self.lock:
            self.book.put_rules(rules)
        await self._load(list(some))

    async def _compare(self, pause: float) -> None:
        self.not_ours = set()
        seen: set[bytes] = set()
        async for page in self.store.stamps():
            seen.update(key.bytes for key, _ in page)
            await self._load(self.book.differing(page))
            if pause:
                await asyncio.sleep(pause)
            if self._news.is_set():
                self._news.clear()
                await self._load_changed()
        await self._load([UUID(bytes=key) for key in self.book.stamps.keys() - seen])

    async def _load(self, device_ids: list[UUID]) -> None:
        for at in range(0, len(device_ids), AT_ONCE):
            ids = device_ids[at : at + AT_ONCE]
            rows = await self.store.registry(ids)
            async with self.lock:
                self.book.put_devices(rows)
                self.not_ours -= {d.bytes for d in ids}
                for gone in set(ids) - {r.device_id for r in rows}:
                    self.book.forget(gone)
