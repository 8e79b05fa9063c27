"""Desk papers as PDF: the day on one A4 page, the hand-over note, the report of an operation. In the language of the
request."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.http import HttpResponse

from linli.cases import facade as cases
from linli.command.models import Handover
from linli.identity import facade as identity
from linli.kernel import clock, typeset
from linli.kernel.i18n import say
from linli.places import facade as places

TEMPLATE = Path(__file__).with_name("paper.typ")
Item = dict[str, Any]


def response(data: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(data, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


def day_pdf(found: Item) -> bytes:
    """Of `selectors.day`."""
    tally = found["tally"]
    return _render(
        title=say("今日一页", "The day on one page"),
        sub=f"{_place(found['area'])} · {_when(found['since'])} – {_when(found['until'])}",
        figures=[
            [say("新增", "Reported"), str(tally["reported"])], [say("结案", "Closed"), str(tally["closed"])],
            [say("在办", "Open now"), str(tally["open"])], [say("超时", "Overdue now"), str(tally["overdue"])],
        ],
        sections=[
            _section(say("比平时多", "More than usual"), say("没有比平时多的", "Nothing is more than usual"),
                     [_worse(one) for one in found["worse"]]),
            _section(say("超时最久", "Overdue the longest"), say("没有超时的案件", "Nothing is overdue"),
                     [_row(one, due=True) for one in found["overdue"]]),
            _section(say("已解决", "Solved"), say("这一天没有结案", "Nothing was closed"),
                     [_row(one) for one in found["solved"]]),
        ],
    )  # fmt: skip


def handover_pdf(row: Handover) -> bytes:
    people = identity.display_name([who for who in (row.by, row.taken_by) if who])
    titles = {"urgent": say("紧急在办", "Urgent and open"), "promise": say("答应过的事", "Promises"),
              "alarm": say("未解除的告警", "Active alarms"), "overdue": say("超时", "Overdue")}  # fmt: skip
    at = row.handed_at or row.created_at
    return _render(
        title=say("交班单", "Hand-over note"), sub=f"{_place(row.area_path)} · {_when(at)}", note=row.note,
        sections=[
            _section(title, say("没有", "None"), [_line(one) for one in row.lines if one["kind"] == kind])
            for kind, title in titles.items()
        ],
        signs=[
            [say("交班", "Handed over by"), _signed(people.get(row.by) if row.by else "", row.handed_at)],
            [say("接班", "Taken over by"), _signed(people.get(row.taken_by) if row.taken_by else "", row.taken_at)],
        ],
    )  # fmt: skip


def operation_pdf(it: Item) -> bytes:
    """Of `operation_views.full`, of an operation that is over."""
    ended = it["state"] == "ended"
    return _render(
        title=it["title"],
        sub=" · ".join((say("联合行动报告", "Report of a joint operation"), _place(it["area_path"]),
                        f"{_when(it['begins_at'])} – {_when(it['ends_at'])}")),
        figures=[
            [say("班组", "Teams"), str(len(it["teams"]))], [say("任务", "Tasks"), str(it["tasks"])],
            [say("已办结", "Done"), str(it["done"])], [say("关联案件", "Linked cases"), str(len(it["cases"]))],
        ],
        note=it["words"],
        sections=[
            _section(say("目的", "Purpose"), "—", [_piece(it["purpose"])] if it["purpose"] else []),
            *(_section(say(team["zh"], team["en"]), say("没有任务", "No task"),
                       [_piece(one["title"], side=_task_state(one["task_state"])) for one in team["items"]])
              for team in it["teams"]),
            _section(say("检查表", "Check-list"), say("没有", "None"),
                     [_piece(f"{'✓' if p['done'] else '○'} {p['text']}", side=_by(p)) for p in it["checks"]]),
            _section(say("行动记录", "Notes"), say("没有", "None"),
                     [_piece(one["text"], side=_by(one)) for one in it["notes"]]),
            _section(say("关联案件", "Linked cases"), say("没有", "None"),
                     [_piece(f"{c['number']}  {say(c['zh'], c['en'])}",
                             side=say(c["state_name"]["zh"], c["state_name"]["en"])) for c in it["cases"]]),
        ],
        signs=[
            [say("开始", "Started by"), _signed(it["started_by_name"], it["started_at"])],
            [say("结束", "Ended by") if ended else say("取消", "Cancelled by"),
             _signed(it["closed_by_name"], it["closed_at"])],
        ],
    )  # fmt: skip


def _task_state(state: str) -> str:
    words = {"done": ("已办结", "done"), "cancelled": ("已收回", "taken back"), "returned": ("已退回", "sent back"),
             "": ("未下达", "not sent")}  # fmt: skip
    return say(*words.get(state, ("在办", "under way")))


def _by(one: Item) -> str:
    at = datetime.fromisoformat(one["at"]) if isinstance(one["at"], str) else one["at"]
    return f"{one['by_name']} {_when(at)}".strip() if at else ""


def _worse(one: Item) -> Item:
    now, usual = one["now"], one["usual"]
    return _piece(say(one["zh"], one["en"]), side=say(f"{now} 件，平时约 {usual:g}", f"{now}; usually about {usual:g}"))


def _row(one: Item, due: bool = False) -> Item:
    named = one["class"] or {"zh": "", "en": ""}
    team = one["team"] or {"zh": "未派", "en": "no team yet"}
    hidden = one["private"]
    text = "" if hidden else " · ".join(part for part in (one["address"], one["text"]) if part)
    moment = one["due_at"] if due else one["closed_at"]
    return _piece(
        f"{one['number']}  {say(named['zh'], named['en'])}", text=text,
        side=f"{say(team['zh'], team['en'])} · {say('应办', 'due') if due else say('结案', 'closed')} {_when(moment)}",
    )  # fmt: skip


def _line(one: Item) -> Item:
    team = one.get("team")
    due = datetime.fromisoformat(one["due_at"]) if one["due_at"] else None
    until = say("搁置至", "shelved until") if one["kind"] == "alarm" else say("应办", "due")
    side = " · ".join(
        part for part in (say(team["zh"], team["en"]) if team else "", f"{until} {_when(due)}" if due else "") if part
    )
    head = f"{one['number']}  {say(one['zh'], one['en'])}".strip()
    return _piece(head, side=side, text=one.get("promise", ""), note=one["note"])


def _piece(head: str, *, side: str = "", text: str = "", note: str = "") -> Item:
    return {"head": head, "side": side, "text": text, "note": note}


def _section(title: str, empty: str, rows: list[Item]) -> Item:
    return {"title": title, "empty": empty, "rows": rows}


def _place(area: str) -> str:
    return places.grid_name(area, say("zh-hans", "en")) if area else say("全区", "The whole district")


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(cases.zone()):%m-%d %H:%M}" if at else "—"


def _signed(name: str | None, at: datetime | None) -> str:
    return f"{name or ''}  {_when(at)}" if at else ""


def _render(*, title: str, sub: str, sections: list[Item], figures: list[list[str]] | None = None, note: str = "",
            signs: list[list[str]] | None = None) -> bytes:  # fmt: skip
    paper = {
        "title": title, "sub": sub, "sections": sections, "figures": figures or [], "note": note, "signs": signs or [],
        "lang": say("zh", "en"), "foot": say("邻里 · 打印于", "Linli · printed") + f" {_when(clock.now())}",
    }  # fmt: skip
    return typeset.pdf(TEMPLATE, paper=paper)
