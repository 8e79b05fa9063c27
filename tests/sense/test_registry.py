"""The whole registry is compared by stamps: what differs is read, what is gone is judged no more."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.sense.test_process import until

from linli.devices.contracts import RegistryRow
from linli.devices.models import Alarm, Device
from linli.telemetry.sense.book import Book

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_nobody_told_of_is_found_when_all_is_compared(fleet: Callable) -> None:
    f = fleet(4)
    f.rule(area_path="d.1")
    f.wait_ready(f.start())
    Device.objects.filter(pk=f.devices[0].pk).update(area_path="d.2")
    Device.objects.filter(pk=f.devices[1].pk).update(state="retired")
    Device.objects.filter(pk=f.devices[2].pk).delete()

    async def play() -> None:
        nc = await f.connect()
        await f.event(nc, "model.changed", uuid.uuid4())  # makes it look at everything, as it does once a minute
        await asyncio.sleep(1.5)
        await f.send(nc, [(n, int(time.time() * 1000), 9.0) for n in range(4)])
        await nc.close()

    asyncio.run(play())
    until(lambda: Alarm.objects.exists(), 5)
    time.sleep(0.5)
    assert [a.device_id for a in Alarm.objects.all()] == [f.devices[3].pk]


def test_only_rows_that_differ_are_read_again() -> None:
    rows = [
        RegistryRow(uuid.uuid4(), f"W-{n}", "gauge", "place" if n else "household", "d.1", True, [], 60, {}, None,
                    "active", {}, stamp=n + 10)
        for n in range(3)
    ]  # fmt: skip
    book = Book(4)
    page = [(row.device_id, row.stamp) for row in rows]
    assert book.differing(page) == [row.device_id for row in rows]
    assert book.put_devices(rows) == 2, "a household's device is known and never judged"
    assert book.differing(page) == []
    moved = replace(rows[1], area_path="d.2", stamp=99)
    assert book.differing([(moved.device_id, 99)]) == [moved.device_id]
    assert book.put_devices([moved]) == 1
    assert book.put_devices(rows[2:], whole=True) == 1 and set(book.stamps) == {rows[2].device_id.bytes}
    assert book.forget(rows[2].device_id) == 1 and book.forget(rows[2].device_id) == 0
