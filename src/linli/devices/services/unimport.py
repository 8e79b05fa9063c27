"""Taking an import back: its devices that nobody and nothing has touched are retired, by a job; the others stay and
are named. A retired code of an undone import may be taken in again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from linli.devices import importing_selectors
from linli.devices.importing_models import DeviceImport, ImportedRow
from linli.devices.joining_models import Claim, Provisioned
from linli.devices.models import Alarm, Command, Credential, Device, DeviceStatus
from linli.devices.services import import_making
from linli.identity import facade as identity
from linli.kernel import audit, clock, jobs, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict
from linli.kernel.i18n import say

AT_ONCE = 500
MANAGE = "devices.manage"


def undo(*, actor: Actor, batch_id: UUID) -> DeviceImport:
    """From now on a job retires what it made. An import that is being undone, or was, stays as it is."""
    with services.unit(actor):
        actor.require(MANAGE)
        batch = importing_selectors.own_for_update(actor, batch_id)
        if batch.state in ("undoing", "undone"):
            return batch
        if batch.state != "done":
            raise Conflict(say("尚未完成", "Not finished"), code="wrong-state")
        batch.state, batch.left = "undoing", batch.made
        batch.save(update_fields=["state", "left"])
        audit.record(actor=actor, action="device.undo_import", kind="device_import", ref=batch.id,
                     detail={"made": batch.made})  # fmt: skip
        from linli.devices import jobs as own

        jobs.defer(own.undo_device_import, batch_id=str(batch.id))
    return batch


def run(*, batch_id: UUID) -> None:
    """Part by part; begun again after a crash it goes on where it was."""
    while _some(batch_id):
        pass


def _some(batch_id: UUID) -> bool:
    with services.unit(SYSTEM):
        batch = DeviceImport.objects.select_for_update().filter(pk=batch_id, state="undoing").first()
        if batch is None:
            return False
        actor = identity.actor_for(batch.created_by) if batch.created_by else None
        if actor is None or not actor.can(MANAGE):
            batch.state, batch.left = "done", 0
            batch.save()
            return False
        # what a gateway speaks for comes before the gateway
        rows = list(ImportedRow.objects.filter(batch=batch, state="made").order_by("-id")[:AT_ONCE])
        _part(actor, batch, rows)
        batch.left = max(batch.left - len(rows), 0)
        if len(rows) < AT_ONCE:
            batch.state, batch.left, batch.finished_at = "undone", 0, clock.now()
        batch.save()
        return batch.state == "undoing"


def _part(actor: Actor, batch: DeviceImport, rows: Sequence[ImportedRow]) -> None:
    ids = [row.device_id for row in rows if row.device_id]
    locked = Device.objects.select_for_update(of=("self",)).select_related("model").filter(pk__in=ids).order_by("id")
    devices = {device.pk: device for device in locked}
    stays = _stays(actor, batch, devices)
    gone = []
    for row in rows:
        device = devices.get(row.device_id) if row.device_id else None
        if device is not None and device.pk in stays:
            row.state, row.errors = "kept", [["", stays[device.pk]]]
            continue
        row.state = "undone"
        if device is not None:
            gone.append(device)
    _retire(actor, batch, gone)
    import_making.keep(rows)
    batch.withdrawn += len(gone)
    batch.kept += len(rows) - sum(row.state == "undone" for row in rows)


def _stays(actor: Actor, batch: DeviceImport, devices: dict[UUID, Device]) -> dict[UUID, str]:
    """Why devices are left, by code; the gravest reason of each."""
    ids, mine = list(devices), importing_selectors.may(actor)
    spoke = DeviceStatus.objects.filter(device_id__in=ids, last_seen__isnull=False)
    others = Credential.objects.filter(device_id__in=ids, revoked_at=None)
    if batch.tokens_at is not None:  # those that this import gave are not used, or the device would have spoken
        others = others.exclude(created_at=batch.tokens_at, protocol="")
    facts = {
        "changed": {pk for pk, d in devices.items() if d.updated_at != d.created_at},
        "joined": {*Provisioned.objects.filter(device_id__in=ids).values_list("device_id", flat=True),
                   *Claim.objects.filter(device_id__in=ids).values_list("device_id", flat=True)},
        "commands": set(Command.objects.filter(device_id__in=ids).values_list("device_id", flat=True)),
        "credentials": set(others.values_list("device_id", flat=True)),
        "children": set(Device.objects.filter(parent_id__in=ids).exclude(pk__in=ids).exclude(state="retired")
                        .values_list("parent_id", flat=True)),
        "alarms": set(Alarm.objects.filter(device_id__in=ids).values_list("device_id", flat=True)),
        "spoke": {*spoke.values_list("device_id", flat=True),
                  *(pk for pk, d in devices.items() if d.attributes_client)},
        "rights": {pk for pk, d in devices.items() if not mine(d.area_path)},
        "retired": {pk for pk, d in devices.items() if d.state == "retired"},
    }  # fmt: skip
    found = {pk: reason for reason, some in facts.items() for pk in some}
    look = [pk for pk, reason in found.items() if reason != "retired"]
    while look:  # a gateway stays with what it speaks for, in this part too
        parent = devices[look.pop()].parent_id
        if parent in devices and parent not in found:
            found[parent] = "children"
            look.append(parent)
    return found


def _retire(actor: Actor, batch: DeviceImport, devices: Sequence[Device]) -> None:
    """As `devices.retire_device`, for many that have neither readings nor alarms."""
    if not devices:
        return
    now, ids = clock.now(), [device.pk for device in devices]
    Device.objects.filter(pk__in=ids).update(state="retired", updated_at=now)
    Credential.objects.filter(device_id__in=ids, revoked_at=None).update(revoked_at=now)
    for device in devices:
        device.state = "retired"
    import_making.tell(devices, "retired")
    audit.record(actor=actor, action="device.retire", kind="device", ref="*",
                 detail={"count": len(devices), "import": str(batch.id)})  # fmt: skip
