"""Background work of notify."""

from __future__ import annotations

from linli.kernel import jobs
from linli.notify import (
    events,  # noqa: F401  (registers the consumer)
    sending_services,
    services,
)


@jobs.periodic("* * * * *", "notify.send")
def send() -> None:
    """Letters to all whose notices may go out by now."""
    sending_services.send()


@jobs.task("notify.confirm", attempts=5)
def confirm(choice_id: str) -> None:
    """The letter that asks whether the address is right."""
    services.send_question(choice_id)


@jobs.periodic("29 * * * *", "notify.purge")
def purge() -> None:
    sending_services.purge()
