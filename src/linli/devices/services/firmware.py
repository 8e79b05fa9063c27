"""Firmware and software for devices: files that a campaign may bring."""

from __future__ import annotations

import re
from uuid import UUID

from django.db import IntegrityError, transaction

from linli.devices import firmware_selectors as selectors
from linli.devices.firmware_models import KINDS, Campaign, Firmware
from linli.devices.services import campaigns
from linli.devices.services.common import OPEN
from linli.devices.services.devices import model_of
from linli.kernel import audit, clock, events, files, ids, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, TooLarge
from linli.kernel.models import StoredFile
from linli.places import facade as places

OWNER = "device_firmware"
MAX_BYTES = 12_000_000  # as much as an upload with an Idempotency-Key may hold
_WORD = re.compile(r"[^\x00-\x1f\x7f/]{1,60}")  # devices make a file's name of the title


def add_firmware(
    *, actor: Actor, model: str, kind: str, title: str, version: str, data: bytes, area_path: str = "", note: str = "",
    sha256: str = "",
) -> Firmware:  # fmt: skip
    """Keep a file for devices of a model in an area (and what lies within). The same file again is the one there is."""
    _check(kind, title, version, data)
    thing = model_of(model)
    if thing.subject != OPEN:
        raise Invalid("model", "only devices of places are brought firmware")
    if area_path and not places.area_exists(area_path):
        raise Invalid("area_path", "is no area in force")
    actor.require(selectors.MANAGE, area_path)
    row = Firmware(id=ids.new_id(), model=thing, kind=kind, title=title, version=version, size=len(data),
                   note=note[:400], area_path=area_path)  # fmt: skip
    with services.unit(actor):
        kept = files.keep(data, content_type="application/octet-stream", owner_kind=OWNER, owner_ref=row.pk)
        row.file_id, row.key, row.sha256 = kept.id, kept.key, kept.sha256
        if sha256 and sha256.lower() != kept.sha256:
            raise Invalid("sha256", f"the file that came has {kept.sha256}")
        same = Firmware.objects.filter(model=thing, kind=kind, title=title, version=version, withdrawn_at=None).first()
        if same is not None and (same.sha256, same.area_path) == (kept.sha256, area_path):
            files.drop(kept.id)
            return same
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict("the model has another file of this title and version", code="version-taken") from error
        _note(actor, row, "firmware.add", size=row.size, sha256=row.sha256)
    return row


def withdraw_firmware(*, actor: Actor, firmware_id: UUID) -> Firmware:
    """For good: no device gets it any more, its campaigns end, the file is deleted. What devices run stays there."""
    with services.unit(actor):
        row = selectors.firmware_for_update(actor, firmware_id)
        if row.withdrawn_at is None:
            open_ = Campaign.objects.select_for_update().filter(firmware=row, state__in=campaigns.OPEN_STATES)
            for campaign in open_.order_by("id"):
                campaigns.end(actor, campaign)
            row.withdrawn_at = clock.now()
            row.save(update_fields=["withdrawn_at"])
            files.drop(row.file_id)
            _note(actor, row, "firmware.withdraw")
    return row


def _check(kind: str, title: str, version: str, data: bytes) -> None:
    if kind not in KINDS:
        raise Invalid("kind", f"must be one of {', '.join(KINDS)}")
    for name, word in (("title", title), ("version", version)):
        if not _WORD.fullmatch(word) or word.strip(". ") == "":
            raise Invalid(name, "has 1 to 60 characters, none a control or a slash")
    if not data:
        raise Invalid("file", "is empty")
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a file has at most {MAX_BYTES} bytes", field="file")


def _note(actor: Actor, row: Firmware, action: str, **detail: object) -> None:
    audit.record(actor=actor, action=action, kind="firmware", ref=row.pk, area=row.area_path,
                 detail={"model": row.model_id, "title": row.title, "version": row.version} | detail)  # fmt: skip
    events.emit(type="firmware.changed", kind="firmware", ref=row.pk, area=row.area_path, permission=selectors.VIEW,
                data={"change": action.split(".")[1], "model": row.model_id})  # fmt: skip


def may_read(actor: Actor, ref: str, file: StoredFile) -> bool:
    """Who manages devices there may have the file back."""
    row = Firmware.objects.filter(pk=ref).first()
    return row is not None and actor.can(selectors.MANAGE, row.area_path)


files.owner(OWNER, may_read)
