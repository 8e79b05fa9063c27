"""Background work of webhooks."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import clock, jobs

KEPT_DAYS = 30


def soon(hook_id: UUID) -> None:
    """Send what waits for a hook once this transaction has committed."""
    jobs.defer(deliver, once=f"webhooks.deliver:{hook_id}", hook_id=str(hook_id))


@jobs.task("webhooks.deliver", attempts=1)
def deliver(hook_id: str) -> None:
    from linli.adapters.webhooks import services

    while services.deliver(UUID(hook_id)) >= services.BATCH:
        pass


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
