"""Endpoints: entered, changed, switched off; what failed is tried again."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from linli.adapters import secret
from linli.adapters.open311 import jobs, rules
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.open311.selectors import endpoints
from linli.identity import facade as identity
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid

FIELDS = ("name", "base_url", "jurisdiction_id", "format", "area_path", "classes", "from_step", "photos", "updates",
          "push", "states_in", "states_out", "account_id", "enabled")  # fmt: skip
PATTERN = re.compile(r"[A-Za-z0-9]{0,12}\*?")
UPDATES, FORMATS = ("extension", "status", "none"), ("json", "xml")


def create_endpoint(*, actor: Actor, given: dict[str, Any]) -> Endpoint:
    row = Endpoint(**{k: v for k, v in given.items() if k in FIELDS})
    row.area_path = row.area_path or _own_area(actor)
    _check(actor, row)
    _key(row, given)
    with services.unit(actor):
        row.save(force_insert=True)
        _told(actor, row, "create", sorted(given))
    return row


def change_endpoint(*, actor: Actor, endpoint_id: UUID, version: int, given: dict[str, Any]) -> Endpoint:
    """Change what is given; of two who change at once one gets a Conflict."""
    with services.unit(actor):
        endpoints.get(actor, endpoint_id)
        row = Endpoint.objects.select_for_update().get(pk=endpoint_id)
        if row.version != version:
            raise Conflict("somebody else changed this endpoint meanwhile; reload it", code="endpoint-changed")
        for name, value in given.items():
            if name in FIELDS:
                setattr(row, name, value)
        row.area_path = row.area_path or _own_area(actor)
        _check(actor, row)
        _key(row, given)
        row.version += 1
        row.save()
        _told(actor, row, "change", sorted(given))
        if row.enabled:
            jobs.soon(row.id)
    return row


def delete_endpoint(*, actor: Actor, endpoint_id: UUID) -> None:
    """Only one that nothing was ever meant for: what was sent is the proof, and stays."""
    with services.unit(actor):
        row = endpoints.get(actor, endpoint_id)
        if Outgoing.objects.filter(endpoint=row).exists():
            raise Conflict("cases were sent there: switch it off instead", code="endpoint-used")
        _told(actor, row, "delete", [])
        row.delete()


def retry_failed(*, actor: Actor, endpoint_id: UUID) -> int:
    """What the other system refused is tried again, after somebody mended the reason."""
    with services.unit(actor):
        row = endpoints.get(actor, endpoint_id)
        count = (
            Outgoing.objects.filter(endpoint=row)
            .filter(state="failed")
            .update(state="waiting", attempts=0, next_at=clock.now(), error="")
        )
        Outgoing.objects.filter(endpoint=row, state="waiting").update(next_at=clock.now())
        _told(actor, row, "retry", [])
        jobs.soon(row.id)
        jobs.ask_soon(row.id)
    return count


def _own_area(actor: Actor) -> str:
    """Left out, an endpoint is for the whole area of whoever enters it."""
    areas = actor.areas(endpoints.MANAGE)
    return areas[0] if len(areas) == 1 else ""


def went_well(row: Endpoint) -> None:
    Endpoint.objects.filter(pk=row.pk).update(last_success_at=clock.now())


def went_wrong(row: Endpoint, why: str) -> None:
    Endpoint.objects.filter(pk=row.pk).update(last_error=why[:300], last_error_at=clock.now())


def _key(row: Endpoint, given: dict[str, Any]) -> None:
    """A key is set or taken away when it is named; left out, it stays."""
    key = given.get("api_key")
    if key is None:
        return
    row.api_key, row.key_hint = (secret.seal(key, row.id), f"…{key[-4:]}") if key else (None, "")


def _check(actor: Actor, row: Endpoint) -> None:
    actor.require(endpoints.MANAGE, row.area_path)
    errors = [FieldError(name, why) for name, why in _wrong(actor, row) if why]
    if errors:
        raise Invalid(errors=errors)


def _wrong(actor: Actor, row: Endpoint) -> list[tuple[str, str]]:
    texts = [row.name, row.base_url, row.jurisdiction_id]
    return [
        ("name", "" if 0 < len(row.name.strip()) <= 80 else "needs 1 to 80 characters"),
        (
            "base_url",
            "" if _address(row.base_url) else "must be an http or https address such as https://example.org/open311/v2",
        ),
        ("jurisdiction_id", "" if len(row.jurisdiction_id) <= 80 else "has more than 80 characters"),
        ("name", "holds a zero character" if any("\0" in t for t in texts) else ""),
        ("format", "" if row.format in FORMATS else f"must be one of {', '.join(FORMATS)}"),
        ("updates", "" if row.updates in UPDATES else f"must be one of {', '.join(UPDATES)}"),
        ("from_step", "" if 1 <= row.from_step <= 7 else "must be a step from 1 to 7"),
        ("classes", _bad_classes(row.classes)),
        ("states_in", "" if _acts(row.states_in) else "maps a status to a list of acts"),
        ("states_out", "" if _words(row.states_out) else "maps a state to a word"),
        ("account_id", _bad_account(row)),
    ]


def _address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(
            len(url) <= 300 and parts.scheme in ("http", "https") and parts.hostname and not parts.username
            and not parts.query and (parts.port is None or parts.port > 0)
        )  # fmt: skip
    except ValueError:
        return False


def _bad_classes(found: Any) -> str:
    if not isinstance(found, list) or len(found) > 500:
        return "must be a list of at most 500"
    for one in found:
        if not PATTERN.fullmatch(str(one.get("class", "-"))) or one.get("class") == "":
            return "each names a class, or the beginning of classes with *"
        if len(str(one.get("service_code", ""))) > 80 or not _words(one.get("attributes") or {}):
            return "service_code has at most 80 characters, attributes are words"
    return ""


def _words(found: Any) -> bool:
    return isinstance(found, dict) and len(found) <= 200 and all(
        isinstance(v, str) and len(k) <= 80 and len(v) <= 200 for k, v in found.items()
    )  # fmt: skip


def _acts(found: Any) -> bool:
    return isinstance(found, dict) and len(found) <= 200 and all(
        isinstance(v, list) and k == rules.word_of(k) and all(isinstance(a, str) and len(a) <= 32 for a in v)
        for k, v in found.items()
    )  # fmt: skip


def _bad_account(row: Endpoint) -> str:
    if row.account_id is None:
        return ""
    if identity.account(row.account_id) is None:
        return "is unknown"
    other = Endpoint.objects.filter(account_id=row.account_id).exclude(pk=row.pk).exists()
    return "is the account of another endpoint already" if other else ""


def _told(actor: Actor, row: Endpoint, act: str, fields: list[str]) -> None:
    audit.record(actor=actor, action=f"open311.{act}", kind="open311_endpoint", ref=row.id, area=row.area_path,
                 detail={"fields": [f for f in fields if f != "api_key"], "enabled": row.enabled})  # fmt: skip
    events.emit(type="open311.endpoint", kind="open311_endpoint", ref=row.id, area=row.area_path,
                permission=endpoints.MANAGE, data={"act": act, "enabled": row.enabled})  # fmt: skip
