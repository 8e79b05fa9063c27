"""What Open311 does when cases tell something. Runs in one transaction with its inbox row."""

from __future__ import annotations

from uuid import UUID

from linli.adapters.open311.services import queueing
from linli.kernel import clock
from linli.kernel.events import Envelope, consumer


def _of_staff(envelope: Envelope) -> bool:
    return envelope.audience == "staff"  # the public's copy of the same news says less


@consumer("open311.cases", "case.created", "case.changed", interest=lambda: _of_staff)
def on_case(envelope: Envelope) -> None:
    queueing.follow(case_id=UUID(envelope.ref), at=clock.parse(envelope.at), data=envelope.data)
