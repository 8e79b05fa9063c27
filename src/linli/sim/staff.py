"""Simulated staff: on duty, moving through their area, taking and finishing tasks with photos. All by the API."""

from __future__ import annotations

import contextlib
import math
import random
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx

from linli.sim.desk import age
from linli.sim.pictures import street
from linli.sim.web import Client, Refused

WALK = 1.2  # metres a second
LEAVE_S = 60.0  # a task is left so long to whoever plays this person in a browser


def now() -> str:
    return datetime.now(UTC).isoformat()


class Member:
    """One person at work. `step()` is called every few seconds and does at most one thing."""

    def __init__(self, client: Client, home: tuple[float, float], rng: random.Random, pace: float = 1.0) -> None:
        self.client, self.rng, self.pace = client, rng, pace
        self.lon, self.lat = home
        self.goal = home
        self.duty = ""
        self.counts: Counter[str] = Counter()
        self.sent = 0.0
        self.moved = time.monotonic()

    def sign_on(self) -> None:
        found = self.client.get("duty/me")
        self.duty = found["id"] if found else str(uuid.uuid4())
        if not found:
            self.client.put(f"duty/{self.duty}", {"client_at": now()})

    def sign_off(self) -> None:
        if self.duty:
            with contextlib.suppress(Refused, httpx.HTTPError):
                self.client.post(f"duty/{self.duty}/end", {"client_at": now()})

    def step(self) -> None:
        self._walk()
        if time.monotonic() - self.sent > 20:
            self.sent = time.monotonic()
            point = {"at": now(), "lon": self.lon, "lat": self.lat, "accuracy_m": round(self.rng.uniform(4, 20))}
            self.client.post(f"duty/{self.duty}/positions", {"positions": [point]})
            self.counts["positions"] += 1
        tasks = self.client.get("tasks", mine="true", state="running", limit=20)["items"]
        tasks = [t for t in tasks if age(t["created_at"]) > LEAVE_S / self.pace]
        if tasks:
            self._work(tasks[-1])

    def _walk(self) -> None:
        seconds, self.moved = time.monotonic() - self.moved, time.monotonic()
        east = (self.goal[0] - self.lon) * 111_320 * math.cos(math.radians(self.lat))
        north = (self.goal[1] - self.lat) * 110_540
        far = math.hypot(east, north)
        if far < 15:
            turn, reach = self.rng.uniform(0, 2 * math.pi), self.rng.uniform(0.0005, 0.003)
            self.goal = (self.lon + reach * math.cos(turn), self.lat + reach * math.sin(turn))
            return
        share = min(1.0, WALK * seconds / far)
        self.lon = round(self.lon + (self.goal[0] - self.lon) * share, 6)
        self.lat = round(self.lat + (self.goal[1] - self.lat) * share, 6)

    def _work(self, task: dict[str, Any]) -> None:
        """The next act on a task, after a human pause."""
        if self.rng.random() > 0.25:
            return
        if task["state"] == "arrived":
            self.photo(task["id"], "before", flooded=True)
            self.photo(task["id"], "after", flooded=False)
            points = self.client.get(f"tasks/{task['id']}")["checklist"]
            self.act(task["id"], "finish", "已处理(模拟)", checklist=[True] * len(points))
            return
        if task["lon"] is not None:
            self.goal = (task["lon"], task["lat"])
        self.act(task["id"], "accept" if task["state"] == "open" else "arrive")

    def act(self, task_id: str, action: str, note: str = "", **more: Any) -> None:
        body = {"action": action, "client_at": now(), "note": note, **more}
        self.client.put(f"tasks/{task_id}/steps/{uuid.uuid4()}", body)
        self.counts[action] += 1

    def photo(self, task_id: str, stage: str, *, flooded: bool) -> None:
        picture = street(flooded=flooded, seed=self.rng.randint(1, 50))
        files = {"photo": ("photo.jpg", picture, "image/jpeg")}
        self.client.post(
            f"tasks/{task_id}/photos/{uuid.uuid4()}", files=files, data={"stage": stage, "client_at": now()}
        )
        self.counts["photos"] += 1
