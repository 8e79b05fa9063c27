"""Housekeeping of work."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import jobs
from linli.work import duty_services, patrol_services, roster_import_services, roster_services


@jobs.periodic("17 * * * *", "work.purge_positions")
def purge_positions() -> None:
    duty_services.purge_positions()


@jobs.periodic("*/10 * * * *", "work.end_long_duties")
def end_long_duties() -> None:
    duty_services.end_long_duties()


@jobs.periodic("43 3 * * *", "work.purge_visits")
def purge_visits() -> None:
    patrol_services.purge_visits()


@jobs.periodic("51 3 * * *", "work.purge_shifts")
def purge_shifts() -> None:
    roster_services.purge_shifts()
    roster_import_services.purge()


@jobs.task("work.import_roster", lock="work.import_roster")
def import_roster(batch_id: str) -> None:
    """The rows of a sheet of shifts, some at a time."""
    roster_import_services.run(batch_id=UUID(batch_id))
