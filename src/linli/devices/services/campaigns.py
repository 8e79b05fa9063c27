"""Campaigns: a firmware for a set of devices, stage by stage. What devices say about it is `sql/updates.sql`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import ceil
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from linli.devices import firmware_selectors as selectors
from linli.devices.firmware_models import Campaign, Update
from linli.kernel import audit, clock, events, ids, services
from linli.kernel.actor import SYSTEM, Actor, contains
from linli.kernel.errors import Conflict, Invalid

MOST = 20_000
MAX_STAGES = 10
OPEN_STATES = ("draft", "running", "paused")


def create_campaign(
    *, actor: Actor, firmware_id: UUID, name: str, area_path: str, tags: list[str] | None = None,
    device_ids: list[UUID] | None = None, stages: list[int] | None = None, auto: bool = False, max_failed: int = 10,
) -> Campaign:  # fmt: skip
    """A draft: its devices are chosen now, and nobody is told yet. Devices of another open campaign are left out."""
    steps = stages or [100]
    _check(name, steps, max_failed)
    firmware = selectors.firmware(actor, firmware_id, selectors.MANAGE)
    if firmware.withdrawn_at is not None:
        raise Conflict("the firmware was withdrawn", code="withdrawn")
    if not contains(firmware.area_path, area_path):
        raise Invalid("area_path", "lies outside of the area that the firmware is for")
    actor.require(selectors.MANAGE, area_path)
    row = Campaign(id=ids.new_id(), firmware=firmware, name=name.strip(), area_path=area_path, tags=tags or [],
                   stages=steps, auto=auto, max_failed=max_failed)  # fmt: skip
    with services.unit(actor):
        fitting = selectors.fitting(actor, firmware, area_path, row.tags, device_ids)
        found = list(fitting.values_list("pk", flat=True)[: MOST + 1])
        if not found:
            raise Invalid("area_path", "no device there fits, or all are in another campaign")
        if len(found) > MOST:
            raise Invalid("area_path", f"more than {MOST} devices; take a part of them")
        row.save(force_insert=True)
        try:
            with transaction.atomic():
                Update.objects.bulk_create(_staged(row, firmware.kind, found), batch_size=2_000)
        except IntegrityError as error:
            raise Conflict("another campaign took some of the devices just now; try again", code="busy") from error
        _note(actor, row, "create", devices=len(found), firmware=str(firmware.pk))
    return row


def _staged(row: Campaign, kind: str, devices: list[UUID]) -> list[Update]:
    """In an order that has nothing to do with place or age: the first stage is a fair sample."""
    order = sorted(devices, key=lambda d: hashlib.sha256(row.pk.bytes + d.bytes).digest())
    ends = [ceil(len(order) * share / 100) for share in row.stages]
    stage_of = [next(n for n, end in enumerate(ends, 1) if at < end) for at in range(len(order))]
    return [Update(campaign=row, device_id=d, kind=kind, stage=s) for d, s in zip(order, stage_of, strict=True)]


def _check(name: str, stages: list[int], max_failed: int) -> None:
    if not 0 < len(name.strip()) <= 120:
        raise Invalid("name", "has 1 to 120 characters")
    if not 0 < len(stages) <= MAX_STAGES or stages != sorted(set(stages)) or stages[0] < 1 or stages[-1] != 100:
        raise Invalid("stages", f"are at most {MAX_STAGES} growing percentages, the last 100")
    if not 0 <= max_failed <= 100:
        raise Invalid("max_failed", "must be 0 to 100 percent")


def start_campaign(*, actor: Actor, campaign_id: UUID) -> Campaign:
    """The first stage is told."""
    return _act(actor, campaign_id, "start", ("draft",), "running", _next)


def advance_campaign(*, actor: Actor, campaign_id: UUID) -> Campaign:
    """The next stage is told."""
    return _act(actor, campaign_id, "advance", ("running",), "running", _next)


def pause_campaign(*, actor: Actor, campaign_id: UUID) -> Campaign:
    """Nobody new is told, and no device gets a byte of it, until it is resumed."""

    def pause(row: Campaign) -> None:
        row.paused_by = "person"

    return _act(actor, campaign_id, "pause", ("running",), "paused", pause)


def resume_campaign(*, actor: Actor, campaign_id: UUID) -> Campaign:
    """Those that have not ended, or failed, are told again and start anew."""

    def resume(row: Campaign) -> None:
        row.paused_by = ""
        _tell(row, again=True)

    return _act(actor, campaign_id, "resume", ("paused",), "running", resume)


def cancel_campaign(*, actor: Actor, campaign_id: UUID) -> Campaign:
    """For good. Who was told and has not ended is told that there is nothing to load."""
    with services.unit(actor):
        row = selectors.campaign_for_update(actor, campaign_id)
        if row.state == "cancelled":
            return row
        if row.state == "done":
            raise Conflict("the campaign is done", code="wrong-state")
        end(actor, row)
    return row


def retry_campaign(*, actor: Actor, campaign_id: UUID, update_ids: list[UUID] | None = None) -> int:
    """Devices that failed, or these of them, are told once more; a campaign that was done runs again. Returns how
    many. Who is in another open campaign of the kind meanwhile stays out."""
    with services.unit(actor):
        row = selectors.campaign_for_update(actor, campaign_id)
        if row.state not in ("running", "done"):
            raise Conflict(f"the campaign is {row.state}", code="wrong-state")
        if row.firmware.withdrawn_at is not None:
            raise Conflict("the firmware was withdrawn", code="withdrawn")
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT devices_campaign_retry(%s, %s::uuid[])", (row.pk, update_ids))
                told = int(cursor.fetchone()[0])
        except IntegrityError as error:
            raise Conflict("another campaign took some of the devices just now; try again", code="busy") from error
        if not told:
            raise Conflict("no device of it failed that may be told once more", code="none-failed")
        _save(actor, row, "running", "retry", devices=told)
    return told


def end(actor: Actor, row: Campaign) -> None:
    """Within the caller's transaction."""
    _run("SELECT devices_campaign_end(%s)", row.pk)
    _save(actor, row, "cancelled", "cancel")


def _act(
    actor: Actor, campaign_id: UUID, act: str, allowed: tuple[str, ...], state: str, do: Callable[[Campaign], None]
) -> Campaign:
    with services.unit(actor):
        row = selectors.campaign_for_update(actor, campaign_id)
        if row.state not in allowed:
            raise Conflict(f"the campaign is {row.state}", code="wrong-state")
        do(row)
        _save(actor, row, state, act)
    return row


def _next(row: Campaign) -> None:
    if row.stage >= len(row.stages):
        raise Conflict("all stages are told", code="no-stage")
    row.stage += 1
    row.save(update_fields=["stage"])
    _tell(row)


def _tell(row: Campaign, *, again: bool = False) -> None:
    _run("SELECT devices_campaign_tell(%s, %s)", row.pk, again)


def _run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _save(actor: Actor, row: Campaign, state: str, act: str, **detail: Any) -> None:
    row.state, row.changed_at = state, clock.now()
    row.version += 1
    row.save()
    _note(actor, row, act, stage=row.stage, **detail)


def _note(actor: Actor, row: Campaign, act: str, **detail: Any) -> None:
    audit.record(actor=actor, action=f"campaign.{act}", kind="campaign", ref=row.pk, area=row.area_path, detail=detail)
    events.emit(type="campaign.changed", kind="campaign", ref=row.pk, area=row.area_path, permission=selectors.VIEW,
                data={"state": row.state, "stage": row.stage})  # fmt: skip


# --- by the clock ---------------------------------------------------------------------------------------------------


def watch() -> int:
    """Running campaigns: too many failures pause one, a stage that is through brings the next if it may, and one whose
    devices have all ended is done. Returns how many changed."""
    changed = 0
    for campaign_id in Campaign.objects.filter(state="running").order_by("id").values_list("pk", flat=True):
        with services.unit(SYSTEM):
            row = Campaign.objects.select_for_update(of=("self",)).filter(pk=campaign_id, state="running").first()
            changed += row is not None and _watch(row)
    return changed


def _watch(row: Campaign) -> bool:
    retired = Update.objects.filter(campaign=row, open=True, device__state="retired")
    retired.update(state="cancelled", open=False, changed_at=clock.now())
    selectors.count([row])
    counts: dict[str, int] = row.counts  # type: ignore[attr-defined]
    told = sum(counts.values()) - counts["waiting"] - counts["cancelled"]
    if counts["failed"] * 100 > told * row.max_failed:
        row.paused_by = "failures"
        _save(SYSTEM, row, "paused", "pause", failed=counts["failed"], told=told)
        return True
    if told - counts["updated"] - counts["failed"]:
        return False
    if counts["waiting"]:
        if row.auto:
            _next(row)
            _save(SYSTEM, row, "running", "advance")
        return row.auto
    Update.objects.filter(campaign=row, open=True).update(open=False)
    _save(SYSTEM, row, "done", "done")
    return True
