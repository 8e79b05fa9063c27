"""Figures of alarms, per rule, kind of device and department, and what flaps; as lists and as sheets."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from linli.devices import figures_selectors as selectors
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import Label
from linli.devices.figures_selectors import Asked
from linli.kernel import paging
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import say


class FigureOut(Schema):
    """Seconds are from beginning to end of those that are over. `acknowledge_*`: from raised to seen,
    `take_*`: to when some person had it (alone, or with its incident), of those for which that came to pass.
    `escalated`: of how many somebody was told that nobody took care.
    `false_share` is of those judged true or false; `few`: fewer than ten were judged, so that it tells little."""

    key: str
    name: Label
    rule_id: UUID | None
    alarms: int
    devices: int
    active: int
    median_s: int | None
    p90_s: int | None
    acknowledged: int
    acknowledge_median_s: int | None
    acknowledge_p90_s: int | None
    taken: int
    take_median_s: int | None
    take_p90_s: int | None
    escalated: int
    judged: int
    true: int
    false: int
    test: int
    false_share: float | None
    few: bool


class FlapOut(Schema):
    device_id: UUID
    rule_id: UUID
    alarms: int
    code: str
    name: Label
    rule_code: str
    rule: Label
    last_at: datetime
    area_path: str
    median_s: int | None


@router.get("/alarm-figures", permission="alarms.view", response=paging.Page[FigureOut])
def alarm_figures(
    request: HttpRequest, by: str = "rule", since: datetime | None = None, until: datetime | None = None,
    area: str = "", model: str = "", rule_id: UUID | None = None, cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """`by`: rule, model or department. Alarms raised in the span (30 days unless said), without those that planned
    works held."""
    asked = Asked(since, until, area, model, rule_id)
    rows, after = selectors.figures(actor_of(request), asked, by=by, cursor=cursor, limit=limit)
    return reply({"items": rows, "next": after})


@router.get("/alarm-figures/flapping", permission="alarms.view", response=paging.Page[FlapOut])
def flapping_devices(
    request: HttpRequest, since: datetime | None = None, until: datetime | None = None, area: str = "",
    model: str = "", rule_id: UUID | None = None, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Devices that raised one rule's alarm at least three times in the span."""
    asked = Asked(since, until, area, model, rule_id)
    rows, after = selectors.flapping(actor_of(request), asked, cursor=cursor, limit=limit)
    return reply({"items": rows, "next": after})


@router.get("/alarm-figures/sheet.{form}", permission="alarms.view", response={200: str})
def figures_sheet(
    request: HttpRequest, form: str, by: str = "rule", since: datetime | None = None, until: datetime | None = None,
    area: str = "", model: str = "",
) -> HttpResponse:  # fmt: skip
    """The list as `csv` or `xlsx`, whole."""
    actor, asked, lines = actor_of(request), Asked(since, until, area, model), [_head()]
    cursor: str | None = None
    while True:
        rows, cursor = selectors.figures(actor, asked, by=by, cursor=cursor, limit=paging.MAX_LIMIT)
        lines += [_line(r) for r in rows]
        if cursor is None:
            break
    return sheet(form, f"alarms-{by}", lines)


def _head() -> list[str]:
    return [
        say("编号", "Code"), say("名称", "Name"), say("告警数", "Alarms"), say("设备数", "Devices"),
        say("未恢复", "Active"), say("持续中位数 (秒)", "Median duration (s)"),
        say("持续 P90 (秒)", "P90 duration (s)"), say("已确认", "Acknowledged"),
        say("确认用时中位数 (秒)", "Median time to acknowledge (s)"),
        say("确认用时 P90 (秒)", "P90 time to acknowledge (s)"), say("已接手", "Taken"),
        say("接手用时中位数 (秒)", "Median time to take (s)"), say("接手用时 P90 (秒)", "P90 time to take (s)"),
        say("已升级", "Escalated"),
        say("已评判", "Judged"), say("属实", "True"), say("误报", "False"), say("测试", "Tests"),
        say("误报率", "Share of false alarms"),
    ]  # fmt: skip


def _line(r: dict[str, Any]) -> list[str]:
    share = "" if r["false_share"] is None else f"{r['false_share']:.1%}"
    if share and r["few"]:
        share += say(f" (仅 {r['judged']} 条评判)", f" (only {r['judged']} judged)")
    numbers = ("alarms", "devices", "active", "median_s", "p90_s", "acknowledged", "acknowledge_median_s", "judged",
               "true", "false", "test")  # fmt: skip
    return [r["key"], say(r["name"]["zh"], r["name"]["en"]), *("" if r[n] is None else str(r[n]) for n in numbers),
            share]  # fmt: skip
