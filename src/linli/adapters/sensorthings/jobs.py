"""Background work of SensorThings."""

from __future__ import annotations

from linli.kernel import jobs


@jobs.periodic("35 3 * * *", "sensorthings.forget")
def forget() -> None:
    from linli.adapters.sensorthings.services import telling

    telling.forget_old()
