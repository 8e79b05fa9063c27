"""The morning after: what the duty lead finds on the desk of supervision, and the bulletin of the week. Simulated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from linli.sim.web import Client

MANHOLE = "200406"


class Morning:
    """Through the API only, as people would: `lead` supervises, `crew` has the work. `note(step, text, **facts)`."""

    def __init__(self, lead: Client, crew: Client, team: str, place: dict[str, Any], note: Callable[..., None]) -> None:
        self.lead, self.crew, self.team, self.place, self.note = lead, crew, team, place, note

    def run(self) -> dict[str, str]:
        """Ids of what was made."""
        self._sent_back(self._new("路面积水反复,箅子堵塞(模拟)"))
        self._unhappy(self._new("雨后井盖周边下沉(模拟)"))
        waiting, answered = self._new("泵站围栏破损(模拟)"), self._new("排口淤积(模拟)")
        for case_id in (waiting, answered):
            self._act(self.lead, case_id, "dispatch", team=self.team, **{"class": MANHOLE})
            until = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
            self._act(self.lead, case_id, "supervise", note="查明原因,三日内书面回复", until=until)
        self._act(self.crew, answered, "answer_supervision", note="已排班,今日清淤")
        self.lead.post("supervision/reminders", {"case_ids": [waiting], "note": "请先设围挡"})
        self.note("supervise", "次日,值班长督办两件、催办一件,班组回复一件", case=waiting)
        return {"supervised": waiting, "operation": self._operation([waiting, answered]), "bulletin": self._bulletin()}

    def _operation(self, case_ids: list[str]) -> str:
        """Two teams look at the pits together; the crew has its tasks, the first point is ticked."""
        now = datetime.now(UTC)
        others = [one["id"] for one in self.lead.get("teams")["items"] if one["id"] != self.team]
        teams = [self.team, *others[:1]]
        made = self.lead.post("operations", {
            "title": "雨后联合巡查(模拟)", "purpose": "雨后把低洼处的井盖、雨水口和泵站看一遍",
            "begins_at": now.isoformat(), "ends_at": (now + timedelta(hours=6)).isoformat(), "team_ids": teams,
            "case_ids": case_ids, "checks": ["集合点已定", "已通知沿线物业", "晚高峰前撤离路口"],
            "items": [{"team_id": one, "title": title, "checks": ["到点拍照", "有险先围挡"], "needs_photo": True}
                      for one, title in zip(teams, ("查泵站与排口", "查井盖与雨水口"), strict=False)],
        })  # fmt: skip
        self.lead.post(f"operations/{made['id']}/start", {})
        self.lead.post(f"operations/{made['id']}/checks", {"check": 0})
        self.lead.post(f"operations/{made['id']}/notes", {"text": "两组已在泵站门口会合(模拟)"})
        self.note("operation", "值班长发起两组联合巡查", operation=made["id"])
        return str(made["id"])

    def _new(self, text: str) -> str:
        body = {"text": text, "lon": self.place["lon"], "lat": self.place["lat"], "class_code": MANHOLE}
        made = self.lead.post("cases", body)
        return str(made.get("case_id") or made["id"])

    def _act(self, who: Client, case_id: str, action: str, **given: Any) -> None:
        version = who.get(f"cases/{case_id}")["version"]
        who.post(f"cases/{case_id}/actions/{action}", {"version": version, **given})

    def _sent_back(self, case_id: str) -> None:
        for _ in range(2):
            self._act(self.lead, case_id, "dispatch", team=self.team, **{"class": MANHOLE})
            self._act(self.crew, case_id, "return", reason="不属本班组设施(模拟)")
        self.note("sent-back", "一件被退回两次,上督办台", case=case_id)

    def _unhappy(self, case_id: str) -> None:
        self._act(self.lead, case_id, "dispatch", team=self.team, **{"class": MANHOLE})
        self._act(self.crew, case_id, "finish", note="已垫平(模拟)")
        self._act(self.lead, case_id, "close", note="核实通过(模拟)")
        self._act(self.lead, case_id, "follow_up", satisfaction="dissatisfied", note="居民说下雨又积水(模拟)")
        self.note("unhappy", "一件回访不满意,上督办台", case=case_id)

    def _bulletin(self) -> str:
        made = self.lead.post("bulletins", {"period": "week"})
        done = self.lead.post(f"bulletins/{made['id']}/issue", {"version": made["version"]})
        self.note("bulletin", f"值班长发布本周通报 {done['number']}", bulletin=done["id"])
        return str(made["id"])
