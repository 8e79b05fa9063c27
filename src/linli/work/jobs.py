"""Housekeeping of work."""

from __future__ import annotations

from linli.kernel import jobs
from linli.work import duty_services, patrol_services, roster_services


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
