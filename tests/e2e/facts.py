"""Ids and links that screens need: made once by outside clients of the running demo district."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.district import District

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.resident import Resident
from linli.sim.web import Client


@dataclass
class Facts:
    unit: str = ""
    ticket: str = ""
    case: str = ""
    device: str = ""
    passwords: dict[str, str] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        return {"unit": self.unit, "ticket": self.ticket, "case": self.case, "device": self.device}


def gather(district: District) -> Facts:
    """One report by a resident, and a device with a reading."""
    known = demo(Home(district.home))
    resident = Resident(known.origin)
    unit = known.units[0]["qr"]
    report = resident.report(unit, "problem", "三楼楼道灯不亮,晚上看不清台阶")
    staff = Client(known.origin).sign_in("dispatcher", known.accounts["dispatcher"])
    cases = staff.get("cases", q="楼道灯", limit=1)["items"]
    device = next(d["id"] for code, d in known.devices.items() if code.startswith("water-level"))
    return Facts(unit, report.secret, cases[0]["id"], device, known.accounts)
