"""Housekeeping of devices."""

from __future__ import annotations

from linli.devices.services import commands, incidents
from linli.kernel import jobs


@jobs.periodic("* * * * *", "devices.expire_commands")
def expire_commands() -> None:
    commands.expire_commands()


@jobs.periodic("* * * * *", "devices.gather_incidents")
def gather_incidents() -> None:
    """What the news of alarms brought together already; this finds what it passed over."""
    incidents.gather()
