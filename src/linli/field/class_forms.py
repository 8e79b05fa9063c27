"""Forms of classes: what is asked of a case on the phone, what was answered, and what is still missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import facade as cases
from linli.field import rules, tables
from linli.field.models import CaseAnswers
from linli.kernel import audit, clock, events, masks, services
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound, TooLarge
from linli.work import facade as work

ASKED_FOR = timedelta(days=14)  # so long a phone is reminded of what is missing
MOST_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class CaseForm:
    """A form of a case, with what was answered to it; `answers` is None before anything was."""

    form: rules.Form
    answers: CaseAnswers | None


def answer_form(
    *, actor: Actor, case_id: UUID, code: str, answers: Mapping[str, Any], filled_at: datetime | None = None
) -> CaseAnswers:
    """Keep what a phone answered of a case it sees. Later answers take the place of earlier ones, whatever their order
    of arrival. Nothing is refused for being incomplete: what is missing is kept as missing, and asked for."""
    form = tables.forms().get(code)
    if form is None or form.kind != "case":
        raise NotFound("is no form of a class of this district")
    if len(repr(answers)) > MOST_BYTES:
        raise TooLarge("the answers are too long", field="answers")
    case, now = cases.seen_case(actor, case_id), clock.now()
    at = min(filled_at or now, now)
    taken = rules.take(form, _clean(dict(answers)))
    with services.unit(actor):
        row, made = CaseAnswers.objects.select_for_update().get_or_create(
            case_id=case_id, form_code=form.code, defaults={"form_version": form.version, "filled_at": at}
        )
        same = (row.answers, row.unfit) == (taken.answers, taken.unfit)
        if not made and (row.filled_at > at or (same and row.filled_at == at)):
            return row
        row.answers, row.unfit, row.missing = taken.answers, taken.unfit, list(taken.missing)
        row.form_version, row.by_id, row.filled_at = form.version, actor.account_id, at
        row.save()
        audit.record(actor=actor, action="case.form", kind="case", ref=case_id, area=case.area_path,
                     detail={"form": form.code, "missing": row.missing})  # fmt: skip
        events.emit(type="case.form", kind="case", ref=case_id, area=case.area_path, permission=case.permission,
                    data={"case_id": str(case_id), "form": form.code, "missing": len(row.missing)})  # fmt: skip
    return row


def _clean(value: Any) -> Any:
    """Texts without phone and ID numbers, wherever they stand."""
    if isinstance(value, str):
        return masks.mask_text(value)[0]
    if isinstance(value, dict):
        return {str(name): _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def of_case(actor: Actor, case_id: UUID) -> list[CaseForm]:
    """The forms of a case: those its class asks, and those answered before its class was changed."""
    cases.seen_case(actor, case_id)
    held = {row.form_code: row for row in CaseAnswers.objects.filter(case_id=case_id)}
    asked = tables.class_forms(cases.classes_of([case_id]).get(case_id, ""))
    kept = [form for code, form in tables.forms().items() if code in held and form not in asked]
    return [CaseForm(form, held.get(form.code)) for form in (*asked, *kept)]


def asked_of(actor: Actor) -> dict[str, Any]:
    """For a member's phone: the classes of one's running tasks, and what one's own cases and finished tasks still lack.

    {tasks: [{task_id, case_id, class_code}], missing: [{case_id, number, form}]}
    """
    since = clock.now() - ASKED_FOR
    tasks = [one for one in work.tasks_of_member(actor, since) if one.case_id]
    reported = cases.reported_by(actor, since)
    classes = cases.classes_of([one.case_id for one in tasks if one.case_id])
    wanted = [(row.id, row.number, form) for row in reported for form in _needed(row.class_code, "report")]
    for task in tasks:
        if task.done_at and task.case_id:
            wanted += [(task.case_id, task.title, form) for form in _needed(classes.get(task.case_id, ""), "finish")]
    complete = _complete({case_id for case_id, _, _ in wanted})
    return {
        "tasks": [
            {"task_id": str(one.id), "case_id": str(one.case_id), "class_code": classes.get(one.case_id, "")}
            for one in tasks
            if one.case_id and not one.done_at
        ],
        "missing": [
            {"case_id": str(case_id), "number": number, "form": code}
            for case_id, number, code in dict.fromkeys(wanted)
            if (case_id, code) not in complete
        ],
    }


def _needed(class_code: str, at: str) -> list[str]:
    """Codes of the forms of a class that have a field which must be answered."""
    return [form.code for form in tables.class_forms(class_code, at) if any(f.required for f in form.fields)]


def _complete(case_ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
    rows = CaseAnswers.objects.filter(case_id__in=list(case_ids), missing=[])
    return set(rows.values_list("case_id", "form_code"))
