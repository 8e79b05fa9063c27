"""The words of the letters, in the language of whoever gets them. No words of a case, no place, no name."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from linli.cases import facade as cases
from linli.kernel import mail
from linli.kernel.i18n import either, say
from linli.notify.models import Waiting

MOST = 60


def question(path: str) -> tuple[str, str]:
    """The letter that asks whether the address is right."""
    lines = [
        say("有人 (多半是您) 在邻里工作台填了这个邮箱, 用来接收工作提醒。",
            "Somebody, probably you, entered this address in the Linli console for notices about work."),
        say("如果是您, 请打开下面的链接确认 (两天内有效)。如果不是, 不用理会, 不会再有邮件。",
            "If it was you, open this link within two days. If not, do nothing: no further letter will come."),
        "", mail.address(path),
    ]  # fmt: skip
    return say("请确认: 工作提醒邮箱", "Please confirm: notices about work"), "\n".join(lines) + "\n"


def notices(rows: Sequence[Waiting], *, daily: bool) -> tuple[str, str]:
    """One letter with all that may go out: urgent ones first, then by their limit."""
    order = sorted(rows, key=lambda r: (not r.urgent, r.due_at is None, r.due_at or r.at, r.number))
    if len(order) == 1:
        subject = f"{_kind(order[0])} · {order[0].number}"
    elif daily:
        subject = say(f"今日工作提醒: {len(order)} 条", f"Notices of the day: {len(order)}")
    else:
        subject = say(f"工作提醒: {len(order)} 条", f"Notices: {len(order)}")
    lines = [line for row in order[:MOST] for line in _lines(row)]
    if len(order) > MOST:
        lines += [
            say(f"另有 {len(order) - MOST} 条, 请在工作台查看。", f"And {len(order) - MOST} more, on the screen.")
        ]
    foot = say(
        "您选择了用邮件接收这些提醒。更改或停用:", "You chose to have these notices by e-mail. To change or end it:"
    )
    return subject, "\n".join([*lines, "", "-- ", foot, mail.address("/console/notices"), ""])


def _lines(row: Waiting) -> list[str]:
    words = [say("▲ 紧急", "▲ Urgent") if row.urgent else "", _kind(row), row.number, _stage(row.stage)]
    if row.due_at is not None:
        words.append(say("时限", "due") + f" {timezone.localtime(row.due_at):%Y-%m-%d %H:%M}")
    return ["· " + " · ".join(filter(None, words)), "  " + mail.address(f"/console/cases/{row.case_id}")]


def _kind(row: Waiting) -> str:
    return {
        "warn": say("即将到期", "Limit near"), "escalate": say("已超时", "Past its limit"),
        "recheck_due": say("挂账到期复查", "Suspended, look again"), "remind": say("催办", "Reminder"),
    }.get(row.kind, row.kind)  # fmt: skip


def _stage(code: str) -> str:
    named = cases.stage_name(code)
    return either(named["zh"], named["en"]) if named else ""
