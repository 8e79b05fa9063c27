"""What command does when other rooms tell something. Each runs in one transaction with its inbox row."""

from __future__ import annotations

from uuid import UUID

from linli.command import card_services
from linli.kernel.events import Envelope, consumer


@consumer("command.triggers", "case.created", "case.changed")
def on_case(envelope: Envelope) -> None:
    """A case may meet a trigger when it is new, and later when it gets its class. Our own lines change neither."""
    if not str(envelope.data.get("act", "")).startswith(("card_", "operation_")) and envelope.data.get("open", True):
        card_services.start_by_trigger(case_id=UUID(str(envelope.ref)))


@consumer("command.tasks", "task.changed")
def on_task(envelope: Envelope) -> None:
    if envelope.data.get("state") == "done":
        card_services.follow_task(task_id=UUID(str(envelope.data.get("task_id") or envelope.ref)))
