"""Taking in many reports at once from a sheet: checked at once, made by a job, undone as a whole while untouched."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import NewCase
from linli.cases.importing import sheet
from linli.cases.models import Case, ImportBatch
from linli.cases.services import act, common, intake
from linli.kernel import audit, clock, jobs, services, sheets
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, LinliError, NotFound
from linli.kernel.masks import mask_text
from linli.places import facade as places

MAX_ERRORS, AT_ONCE, UNDO_HOURS = 500, 50, 24


def take_in(*, actor: Actor, name: str, data: bytes, only_check: bool = False) -> ImportBatch:
    """The batch of a file. The same file again is the batch there is, unless that was undone."""
    if len(data) > sheet.MAX_BYTES:
        raise Invalid("file", f"has more than {sheet.MAX_BYTES // 1_000_000} MB")
    rows, errors = _judged(data)
    digest = hashlib.sha256(data).hexdigest()
    batch = ImportBatch(created_by=actor.account_id, name=name[:120], sha256=digest, rows=len(rows) + _bad(errors),
                        errors=errors[:MAX_ERRORS], refused=_bad(errors), todo=rows, state="running")  # fmt: skip
    if only_check:
        batch.state = "checked"
        return batch
    if not rows:
        raise Invalid("file", "holds no row that can be taken in")
    with services.unit(actor):
        actor.require("cases.import")
        services.alone(f"case-sheet:{digest}")
        held = ImportBatch.objects.filter(sha256=digest).exclude(state="undone").first()
        if held is not None:
            if held.created_by != actor.account_id:
                raise Conflict(common.say("这份文件已由他人导入", "Somebody else has imported this file"))
            return held
        batch.save(force_insert=True)
        audit.record(actor=actor, action="case.import_sheet", kind="case_import", ref=batch.id,
                     detail={"rows": batch.rows, "refused": batch.refused})  # fmt: skip
        jobs.defer(jobs_run(), batch_id=str(batch.id))
    return batch


def jobs_run() -> Any:
    from linli.cases import jobs as own

    return own.import_sheet


def _judged(data: bytes) -> tuple[list[dict[str, Any]], list[sheet.Error]]:
    said = sheets.spoken("cases")
    classes = {}
    for c in tables.catalogue().classes.values():
        if c.valid_from <= tables.today():
            classes |= {c.en.lower(): c.code, c.zh: c.code, c.code.lower(): c.code}
    try:
        rows, errors = sheet.judged(sheet.read(data, said["columns"]), classes, said)
    except sheet.Unreadable as why:
        raise Invalid("file", f"cannot be read: {why}") from why
    for row in rows:  # what waits for the job holds no numbers of people either
        row["text"], row["address"] = mask_text(row["text"])[0], mask_text(row["address"])[0]
    return rows, errors


def _bad(errors: list[sheet.Error]) -> int:
    return len({e["row"] for e in errors})


def run(*, batch_id: UUID) -> None:
    """Make the cases of a batch, some at a time; may be run again after a crash and makes none twice."""
    while _some(batch_id):
        pass


def _some(batch_id: UUID) -> bool:
    from linli.identity import facade as identity

    with services.unit(SYSTEM):
        batch = ImportBatch.objects.select_for_update().filter(pk=batch_id, state="running").first()
        if batch is None:
            return False
        actor = identity.actor_for(batch.created_by) if batch.created_by else None
        if actor is None or not actor.can("cases.import"):
            batch.state, batch.todo = "stopped", []
        for row in batch.todo[:AT_ONCE]:
            _one(batch, actor, row)  # type: ignore[arg-type]
        batch.todo = batch.todo[AT_ONCE:]
        if not batch.todo and batch.state == "running":
            batch.state, batch.finished_at = "done", clock.now()
            batch.undo_until = batch.finished_at + timedelta(hours=UNDO_HOURS)
        batch.save()
        return batch.state == "running"


def _one(batch: ImportBatch, actor: Actor, row: dict[str, Any]) -> None:
    try:
        with services.unit(actor):
            unit = places.unit_by_code(row["unit_code"]) if row["unit_code"] else None
            if row["unit_code"] and unit is None:
                raise Invalid("unit_code", "is no unit's code")
            new = NewCase(
                channel="import", kind=row["kind"], class_code=row["class_code"], text=row["text"], lon=row["lon"],
                lat=row["lat"], unit_id=unit.unit_id if unit else None, address=row["address"], urgent=row["urgent"],
            )  # fmt: skip
            made = intake.create_case(actor=actor, new=new, within="cases.import")
        batch.case_ids = [*batch.case_ids, made.case_id]
        batch.made += 1
    except LinliError as error:
        field = error.errors[0].field if getattr(error, "errors", None) else ""
        batch.refused += 1
        batch.errors = [*batch.errors, {"row": row["row"], "field": field, "reason": "outside" if field == "lon" or
                                        error.status == 403 else "refused"}][:MAX_ERRORS]  # fmt: skip


def undo(*, actor: Actor, batch_id: UUID) -> ImportBatch:
    """Cancel the batch's cases that nobody has touched; the others stay and are counted."""
    with services.unit(actor):
        actor.require("cases.import")
        batch = ImportBatch.objects.select_for_update().filter(pk=batch_id, created_by=actor.account_id).first()
        if batch is None:
            raise NotFound()
        if batch.state != "done" or batch.undo_until is None or batch.undo_until < clock.now():
            raise Conflict(common.say("已过撤销时限, 或尚未完成", "Not finished, or too late to undo"))
        item, table = tables.transitions().transitions["cancel"], tables.transitions()
        reason = common.say("撤销批量导入", "Import undone")
        for case in Case.objects.select_for_update().defer("tokens").filter(id__in=batch.case_ids).order_by("id"):
            if case.state == table.initial and case.version == 1 and case.signal_count == 1 and not case.me_too:
                act.do(case=case, actor=SYSTEM, item=item, version=None, given={"reason": reason})
                batch.cancelled += 1
        batch.state = "undone"
        batch.save()
        audit.record(actor=actor, action="case.undo_import", kind="case_import", ref=batch.id,
                     detail={"cancelled": batch.cancelled, "kept": batch.made - batch.cancelled})  # fmt: skip
    return batch
