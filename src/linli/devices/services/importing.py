"""Taking in many devices at once from a sheet: checked at once, made by a job, their tokens taken along once.

A code that the registry has stays as it is, so that an export can come again. What takes an import back is `unimport`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from linli.devices import contracts, import_rules, importing_selectors
from linli.devices.importing_models import DeviceImport, ImportedRow
from linli.devices.models import Credential
from linli.devices.services import credentials, import_making
from linli.identity import facade as identity
from linli.kernel import audit, clock, jobs, services, sheets
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid
from linli.kernel.i18n import say
from linli.kernel.sheets import Judged

AT_ONCE, KEEP_DAYS = 500, 400
MANAGE = "devices.manage"
_COPY = "COPY devices_import_row (batch_id, number, code, state, errors, body) FROM STDIN"


def check(*, actor: Actor, name: str, data: bytes) -> tuple[DeviceImport, Judged]:
    """What taking the file in would do; nothing is kept."""
    actor.require(MANAGE)
    found = _judged(actor, data)
    return _batch(actor, name, data, found, "checked"), found


def take_in(*, actor: Actor, name: str, data: bytes) -> tuple[DeviceImport, Judged | None]:
    """The import of a file. While one of the same file goes on it is that one; where the registry has every good row
    there is nothing to do, and the answer is the file's last import or one that is not kept (then with its rows)."""
    actor.require(MANAGE)
    digest = hashlib.sha256(data).hexdigest()
    with services.unit(actor):
        services.alone(f"device-sheet:{digest}")
        held = DeviceImport.objects.filter(sha256=digest).order_by("-created_at")
        running = held.filter(state__in=importing_selectors.OPEN_STATES).first()
        if running is not None:
            if running.created_by != actor.account_id:
                raise Conflict(say("他人正在导入这份文件", "Somebody else is importing this file"))
            return running, None
        found = _judged(actor, data)
        if not found.rows:
            raise Invalid("file", "holds no row that can be taken in")
        if all(one.get("known") for one in found.rows):
            last = held.filter(created_by=actor.account_id, state="done").first()
            return (last, None) if last else (_batch(actor, name, data, found, "checked"), found)
        batch = _batch(actor, name, data, found, "running")
        batch.save(force_insert=True)
        _keep_rows(batch, found)
        audit.record(actor=actor, action="device.import_sheet", kind="device_import", ref=batch.id,
                     detail={"rows": batch.rows, "refused": batch.refused})  # fmt: skip
        _defer(batch)
    return batch, None


def _defer(batch: DeviceImport) -> None:
    from linli.devices import jobs as own

    jobs.defer(own.import_devices, batch_id=str(batch.id))


def _batch(actor: Actor, name: str, data: bytes, found: Judged, state: str) -> DeviceImport:
    left = len(found.rows) - found.unchanged
    return DeviceImport(
        created_by=actor.account_id, name=name[:120].replace("\0", ""), sha256=hashlib.sha256(data).hexdigest(),
        rows=len(found.rows) + found.refused, refused=found.refused, unchanged=found.unchanged, left=left, state=state,
    )  # fmt: skip


def _judged(actor: Actor, data: bytes) -> Judged:
    if len(data) > import_rules.MAX_BYTES:
        raise Invalid("file", f"has more than {import_rules.MAX_BYTES // 1_000_000} MB")
    said = sheets.spoken("devices")
    try:
        table = sheets.read(data, said["columns"], needed=import_rules.NEEDED, most=import_rules.MAX_ROWS,
                            unpacked=import_rules.MAX_UNPACKED)  # fmt: skip
    except sheets.Unreadable as why:
        raise Invalid("file", f"cannot be read: {why}") from why
    table = [(number, {name: sheets.armed(cell) for name, cell in values.items()}) for number, values in table]
    return import_rules.judged(table, importing_selectors.world(actor, table), said)


def _keep_rows(batch: DeviceImport, found: Judged) -> None:
    """Waiting rows in the order in which they can be made; what is not to be made is kept to be told."""
    refused: dict[int, list[dict[str, Any]]] = {}
    for error in found.errors:
        refused.setdefault(error["row"], []).append(error)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for number, errors in refused.items():
            why = orjson.dumps([(e["field"], e["reason"]) for e in errors]).decode()
            copy.write_row((batch.id, number, errors[0]["code"], "refused", why, None))
        for one in found.rows:
            state, body = ("known", None) if one.get("known") else ("waiting", orjson.dumps(one).decode())
            copy.write_row((batch.id, one["row"], one["code"], state, "[]", body))


def run(*, batch_id: UUID) -> None:
    """Make the devices of an import, some at a time; may be run again after a crash and makes none twice."""
    while _some(batch_id):
        pass


def _some(batch_id: UUID) -> bool:
    with services.unit(SYSTEM):
        batch = DeviceImport.objects.select_for_update().filter(pk=batch_id, state="running").first()
        if batch is None:
            return False
        actor = identity.actor_for(batch.created_by) if batch.created_by else None
        if actor is None or not actor.can(MANAGE):
            batch.state, batch.left = "stopped", 0
        else:
            waiting = list(ImportedRow.objects.filter(batch=batch, state="waiting").order_by("id")[:AT_ONCE])
            if waiting:
                _count(batch, actor, import_making.make(actor=actor, rows=waiting))
                batch.left -= len(waiting)
            if len(waiting) < AT_ONCE:
                batch.state = "done"
        if batch.state != "running":
            batch.finished_at = clock.now()
        batch.save()
        return batch.state == "running"


def _count(batch: DeviceImport, actor: Actor, done: Sequence[ImportedRow]) -> None:
    for row in done:
        if row.state == "made":
            batch.made += 1
        elif row.state == "known":
            batch.unchanged += 1
        else:
            batch.refused += 1
    import_making.keep(done)
    made = sum(row.state == "made" for row in done)
    if made:
        audit.record(actor=actor, action="device.import", kind="device", ref="*",
                     detail={"count": made, "import": str(batch.id)})  # fmt: skip


def take_tokens(*, actor: Actor, batch_id: UUID) -> list[tuple[str, str, str]]:
    """(code, name, token) of each device of an import that has no credential yet: made now, told now and never again.
    Needs `devices.credentials` in the area of every one of them."""
    with services.unit(actor):
        batch = importing_selectors.own_for_update(actor, batch_id)
        if batch.state != "done":
            raise Conflict(say("尚未完成, 或已撤销", "Not finished, or undone"), code="wrong-state")
        if batch.tokens_at is not None:
            raise Conflict(say("密钥已下载过一次", "The tokens were taken along once already"), code="tokens-taken")
        devices = importing_selectors.made_devices(batch)
        allowed = importing_selectors.may(actor, "devices.credentials")
        if not all(allowed(device.area_path) for device in devices):
            raise Forbidden("needs devices.credentials where the devices are")
        batch.tokens_at = clock.now()
        batch.save(update_fields=["tokens_at"])
        made = [credentials.make(device, _token()) for device in devices]
        for key, _ in made:
            key.created_at = batch.tokens_at
        Credential.objects.bulk_create([key for key, _ in made], batch_size=1_000)
        import_making.tell(devices, "credentials")
        audit.record(actor=actor, action="credential.import", kind="device_import", ref=batch.id,
                     detail={"count": len(made)})  # fmt: skip
        return [(d.code, say(d.name_zh, d.name_en or d.name_zh), token)
                for d, (_, token) in zip(devices, made, strict=True)]  # fmt: skip


def _token() -> str:
    """A new token that a spreadsheet does not take for a formula: a sheet would write such a one with an apostrophe."""
    while sheets.disarmed(token := contracts.new_token()) != token:
        pass
    return token


def purge() -> int:
    """What is told of an import is kept for a year and some; its devices stay."""
    old = clock.now() - timedelta(days=KEEP_DAYS)
    return DeviceImport.objects.filter(created_at__lt=old).delete()[0]
