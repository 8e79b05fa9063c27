"""Background work of intake hooks."""

from __future__ import annotations

from linli.kernel import jobs


@jobs.periodic("*/10 * * * *", "intake.forget")
def forget() -> None:
    from linli.adapters.intake.services import receiving

    receiving.forget_old()
