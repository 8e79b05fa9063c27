"""Words of the sheets about joining, imports and firmware, for people."""

from __future__ import annotations

from linli.kernel.i18n import say

REASONS = {
    "closed": ("配置未开放", "Profile closed"), "full": ("名额已满", "Profile full"),
    "not-registered": ("编码没有登记", "Not registered before"), "taken": ("名称已被占用", "Name taken"),
    "speaks": ("同名设备正在使用", "Device in service"), "has-credential": ("已有密钥", "Has a credential"),
    "too-late": ("超过十分钟", "Too late"), "credential-taken": ("自带密钥已被使用", "Credential taken"),
    "no-gateways": ("不允许网关", "No gateways"), "model-retired": ("物模型已停用", "Thing model retired"),
    "wrong-secret": ("密码错误", "Wrong secret"),
}  # fmt: skip
"""Why a profile refused a name."""
STATES = {
    "waiting": ("未通知", "Waiting"), "told": ("已通知", "Told"), "downloading": ("下载中", "Downloading"),
    "downloaded": ("已下载", "Downloaded"), "updating": ("升级中", "Updating"), "updated": ("已升级", "Updated"),
    "failed": ("失败", "Failed"), "cancelled": ("不再升级", "Called off"),
}  # fmt: skip
"""How far a device of a campaign is."""
IMPORT_REASONS = {
    "area": ("没有这个网格", "No such grid"),
    "elsewhere": ("坐标不在这个网格里", "The point lies in another grid"),
    "attributes": ("应为“名=值; 名=值”或 JSON 对象", "Must be name=value; name=value, or a JSON object"),
    "code": ("只能用字母、数字与 . _ : -, 至多 80 字符", "Must be 1 to 80 letters, digits or . _ : -"),
    "degrees": ("不是经纬度", "Not a longitude or latitude"),
    "long": ("超过 120 字", "More than 120 characters"),
    "model": ("没有这个物模型", "No such thing model"),
    "name_taken": ("网关已有同名设备", "The gateway has another device of this name"),
    "needed": ("必填", "Needed"),
    "number": ("不是数字", "Not a number"),
    "outside": ("不在任何网格内", "Outside of all grids"),
    "pair": ("经度与纬度须同时填写", "Longitude and latitude come together"),
    "parent": ("没有这个在用的网关", "No such gateway in service"),
    "parent_row": ("它的网关未能导入", "Its gateway is not taken in"),
    "place": ("须填经纬度或网格", "Needs a point or a grid"),
    "refused": ("未能登记", "Could not be entered"),
    "retired": ("已停用", "Retired"),
    "rights": ("不在您管理的范围", "Outside your area"),
    "state": ("应为规划、在用或检修", "Must be planned, in use or in maintenance"),
    "system": ("应为 WGS84、GCJ-02 或 BD-09", "Must be WGS84, GCJ-02 or BD-09"),
    "tags": ("每个标签至多 40 字", "A tag has at most 40 characters"),
    "taken": ("编码已被占用", "The code is taken"),
    "team": ("没有这个队伍", "No such team"),
    "twice": ("表中重复", "Stands twice in the sheet"),
    "two": ("有多个同名, 请填代码", "Several are called so: use the code"),
    "yes_no": ("应为是、否或空", "Must be yes, no or empty"),
    "alarms": ("有过告警", "Has had alarms"),
    "changed": ("之后有修改", "Was changed since"),
    "children": ("仍为其他设备转发", "Still speaks for others"),
    "commands": ("收到过命令", "Was given commands"),
    "credentials": ("有其他密钥", "Has other credentials"),
    "joined": ("经自注册或认领", "Joined by a profile or was claimed"),
    "known": ("已登记, 未改动", "In the registry already, left as it is"),
    "spoke": ("已上报过数据", "Has spoken"),
}
"""Why a row of devices was refused, and why an undo left a device."""


def spoken(table: dict[str, tuple[str, str]], code: str) -> str:
    """The word of a code in the language of the request; the code itself when it has none."""
    return say(*table[code]) if code in table else code
