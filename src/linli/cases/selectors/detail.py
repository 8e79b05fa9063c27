"""One case with all that is needed to decide: clocks, steps, allowed acts, pictures, suggestions, neighbours."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from linli.cases import clocks, ports, tables
from linli.cases.models import Comment, TimelineEntry
from linli.cases.rules import workflow
from linli.cases.rules.workflow import Facts
from linli.cases.selectors import fast, listing, suggest, visible
from linli.cases.services import common, demands
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound

EXTRA = (
    "condition_no", "grid_id", "priority", "created_by", "task_id", "handler_ids", "verifier_id", "clocks", "undo",
    "pauses", "parent_id", "return_count", "reopen_count", "score", "device_id", "alarm_id", "filed_at",
    "dispatched_at", "updated_at", "external_id", "side", "recheck_at", "centre_id", "satisfaction", "split_from",
)  # fmt: skip
_BASE = tuple(f"c.{n}" for n in listing.COLUMNS)
_SQL = f"""SELECT {", ".join(_BASE)}, {", ".join("c." + n for n in EXTRA)},
    (SELECT count(*) FROM cases_reporter r WHERE r.case_id = c.id AND (r.phone IS NOT NULL OR r.name IS NOT NULL)),
    (SELECT count(*) FROM cases_comment k WHERE k.case_id = c.id),
    (SELECT coalesce(json_agg(json_build_object('id', p.id, 'stage', p.stage, 'file_id', p.file_id,
        'thumb_id', p.thumb_id, 'width', p.width, 'height', p.height, 'created_at', p.created_at,
        'released', p.released_at IS NOT NULL, 'original_id', p.original_file_id) ORDER BY p.created_at), '[]'::json)
        FROM cases_photo p WHERE p.case_id = c.id),
    (SELECT coalesce(json_agg(json_build_object('kind', s.kind, 'ref', s.ref, 'at', s.at, 'data', s.data)
        ORDER BY s.at), '[]'::json) FROM cases_signal s WHERE s.case_id = c.id),
    (SELECT number FROM cases_case p WHERE p.id = c.parent_id)
    FROM cases_case c WHERE c.id = %s AND """

OTHER_ACTS = {
    "report": ("上报", "Reported"),
    "photo": ("照片", "Photo"),
    "contact": ("查看联系方式", "Contact opened"),
    "signal": ("信号并入", "Signal joined"),
    "voices": ("反映增多, 优先级提高", "More voices: priority raised"),
    "alarm_cleared": ("一个告警已恢复", "One alarm cleared"),
    "warn": ("即将到期", "Limit near"),
    "escalate": ("已超时, 升级提醒", "Past its limit: escalated"),
    "recheck_due": ("挂账到期复查", "Suspended: look again"),
    "remind": ("催办", "Reminded"),
    "calendar": ("工作日历更正, 期限重算", "Calendar corrected: deadlines anew"),
    "propose_close": ("告警已全部恢复, 建议结案", "All alarms cleared: close?"),
    "outside_sent": ("转至外部系统", "Sent to another system"),
    "outside_update": ("外部系统回复", "Heard from another system"),
    "undo_dispatch": ("撤回派遣", "Dispatch taken back"),
    "undo_accept": ("撤回受理", "Acceptance taken back"),
    "undo_file": ("撤回立案", "Filing taken back"),
    "confirm": ("反映人确认已解决", "Reporter says: solved"),
    "call": ("电话联系", "Call"),
    "promise_kept": ("承诺已兑现", "Promise kept"),
    "card_start": ("启动处置卡", "Run card started"),
    "card_done": ("处置卡步骤完成", "Step of the run card done"),
    "card_skip": ("处置卡步骤跳过", "Step of the run card skipped"),
    "card_tick": ("处置卡检查项", "Check-list of the run card"),
    "card_add": ("处置卡加步骤", "Step added to the run card"),
    "card_post": ("处置卡岗位到位", "Post of the run card filled"),
    "card_end": ("处置卡结束", "Run card ended"),
    "operation_link": ("列入联合行动", "Linked to a joint operation"),
    "operation_start": ("联合行动开始", "Joint operation started"),
    "operation_end": ("联合行动结束", "Joint operation ended"),
    "operation_cancel": ("联合行动取消", "Joint operation cancelled"),
    "withdraw": ("反映人撤回联系方式", "Reporter withdrew the contact"),
    "release_photo": ("公开照片", "Photo released"),
    "merged_in": ("并入一案", "A case was merged in"),
    "merge_undone": ("撤销并入", "A merge was undone"),
    "split_off": ("由拆分产生", "Split off"),
    "referral_sent": ("外部系统已接收", "Received by the other system"),
    "referral_news": ("外部系统进展", "News from the other system"),
    "withdraw_photo": ("取消公开照片", "Photo no longer public"),
    "redact_photo": ("遮挡照片", "Photo covered"),
    "release_text": ("公开文字", "Words released"),
    "hold_text": ("收回文字", "Words held back"),
}


def get(actor: Actor, case_id: UUID) -> dict[str, Any]:
    """The case as the actor may see it, or NotFound."""
    where, params = visible.where(actor)
    row = fast.row(_SQL + where, [case_id, *params])
    if row is None:
        raise NotFound()
    item = listing.shown([(*row[: len(listing.COLUMNS)], None, None)])[0]
    extra = dict(zip(EXTRA, row[len(listing.COLUMNS) :], strict=False))
    contacts, comments, photos, signals, parent_number = row[len(listing.COLUMNS) + len(EXTRA) :]
    _decode(extra)
    item.update(extra, has_contact=contacts > 0, comments=comments, photos=_json(photos), signals=_json(signals),
                parent_number=parent_number)  # fmt: skip
    _explain(actor, item)
    return item


def _json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, (str, bytes)) else value


def _decode(extra: dict[str, Any]) -> None:
    for name in ("clocks", "undo", "pauses", "side"):
        extra[name] = _json(extra[name])


def _explain(actor: Actor, item: dict[str, Any]) -> None:
    from linli.places import facade as places

    now = clock.now()
    acts = _acts(actor, item) if item["source"] == "linli" else []
    item["clocks"] = clocks.view(item["clocks"], now, team_id=item["team_id"], pauses=item.pop("pauses"))
    limits = [c for c in item["clocks"] if c["running"]] or [c for c in item["clocks"] if c["stage"] == "handle"]
    item["illustrative"] = any(c["illustrative"] for c in limits)
    item["actions"] = [
        {"act": a.act, "zh": a.zh, "en": a.en, "to": a.target, "need": demands.needs(a, item), "may": a.may}
        for a in acts
    ]
    item["area_names"] = {"zh": places.area_names(item["area_path"]), "en": places.area_names(item["area_path"], "en")}
    item["condition"] = condition_view(item["class_code"], item["condition_no"], item["filed_at"])
    undo = item.pop("undo")
    mine = undo and actor.account_id and undo["by"] == str(actor.account_id) and item["state"] == "dispatched"
    item["undo_until"] = undo["until"] if mine and undo["until"] > now.isoformat() else None
    can_dispatch = any(a.act == "dispatch" for a in acts)
    item["suggestions"] = suggest.shown_to(actor, suggest.asked(item)) if can_dispatch and item["class_code"] else []
    item["side"], item["centre"] = _side(item["side"] or {}), _centre(item["centre_id"])
    askers = [UUID(v["by"]) for v in item["side"].values() if v.get("by")]
    people = ports.names([item["created_by"], item["verifier_id"], *item["handler_ids"], *askers])
    item["people"] = {str(k): v for k, v in people.items()}


def _acts(actor: Actor, item: dict[str, Any]) -> list[workflow.Transition]:
    """What the actor may do now, and nothing that would be refused: the field app may be ahead of its news."""
    table, state = tables.transitions(), item["state"]
    handlers = tuple(item["handler_ids"])
    if any("not_handler" in t.guards and state in t.sources and not table.states[state].final
           for t in table.transitions.values()):  # fmt: skip
        handlers = (*handlers, *ports.handlers_of(item["id"]))
    base = Facts(state, item["area_path"], item["team_id"], handlers, item["closed_at"])
    facts = common.make_facts(base, supervised=item["supervised"], side=item["side"], centre_id=item["centre_id"])
    return workflow.allowed(table, facts, actor, clock.now())


def _centre(centre_id: UUID | None) -> dict[str, str] | None:
    found = ports.centre(centre_id) if centre_id else None
    return {"zh": found.name_zh, "en": found.name_en or found.name_zh} if found else None


def _side(side: dict[str, Any]) -> dict[str, Any]:
    """What is open on a side path, with the names of centres."""
    shown = {k: v for k, v in side.items() if k != "back"}
    if held := shown.get("transfer"):
        shown["transfer"] = {**held, "to_name": _centre(UUID(held["to"])),
                             "from_name": _centre(UUID(held["from"]) if held["from"] else None)}  # fmt: skip
    return shown


def condition_view(code: str, number: int | None, filed_at: datetime | None = None) -> dict[str, Any] | None:
    """The row the case goes by, in the version of the day it was filed: condition, limit, closing condition, source."""
    found, today = tables.catalogue(), tables.today()
    on = filed_at.astimezone(tables.calendar().zone).date() if filed_at else today
    row = (found.condition(code, number, on) or found.condition(code, number, today)) if code else None
    if row is None:
        return None
    return {"no": row.no, "zh": row.zh, "en": row.en, "limit": row.limit, "unit": row.unit,
            "closing": {"zh": row.closing_zh, "en": row.closing_en}, "illustrative": row.illustrative,
            "limit_source": row.limit_source or None, "wording_source": row.wording_source}  # fmt: skip


def timeline(actor: Actor, case_id: UUID, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Every change, oldest first."""
    case = visible.get(actor, case_id)
    query = TimelineEntry.objects.filter(case_id=case.id)
    rows, after = paging.keyset(query, key=("at", "id"), cursor=cursor, limit=limit)
    table, people = tables.transitions(), ports.names(r.actor_id for r in rows)
    items = []
    for r in rows:
        item = table.transitions.get(r.act)
        zh, en = (item.zh, item.en) if item else OTHER_ACTS.get(r.act, (r.act, r.act))
        by_name = people.get(r.actor_id, "") if r.actor_id else ""
        items.append({"id": r.id, "at": r.at, "actor_kind": r.actor_kind, "by": r.actor_id,
                      "by_name": by_name, "act": r.act, "zh": zh, "en": en,
                      "from_state": r.from_state, "to_state": r.to_state, "note": r.note,
                      "detail": r.detail})  # fmt: skip
    return {"items": items, "next": after}


def comments(actor: Actor, case_id: UUID, *, cursor: str | None, limit: int) -> dict[str, Any]:
    case = visible.get(actor, case_id)
    rows, after = paging.keyset(
        Comment.objects.filter(case_id=case.id), key=("created_at", "id"), cursor=cursor, limit=limit
    )
    people = ports.names(r.by for r in rows)
    return {
        "items": [{"id": r.id, "by": r.by, "by_name": people.get(r.by, "") if r.by else "", "text": r.text,
                   "created_at": r.created_at} for r in rows],
        "next": after,
    }  # fmt: skip
