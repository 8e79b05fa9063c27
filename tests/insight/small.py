"""Small cases in words: `case("submitted 9:00", ...)` would hide too much, so each test writes its acts as they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases.contracts import CaseAct, CaseFacts
from linli.insight import tables
from linli.insight.rules import facts
from linli.insight.rules.indicators import Place, Sums
from linli.kernel import ids

T0 = datetime(2026, 11, 2, 1, tzinfo=UTC)  # a Monday, 9:00 in the district
NOW = T0 + timedelta(days=20)
TEAM = UUID(int=7)
STEPS = {"submitted": 1, "verifying": 1, "accepted": 2, "filed": 3, "dispatched": 3, "handling": 4, "handled": 5,
         "checked": 6, "closed": 7, "evaluated": 7, "rejected": 2, "cancelled": 2, "merged": 2}  # fmt: skip
ENDS = {"closed", "evaluated", "rejected", "cancelled", "merged"}
HOUR = timedelta(hours=1)


def case(
    state: str, *acts: tuple[float, str] | tuple[float, str, dict[str, Any]], at: datetime = T0,
    due: dict[str, float] | None = None, **more: Any,
) -> CaseFacts:  # fmt: skip
    """A case of which `acts` are (hours since the report, act, detail) and `due` hours since the report, by stage."""
    rows = [CaseAct(at, "report", "submitted")]
    for act in acts:
        detail = act[2] if len(act) > 2 else {}  # type: ignore[misc]
        rows.append(CaseAct(at + act[0] * HOUR, act[1], state, UUID(int=9), detail))
    filing = {"file", "dispatch", "self_handle", "mediate", "refer"}
    when = {a.act: a.at for a in rows}
    filed = next((a.at for a in rows if a.act in filing), None)
    finished = next((a.at for a in reversed(rows) if a.act in ("finish", "self_handle")), None)
    if finished and any(a.act in ("rework", "refile", "reopen") and a.at > finished for a in rows):
        finished = None
    sent = any(a.act == "dispatch" for a in rows) and rows[-1].act not in ("return", "recall")
    values: dict[str, Any] = {
        "id": ids.new_id(), "area_path": "3401.001", "channel": "staff", "class_code": "100101", "state": state,
        "step": STEPS[state], "ended": state in ENDS, "solved": STEPS[state] == 7,
        "waits": STEPS[state] <= 3 and state not in ENDS,
        "urgent": False,
        "team_id": TEAM if sent else None, "created_by": None, "created_at": at, "filed_at": filed,
        "finished_at": finished, "closed_at": when.get("close", rows[-1].at) if state in ENDS else None, "spot": "",
        "deadlines": {s: at + h * HOUR for s, h in (due or {}).items()}, "acts": tuple(rows),
    }  # fmt: skip
    return CaseFacts(**(values | more))


def total(
    cases: Iterable[CaseFacts], *, start: date | None = None, end: date | None = None, now: datetime = NOW,
    place: Place | None = None, repeats: tuple[int, ...] = (), missing: frozenset[str] = frozenset(),
    bases: dict[str, str] | None = None,
) -> Sums:  # fmt: skip
    """The sums over days of these cases."""
    found = dict.fromkeys(facts.MEASURES, 0)
    for one in cases:
        counted = facts.count(one, tables.meaning(), now)
        for (day, _), names in counted.rows.items():
            if (start is None or day >= start) and (end is None or day <= end):
                for name in names:
                    found[name] += counted.hours if name in facts.SUMS else 1
    return Sums(counts=found, axes=tables.axes(), missing=missing, place=place, repeats=repeats, bases=bases or {})
