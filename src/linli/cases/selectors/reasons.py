"""Why a case is on the desk of supervision, in words of both languages, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from linli.cases import clocks, tables
from linli.cases.rules import calendar as counting

Found = dict[str, Any]
SAID = {"dissatisfied": ("不满意", "dissatisfied"), "partly": ("部分满意", "partly satisfied")}


def words(reason: str, row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> Found:
    """{why: {zh, en}, since, supervision, reminded_at} of a row of the desk."""
    zh, en, since = _WHY[reason](row, more, last, now)
    return {"why": {"zh": zh, "en": en}, "since": since, "supervision": state(more["side"], now),
            "reminded_at": last.get("remind")}  # fmt: skip


def state(side: Found | None, now: datetime) -> Found | None:
    """Where a supervision stands: waiting for its answer, late, or answered; an answer asked for until a day is late
    from the next day on."""
    held = (side or {}).get("supervision")
    if not held:
        return None
    until, answered = held.get("until"), held.get("answered")
    today = now.astimezone(tables.calendar().zone).date()
    late = until is not None and date.fromisoformat(until) < today
    return {"number": held.get("number", ""), "at": held["at"], "until": until, "answered": answered,
            "state": "answered" if answered else "late" if late else "waiting"}  # fmt: skip


def span(calendar: counting.Calendar, since: datetime, now: datetime, unit: str) -> tuple[str, str]:
    """The time between, counted as a clock of that unit counts: in hours, from two days on in days."""
    used = counting.elapsed(calendar, since, now, unit)
    wall = unit in counting.WALL_UNITS
    day = 86_400 if wall else calendar.day_seconds
    if used >= 2 * day:
        n = f"{used / day:.1f}".removesuffix(".0")
        return (f"{n} 天", f"{n} days") if wall else (f"{n} 个工作日", f"{n} working days")
    n = f"{max(used / 3600, 0.1):.1f}".removesuffix(".0")
    return (f"{n} 小时", f"{n} h") if wall else (f"{n} 个工作时", f"{n} working h")


def _running(row: Found, more: Found) -> tuple[str, Found]:
    """The clock whose limit is the case's."""
    found = [(s, c) for s, c in more["clocks"].items() if c.get("since") and c.get("due")]
    return min(found, key=lambda one: one[1]["due"], default=("", {"unit": "work_hour"}))


def _by(row: Found, more: Found, now: datetime) -> tuple[str, str]:
    stage, held = _running(row, more)
    return span(tables.calendar_of(row["team_id"] if stage == "handle" else None), row["due_at"], now, held["unit"])


def _overdue(row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> tuple[str, str, Any]:
    name = clocks.name_of(_running(row, more)[0])
    zh, en = _by(row, more, now)
    return f"{name['zh']}已超时 {zh}", f"{name['en']} is late by {en}", row["due_at"]


def _stuck(row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> tuple[str, str, Any]:
    unit = tables.watch().urgent[1] if row["urgent"] else next(
        u for priority, _, u in tables.watch().stuck if more["priority"] >= priority)  # fmt: skip
    zh, en = span(tables.calendar(), more["updated_at"], now, unit)
    return f"{zh}无人办理, 计时未停", f"no act for {en} while its clock runs", more["updated_at"]


def _sent_back(row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> tuple[str, str, Any]:
    parts = [(f"退回 {n} 次", f"returned {n} times") for n in [more["return_count"]] if n > 1]
    parts += [(f"返工 {n} 次", f"reworked {n} times") for n in [more["rework_count"]] if n > 1]
    since = max((last[a] for a in ("return", "rework", "refile") if a in last), default=more["updated_at"])
    return ", ".join(p[0] for p in parts), ", ".join(p[1] for p in parts), since


def _unhappy(row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> tuple[str, str, Any]:
    if row["closed_at"] is None:
        n = more["reopen_count"]
        return (f"反映没有解决, 重开 {n} 次, 尚未再结案", f"not solved: opened again, {n} so far, and not closed since",
                last.get("reopen", more["updated_at"]))  # fmt: skip
    if more["satisfaction"] in SAID:
        zh, en = SAID[more["satisfaction"]]
        return f"回访: {zh}", f"at follow-up: {en}", last.get("follow_up", row["closed_at"])
    n = more["score"]
    return f"评价 {n} 星", f"rated {n} of 5 stars", last.get("evaluate", row["closed_at"])


def _beyond(row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> tuple[str, str, Any]:
    if (at := more["recheck_at"]) is not None:
        day = at.astimezone(tables.calendar().zone).date()
        return f"挂账应于 {day} 复查", f"suspended; was to be looked at again on {day}", at
    zh, en = _by(row, more, now)
    return f"延期后仍超时 {zh}", f"extended, and late all the same by {en}", row["due_at"]


def _supervised(row: Found, more: Found, last: Mapping[str, datetime], now: datetime) -> tuple[str, str, Any]:
    held = state(more["side"], now) or {"state": "waiting", "until": None, "at": None}
    since = datetime.fromisoformat(held["at"]) if held["at"] else more["updated_at"]
    until = held["until"]
    if held["state"] == "answered":
        return "督办已回复, 待解除", "answered; to be ended by who supervises", since
    if held["state"] == "late":
        return f"应于 {until} 前回复督办, 逾期未回复", f"an answer was due by {until}; there is none", since
    if until:
        return f"应于 {until} 前回复督办", f"an answer is due by {until}", since
    return "督办中, 未定回复日期", "under supervision, with no day for an answer", since


_WHY: dict[str, Any] = {
    "overdue": _overdue, "stuck": _stuck, "sent_back": _sent_back, "unhappy": _unhappy, "beyond": _beyond,
    "answer_due": _supervised, "supervised": _supervised,
}  # fmt: skip
