"""Reading hooks: entered, changed, paused, given a new secret, retired."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from linli.adapters import entries, secret
from linli.adapters.readings import selectors, signing
from linli.adapters.readings.models import ReadingHook
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid
from linli.kernel.i18n import say
from linli.telemetry import contracts as telemetry

FIELDS = ("name", "area_path", "auth", "mapping", "per_hour", "most_kb", "enabled")
LIMITS = {"per_hour": (1, 360_000), "most_kb": (1, 1024)}


def create_hook(*, actor: Actor, given: dict[str, Any]) -> tuple[ReadingHook, str]:
    """A new hook, and its secret, which is not shown again."""
    row = ReadingHook(code=secrets.token_urlsafe(12), **{k: v for k, v in given.items() if k in FIELDS})
    _check(actor, row)
    text = secrets.token_hex(16)  # letters and figures, at most 32: what platforms take as a token
    row.secret = secret.seal(text, row.id)
    with services.unit(actor):
        row.save(force_insert=True)
        _told(actor, row, "create")
    return row, text


def change_hook(*, actor: Actor, hook_id: UUID, version: int, given: dict[str, Any]) -> ReadingHook:
    """Change what is given, or pause it (`enabled`); of two who change at once one gets a Conflict."""
    with services.unit(actor):
        row = _locked(actor, hook_id, version)
        for name, value in given.items():
            if name in FIELDS:
                setattr(row, name, value)
        _check(actor, row)
        row.version += 1
        row.save()
        _told(actor, row, "change")
    return row


def rotate_secret(*, actor: Actor, hook_id: UUID, version: int) -> tuple[ReadingHook, str]:
    """A new secret, shown once; for a day the one before counts, too."""
    with services.unit(actor):
        row = _locked(actor, hook_id, version)
        text = secrets.token_hex(16)
        secret.renew(row, text)
        _told(actor, row, "rotate")
    return row, text


def retire_hook(*, actor: Actor, hook_id: UUID) -> None:
    """Takes nothing from now on and stands in no list; its readings stay."""
    with services.unit(actor):
        row = selectors.hook(actor, hook_id)
        row.retired_at, row.enabled = clock.now(), False
        row.save(update_fields=["retired_at", "enabled"])
        _told(actor, row, "retire")


def _locked(actor: Actor, hook_id: UUID, version: int) -> ReadingHook:
    words = say("此接入点刚被修改, 请刷新后再试", "This hook was changed meanwhile; reload it")
    return entries.locked(selectors.hooks(actor), hook_id, version, Conflict(words, code="reading-hook-changed"))


def _check(actor: Actor, row: ReadingHook) -> None:
    entries.place(actor, row)
    errors = entries.wrong_name(row)
    errors += entries.wrong_area(row)
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(row, name) <= most:
            errors.append(FieldError(name, say(f"应为 {least} 至 {most}", f"must be {least} to {most}")))
    errors += signing.wrong_auth(row.auth)
    wrong = telemetry.payload_problems(row.mapping, outside=True)
    errors += [FieldError(one.field, say(one.zh, one.en)) for one in wrong]
    if errors:
        raise Invalid(errors=errors)


def _told(actor: Actor, row: ReadingHook, act: str) -> None:
    audit.record(actor=actor, action=f"reading_hook.{act}", kind="reading_hook", ref=row.id, area=row.area_path,
                 detail={"way": row.auth["way"], "enabled": row.enabled})  # fmt: skip
    events.emit(type="reading_hook.changed", kind="reading_hook", ref=row.id, area=row.area_path,
                permission=selectors.MANAGE, data={"act": act, "enabled": row.enabled})  # fmt: skip
