"""Every change of a case has it counted anew."""

from __future__ import annotations

from uuid import UUID

from linli.insight import jobs
from linli.insight.services import roll
from linli.kernel import jobs as kernel_jobs
from linli.kernel.events import Envelope, consumer


def _of_staff(envelope: Envelope) -> bool:
    return envelope.audience != "public"  # that is the same news, told to everybody


@consumer("insight.cases", "case.created", "case.changed", interest=lambda: _of_staff)
def on_case(envelope: Envelope) -> None:
    roll.mark([UUID(envelope.ref)])
    kernel_jobs.defer(jobs.roll_up, after=3, once="insight.roll")
