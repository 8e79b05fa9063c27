"""Cases as those who count see them: times, acts and deadlines in two queries for a batch. Nothing anybody wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import CaseAct, CaseFacts
from linli.cases.rules import clock as rule
from linli.cases.selectors import fast

_CASE = (
    "SELECT id, area_path, channel, class_code, state, urgent, team_id, created_by, created_at, filed_at, finished_at,"
    " closed_at, unit_id, x, y, clocks FROM cases_case WHERE source = 'linli' AND id = ANY(%s)"
)
_ACTS = (
    "SELECT case_id, at, act, to_state, actor_id, actor_kind, detail FROM cases_timeline WHERE case_id = ANY(%s)"
    " ORDER BY case_id, at, id"
)
SPOT_M = 50


def facts(case_ids: Sequence[UUID]) -> list[CaseFacts]:
    """The cases of this district among `case_ids`; those of other sources and unknown ones are left out."""
    wanted = list(case_ids)
    acts: dict[UUID, list[CaseAct]] = defaultdict(list)
    rows = fast.rows(_CASE, [wanted])
    for case_id, at, act, to_state, actor_id, kind, detail in fast.rows(_ACTS, [wanted]):
        acts[case_id].append(CaseAct(at, act, to_state, actor_id if kind == "account" else None, detail))
    return [_one(row, tuple(acts[row[0]])) for row in rows]


def _one(row: tuple[Any, ...], acts: tuple[CaseAct, ...]) -> CaseFacts:
    (case_id, area, channel, code, state, urgent, team, by, created, filed, finished, closed, unit, x, y, clocks) = row
    states = tables.transitions().states
    known = states.get(state)
    step, ended = (known.step, known.final) if known else (0, closed is not None)
    last = max(s.step for s in states.values())
    giving = [t for t in tables.transitions().transitions.values() if "open_task" in t.effects and "team" in t.need]
    given = max((states[s].step for t in giving for s in t.sources), default=0)
    return CaseFacts(
        id=case_id, area_path=area, channel=channel, class_code=code, state=state, step=step, ended=ended,
        solved=ended and step == last, waits=not ended and step <= given, urgent=urgent,
        team_id=team, created_by=by, created_at=created, filed_at=filed,
        finished_at=finished, closed_at=closed,
        spot=str(unit) if unit else f"{x // SPOT_M}:{y // SPOT_M}" if x is not None and y is not None else "",
        deadlines=_deadlines(clocks), extended=bool(clocks.get("handle", {}).get("extended_s")), acts=acts,
    )  # fmt: skip


def _deadlines(clocks: dict[str, Any]) -> dict[str, datetime]:
    """The deadline of each stage, and that of the whole: the limit of verification after the limit of handling."""
    found = {s: datetime.fromisoformat(c["due"]) for s, c in clocks.items() if c.get("due")}
    if "close" in found:
        found["closing"] = found["close"]
    elif "handle" in found:
        calendar, limits = tables.calendar(), tables.transitions().stages.get("verify")
        found["closing"] = found["handle"]
        if limits:
            seconds = rule.budget(calendar, limits.limit, limits.unit)
            found["closing"] = rule.add_seconds(calendar, found["handle"], seconds, limits.unit)
    elif "verify" in found:
        found["closing"] = found["verify"]
    return found


def ids_after(after: UUID | None, limit: int) -> list[UUID]:
    """This district's cases by their ids, page by page: for those who count them all."""
    found = fast.rows(
        "SELECT id FROM cases_case WHERE source = 'linli' AND (%s::uuid IS NULL OR id > %s) ORDER BY id LIMIT %s",
        [after, after, limit],
    )
    return [row[0] for row in found]
