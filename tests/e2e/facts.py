"""Ids and links that screens need: made once by outside clients of the running demo district."""

from __future__ import annotations

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.district import District
from tests.e2e import models, storms
from tests.e2e.joins import joins

from linli.home import Home
from linli.sim.homefiles import Demo, demo
from linli.sim.morning import Morning
from linli.sim.mqtt import Device
from linli.sim.pictures import street
from linli.sim.resident import Resident
from linli.sim.web import Client

MINUTE = 60_000
GRID = "万里社区第一网格 2 号微网格"  # a line through its middle cuts it in two
LIMIT = 3.0  # above it the water rule of the standard pack raises an urgent alarm


@dataclass
class Facts:
    unit: str = ""
    old_code: str = ""
    ticket: str = ""
    case: str = ""
    number: str = ""
    device: str = ""
    lamp: str = ""
    draft: str = ""
    alarm: str = ""
    rule: str = ""
    incident: str = ""
    works: str = ""
    grid: str = ""
    team: str = ""
    task: str = ""
    routing: str = ""
    profile: str = ""
    package: str = ""
    campaign: str = ""
    updating: str = ""
    unknown: str = field(default_factory=lambda: str(uuid.uuid4()))
    passwords: dict[str, str] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, str)}


def gather(district: District) -> Facts:
    """A report with a photo, a replaced code, a task of the crew, a gauge with a curve, a gap and an alarm; and what
    the duty lead finds in the morning."""
    known = demo(Home(district.home))
    names = ("admin", "dispatcher", "crew", "dutylead", "integrator")
    staff = {name: Client(known.origin).sign_in(name, known.accounts[name]) for name in names}
    desk = staff["dispatcher"]
    resident = Resident(known.origin)
    unit = known.units[0]["qr"]
    report = resident.report(unit, "problem", "三楼楼道灯不亮,晚上看不清台阶", photo=street(flooded=False, seed=3))
    case = desk.get("cases", q=report.number, limit=1)["items"][0]
    device = known.devices["water-level-0003"]
    alarm = high_water(known, desk, device)
    team = next(t for t in desk.get("teams", limit=100)["items"] if t["kind"] == "pump")
    place = desk.get("compounds", limit=1)["items"][0]
    Morning(staff["dutylead"], staff["crew"], team["id"], place, lambda *what, **facts: None).run()
    rule = next(r for r in desk.get("rules") if r["model"] == device["model"])
    incident = storms.storm(known, staff["admin"], desk, send, LIMIT + 0.4)
    storms.judged(desk, incident)
    return Facts(
        unit=unit, old_code=replaced(known, staff["admin"]), ticket=report.secret, case=case["id"],
        number=report.number,
        device=device["id"], draft=models.own_model(staff["integrator"]),
        lamp=commanded(staff["admin"], known.devices["street-lamp-0003"]),
        alarm=alarm["id"], rule=rule["id"],
        incident=incident, works=storms.works(desk, alarm["area_path"].split(".")[0]),
        grid=next(g["id"] for g in staff["admin"].pages("grids", limit=200) if g["name_zh"] == GRID),
        team=team["id"], task=task_for(desk, staff["crew"], team), routing=routing(staff["admin"], team),
        passwords=known.accounts, **joins(known, staff["integrator"], device),
    )  # fmt: skip


def routing(admin: Client, team: dict[str, Any]) -> str:
    """A draft of the rules of routing with its dry run, whose first rule moves cases at whatever hour the tests run."""
    watch = {"class": "", "team": team["code"], "hours": ["22:00-06:00", "06:00-22:00"], "zh": "值守班组昼夜承接",
             "en": "The crew on watch, by night and by day"}  # fmt: skip
    draft = admin.post("routing", {"rules": [watch, *admin.get("routing/packs")["rules"]], "note": "值守试行"})
    admin.post(f"routing/{draft['id']}/dry-run", {"days": 30})
    return str(draft["id"])


def commanded(admin: Client, lamp: dict[str, Any]) -> str:
    """A lamp with commands in several states and a shared attribute."""
    admin.patch(f"devices/{lamp['id']}/attributes", {"attributes": {"night_level": 25}})
    for level, expires in ((30, 1), (80, 86_400), (55, 86_400)):
        made = admin.post(f"devices/{lamp['id']}/commands",
                          {"method": "dim", "params": {"level": level}, "expires_s": expires})  # fmt: skip
    admin.post(f"commands/{made['id']}/cancel", {})
    return str(lamp["id"])


def new_case(district: District, text: str, **more: Any) -> dict[str, Any]:
    """A filed case that has a recommended team, made at the desk."""
    intake = Client(district.origin).sign_in("intake", district.passwords()["intake"])
    place = intake.get("compounds", limit=1)["items"][0]
    lamp = next(c for c in intake.get("catalogue")["classes"] if "路灯" in c["zh"])
    return intake.post("cases", {
        "text": text, "class_code": lamp["code"], "lon": place["lon"], "lat": place["lat"],
        "contact": {"phone": "13812345678", "name": "演示居民", "consent": True}, **more,
    })  # fmt: skip


def replaced(known: Demo, admin: Client) -> str:
    """A QR code that is in force no more, of a unit that no other test scans."""
    scanned = {u["short_code"] for u in known.units}
    unit = next(u for u in admin.get("units", limit=200)["items"] if u["short_code"] not in scanned)
    old = admin.get(f"units/{unit['id']}/qr")[0]["code"]
    admin.post(f"units/{unit['id']}/qr/rotate", {"reason": "标签破损"})
    return str(old)


def task_for(desk: Client, crew: Client, team: dict[str, Any]) -> str:
    """A case with a place, sent to the crew."""
    place = desk.get("compounds", limit=1)["items"][0]
    where = {"lon": place["lon"], "lat": place["lat"]}
    made = desk.post("cases", {"text": "雨水篦子堵了", "class_code": "202152", **where})
    case = desk.get(f"cases/{made['id']}")
    desk.post(f"cases/{case['id']}/actions/dispatch", {"version": case["version"], "team": team["id"]})
    for _ in range(60):
        for task in crew.get("tasks", mine="true", state="running")["items"]:
            if task["case_id"] == case["id"]:
                return str(task["id"])
        time.sleep(0.5)
    raise AssertionError("the crew was given no task within 30 s")


def high_water(known: Demo, desk: Client, device: dict[str, Any]) -> dict[str, Any]:
    """Two hours of readings with half an hour missing; then water above the limit until the alarm stands."""
    now = int(time.time() * 1000)
    minutes = [m for m in range(120, 2, -2) if not 40 < m < 70]
    times = [now - m * MINUTE - s * 1000 for m in minutes for s in (50, 30, 10)]
    send(known, device, [(at, 1 + i % 7 / 10) for i, at in enumerate(times)])
    for _ in range(40):
        found = desk.get("alarms", device_id=device["id"], active="true", limit=5)["items"]
        if found:
            return dict(found[0])
        send(known, device, [(int(time.time() * 1000), LIMIT + 0.2)])
        time.sleep(1.5)
    raise AssertionError("high water raised no alarm within 60 s")


def send(known: Demo, device: dict[str, Any], readings: list[tuple[int, float]]) -> None:
    """Levels with their times, by MQTT as the gauge itself would."""

    async def go() -> None:
        line = Device(known.host, known.mqtt_port, device["token"], client_id="gauge")
        for at, level in readings:
            await line.telemetry({"ts": at, "values": {"level": round(level, 2), "battery": 93}})
        await line.close()

    with ThreadPoolExecutor(1) as apart:  # the browser's driver has a loop in this thread
        apart.submit(lambda: asyncio.run(go())).result()
