"""A device whose level swings about a limit, and the alarms that must come of it."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from typing import Any
from uuid import UUID

from tests.faults.ledger import Api, iso, ms, now_ms
from tests.faults.mqtt import Device, NoAnswer

from linli.telemetry import batch, stream

HIGH, LOW = 0.9, 0.1
PHASE_S = 1.5


class Swing(threading.Thread):
    """A device whose level goes up and down. Sends each reading until it is acknowledged, some twice, some late."""

    def __init__(self, port: int, name: str, token: str) -> None:
        super().__init__(daemon=True)
        self.device = Device(port, token, name)
        self.sent: list[tuple[int, float]] = []
        self.again = 0
        self.ended = threading.Event()

    def run(self) -> None:
        level, ts, chance = LOW, 0, random.Random(7)
        while not self.ended.is_set():
            level = HIGH if level == LOW else LOW
            until = time.monotonic() + PHASE_S
            while time.monotonic() < until and not self.ended.is_set():
                ts = max(ts + 1, now_ms())
                if not self._send(ts, level):
                    return
                self.sent.append((ts, level))
                if chance.random() < 0.2:  # sent again though it was acknowledged, and after newer ones
                    self.again += 1
                    self._send(*chance.choice(self.sent[-20:]))
                time.sleep(0.1)
        self.device.close()

    def _send(self, ts: int, level: float) -> bool:
        while True:
            try:
                self.device.publish(ts, {"level": level}, 5)
                return True
            except NoAnswer:
                if self.ended.is_set():
                    return False
                time.sleep(0.1)

    def expected(self) -> list[int]:
        """When each alarm must have been raised: the first reading that was high after one that was not."""
        before = [(0, LOW), *self.sent]
        return [ts for (_, was), (ts, level) in itertools.pairwise(before) if level == HIGH != was]


def rule_for(api: Api, device: str) -> None:
    body = {
        "code": f"swing-{device[-12:]}", "model": "water_level", "title": {"zh": "水位摆动", "en": "Level swings"},
        "property": "level", "kind": "threshold", "op": "gt", "value": 0.5, "severity": "info", "reraise_s": 0,
        "device_ids": [device],
    }  # fmt: skip
    answer = api.http.post("rules", json=body, headers={"Idempotency-Key": f"swing-{device}"})
    assert answer.status_code == 201, answer.text


def alarms_of(api: Api, device: str, title: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = api.get("alarms", device_id=device, state="all", limit=200, **({"cursor": cursor} if cursor else {}))
        found += [a for a in page["items"] if a["title"]["en"] == title]
        cursor = page["next"]
        if not cursor:
            return found


def judge_alarms(api: Api, device: str, swing: Swing, broker: str, patience: float = 60) -> list[str]:
    """Alarms that are missing, there twice or invented."""
    expected, end = swing.expected(), time.monotonic() + patience
    while True:
        raised = sorted(ms(a["raised_at"]) for a in alarms_of(api, device, "Level swings"))
        if raised == expected or time.monotonic() > end:
            break
        time.sleep(1)
    missing, odd = set(expected) - set(raised), [at for at in raised if at not in expected]
    double = len(raised) - len(set(raised))
    if not missing and not odd and not double:
        return []
    shown = [iso(at) for at in (*sorted(missing), *odd)[:3]]
    if missing:
        print(around(api, device, min(missing)))
        print("in the stream:", *asyncio.run(streamed(broker, device, min(missing))), sep="\n")
    return [f"of {len(expected)} alarms {len(missing)} missing, {len(odd)} invented, {double} double: {shown}"]


def around(api: Api, device: str, at: int) -> str:
    """What the platform has of the seconds about a missing alarm: for whoever looks for the reason."""
    span = {"start": iso(at - 5_000), "end": iso(at + 8_000)}
    alarms = [(a["raised_at"], a["cleared_at"], a.get("created_at")) for a in alarms_of(api, device, "Level swings")
              if at - 8_000 < ms(a["raised_at"]) < at + 8_000]  # fmt: skip
    readings = api.http.get(f"devices/{device}/readings", params={"property": "level", **span, "limit": 500}).text
    return f"alarms {alarms}; readings {readings[:6000]}"


async def streamed(broker: str, device: str, at: int) -> list[str]:
    """The same seconds in the stream of readings: sequence, partition, time of its own, of arrival, value, flags."""
    nc, key, found = await stream.connect("fault", url=broker), UUID(device).bytes, []
    _, last = await stream.bounds(nc)
    async for entries in stream.Reader(nc):
        for entry in entries:
            one = batch.decode(entry.data)
            if key in one.devices:
                rows = (one.device == one.devices.index(key)) & (abs(one.ts - at) < 8_000)
                found += [f"{entry.sequence} {entry.partition} {iso(int(ts))} {iso(int(recv))} {value} {flags}" for
                          ts, recv, value, flags in zip(one.ts[rows], one.recv[rows], one.value[rows], one.flags[rows],
                                                        strict=True)]  # fmt: skip
        if entries[-1].sequence >= last:
            break
    await nc.close()
    return found
