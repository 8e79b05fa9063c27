"""Devices as a sheet: what the explorer finds, in the columns that an import reads again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Query

from linli.devices import explorer_selectors as explorer
from linli.devices import importing_selectors
from linli.devices.api.base import router
from linli.devices.api.explorer import AskedIn
from linli.devices.models import Device
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import say

COLUMNS = {
    "code": ("编码", "Code"), "model": ("物模型", "Thing model"), "name_zh": ("中文名称", "Chinese name"),
    "name_en": ("英文名称", "English name"), "owner_department": ("权属部门", "Owner department"),
    "team": ("队伍", "Team"), "area": ("区域", "Area"), "lon": ("经度", "Longitude"), "lat": ("纬度", "Latitude"),
    "system": ("坐标系", "Coordinate system"), "state": ("状态", "State"), "gateway": ("是网关", "Is gateway"),
    "parent": ("上级网关编码", "Parent gateway"), "parent_name": ("网关内名称", "Name at gateway"),
    "tags": ("标签", "Tags"), "attributes": ("共享属性", "Shared attributes"),
}  # fmt: skip
STATES = {"planned": ("规划", "Planned"), "active": ("在用", "In use"), "maintenance": ("检修", "In maintenance"),
          "retired": ("停用", "Retired")}  # fmt: skip


def head() -> list[str]:
    return [say(*words) for words in COLUMNS.values()]


def column(name: str) -> str:
    """What a column is called; the name itself when it is none."""
    return say(*COLUMNS[name]) if name in COLUMNS else name


def notes() -> list[list[str]]:
    said = {
        "code": say("必填; 字母、数字与 . _ : -, 至多 80 字符", "needed; letters, digits and . _ : -, at most 80"),
        "model": say("必填; 物模型的代码或名称", "needed; a thing model's code or name"),
        "name_zh": say("必填, 至多 120 字", "needed, at most 120 characters"),
        "team": say("负责队伍的代码或名称", "code or name of the team that answers for it"),
        "area": say("网格的编码、名称或路径; 有经纬度时可空", "a grid's code, name or path; not needed with a point"),
        "system": say("WGS84 (空即是)、GCJ-02 或 BD-09", "WGS84 (also when empty), GCJ-02 or BD-09"),
        "state": say("规划、在用 (空即是) 或检修", "planned, in use (also when empty) or in maintenance"),
        "gateway": say("是 / 空; 网关可为其他设备转发", "yes, or empty; a gateway speaks for others"),
        "parent": say("已登记的网关, 或本表中的网关", "a gateway of the registry or of this sheet"),
        "parent_name": say("空即编码", "its code when empty"),
        "tags": say("以分号分隔", "with semicolons between"),
        "attributes": say("名=值; 名=值, 或一个 JSON 对象", "name=value; name=value, or a JSON object"),
    }  # fmt: skip
    return [[column(name), said.get(name, "")] for name in COLUMNS]


@router.get("/device-rows.{form}", permission="devices.view", response={200: str})
def device_rows_sheet(
    request: HttpRequest, form: str, asked: AskedIn = Query(...), sort: str = "code"
) -> HttpResponse:  # fmt: skip
    """What `/device-rows` finds, whole (at most 100,000), as `csv` or `xlsx`. An import reads it again as it is: what
    the registry has already stays unchanged."""
    actor = actor_of(request)
    table = [head()]
    for part in explorer.whole(actor, asked.wanted(), sort=sort):
        teams = importing_selectors.team_codes(part)
        table += [_line(device, teams) for device in part]
    return sheet(form, "devices", table)


def _line(d: Device, teams: Mapping[Any, str]) -> list[str]:
    state = say(*STATES[d.state])
    return [
        d.code, d.model_id, d.name_zh, d.name_en, d.owner_department, teams.get(d.owner_team_id, ""), d.area_path,
        "" if d.lon is None else f"{d.lon:.7f}", "" if d.lat is None else f"{d.lat:.7f}",
        "" if d.lon is None else "WGS84", state, say("是", "Yes") if d.gateway else "",
        getattr(d, "parent_code", ""), d.parent_name, "; ".join(d.tags),
        orjson.dumps(d.attributes_shared).decode() if d.attributes_shared else "",
    ]  # fmt: skip
