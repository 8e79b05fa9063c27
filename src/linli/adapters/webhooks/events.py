"""What webhooks do when anything happens that a hook wants. Runs in one transaction with its inbox row."""

from __future__ import annotations

from linli.adapters.webhooks import selectors, services
from linli.kernel.events import Envelope, consumer


@consumer("adapters.webhooks", "*", interest=selectors.interest)
def on_any(envelope: Envelope) -> None:
    services.follow(envelope)
