"""Housekeeping of identity."""

from __future__ import annotations

from linli.identity.services import lockout, sessions
from linli.kernel import jobs


@jobs.periodic("43 3 * * *", "identity.purge")
def purge() -> None:
    sessions.purge_old()
    lockout.purge_old()
