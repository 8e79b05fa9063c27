"""Sense as processes over a real stream and a real database: latency, takeover, kill -9, rules that change."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import orjson
import pytest
from django.db import connection

from linli.devices.models import Alarm, Device, Rule, ThingModel
from linli.kernel import ids
from linli.kernel.models import OutboxEvent
from linli.telemetry import batch, stream
from linli.telemetry.sense import store

pytestmark = pytest.mark.engines


def until(done: Callable[[], bool], seconds: float = 10) -> float:
    begun = time.monotonic()
    while not done():
        assert time.monotonic() - begun < seconds
        time.sleep(0.01)
    return time.monotonic() - begun


def ms(at: object) -> int:
    return round(at.timestamp() * 1000)  # type: ignore[attr-defined]


def test_an_alarm_is_there_soon_and_screens_get_live_values(fleet: Callable) -> None:
    f = fleet(8)
    f.rule(case={"class": "202152", "merge_radius_m": 100, "urgent": True})
    f.wait_ready(f.start())

    async def play() -> list[list[object]]:
        nc = await f.connect()
        seen: list[list[object]] = []

        async def heard(msg: object) -> None:
            seen.extend(orjson.loads(msg.data)["items"])  # type: ignore[attr-defined]

        await nc.subscribe("live.value.*", cb=heard)
        await nc.flush()
        await f.send(nc, [(n, int(time.time() * 1000), 1.0 + n) for n in range(8)])
        await asyncio.sleep(0.7)
        await nc.close()
        return seen

    seen = asyncio.run(play())
    until(lambda: Alarm.objects.count() == 5, 2)
    assert sorted(v[4] for v in seen) == [1.0 + n for n in range(8)]
    assert {(v[1], v[2]) for v in seen} == {("d.1", "level")}
    event = OutboxEvent.objects.filter(type="alarm.raised").first()
    assert event.envelope["data"]["case"]["class"] == "202152"


def test_the_first_readings_of_a_device_made_a_moment_ago_are_judged(fleet: Callable) -> None:
    f = fleet(1)
    f.rule()
    f.wait_ready(f.start())
    f.devices.append(Device.objects.create(code="W-new", name_zh="新", model=f.model, area_path="d.1"))
    stranger = Device(code="W-never", name_zh="无", model=f.model, area_path="d.1")  # in no registry
    f.devices.append(stranger)

    async def play() -> None:
        nc = await f.connect()
        await f.send(nc, [(2, int(time.time() * 1000), 4.0), (1, int(time.time() * 1000), 4.0)])
        await f.send(nc, [(2, int(time.time() * 1000), 5.0), (0, int(time.time() * 1000), 4.0)])
        await nc.close()

    asyncio.run(play())  # no event says that the device is there
    until(lambda: Alarm.objects.count() == 2, 5)
    assert {a.device_id for a in Alarm.objects.all()} == {f.devices[0].pk, f.devices[1].pk}


def test_duration_and_silence_by_the_clock_and_rules_that_change(fleet: Callable) -> None:
    f = fleet(3)
    held = f.rule(kind="duration", duration_s=1)
    quiet = f.rule(kind="no_data", property="", op="", value=None, no_data_s=10, severity="info")
    Rule.objects.filter(pk=quiet.pk).update(no_data_s=2)
    f.wait_ready(f.start())

    async def play() -> None:
        nc = await f.connect()
        at = int(time.time() * 1000)
        await f.send(nc, [(0, at, 9.0), (1, at, 9.0), (2, at, 1.0)])
        await asyncio.sleep(0.5)
        await f.send(nc, [(1, at + 500, 1.0)])
        await asyncio.sleep(0.1)
        await nc.close()

    asyncio.run(play())
    until(lambda: Alarm.objects.filter(rule=held).count() == 1, 5)
    alarm = Alarm.objects.get(rule=held)
    assert alarm.device_id == f.devices[0].pk and ms(alarm.raised_at) - ms(alarm.started_at) == 1000
    until(lambda: Alarm.objects.filter(rule=quiet, cleared_at=None).count() == 3, 6)

    async def change() -> None:
        nc = await f.connect()
        await asyncio.to_thread(lambda: Rule.objects.filter(pk=held.pk).update(value=20.0, version=2))
        await f.event(nc, "rule.changed", held.pk)
        await asyncio.sleep(0.6)
        await f.send(nc, [(0, int(time.time() * 1000), 9.0)])
        await nc.close()

    asyncio.run(change())
    until(lambda: Alarm.objects.get(rule=held).cleared_at is not None, 3)
    until(lambda: Alarm.objects.filter(rule=quiet, cleared_at=None).count() == 2, 3)


def test_two_share_and_one_takes_over(fleet: Callable) -> None:
    f = fleet(40)
    f.rule()
    one = f.start()
    f.wait_ready(one)
    two = f.start()
    f.wait_ready(two, 2)
    f.wait_ready(one, 2)
    two.kill()
    two.wait()
    assert f.wait_ready(one, 4) < 10

    async def play() -> None:
        nc = await f.connect()
        await f.send(nc, [(n, int(time.time() * 1000), 5.0) for n in range(40)])
        await nc.close()

    asyncio.run(play())
    until(lambda: Alarm.objects.count() == 40, 3)


def test_a_rule_looks_at_devices_that_another_process_owns(fleet: Callable) -> None:
    """One device with the rule; others beside it in every partition, shared out over two processes."""
    f = fleet(1)
    rain = ThingModel.objects.create(
        code="t_rain", name_zh="雨量计", name_en="rain gauge", subject="place", category="water", interval_s=60,
        properties=[{"code": "level", "name": {"zh": "雨强", "en": "rain"}, "type": "number"}],
    )  # fmt: skip
    held: dict[int, Device] = {}
    while len(held) < 4:
        one = Device(code=f"R-{ids.new_id()}", name_zh="雨", model=rain, area_path="d.1.2")
        held.setdefault(batch.partition_of(one.pk.bytes, 4), one)
    f.devices += Device.objects.bulk_create(held.values())
    high = {"kind": "threshold", "property": "level", "op": "gt", "value": 3.0}
    wet = high | {"of": {"model": "t_rain", "level": 1, "age_s": 600}}
    f.rule(kind="terms", op="", value=None, condition={"match": "all", "terms": [high, wet]})
    one, two = f.start(), f.start()
    f.wait_ready(one, 2)
    f.wait_ready(two, 2)

    async def play(*points: tuple[int, float]) -> None:
        nc = await f.connect()
        await f.send(nc, [(n, int(time.time() * 1000), value) for n, value in points])
        await nc.close()

    def active() -> int:
        return Alarm.objects.filter(cleared_at=None).count()

    asyncio.run(play((0, 5.0)))
    for n in range(1, 5):
        asyncio.run(play((n, 9.0)))
        until(lambda: active() == 1, 5)
        asyncio.run(play((n, 0.0)))
        until(lambda: active() == 0, 5)
    two.kill()
    two.wait()
    f.wait_ready(one, 4)
    asyncio.run(play((1, 9.0), (2, 9.0), (3, 0.0)))
    until(lambda: active() == 1, 5)
    assert Alarm.objects.count() == 5 and {a.device_id for a in Alarm.objects.all()} == {f.devices[0].pk}


@pytest.mark.timeout(120)
def test_kill_under_load_loses_and_doubles_nothing(fleet: Callable) -> None:
    """Each reading alternates between fine and not by chance; afterwards every occurrence is there once."""
    f = fleet(60)
    f.rule()
    f.wait_ready(f.start())
    rng = random.Random(5)
    wanted: dict[int, list[list[int | None]]] = {n: [] for n in range(60)}

    async def play() -> None:
        nc = await f.connect()
        high, killed, begun = [False] * 60, 0, time.monotonic()
        while time.monotonic() - begun < 14:
            points = []
            for n in rng.sample(range(60), 30):
                at, value = int(time.time() * 1000), rng.choice([1.0, 5.0])
                points.append((n, at, value))
                if value > 3 and not high[n]:
                    wanted[n].append([at, None])
                elif value <= 3 and high[n]:
                    wanted[n][-1][1] = at
                high[n] = value > 3
            await f.send(nc, points)
            await asyncio.sleep(0.03)
            if time.monotonic() - begun > 2 + killed * 2.5:
                killed += 1
                f.processes[-1].kill()
                f.processes[-1].wait()
                f.start()
        await nc.close()

    asyncio.run(play())
    f.wait_ready(f.processes[-1])
    assert len(f.processes) >= 5
    compare(f, wanted)


def compare(f: object, wanted: dict[int, list[list[int | None]]]) -> None:
    """Every occurrence is in the database once, with its own times, and was told once."""
    total = sum(len(v) for v in wanted.values())
    until(lambda: Alarm.objects.count() >= total, 10)
    time.sleep(0.5)
    found: dict[object, list[list[int | None]]] = {}
    for a in Alarm.objects.order_by("device_id", "started_at"):
        found.setdefault(a.device_id, []).append([ms(a.raised_at), a.cleared_at and ms(a.cleared_at)])
    for n, rows in wanted.items():
        assert found.get(f.devices[n].pk, []) == rows  # type: ignore[attr-defined]
    assert OutboxEvent.objects.filter(type="alarm.raised").count() == total > 500
    closed = sum(1 for rows in wanted.values() for r in rows if r[1])
    assert OutboxEvent.objects.filter(type="alarm.changed").count() == closed


def test_whose_owner_is_dead() -> None:
    me = store.own_name()
    assert not store.is_dead(me, me)
    host, _pid, started = me.rsplit("/", 2)
    assert store.is_dead(f"{host}/999999999/{started}", me)
    assert not store.is_dead("elsewhere/pid:[1]/7/8", me)


def test_the_stream_and_the_database_go_and_come_back(fleet: Callable) -> None:
    """NATS is killed and starts over its data; the database cuts the connection: each reading is judged once."""
    f = fleet(6)
    f.rule()
    one = f.start()
    f.wait_ready(one)

    async def play(value: float) -> None:
        nc = await f.connect()
        await f.send(nc, [(n, int(time.time() * 1000), value) for n in range(6)])
        await nc.close()

    def active() -> int:
        return Alarm.objects.filter(cleared_at=None).count()

    asyncio.run(play(5.0))
    until(lambda: active() == 6, 3)
    f.nats.child.kill()
    f.nats.child.wait()
    f.nats.start()
    asyncio.run(play(1.0))
    until(lambda: active() == 0, 12)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'linli-sense'")
    asyncio.run(play(6.0))
    until(lambda: active() == 6, 5)
    assert Alarm.objects.count() == 12 and one.poll() is None


def test_a_stream_made_anew_is_read_from_its_start(fleet: Callable) -> None:
    f = fleet(4)
    f.rule()
    f.wait_ready(f.start())

    async def play() -> None:
        nc = await f.connect()
        for _ in range(5):
            await f.send(nc, [(n, int(time.time() * 1000), 1.0) for n in range(4)])
        await asyncio.sleep(0.3)
        await nc.jetstream().delete_stream(batch.STREAM)
        await stream.ensure_stream(nc)
        await f.send(nc, [(n, int(time.time() * 1000), 5.0) for n in range(4)])
        await nc.close()

    asyncio.run(play())
    until(lambda: Alarm.objects.count() == 4, 40)
