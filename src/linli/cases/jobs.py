"""Background work of cases: registers its consumers, tells of limits, and keeps deadlines right when days change."""

from __future__ import annotations

from uuid import UUID

from linli.cases import events  # noqa: F401  (registers the consumers)
from linli.cases.services import batches, learning, upkeep
from linli.kernel import jobs


@jobs.task("cases.recompute_deadlines", lock="cases.recompute")
def recompute_deadlines() -> None:
    """After a correction of the calendar: every running clock's deadline anew."""
    upkeep.recompute_all()


@jobs.periodic("* * * * *", "cases.notices")
def give_notices() -> None:
    """Warnings before limits, escalation after them, and suspended cases to be looked at again."""
    upkeep.give_notices()


@jobs.periodic("17 * * * *", "cases.plan_notices")
def plan_notices() -> None:
    """Cases that have no notice planned though a clock runs: from before an upgrade."""
    upkeep.plan_missing()


@jobs.periodic("29 * * * *", "cases.forget_changes")
def forget_changes() -> None:
    """Notes of changes that no memory of the map needs any more."""
    upkeep.forget_changes()


@jobs.task("cases.import_sheet", lock="cases.import_sheet")
def import_sheet(batch_id: str) -> None:
    """The rows of a sheet, some at a time."""
    batches.run(batch_id=UUID(batch_id))


@jobs.periodic("40 18 * * *", "cases.learn_classes")
def learn_classes() -> None:
    """Every night, when enough cases were closed since: learn anew which words belong to which class."""
    learning.learn_all()
