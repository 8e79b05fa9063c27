"""All devices of the demo district at once: each on its own MQTT connection, at its own pace, with its own faults."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from linli.sim.faults import fate
from linli.sim.homefiles import Demo
from linli.sim.mqtt import Device, Refused
from linli.sim.things import Thing
from linli.sim.weather import Weather, weather_at


class Sky:
    """The district's weather now, `shift` apart from the real time; `storm` adds rain for a while."""

    def __init__(self, seed: int, zone: ZoneInfo, shift: timedelta = timedelta()) -> None:
        self.seed, self.zone, self.shift = seed, zone, shift
        self.storm = 0.0

    def now(self) -> tuple[datetime, Weather]:
        at = datetime.now(self.zone) + self.shift
        base = weather_at(at, self.seed)
        return at, Weather(base.temperature, base.rain + self.storm, base.humidity)


class Fleet:
    """Runs the devices; `counts` has messages acknowledged, faults begun and refusals."""

    def __init__(self, demo: Demo, models: dict[str, dict], sky: Sky, *, limit: int = 0, pace: float = 1.0) -> None:
        self.demo, self.sky, self.pace = demo, sky, pace
        self.counts: Counter[str] = Counter()
        codes = list(demo.devices)[: limit or None]
        self.things = [self._thing(code, models) for code in codes if demo.devices[code]["model"] in models]

    def _thing(self, code: str, models: dict[str, dict]) -> Thing:
        known = self.demo.devices[code]
        model = models[known["model"]]
        rng = random.Random(f"{self.sky.seed}|{code}")
        interval = float(model.get("interval_s") or 60) / self.pace
        return Thing(code, known["token"], known["model"], model["properties"], interval, rng)

    async def run(self, until: float) -> None:
        """Until `time.monotonic()` is `until`."""
        await asyncio.gather(*(self._device(i, thing, until) for i, thing in enumerate(self.things)))

    async def _device(self, number: int, thing: Thing, until: float) -> None:
        await asyncio.sleep(min(number / 400, max(0, until - time.monotonic())))
        line = Device(self.demo.host, self.demo.mqtt_port, thing.token, client_id=thing.code)
        await asyncio.sleep(thing.rng.uniform(0, min(thing.interval, 5)))
        while time.monotonic() < until:
            at, weather = self.sky.now()
            self.counts.update(fate(thing, at, thing.interval * self.pace / 3600, self.pace))
            if "silent" not in thing.faults:
                await self._send(line, thing, until, thing.read(at, weather))
            wait = min(thing.interval * thing.rng.uniform(0.9, 1.1), until - time.monotonic())
            while wait > 0:
                nap = min(wait, 50)
                await asyncio.sleep(nap)
                wait -= nap
                await line.ping()
        await line.close()

    async def _send(self, line: Device, thing: Thing, until: float, values: dict[str, float | bool]) -> None:
        message = {"ts": int(time.time() * 1000), "values": values}
        try:
            await line.telemetry(message, timeout=max(5, min(60, until - time.monotonic())))
            self.counts["acknowledged"] += 1
        except TimeoutError:
            self.counts["unacknowledged"] += 1
        except Refused:
            self.counts["refused"] += 1
            await asyncio.sleep(30)
