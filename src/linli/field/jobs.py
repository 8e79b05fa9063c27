"""Housekeeping of field."""

from __future__ import annotations

from linli.field import services
from linli.kernel import jobs


@jobs.periodic("41 3 * * *", "field.purge_voices")
def purge_voices() -> None:
    services.purge_voices()
