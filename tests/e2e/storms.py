"""A gateway whose gauges all alarm, a judgement, and planned works: made by outside clients of the demo district."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from linli.sim.homefiles import Demo
from linli.sim.mqtt import Refused
from linli.sim.web import Client

GAUGES = 6
Send = Callable[[Demo, dict[str, Any], list[tuple[int, float]]], None]


def storm(known: Demo, admin: Client, desk: Client, send: Send, level: float) -> str:
    """Gauges behind one gateway rise above the limit; returns the incident."""
    places = desk.get("compounds", limit=GAUGES)["items"]
    at = {"lon": places[0]["lon"], "lat": places[0]["lat"]}
    mark = uuid.uuid4().hex[:6]  # facts may be gathered more than once in one home
    top = admin.post("devices", {"code": f"gw-storm-{mark}", "model": "generic", "name_zh": "滨湖网关 3 号",
                                 "gateway": True, "name_en": "Lakeside gateway 3", **at})  # fmt: skip
    gauges = []
    for n in range(GAUGES):
        at = {"lon": places[n % len(places)]["lon"], "lat": places[n % len(places)]["lat"]}
        body = {"code": f"storm-{mark}-{n}", "model": "water_level", "name_zh": f"湖岸水位计 {n + 1} 号",
                "parent_id": top["id"], "name_en": f"Lakeside gauge {n + 1}", "parent_name": f"g{n}",
                **at}  # fmt: skip
        made = admin.post("devices", body)
        gauges.append({"token": admin.post(f"devices/{made['id']}/credentials", {})["token"]})
    for _ in range(40):
        for gauge in gauges:
            with contextlib.suppress(Refused):  # the gateway hears of a new device within a moment
                send(known, gauge, [(int(time.time() * 1000), level)])
        found = [i for i in desk.get("incidents")["items"] if i["device_id"] == top["id"]]
        if found and found[0]["alarms"] == GAUGES:
            return str(found[0]["id"])
        time.sleep(1.5)
    raise AssertionError("six gauges of one gateway were no incident within 60 s")


def judged(desk: Client, incident: str) -> None:
    """Two of its alarms are judged, and one is over."""
    rows = desk.get("alarms", incident_id=incident)["items"]
    desk.post(f"alarms/{rows[0]['id']}/verdict", {"verdict": "false", "text": "传感器结露"})
    desk.post(f"alarms/{rows[1]['id']}/verdict", {"verdict": "true", "text": "现场确有积水"})
    desk.post(f"alarms/{rows[1]['id']}/clear", {"text": "已抽排"})


def works(desk: Client, area: str) -> str:
    """Planned works that go on, and others that come."""
    now = datetime.now(UTC)
    made = ""
    for title, start in (("泵站检修", timedelta(days=1)), ("电梯年检", timedelta(minutes=-1))):
        body = {"title": title, "reason": "年度计划检修", "who": "检验所", "area_path": area,
                "models": ["lift"], "starts_at": (now + start).isoformat(),
                "ends_at": (now + start + timedelta(hours=6)).isoformat()}  # fmt: skip
        made = desk.post("maintenance-windows", body)["id"]
    return made
