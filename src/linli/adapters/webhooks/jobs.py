"""Background work of webhooks."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import clock, jobs

KEPT_DAYS = 30


def soon(hook_id: UUID, after: float = 0) -> None:
    """Send what waits for a hook once this transaction has committed, `after` seconds later."""
    jobs.defer(deliver, after=after, once=f"webhooks.deliver:{hook_id}", hook_id=str(hook_id))


@jobs.task("webhooks.deliver", attempts=1)
def deliver(hook_id: str) -> None:
    from linli.adapters.webhooks import services

    while (tried := services.deliver(UUID(hook_id))) is not None and tried >= services.BATCH:
        pass
    if tried is None:  # whoever is at it may have looked before our message was there
        soon(UUID(hook_id), after=2)


@jobs.periodic("* * * * *", "webhooks.tick")
def tick() -> None:
    """Every minute: what is due again."""
    from linli.adapters.webhooks.models import Delivery

    due = Delivery.objects.filter(state="waiting", next_at__lte=clock.now(), hook__enabled=True)
    for hook_id in due.order_by().values_list("hook_id", flat=True).distinct()[:500]:
        soon(hook_id)


@jobs.periodic("25 3 * * *", "webhooks.forget")
def forget() -> None:
    from linli.adapters.webhooks import services

    services.forget_old(KEPT_DAYS)
