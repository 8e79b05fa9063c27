"""The desk of supervision (督办台): its lists and counts, reminders, and letters as Word and PDF."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema

from linli.cases import facade as cases
from linli.insight.api import router
from linli.insight.api.files import FORMS, in_language, sent, written
from linli.insight.api.reads import answer
from linli.insight.report import papers
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of

SUPERVISE, MOST_ROWS = "cases.supervise", 2000


class DeskIn(Schema):
    """Empty: no matter. `area` takes all below it, `class_prefix` a class or what begins so."""

    area: str = ""
    team: UUID | None = None
    class_prefix: str = ""

    def wanted(self) -> dict[str, Any]:
        for name, text in (("area", self.area), ("class_prefix", self.class_prefix)):
            if "\0" in text or len(text) > 120:
                raise Invalid(name, "is no code")
        return {"area": self.area.strip(), "team": self.team, "class_prefix": self.class_prefix.strip()}


class RemindIn(Schema):
    """`preview`: only say who would be told."""

    case_ids: list[UUID]
    note: str = ""
    preview: bool = False


@router.get("/supervision/counts", permission=SUPERVISE)
def supervision_counts(request: HttpRequest, asked: Query[DeskIn]) -> HttpResponse:
    """How many cases each reason has; 1001 means more than 1000."""
    return answer(cases.supervision_counts(actor_of(request), **asked.wanted()))


@router.get("/supervision", permission=SUPERVISE)
def supervision_list(
    request: HttpRequest, asked: Query[DeskIn], reason: str = "overdue", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Cases of one reason (overdue, stuck, sent_back, unhappy, beyond, answer_due, supervised), the oldest first. Each
    as in lists, with `why` {zh, en}, `since`, `supervision` {number, until, answered, state}, `reminded_at`."""
    return answer(cases.supervision_page(actor_of(request), reason, cursor=cursor, limit=limit, **asked.wanted()))


@router.get("/supervision.xlsx", permission=SUPERVISE, response={200: str})
def supervision_sheet(
    request: HttpRequest, asked: Query[DeskIn], reason: str = "overdue", lang: str = ""
) -> HttpResponse:
    """The list of one reason as a spreadsheet, of at most 2,000 rows."""
    from linli.insight.report import sheet

    actor, wanted = actor_of(request), asked.wanted()
    data = sheet.cases(_all(actor, reason, wanted), in_language(lang))
    return sent(actor, data, sheet.TYPE, f"supervision-{reason}.xlsx", kind="supervision", area=wanted["area"])


def _all(actor: Actor, reason: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < MOST_ROWS:
        page = cases.supervision_page(actor, reason, cursor=cursor, limit=paging.MAX_LIMIT, **wanted)
        found += page["items"]
        if (cursor := page["next"]) is None:
            break
    return found


@router.post("/supervision/reminders", permission=SUPERVISE)
def remind(request: HttpRequest, payload: RemindIn) -> HttpResponse:
    """Remind the teams that have these cases, at most 100. Rows {case_id, number, team, told, skipped: '' or ended,
    no_team, just_reminded (within the hour)}. Nothing of the cases changes; each timeline says who reminded."""
    rows = cases.remind(actor=actor_of(request), case_ids=payload.case_ids, note=payload.note, preview=payload.preview)
    return answer({"items": rows})


@router.get("/supervision/{case_id}/letter.{form}", permission="cases.view", response={200: str})
def supervision_letter(request: HttpRequest, case_id: UUID, form: str, lang: str = "") -> HttpResponse:
    """The letter (督办单) of a case's last supervision as `docx` or `pdf`, with the team's answer. For all who see the
    case: the team has to answer it."""
    if form not in FORMS:
        raise Invalid("form", "must be docx or pdf")
    actor = actor_of(request)
    found = cases.supervision_letter(actor, case_id)
    data, kind = written(papers.letter(found, in_language(lang)), form)
    return sent(
        actor, data, kind, f"supervision-{found['number']}.{form}", kind="case", area=found["case"]["area_path"]
    )
