"""Live events: how long from a committed change to 500 listeners, and what it costs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
from tests.bench.machine import cpu_seconds, spread
from tests.district import District

LISTENERS, EVENTS = 500, 40


async def _listen(client: httpx.AsyncClient, ready: asyncio.Semaphore, seen: dict[str, list[float]]) -> None:
    async with client.stream("GET", "/live/events", params={"types": "case.created"}, timeout=None) as answer:
        answer.raise_for_status()
        ready.release()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                now = time.perf_counter()
                for ref, times in list(seen.items()):
                    if ref in line:
                        times.append(now)


async def _measure(district: District, key: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=LISTENERS + 10)
    seen: dict[str, list[float]] = {}
    sent: dict[str, float] = {}
    ready = asyncio.Semaphore(0)
    async with httpx.AsyncClient(base_url=district.origin, headers=headers, limits=limits, timeout=60) as client:
        tasks = [asyncio.create_task(_listen(client, ready, seen)) for _ in range(LISTENERS)]
        async with asyncio.timeout(120):
            for _ in range(LISTENERS):
                await ready.acquire()
        before = cpu_seconds(district)
        for number in range(EVENTS):
            began = time.perf_counter()
            body = {"kind": "problem", "text": f"bench {number}", "lon": 117.27, "lat": 31.985}
            answer = await client.post("/api/v1/cases", json=body)
            answer.raise_for_status()
            ref = answer.json()["id"]
            sent[ref], seen[ref] = began, seen.get(ref, [])
            await asyncio.sleep(0.25)
        await asyncio.sleep(2)
        after = cpu_seconds(district)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    delays = [(at - sent[ref]) * 1000 for ref, times in seen.items() for at in times]
    live = after.get("live", 0) - before.get("live", 0)
    return {
        "listeners": LISTENERS,
        "events": EVENTS,
        "received": len(delays),
        "expected": LISTENERS * EVENTS,
        "from_request_to_listener_ms": spread(delays),
        "live_cpu_us_per_delivery": round(live / max(1, len(delays)) * 1e6, 1),
    }


def run(district: District) -> dict[str, Any]:
    return asyncio.run(_measure(district, district.key()))
