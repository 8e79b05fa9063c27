"""What webhooks do when anything happens. Runs in one transaction with its inbox row."""

from __future__ import annotations

from linli.adapters.webhooks import services
from linli.kernel.events import Envelope, consumer


@consumer("adapters.webhooks", "*")
def on_any(envelope: Envelope) -> None:
    if envelope.audience != "public" and not envelope.type.startswith(("session.", "webhook.")):
        services.follow(envelope)
