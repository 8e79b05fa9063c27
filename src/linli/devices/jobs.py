"""Housekeeping of devices."""

from __future__ import annotations

from uuid import UUID

from linli.devices.services import (
    campaigns,
    claims,
    commands,
    escalating,
    importing,
    incidents,
    maintenance,
    model_migrations,
    provisioning,
    unimport,
)
from linli.kernel import jobs


@jobs.periodic("* * * * *", "devices.expire_commands")
def expire_commands() -> None:
    commands.expire_commands()


@jobs.periodic("23 * * * *", "devices.forget_claims")
def forget_claims() -> None:
    claims.forget_tries()


@jobs.periodic("47 3 * * *", "devices.forget_imports")
def forget_imports() -> None:
    importing.purge()


@jobs.periodic("53 3 * * *", "devices.forget_refusals")
def forget_refusals() -> None:
    provisioning.forget_refusals()


@jobs.periodic("* * * * *", "devices.campaigns")
def watch_campaigns() -> None:
    campaigns.watch()


@jobs.periodic("* * * * *", "devices.gather_incidents")
def gather_incidents() -> None:
    """What the news of alarms brought together already; this finds what it passed over."""
    incidents.gather()


@jobs.periodic("* * * * *", "devices.escalate")
def escalate() -> None:
    """Whoever is to be told of alarms that nobody took care of."""
    escalating.escalate()


@jobs.periodic("* * * * *", "devices.maintenance")
def tick_maintenance() -> None:
    """Planned works begin and end by the clock."""
    maintenance.tick()


@jobs.task("devices.maintenance_over")
def maintenance_over() -> None:
    """At the very end of works; the minute's tick finds what a lost job did not."""
    maintenance.tick()


@jobs.task("devices.migrate_devices")
def migrate_devices(migration_id: str) -> None:
    """Devices of a thing model become speakers of a version, or go back."""
    model_migrations.run(migration_id=UUID(migration_id))


@jobs.task("devices.import_sheet", lock="devices.import_sheet")
def import_devices(batch_id: str) -> None:
    """The rows of a sheet of devices, some at a time."""
    importing.run(batch_id=UUID(batch_id))


@jobs.task("devices.undo_import", lock="devices.import_sheet")
def undo_device_import(batch_id: str) -> None:
    """What a sheet made, as far as nothing touched it, is retired again."""
    unimport.run(batch_id=UUID(batch_id))
