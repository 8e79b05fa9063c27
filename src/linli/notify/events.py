"""What notify does when other rooms tell something."""

from __future__ import annotations

from linli.kernel.events import Envelope, consumer
from linli.notify import selectors, sending_services


@consumer("notify.cases", "case.notice", interest=selectors.interest)
def on_notice(envelope: Envelope) -> None:
    """A notice of a case waits for those who want it by e-mail."""
    sending_services.note(envelope)
