"""Figures are brought up to date a few seconds after a case changed, and by the clock when a deadline runs out."""

from __future__ import annotations

import time

from linli.insight.services import roll
from linli.kernel import jobs

BUSY_S = 20.0  # then the rest is left to the next job


@jobs.task("insight.roll", lock="insight.roll")
def roll_up() -> None:
    end = time.monotonic() + BUSY_S
    while roll.roll():
        if time.monotonic() > end:
            jobs.defer(roll_up, once="insight.roll")
            return


@jobs.task("insight.backfill", lock="insight.roll")
def backfill() -> None:
    """All cases, page by page: at the first start, and after `linli manage recount`."""
    end = time.monotonic() + BUSY_S
    while roll.backfill():
        if time.monotonic() > end:
            jobs.defer(backfill, once="insight.backfill")
            return


@jobs.periodic("* * * * *", "insight.tick")
def tick() -> None:
    """Deadlines that ran out; whatever an event should have told and did not; the first count of all."""
    if not roll.complete():
        jobs.defer(backfill, once="insight.backfill")
    roll.mark_due()
    jobs.defer(roll_up, once="insight.roll")


@jobs.periodic("20 18 * * *", "insight.forget")
def forget() -> None:
    roll.forget_old()
