"""Background work of cases: registers its consumers, and keeps deadlines right when the calendar is corrected."""

from __future__ import annotations

from uuid import UUID

from linli.cases import clocks, events, tables  # noqa: F401  (events registers the consumers)
from linli.cases.models import Case
from linli.cases.rules import clock as rule
from linli.cases.services import batches, learning
from linli.kernel import jobs


@jobs.task("cases.recompute_deadlines", lock="cases.recompute")
def recompute_deadlines() -> None:
    """After a correction of the calendar: every running clock's deadline anew."""
    tables.forget()
    calendar = tables.calendar()
    rows = Case.objects.filter(closed_at=None, source="linli").only("id", "clocks", "due_at", "handle_due_at")
    for case in rows.iterator(chunk_size=500):
        before = case.clocks  # with what they say of being provisional, which may change where no deadline does
        clocks.store(case, {s: rule.recompute(calendar, c) for s, c in clocks.clocks_of(case).items()})
        if before != case.clocks:
            Case.objects.filter(pk=case.pk).update(
                clocks=case.clocks, due_at=case.due_at, handle_due_at=case.handle_due_at
            )


@jobs.task("cases.import_sheet", lock="cases.import_sheet")
def import_sheet(batch_id: str) -> None:
    """The rows of a sheet, some at a time."""
    batches.run(batch_id=UUID(batch_id))


@jobs.periodic("40 18 * * *", "cases.learn_classes")
def learn_classes() -> None:
    """Every night, when enough cases were closed since: learn anew which words belong to which class."""
    learning.learn_all()
