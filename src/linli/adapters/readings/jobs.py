"""Background work of reading hooks."""

from __future__ import annotations

from linli.kernel import jobs


@jobs.periodic("*/10 * * * *", "readings.forget")
def forget() -> None:
    from linli.adapters.readings.services import receiving

    receiving.forget_old()
