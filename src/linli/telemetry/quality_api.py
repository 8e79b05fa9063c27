"""Data quality over many devices, on telemetry's router: figures, the devices behind one, and both as a sheet."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import english, pick
from linli.kernel.paging import DEFAULT_LIMIT, Page
from linli.telemetry import quality_selectors
from linli.telemetry.router import Label, router


class QualityRow(Schema):
    """`devices` in use: `reported` in the span, `fresh` now (no older than three intervals), `never` heard, with
    `errors` in the span. `bad` frames and `refused` messages are since the devices are registered. Of `readings` in
    the span so many were out of range, doubtful, late or by a clock that was years off; null without history."""

    key: str
    name: Label
    devices: int
    reported: int
    fresh: int
    never: int
    errors: int
    bad: int
    refused: int
    readings: int | None
    out_of_range: int | None
    doubtful: int | None
    late: int | None
    clamped: int | None


class QualityFigures(Schema):
    start: datetime
    end: datetime
    by: str
    history: bool
    total: QualityRow
    items: list[QualityRow]


class BehindOut(Schema):
    """`count`: of the readings in the span, where the figure counts readings."""

    id: UUID
    code: str
    name: Label
    model: str
    owner: str
    area_path: str
    last_seen: datetime | None
    bad: int
    refused: int
    last_error: str
    last_error_at: datetime | None
    count: int | None


@router.get("/devices/quality", permission="devices.view", response=QualityFigures)
def quality_figures(request: HttpRequest, by: str = "owner", days: int = 1, area: str = "") -> dict[str, Any]:
    """Coverage, freshness, errors and flags of the last days, by owner, model or grid."""
    return quality_selectors.figures(actor_of(request), by=by, days=days, area=area)


@router.get("/devices/quality/devices", permission="devices.view", response=Page[BehindOut])
def quality_devices(
    request: HttpRequest, what: str, by: str = "owner", key: str | None = None, days: int = 1, area: str = "",
    cursor: str | None = None, limit: int = DEFAULT_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """The devices behind a figure, the worst first. `what` is a figure's name, `unreported` or `silent`; without `key`
    of all."""
    rows, after = quality_selectors.devices_behind(
        actor_of(request), what=what, by=by, key=key, days=days, area=area, cursor=cursor, limit=limit
    )
    return {"items": rows, "next": after}


@router.get("/devices/quality.{form}", permission="devices.view", response={200: str})
def quality_sheet(
    request: HttpRequest, form: str, by: str = "owner", days: int = 1, area: str = "", lang: str = ""
) -> HttpResponse:  # fmt: skip
    """The figures as `csv` or `xlsx`, with a last line for all; `lang` is zh or en."""
    if lang not in ("", "zh", "en"):
        raise Invalid("lang", "must be zh or en")
    lang = lang or ("en" if english() else "zh")
    found = quality_selectors.figures(actor_of(request), by=by, days=days, area=area)
    head = [pick(FIRST[by], lang), *(pick(words, lang) for words in HEADS.values())]
    table = [head, *(_line(row, lang) for row in [*found["items"], found["total"]])]
    return sheet(form, f"data-quality-{by}", table)


FIRST = {"owner": {"zh": "权属单位", "en": "Owner"}, "model": {"zh": "类别", "en": "Kind"},
         "grid": {"zh": "网格", "en": "Grid"}}  # fmt: skip
HEADS = {name: {"zh": zh, "en": en} for name, zh, en in (
    ("devices", "在用设备", "Devices in use"), ("reported", "已上报", "Reported"), ("fresh", "数据新鲜", "Fresh"),
    ("never", "从未上报", "Never heard"), ("errors", "有错误的设备", "Devices with errors"),
    ("bad", "无法解析 (累计)", "Bad frames (ever)"), ("refused", "已拒绝 (累计)", "Refused (ever)"),
    ("readings", "读数", "Readings"), ("out_of_range", "超量程", "Out of range"), ("doubtful", "存疑", "Doubtful"),
    ("late", "迟到", "Late"), ("clamped", "时钟已校正", "Clock corrected"),
)}  # fmt: skip


def _line(row: dict[str, Any], lang: str) -> list[str]:
    return [pick(row["name"], lang), *("" if row[n] is None else str(row[n]) for n in HEADS)]
