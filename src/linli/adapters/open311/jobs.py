"""Background work: sending, asking for news, and fetching pictures."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import jobs
from linli.kernel.actor import SYSTEM


def soon(endpoint_id: UUID) -> None:
    """Send what waits for an endpoint once this transaction has committed."""
    jobs.defer(deliver, once=f"open311.deliver:{endpoint_id}", endpoint_id=str(endpoint_id))


def ask_soon(endpoint_id: UUID) -> None:
    """Ask an endpoint for news now, not at the next minute."""
    jobs.defer(poll, once=f"open311.poll:{endpoint_id}", endpoint_id=str(endpoint_id))


def fetch_later(case_id: UUID, url: str) -> None:
    """Fetch a picture that another system only named."""
    if url.strip() and "\0" not in url:
        jobs.defer(fetch, case_id=str(case_id), url=url.strip()[:1000])


@jobs.task("open311.deliver")
def deliver(endpoint_id: str) -> None:
    from linli.adapters.open311.services import sending

    while sending.deliver(UUID(endpoint_id)) >= sending.BATCH:
        pass


@jobs.task("open311.poll", attempts=1)
def poll(endpoint_id: str) -> None:
    from linli.adapters.open311.services import receiving

    receiving.poll(UUID(endpoint_id))


@jobs.periodic("* * * * *", "open311.tick")
def tick() -> None:
    """Every minute and for each endpoint: what waits, and what is new there."""
    from linli.adapters.open311.selectors import endpoints

    for row in endpoints.in_use():
        soon(row.id)
        if row.updates != "none":
            ask_soon(row.id)


@jobs.task("open311.fetch", attempts=5)
def fetch(case_id: str, url: str) -> None:
    """A picture by its address; what is refused, or is no picture, is left out: the words of the report are in."""
    from linli.adapters.open311 import client
    from linli.adapters.open311.selectors import endpoints
    from linli.cases import facade as cases
    from linli.kernel.errors import LinliError

    try:
        data = client.picture(url, endpoints.friends())
        cases.add_photo(actor=SYSTEM, case_id=UUID(case_id), stage="report", data=data)
    except (client.Refused, LinliError):
        return
