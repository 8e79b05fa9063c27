"""One case with all that is needed to decide: clocks, steps, allowed acts, pictures, suggestions, neighbours."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from linli.cases import clocks, ports, tables
from linli.cases.models import Comment, TimelineEntry
from linli.cases.rules import workflow
from linli.cases.rules.workflow import Facts
from linli.cases.selectors import fast, listing, suggest, visible
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound

EXTRA = (
    "condition_no", "grid_id", "priority", "created_by", "task_id", "handler_ids", "verifier_id", "clocks", "undo",
    "parent_id", "return_count", "reopen_count", "score", "device_id", "alarm_id", "filed_at", "dispatched_at",
    "updated_at", "external_id",
)  # fmt: skip
_BASE = tuple(f"c.{n}" for n in listing.COLUMNS)
_SQL = f"""SELECT {", ".join(_BASE)}, {", ".join("c." + n for n in EXTRA)},
    (SELECT count(*) FROM cases_reporter r WHERE r.case_id = c.id AND (r.phone IS NOT NULL OR r.name IS NOT NULL)),
    (SELECT count(*) FROM cases_comment k WHERE k.case_id = c.id),
    (SELECT coalesce(json_agg(json_build_object('id', p.id, 'stage', p.stage, 'file_id', p.file_id,
        'thumb_id', p.thumb_id, 'width', p.width, 'height', p.height, 'created_at', p.created_at,
        'released', p.released_at IS NOT NULL) ORDER BY p.created_at), '[]'::json)
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
    "propose_close": ("告警已全部恢复, 建议结案", "All alarms cleared: close?"),
    "undo_dispatch": ("撤回派遣", "Dispatch taken back"),
    "confirm": ("反映人确认已解决", "Reporter says: solved"),
    "withdraw": ("反映人撤回联系方式", "Reporter withdrew the contact"),
    "release_photo": ("公开照片", "Photo released"),
    "withdraw_photo": ("取消公开照片", "Photo no longer public"),
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
    for name in ("clocks", "undo"):
        extra[name] = _json(extra[name])


def _explain(actor: Actor, item: dict[str, Any]) -> None:
    from linli.places import facade as places

    now, table = clock.now(), tables.transitions()
    facts = Facts(item["state"], item["area_path"], item["team_id"], tuple(item["handler_ids"]), item["closed_at"])
    acts = workflow.allowed(table, facts, actor, now) if item["source"] == "linli" else []
    item["clocks"] = clocks.view(item["clocks"], now)
    limits = [c for c in item["clocks"] if c["running"]] or [c for c in item["clocks"] if c["stage"] == "handle"]
    item["illustrative"] = any(c["illustrative"] for c in limits)
    item["actions"] = [{"act": a.act, "zh": a.zh, "en": a.en, "to": a.target, "need": a.need} for a in acts]
    item["area_names"] = {"zh": places.area_names(item["area_path"]), "en": places.area_names(item["area_path"], "en")}
    item["condition"] = condition_view(item["class_code"], item["condition_no"])
    undo = item.pop("undo")
    mine = undo and actor.account_id and undo["by"] == str(actor.account_id) and item["state"] == "dispatched"
    item["undo_until"] = undo["until"] if mine and undo["until"] > now.isoformat() else None
    can_dispatch = any(a.act == "dispatch" for a in acts)
    item["suggestions"] = (
        [{"team_id": s.team_id, "zh": s.name_zh, "en": s.name_en, "reason": {"zh": s.reason_zh, "en": s.reason_en}}
         for s in suggest.suggestions(item["class_code"], item["area_path"])]
        if can_dispatch and item["class_code"] else []
    )  # fmt: skip
    people = ports.names([item["created_by"], item["verifier_id"], *item["handler_ids"]])
    item["people"] = {str(k): v for k, v in people.items()}


def condition_view(code: str, number: int | None) -> dict[str, Any] | None:
    """The row the case goes by: condition, limit, closing condition, and whether the limit has a source."""
    row = tables.catalogue().condition(code, number, tables.today()) if code else None
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
