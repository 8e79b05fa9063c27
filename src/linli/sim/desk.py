"""The simulated desk: files what residents reported, dispatches, verifies. It leaves people time to act first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from linli.sim.web import Client, Refused

ROUND = 20  # cases of one state that are looked at in one round
SLOW, REWORK = 10, 9  # one case in so many waits until it is late; is sent back once


def age(moment: str | None) -> float:
    """Seconds since an ISO time."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() if moment else 0.0


def one_in(case: dict[str, Any], chance: int) -> bool:
    """A choice that stays the same for the same case."""
    return UUID(case["id"]).int % chance == 0


class Desk:
    """A dispatcher and a duty lead. `after`: seconds that a case waits for a person before they take it up."""

    def __init__(self, dispatcher: Client, lead: Client, classes: dict[str, str], after: float) -> None:
        self.dispatcher, self.lead, self.classes, self.after = dispatcher, lead, classes, after
        self.counts: Counter[str] = Counter()

    def round(self) -> None:
        """What runs out first comes first: file, dispatch, verify."""
        for case in self._waiting(self.lead, "submitted,accepted"):
            if code := case["class_code"] or self.classes.get(case["text"], ""):
                self._act(self.lead, case, "file", "filed", **{"class": code})
        for case in self._waiting(self.dispatcher, "filed"):
            suggestions = self.dispatcher.get(f"cases/{case['id']}")["suggestions"]
            if case["class_code"] and suggestions:
                self._act(self.dispatcher, case, "dispatch", "dispatched", team=suggestions[0]["team_id"])
        for case in self._waiting(self.lead, "handled"):
            if age(case["finished_at"]) < self.after:
                continue
            if one_in(case, REWORK) and not case["rework_count"]:
                self._act(self.lead, case, "rework", "reworked", reason="照片上看不清,请补做(模拟)")
            else:
                self._act(self.lead, case, "close", "closed", note="核实通过(模拟)")

    def _waiting(self, who: Client, state: str) -> Iterator[dict[str, Any]]:
        """Cases that nobody has taken up in time. One in ten waits on until its clock has run out, as in real life."""
        seen = 0
        for case in who.pages("cases", state=state, sort="due", limit=100):
            held = case["claimed_until"] and age(case["claimed_until"]) < 0
            slow = one_in(case, SLOW) and state != "handled" and not case["overdue"] and not case["urgent"]
            if age(case["created_at"]) > self.after and not held and not slow:
                yield case
                seen += 1
            if seen == ROUND:
                return

    def _act(self, who: Client, case: dict[str, Any], action: str, done: str, **given: Any) -> None:
        try:
            who.post(f"cases/{case['id']}/actions/{action}", {"version": case["version"], **given})
        except Refused as error:
            if error.status != 409:  # somebody was quicker
                raise
            self.counts["overtaken"] += 1
        else:
            self.counts[done] += 1
