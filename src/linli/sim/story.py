"""The story "rain night": rain → alarms → one case → pump crew → photos → verified → closed → the resident reads it.

Everything is done as outside clients would: gauges by MQTT, staff by their sign-ins, residents by public pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from linli.sim.homefiles import Demo
from linli.sim.morning import Morning
from linli.sim.mqtt import Device
from linli.sim.pictures import street
from linli.sim.resident import Resident, Ticket
from linli.sim.web import Client

RULES = {"water": "water-level-high", "rain": "rain-heavy"}  # both must raise their alarm, and make one case
NEAR_M = 350.0  # within the rules' merge radius
PATIENCE = 45.0  # seconds to wait for one thing to happen


class StoryFailed(Exception):
    """A step did not happen; the message says which."""


@dataclass
class Story:
    """`say` gets one line a step. `run()` returns what happened, with times in seconds since the start."""

    demo: Demo
    say: Callable[[str], None] = print
    pace: float = 1.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def note(self, step: str, text: str, **facts: Any) -> None:
        at = round(time.monotonic() - self.began, 1)
        self.steps.append({"step": step, "at_s": at, **facts})
        self.say(f"{at:6.1f} s  {text}")

    def staff(self, name: str) -> Client:
        return Client(self.demo.origin).sign_in(name, self.demo.accounts[name])

    def until(self, what: str, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Ask again until there is an answer; the story fails when patience ends."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if found := look():
                return found
            time.sleep(0.4)
        raise StoryFailed(f"{what} did not happen within {seconds:.0f} s")

    def run(self) -> dict[str, Any]:
        gauge, rain = self._devices()
        self._stand_down(gauge, rain)
        ticket = self._resident(gauge)
        self._rain(gauge, rain)
        case = self._one_case(gauge, rain)
        self._desk(case["id"], ticket)
        self._crew(case["id"])
        self._water_falls(gauge, rain)
        self._close(case["id"])
        self._resident_reads(ticket)
        self._morning(gauge)
        return {"story": "rain-night", "case": case["number"], "seconds": self.steps[-1]["at_s"], "steps": self.steps}

    def _devices(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A water level gauge and a rain gauge near each other, the nearest pair that is at rest."""
        desk = self._desk_client()
        rains = desk.pages("devices", model="rain_gauge", limit=200)
        gauges = desk.pages("devices", model="water_level", limit=200)
        near = ((_metres(g, r), g, r) for g in gauges for r in rains if _placed(g) and _placed(r))
        pairs = sorted(near, key=lambda p: p[0])
        rest = max(r["reraise_s"] for r in desk.get("rules") if r["code"] in RULES.values())
        tired: dict[str, bool] = {}
        for far, *pair in pairs:
            for device in pair:
                if device["id"] not in tired:
                    tired[device["id"]] = self._tired(device, rest)
            if far <= NEAR_M and not any(tired[d["id"]] for d in pair):
                return self._with_token(pair[0]), self._with_token(pair[1])
        raise StoryFailed(f"every pair of gauges had an alarm in the last {rest} s; try again later")

    def _tired(self, device: dict[str, Any], rest: int) -> bool:
        """Whether an alarm of an earlier night is on, or ended so lately that its rule would not raise it again."""
        found = self._desk_client().get("alarms", device_id=device["id"], state="all", limit=20)["items"]
        ends = [datetime.fromisoformat(a["cleared_at"]) for a in found if a["cleared_at"]]
        return len(ends) < len(found) or any((datetime.now(UTC) - e).total_seconds() < rest + 20 for e in ends)

    def _with_token(self, device: dict[str, Any]) -> dict[str, Any]:
        return {**device, "name_zh": device["name"]["zh"], "token": self.demo.devices[device["code"]]["token"]}

    def _stand_down(self, gauge: dict[str, Any], rain: dict[str, Any]) -> None:
        """Begin dry."""
        self._send(rain, {"rain_rate": 0, "rain_total": 0})
        self._send(gauge, {"level": 1.1, "battery": 93})
        self.note("dry", f"夜里,{gauge['name']['zh']}读数正常,1.10 m", device=gauge["code"], rain=rain["code"])

    def _alarms(self, device: dict[str, Any], which: str) -> list[dict[str, Any]]:
        """The device's active alarms of one of the two rules."""
        found = self._desk_client().get("alarms", device_id=device["id"], active="true", limit=20)["items"]
        return [a for a in found if a["rule_code"] == RULES[which]]

    def _desk_client(self) -> Client:
        if not hasattr(self, "_dispatcher"):
            self._dispatcher = self.staff("dispatcher")
        return self._dispatcher

    def _send(self, device: dict[str, Any], *values: dict[str, float], every: float = 0.5) -> None:
        """Readings over MQTT, QoS 1; returns when the last one is acknowledged."""

        async def go() -> None:
            line = Device(self.demo.host, self.demo.mqtt_port, device["token"], client_id=device["code"])
            for one in values:
                await line.telemetry({"ts": int(time.time() * 1000), "values": one})
                await asyncio.sleep(every * self.pace)
            await line.close()

        asyncio.run(go())

    def _resident(self, gauge: dict[str, Any]) -> Ticket:
        unit = min(self.demo.units, key=lambda u: abs(u["lon"] - gauge["lon"]) + abs(u["lat"] - gauge["lat"]))
        ticket = Resident(self.demo.origin).report(
            unit["qr"], "problem", "雨下得大,楼前的路开始积水了,老人出不了门", photo=street(flooded=True, seed=4)
        )
        self.note("resident", f"居民扫码上报积水,编号 {ticket.number}", ticket=ticket.number)
        return ticket

    def _rain(self, gauge: dict[str, Any], rain: dict[str, Any]) -> None:
        self._send(rain, *({"rain_rate": r, "rain_total": t} for r, t in ((8, 2), (18, 5), (34, 11), (46, 19))))
        self.note("rain", f"{rain['name']['zh']}:雨强 46 mm/h")
        self._send(gauge, *({"level": v, "battery": 93} for v in (1.4, 1.9, 2.4, 2.9, 3.2)))
        self.note("water", f"{gauge['name']['zh']}:水位 3.20 m")

    def _one_case(self, gauge: dict[str, Any], rain: dict[str, Any]) -> dict[str, Any]:
        raining = self.until("the rain alarm", lambda: self._alarms(rain, "rain"), 60)[0]
        high = self.until("the water alarm", lambda: self._alarms(gauge, "water"), 60)[0]
        self.note("alarm", "雨量告警、水位告警", alarm=high["id"], rain_alarm=raining["id"])
        desk = self._desk_client()

        def case_of_both() -> Any:
            for one in desk.get("cases", channel="device", open="true", limit=50)["items"]:
                signals = desk.get(f"cases/{one['id']}")["signals"]
                devices = {s.get("device_id") or (s.get("data") or {}).get("device_id") for s in signals}
                if {gauge["id"], rain["id"]} <= devices:
                    return {**one, "signals": len(signals)}
            return None

        case = self.until("one case of both alarms", case_of_both)
        self.note("case", f"告警合并成一个案件 {case['number']}({case['signals']} 个信号)", case=case["number"])
        return case

    def act(self, who: Client, case_id: str, action: str, **given: Any) -> Any:
        version = who.get(f"cases/{case_id}")["version"]
        return who.post(f"cases/{case_id}/actions/{action}", {"version": version, **given})

    def _desk(self, case_id: str, ticket: Ticket) -> None:
        desk = self._desk_client()
        desk.post(f"cases/{case_id}/claim")
        case = desk.get(f"cases/{case_id}")
        teams = desk.get("teams", limit=100)["items"]
        pump = next(t for t in teams if t["kind"] == "pump")
        self._merge_report(desk, case_id, ticket)
        self.act(desk, case_id, "dispatch", team=pump["id"], **({} if case["class_code"] else {"class": "202152"}))
        self.note("dispatch", "派遣员派给排水泵站组")

    def _merge_report(self, desk: Client, case_id: str, ticket: Ticket) -> None:
        """The resident's report joins the case; a duty lead may, where a dispatcher may not."""
        found = [c for c in desk.get("cases", q=ticket.number, limit=5)["items"] if c["number"] == ticket.number]
        if found:
            self.act(desk, found[0]["id"], "merge", into=case_id)
            self.note("merge", "居民的上报并入同一案件")

    def _crew(self, case_id: str) -> None:
        crew = self.staff("crew")
        duty = crew.get("duty/me") or crew.put(f"duty/{uuid.uuid4()}", {})
        task = self.until(
            "the crew's task",
            lambda: [t for t in crew.get("tasks", mine="true", state="running")["items"] if t["case_id"] == case_id],
        )[0]
        here = {"lon": task["lon"], "lat": task["lat"], "accuracy_m": 8, "at": datetime.now(UTC).isoformat()}
        for action in ("accept", "arrive"):
            crew.put(f"tasks/{task['id']}/steps/{uuid.uuid4()}", {"action": action})
            with contextlib.suppress(Exception):
                crew.post(f"duty/{duty['id']}/positions", {"positions": [here]})
            self.note(action, "泵站组接单" if action == "accept" else "泵站组到场")
            time.sleep(1.5 * self.pace)
        for stage, flooded in (("before", True), ("after", False)):
            files = {"photo": ("photo.jpg", street(flooded=flooded, seed=9), "image/jpeg")}
            crew.post(f"tasks/{task['id']}/photos/{uuid.uuid4()}", files=files, data={"stage": stage})
            self.note(f"photo-{stage}", "处理前照片" if stage == "before" else "处理后照片")
            time.sleep(1.0 * self.pace)
        note = "开启两台泵排水,积水已退,路面已清扫"
        crew.put(f"tasks/{task['id']}/steps/{uuid.uuid4()}", {"action": "finish", "note": note})
        self.note("finish", "泵站组办结反馈")

    def _water_falls(self, gauge: dict[str, Any], rain: dict[str, Any]) -> None:
        self._send(rain, {"rain_rate": 6, "rain_total": 24}, {"rain_rate": 0, "rain_total": 24})
        self._send(gauge, *({"level": v, "battery": 93} for v in (2.9, 2.5, 1.9, 1.5)))
        self.until("the alarms' end", lambda: not self._alarms(gauge, "water") and not self._alarms(rain, "rain"))
        self.note("cleared", "水位回落,告警解除")

    def _close(self, case_id: str) -> None:
        lead = self.staff("dutylead")
        case = self.until(
            "the crew's report",
            lambda: next((c for c in [lead.get(f"cases/{case_id}")] if c["state"] == "handled"), None),
        )
        stages = {p["stage"] for p in lead.get(f"cases/{case_id}/photos")["items"]}
        if not {"before", "after"} <= stages:
            raise StoryFailed(f"the case {case['number']} shows no photos before and after, only {sorted(stages)}")
        self.act(lead, case_id, "check", note="现场照片与读数一致")
        self.note("check", "值班长核实通过")
        done = self.act(lead, case_id, "close", note="水位 1.5 m,路面已通行")
        if done["state"] not in ("closed", "evaluated"):
            raise StoryFailed(f"the case is {done['state']}, not closed")
        self.note("close", "结案")

    def _resident_reads(self, ticket: Ticket) -> None:
        page = self.until(
            "the resident's page saying so",
            lambda: next((p for p in [Resident(self.demo.origin).ticket(ticket.secret)] if "已结案" in p), None),
        )
        self.note("told", "居民的页面写着:已结案", bytes=len(page.encode()))

    def _morning(self, gauge: dict[str, Any]) -> None:
        pump = next(t for t in self._desk_client().get("teams", limit=100)["items"] if t["kind"] == "pump")
        Morning(self.staff("dutylead"), self.staff("crew"), pump["id"], gauge, self.note).run()

    def report(self) -> str:
        return json.dumps({"steps": self.steps}, ensure_ascii=False)


def _placed(device: dict[str, Any]) -> bool:
    return device["lon"] is not None and device["lat"] is not None


def _metres(a: dict[str, Any], b: dict[str, Any]) -> float:
    east = (a["lon"] - b["lon"]) * 111_320 * math.cos(math.radians(a["lat"]))
    return math.hypot(east, (a["lat"] - b["lat"]) * 110_540)
