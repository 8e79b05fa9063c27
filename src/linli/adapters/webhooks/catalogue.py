"""The events that a hook can ask for, in words: what happens, and which permission lets an account hear it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from linli.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Described:
    """`permissions`: any of them is enough, within one's areas; `account`: it is told to single accounts, too."""

    type: str
    permissions: tuple[str, ...]
    zh: str
    en: str
    account: bool = False


EVENTS = (
    Described("case.created", ("cases.view", "cases.private"), "案件上报", "A case is reported"),
    Described("case.changed", ("cases.view", "cases.private"), "案件有进展或修改", "A case moves or is changed"),
    Described(
        "case.notice", ("cases.supervise", "cases.private"), "案件时限临近或已超", "A limit is near or past", True
    ),
    Described("case.form", ("cases.view",), "案件分类表单已填", "A form of a case's class is answered"),
    Described("case.voice", ("cases.view",), "案件语音备注有变化", "A voice note of a case changes"),
    Described("task.changed", ("tasks.view",), "任务有进展", "A task moves"),
    Described("alarm.raised", ("alarms.view",), "告警产生", "An alarm is raised"),
    Described(
        "alarm.changed",
        ("alarms.view",),
        "告警确认, 接手, 搁置, 级别变化或恢复",
        "An alarm is acknowledged, taken, shelved, another severity, over",
    ),
    Described("alarm.held", ("alarms.view",), "维护期间产生告警", "An alarm arises during planned works, and is held"),
    Described(
        "alarm.notice", ("alarms.act",), "告警派给本人, 撤回或升级", "An alarm is given to one, or escalates", True
    ),
    Described(
        "maintenance.changed", ("alarms.view",), "维护窗口有变化", "Planned works are entered, changed, begin or end"
    ),
    Described("incident.raised", ("alarms.view",), "群障产生", "Alarms with one root become an incident"),
    Described(
        "incident.changed", ("alarms.view",), "群障扩大, 确认, 搁置或结束", "An incident grows, is handled or over"
    ),
    Described("device.changed", ("devices.view",), "设备资料修改", "A device is changed"),
    Described("command.changed", ("devices.view",), "设备命令有进展", "A command to a device moves"),
    Described("provisioning.changed", ("devices.credentials",), "自注册配置修改", "A provisioning profile changes"),
    Described("firmware.changed", ("devices.view",), "设备固件增减", "A firmware is added or withdrawn"),
    Described("campaign.changed", ("devices.view",), "固件升级计划有进展", "A firmware campaign moves"),
    Described("observation.kept", ("devices.view",), "SensorThings 观测写入", "An observation of SensorThings is kept"),
    Described("model.changed", ("devices.view",), "物模型修改", "A thing model is changed"),
    Described("model_draft.changed", ("devices.manage",), "物模型草稿修改", "A draft of a thing model is changed"),
    Described("model_migration.changed", ("devices.view",), "设备换版有进展", "Devices move to a version"),
    Described("rule.changed", ("rules.view",), "告警规则修改", "An alarm rule is changed"),
    Described("routing.changed", ("routing.view",), "派单规则修改", "The rules of routing are changed"),
    Described("grid.changed", ("grids.view",), "网格修改", "A grid is changed"),
    Described("unit.changed", ("grids.view",), "楼栋单元或二维码修改", "A unit or its QR code is changed"),
    Described("team.changed", ("teams.view",), "班组修改", "A team is changed"),
    Described("centre.changed", ("teams.view",), "中心修改", "A centre is changed"),
    Described("account.changed", ("people.view",), "账号修改", "An account is changed"),
    Described("duty.changed", ("duty.view", "positions.view"), "上岗, 离岗或位置更新", "Duty begins, ends or moves"),
    Described("form.changed", ("forms.review",), "走访或排查表提交", "A visit or hazard form comes in"),
    Described("patrol.changed", ("patrols.view",), "巡查计划修改", "A patrol plan is changed"),
    Described("patrol.visited", ("patrols.view",), "巡查点到位", "A patrol point is visited"),
    Described("handover.changed", ("desk.view",), "交班单有变化", "A hand-over note changes"),
    Described("operation.changed", ("cases.view",), "联合行动有进展", "A joint operation moves"),
    Described("board.changed", ("board.view",), "公告板有变化", "A note of a centre's board changes"),
    Described("roster.changed", ("rosters.view",), "排班有变化", "A roster changes"),
    Described("bulletin.changed", ("indicators.view", "bulletins.write"), "通报起草, 签发或撤回", "A bulletin changes"),
    Described("bulletin.notice", ("indicators.view",), "通报已送达", "A bulletin has been sent"),
    Described("open311.endpoint", ("integrations.manage",), "Open311 端点修改", "An Open311 endpoint is changed"),
    Described("intake_hook.changed", ("integrations.manage",), "接入点修改", "An intake hook is changed"),
    Described("reading_hook.changed", ("integrations.manage",), "读数接入点修改", "A reading hook is changed"),
)


def for_actor(actor: Actor) -> list[dict[str, Any]]:
    """All described events; `may`: whether the account hears it at all."""
    return [
        {"type": one.type, "zh": one.zh, "en": one.en, "may": one.account or any(map(actor.can, one.permissions))}
        for one in EVENTS
    ]
