"""Housekeeping of devices."""

from __future__ import annotations

from linli.devices.services import commands
from linli.kernel import jobs


@jobs.periodic("* * * * *", "devices.expire_commands")
def expire_commands() -> None:
    commands.expire_commands()
