"""Housekeeping of devices."""

from __future__ import annotations

from linli.devices.services import campaigns, claims, commands
from linli.kernel import jobs


@jobs.periodic("* * * * *", "devices.expire_commands")
def expire_commands() -> None:
    commands.expire_commands()


@jobs.periodic("23 * * * *", "devices.forget_claims")
def forget_claims() -> None:
    claims.forget_tries()


@jobs.periodic("* * * * *", "devices.campaigns")
def watch_campaigns() -> None:
    campaigns.watch()
