"""Makes the demo district live. Everything comes from outside, over MQTT and HTTP, and is marked as simulated."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from linli.sim.desk import Desk
from linli.sim.homefiles import Demo
from linli.sim.live_devices import Fleet, Sky
from linli.sim.resident import Resident
from linli.sim.staff import Member
from linli.sim.web import Client, Refused

# What residents say: kind, text, and the class under which the desk files it. Classes of packs/standard/catalogue.
WORDS = (
    ("problem", "楼道灯不亮,晚上看不清台阶", "202162"), ("problem", "单元门口垃圾没有清运", "200102"),
    ("problem", "井盖松动,骑车经过会响", "202156"), ("problem", "路边有人占道摆摊,推婴儿车过不去", "200501"),
    ("problem", "树枝压到电线了", "100402"), ("problem", "消防通道停了车", "202167"),
    ("need", "想在楼下加一把休息椅", "909001"), ("need", "老人想预约上门理发", "909003"),
    ("opinion", "希望晚上广场舞音量小一点", "900103"), ("problem", "路面有积水,老人出门容易滑倒", "200406"),
    ("problem", "电梯运行有异响", "202159"), ("problem", "健身器材坏了一个", "100126"),
)  # fmt: skip
CLASSES = {text: code for _, text, code in WORDS}
WALKERS = ("member", "crew", "patrol1", "enforcement1", "safety1", "community1")


@dataclass
class Plan:
    """How much of the district to simulate, and for how long. `seconds` 0: until stopped."""

    seconds: float = 0
    devices: int = 0
    pace: float = 1.0
    report_every: float = 90.0
    people: bool = True
    dispatch_after: float = 120.0


class Simulation:
    """`run()` until the plan's time is over or `stop()`; `counts` says what was done and what was refused."""

    def __init__(self, demo: Demo, plan: Plan, zone: str, seed: int, say: Callable[[str], None]) -> None:
        self.demo, self.plan, self.say = demo, plan, say
        self.rng = random.Random(seed)
        self.sky = Sky(seed, ZoneInfo(zone))
        self.counts: Counter[str] = Counter()
        self.ends = time.monotonic() + plan.seconds if plan.seconds else float("inf")
        self.stopped = threading.Event()
        self.fleet: Fleet | None = None

    def stop(self) -> None:
        self.stopped.set()
        self.ends = 0

    def running(self) -> bool:
        return not self.stopped.is_set() and time.monotonic() < self.ends

    def run(self) -> dict[str, Any]:
        desk = self._client("dispatcher")
        models = {m["code"]: m for m in desk.get("thing-models")}
        self.fleet = Fleet(self.demo, models, self.sky, limit=self.plan.devices, pace=self.plan.pace)
        self.say(f"模拟 simulated: {len(self.fleet.things)} devices, {len(WALKERS) if self.plan.people else 0} people")
        threads = [threading.Thread(target=self._devices, args=(self.fleet,), daemon=True)]
        if self.plan.people:
            threads += [threading.Thread(target=self._guard, args=(part,), daemon=True)
                        for part in (self._walkers, self._residents, self._desk)]  # fmt: skip
        for thread in threads:
            thread.start()
        told = time.monotonic()
        while self.running():
            time.sleep(0.5)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                self.say(self.summary())
        for thread in threads:
            thread.join(15)
        return self.result()

    def result(self) -> dict[str, Any]:
        return {"simulated": True, **dict(self.fleet.counts if self.fleet else {}), **dict(self.counts)}

    def summary(self) -> str:
        at, weather = self.sky.now()
        done = ", ".join(f"{k} {v}" for k, v in sorted(self.result().items()) if k != "simulated")
        return f"{at:%H:%M} {weather.temperature} °C rain {weather.rain} mm/h — {done}"

    def _client(self, name: str) -> Client:
        return Client(self.demo.origin).sign_in(name, self.demo.accounts[name])

    def _devices(self, fleet: Fleet) -> None:
        async def go() -> None:
            work = asyncio.create_task(fleet.run(self.ends if self.ends != float("inf") else time.monotonic() + 1e8))
            while self.running() and not work.done():
                await asyncio.sleep(0.5)
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

        asyncio.run(go())

    def _guard(self, part: Callable[[], None]) -> None:
        """A part of the world that meets a refusal or a broken line goes on after a while."""
        while self.running():
            try:
                part()
            except (Refused, httpx.HTTPError, OSError) as error:
                self.counts[f"{part.__name__.strip('_')} refused"] += 1
                self.say(f"{part.__name__.strip('_')}: {error}")
                self.stopped.wait(10)

    def _walkers(self) -> None:
        homes = self.rng.sample(self.demo.units, len(WALKERS))
        members = [
            Member(self._client(name), (u["lon"], u["lat"]), random.Random(f"{name}"), self.plan.pace)
            for name, u in zip(WALKERS, homes, strict=True)
        ]
        for member in members:
            member.sign_on()
        while self.running():
            for member in members:
                before = sum(member.counts.values())
                member.step()
                self.counts["acts of staff"] += sum(member.counts.values()) - before
            self.stopped.wait(max(1.0, 4 / self.plan.pace))
        for member in members:
            member.sign_off()

    def _residents(self) -> None:
        while self.running():
            self.stopped.wait(self.rng.expovariate(1 / self.plan.report_every))
            if not self.running():
                return
            kind, text, _ = self.rng.choice(WORDS)
            unit = self.rng.choice(self.demo.units)
            Resident(self.demo.origin).report(unit["qr"], kind, text)
            self.counts["reports"] += 1

    def _desk(self) -> None:
        """A dispatcher and a duty lead who give people time to act first."""
        desk = Desk(
            self._client("dispatcher"), self._client("dutylead"), CLASSES, self.plan.dispatch_after / self.plan.pace
        )
        while self.running():
            self.stopped.wait(max(1.0, 10 / self.plan.pace))
            before = Counter(desk.counts)
            try:
                desk.round()
            finally:
                self.counts.update(desk.counts - before)
