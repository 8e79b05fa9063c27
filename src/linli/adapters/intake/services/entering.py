"""Intake hooks: entered, changed, paused, given a new secret, deleted; a sample read for a try."""

from __future__ import annotations

import base64
import secrets
from typing import Any
from uuid import UUID

from linli.adapters import entries, secret
from linli.adapters.intake import rules, selectors
from linli.adapters.intake.models import IntakeHook
from linli.adapters.intake.services import receiving
from linli.adapters.webhooks.rules import PREFIX
from linli.cases import facade as cases
from linli.kernel import audit, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid, LinliError
from linli.kernel.i18n import say
from linli.places import facade as places

FIELDS = ("name", "kind", "channel", "area_path", "mapping", "enabled")


def create_hook(*, actor: Actor, given: dict[str, Any]) -> tuple[IntakeHook, str]:
    """A new entry point, and its secret (WeChat's token), which is not shown again."""
    row = IntakeHook(code=secrets.token_urlsafe(12), **{k: v for k, v in given.items() if k in FIELDS})
    row.channel = row.channel or ("wechat" if row.kind == "wechat" else "webhook")
    _check(actor, row)
    text = _new_secret(row.kind)
    row.secret = secret.seal(text, row.id)
    with services.unit(actor):
        row.save(force_insert=True)
        _told(actor, row, "create")
    return row, text


def change_hook(*, actor: Actor, hook_id: UUID, version: int, given: dict[str, Any]) -> IntakeHook:
    """Change what is given, or pause it (`enabled`); of two who change at once one gets a Conflict."""
    with services.unit(actor):
        row = _locked(actor, hook_id, version)
        for name, value in given.items():
            if name in FIELDS and name != "kind":
                setattr(row, name, value)
        _check(actor, row)
        row.version += 1
        row.save()
        _told(actor, row, "change")
    return row


def rotate_secret(*, actor: Actor, hook_id: UUID, version: int) -> tuple[IntakeHook, str]:
    """A new secret, shown once; for a day the one before counts, too."""
    with services.unit(actor):
        row = _locked(actor, hook_id, version)
        text = _new_secret(row.kind)
        secret.renew(row, text)
        _told(actor, row, "rotate")
    return row, text


def delete_hook(*, actor: Actor, hook_id: UUID) -> None:
    """Gone with its list of deliveries; its cases stay."""
    with services.unit(actor):
        row = selectors.hook(actor, hook_id)
        _told(actor, row, "delete")
        row.delete()


def try_hook(*, actor: Actor, hook_id: UUID, body: Any) -> dict[str, Any]:
    """What a message would report: read as any other, but nothing is reported and nothing is kept."""
    row = selectors.hook(actor, hook_id)
    if row.kind != "json":
        raise Invalid("body", say("微信接入请在公众号里发消息测试", "try WeChat by a message to the account"))
    found = rules.read(row.mapping, body)
    errors, place, area = list(found.errors), {}, row.area_path
    try:
        place = receiving.placed(row, found)
        here = places.locate(place["lon"], place["lat"]) if place else None
        area = here.area_path if here else area
    except LinliError as error:
        errors += error.errors
    known = {c.code: c for c in cases.classes()}
    named = known.get(found.class_code)
    if found.class_code and named is None:
        errors.append(receiving.class_error(row))
    if not (found.text or found.class_code or found.photos):
        errors.append(FieldError("text", say("没有读到描述或分类", "neither words nor a class were found")))
    return {
        "ok": not errors, "errors": [{"field": e.field, "reason": e.reason} for e in errors],
        "read": {
            "text": found.text, "class_code": found.class_code, "address": found.address, "phone": found.phone,
            "name": found.name, "consent": found.consent, "outside_id": found.outside_id, "photos": len(found.photos),
            "lon": place.get("lon"), "lat": place.get("lat"), "area_path": area,
            "class_zh": named.zh if named else "", "class_en": named.en if named else "",
            "private": bool(named and named.private),
        },
    }  # fmt: skip


def _locked(actor: Actor, hook_id: UUID, version: int) -> IntakeHook:
    words = say("此接入点刚被修改, 请刷新后再试", "This entry point was changed meanwhile; reload it")
    return entries.locked(selectors.hooks(actor), hook_id, version, Conflict(words, code="intake-changed"))


def _new_secret(kind: str) -> str:
    """WeChat takes a token of 3 to 32 letters and digits; else as our own webhooks."""
    if kind == "wechat":
        return secrets.token_hex(16)
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _check(actor: Actor, row: IntakeHook) -> None:
    entries.place(actor, row)
    errors = entries.wrong_name(row)
    if row.kind not in rules.KINDS:
        errors.append(FieldError("kind", say("只能是 ", "must be one of ") + ", ".join(rules.KINDS)))
    if row.channel not in rules.CHANNELS:
        errors.append(FieldError("channel", say("只能是 ", "must be one of ") + ", ".join(rules.CHANNELS)))
    errors += entries.wrong_area(row)
    errors += rules.wrong_mapping(row.kind, row.mapping, frozenset(c.code for c in cases.classes()))
    if errors:
        raise Invalid(errors=errors)


def _told(actor: Actor, row: IntakeHook, act: str) -> None:
    audit.record(actor=actor, action=f"intake_hook.{act}", kind="intake_hook", ref=row.id, area=row.area_path,
                 detail={"kind": row.kind, "enabled": row.enabled})  # fmt: skip
    events.emit(type="intake_hook.changed", kind="intake_hook", ref=row.id, area=row.area_path,
                permission=selectors.MANAGE, data={"act": act, "enabled": row.enabled})  # fmt: skip
