"""What the adapters do when other rooms tell something."""

from linli.adapters.open311 import events
from linli.adapters.webhooks import events as webhook_events

__all__ = ["events", "webhook_events"]
