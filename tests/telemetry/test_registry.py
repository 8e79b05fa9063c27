"""The gateway's registry as devices change: always the same as one that is built anew of all rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.telemetry.gatewaykit import KEY, Kit, gateway, row, stamp_of

from linli.devices.contracts import RegistryRow, token_hash
from linli.engines.nats import Nats
from linli.telemetry.gateway import main
from linli.telemetry.gateway.batcher import Part
from linli.telemetry.gateway.payload import fill, split
from linli.telemetry.gateway.registry import Registry
from linli.telemetry.mqtt_client import MqttClient

Run = Callable[..., Any]


def seen(registry: Registry) -> dict[str, Any]:
    """All that can be found in it."""
    return {
        "hashes": {h: d.uuid for h, d in registry.by_hash.items()},
        "codes": {c: d.uuid for c, d in registry.by_code.items()},
        "names": {n: d.uuid for n, d in registry.by_name.items()},
        "devices": {d.uuid: (d.code, d.model, d.subject, d.enabled, d.gateway, d.parent, d.parent_name, d.hashes,
                             dict(d.names), d.numbers, d.flags, d.translate) for d in registry.devices.values()},
    }  # fmt: skip


def built(rows: Iterable[RegistryRow]) -> Registry:
    made = Registry(KEY, 4)
    made.replace_some([], rows)
    return made


class District:
    """Rows that change at random as the services change them: a hash, a code and a name with a gateway are one's."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.rows, self.count = chance, dict[UUID, RegistryRow](), 0
        self.free: list[bytes] = []  # numbers that were given up: another device may get them

    def change(self) -> UUID:
        kind = self.chance.choice((self.create, self.create, self.rotate, self.disable, self.delete, self.move,
                                   self.rename, self.remodel, self.give_up, self.take_up))  # fmt: skip
        if not self.rows:
            kind = self.create
        return kind()

    def any(self) -> RegistryRow:
        return self.chance.choice(list(self.rows.values()))

    def put(self, made: RegistryRow) -> UUID:
        self.rows[made.device_id] = made
        return made.device_id

    def create(self) -> UUID:
        self.count += 1
        made = row(f"D{self.count}", f"t{self.count}", speaks=self.chance.random() < 0.3)
        return self.put(replace(made, device_id=uuid.UUID(int=self.chance.getrandbits(128))))

    def rotate(self) -> UUID:
        self.count += 1
        one, new = self.any(), token_hash(KEY, f"t{self.count}")
        return self.put(replace(one, credential_hashes=[*one.credential_hashes[-1:], new][self.chance.randrange(2) :]))

    def give_up(self) -> UUID:
        one = self.any()
        self.free += one.credential_hashes
        return self.put(replace(one, credential_hashes=[]))

    def take_up(self) -> UUID:
        one = self.any()
        if not self.free:
            return one.device_id
        return self.put(replace(one, credential_hashes=[*one.credential_hashes, self.free.pop()]))

    def disable(self) -> UUID:
        one = self.any()
        return self.put(replace(one, enabled=not one.enabled))

    def delete(self) -> UUID:
        one = self.any()
        self.free += one.credential_hashes
        del self.rows[one.device_id]
        return one.device_id

    def move(self) -> UUID:
        """To another gateway, or to none."""
        one, of = self.any(), self.any()
        self.count += 1
        parent = of.device_id if of is not one and self.chance.random() < 0.7 else None
        return self.put(replace(one, parent_id=parent, parent_name=f"n{self.count}" if parent else ""))

    def rename(self) -> UUID:
        """Two devices change their codes at once: each may come first."""
        one, other = self.any(), self.any()
        self.put(replace(one, code=other.code))
        self.put(replace(self.rows[other.device_id], code=one.code))
        return self.chance.choice((one.device_id, other.device_id))

    def remodel(self) -> UUID:
        return self.put(replace(self.any(), model="other", properties={"x": {"type": "number", "max": 3}}))

    def some(self, ids: Iterable[UUID]) -> list[RegistryRow]:
        found = [self.rows[i] for i in set(ids) if i in self.rows]
        self.chance.shuffle(found)
        return [replace(r, stamp=stamp_of(r)) for r in found]


def check(registry: Registry, district: District) -> None:
    """As `hub.Gateway.refresh`, with pages of seven."""
    registry.begin()
    rows = sorted(district.rows.values(), key=lambda r: r.device_id)
    for at in range(0, len(rows), 7):
        ids = registry.differing((r.device_id, stamp_of(r)) for r in rows[at : at + 7])
        registry.replace_some(ids, district.some(ids))
    ids = registry.unseen()
    registry.replace_some(ids, district.some(ids))
    registry.end()


@pytest.mark.parametrize("seed", range(20))
def test_what_changed_gives_what_a_full_rebuild_gives(seed: int) -> None:
    district, registry = District(random.Random(seed)), Registry(KEY, 4)
    told: list[UUID] = []
    for step in range(300):
        before = dict(district.rows)
        district.change()
        told += [i for i in before.keys() | district.rows.keys() if before.get(i) != district.rows.get(i)]
        if district.chance.random() < 0.3:  # the news come some at a time, in any order
            district.chance.shuffle(told)
            while told:
                part = [told.pop() for _ in range(min(len(told), district.chance.randrange(1, 4)))]
                registry.replace_some(part, district.some(part))
            assert seen(registry) == seen(built(district.rows.values())), step


@pytest.mark.parametrize("seed", range(20))
def test_missed_news_are_made_up_for_by_a_check(seed: int) -> None:
    district, registry = District(random.Random(seed)), Registry(KEY, 4)
    for _ in range(30):
        for _ in range(20):
            changed = district.change()
            if district.chance.random() < 0.5:
                registry.replace_some([changed], district.some([changed]))
        check(registry, district)
        assert seen(registry) == seen(built(district.rows.values()))
    registry.begin()
    assert not registry.differing((r.device_id, stamp_of(r)) for r in district.rows.values()) and not registry.unseen()


def test_who_may_not_speak_any_more_is_told() -> None:
    registry, rows = built(rows := [row(c, f"t-{c}") for c in "ABC"]), rows
    a, b, c = (registry.by_code[x] for x in "ABC")
    for device in (a, b, c):
        device.sessions["x"] = object()  # type: ignore[assignment]
    assert registry.replace_some([a.uid, b.uid], [replace(rows[0], enabled=False)]) == [b, a]
    assert registry.token("t-A") is None and registry.token("t-B") is None and registry.token("t-C").device is c
    c.enabled = False
    assert registry.end() == [a, c]


def test_devices_of_a_model_share_its_table_and_none_writes_into_it() -> None:
    registry = built([row("A", "ta"), row("B", "tb")])
    a, b = registry.by_code["A"], registry.by_code["B"]
    assert a.names is b.names
    split(a, [(None, {"extra": 1}, "")])
    assert "extra" in a.names and "extra" not in b.names and "extra" not in a.kind.names
    registry.replace_some([], [row("A", "ta", properties={"level": {"min": 0, "max": 5}})])
    assert a.names == {"level": (0, 5)} and b.names == {"level": (0, 10)}
    assert len(registry._kinds) == 1, "a model's last table, whatever there was before"


def test_a_model_that_changes_between_reading_and_storing_costs_no_reading() -> None:
    """A message waits for its attributes to be kept; what its device had taught meanwhile is forgotten."""
    registry, part = built([row("A", "ta")]), Part(0)
    device, message = registry.by_code["A"], [(None, {"extra": 1.5, "level": 2.0}, "")]
    split(device, message)
    registry.replace_some([], [row("A", "ta", properties={})])
    assert fill(part, device, message, 1_800_000_000_000) == (2, 0)


def rebuilt(registry: Registry) -> Any:
    """What each change cost before: the table of all tokens, and a look at all devices."""
    return {h: d for d in registry.devices.values() for h in d.hashes}, [
        d for d in registry.devices.values() if not d.enabled and d.sessions
    ]


def test_a_change_among_many_devices_costs_that_device() -> None:
    """100,000 devices: 1,000 changes cost less than two rebuilds (the former way: a rebuild each)."""
    rows = [replace(row(f"D{n}", f"t{n}"), stamp=n) for n in range(100_000)]
    registry = built(rows)
    chance = random.Random(1)
    changed = [replace(one, credential_hashes=[token_hash(KEY, f"new{n}")], stamp=-n)
               for n, one in enumerate(chance.sample(rows, 1_000))]  # fmt: skip
    began = time.process_time()
    for one in changed:
        registry.replace_some([one.device_id], [one])
    now = time.process_time() - began
    began = time.process_time()
    for _ in range(10):
        rebuilt(registry)
    former = (time.process_time() - began) / 10
    print(f"1,000 changes: {now:.3f} s CPU; formerly 1,000 rebuilds of {former:.4f} s = {former * 1000:.1f} s CPU")
    assert now < 2 * former
    assert len(registry.by_hash) == 100_000
    assert registry.token("new7").device is registry.devices[changed[7].device_id.bytes]


@pytest.mark.engines
def test_what_changed_while_nats_was_away_is_known_after_it(broker: Nats, run: Run) -> None:
    """No news came of it, and the next look at everything is a minute away."""

    async def enters(kit: Kit, token: str) -> bool:
        with contextlib.suppress(Exception):
            one = MqttClient("127.0.0.1", kit.mqtt, token)
            await one.connect()
            await one.close()
            return True
        return False

    async def refused(kit: Kit, token: str) -> bool:
        return not await enters(kit, token)

    async def until(holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.1)

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a"), row("B", "token-b")]) as kit:
            source: Any = kit.gateway.source
            keeping = asyncio.create_task(main.keep_registry(kit.gateway, kit.nc))
            await asyncio.sleep(2)  # the first look is over
            assert await enters(kit, "token-a")
            assert broker.child is not None
            broker.child.kill()
            await asyncio.sleep(0.5)
            source.rows[:] = [row("A", "token-new"), row("C", "token-c")]
            broker.start()  # from this thread: the server dies with the thread that started it
            await until(lambda: refused(kit, "token-b"))  # who is known is not asked for: a look at everything tells
            assert await enters(kit, "token-new") and await enters(kit, "token-c")
            assert await refused(kit, "token-a")
            keeping.cancel()

    run(go())
