"""Reads of endpoints and of what goes to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from linli.adapters import secret
from linli.adapters.open311.client import Peer
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q

MANAGE = "integrations.manage"


def listed(actor: Actor) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(area_q(actor, MANAGE))


def get(actor: Actor, endpoint_id: UUID) -> Endpoint:
    found = listed(actor).filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound()
    return found


def counts(endpoint_ids: list[UUID]) -> dict[UUID, dict[str, int]]:
    """How much waits, went and failed, by endpoint."""
    rows = Outgoing.objects.filter(endpoint_id__in=endpoint_ids).values("endpoint_id").annotate(
        waiting=Count("id", filter=Q(state="waiting")), failed=Count("id", filter=Q(state="failed")),
        sent=Count("id", filter=Q(state="sent")),
    )  # fmt: skip
    return {r["endpoint_id"]: {n: r[n] for n in ("waiting", "failed", "sent")} for r in rows}


def outgoing(actor: Actor, endpoint_id: UUID, state: str = "") -> QuerySet[Outgoing]:
    rows = Outgoing.objects.filter(endpoint=get(actor, endpoint_id))
    return rows.filter(state=state) if state else rows


def in_use() -> list[Endpoint]:
    return list(Endpoint.objects.filter(enabled=True).order_by("created_at", "id"))


def usable(endpoint_id: UUID) -> Endpoint | None:
    return Endpoint.objects.filter(pk=endpoint_id, enabled=True).first()


def peer(row: Endpoint) -> Peer:
    return Peer(row.base_url, secret.unseal(row.api_key, row.id), row.jurisdiction_id, row.format)


def friends() -> set[str]:
    """Hosts of endpoints that somebody entered: their pictures may be fetched wherever they stand."""
    return {urlsplit(url).netloc.lower() for url in Endpoint.objects.values_list("base_url", flat=True)}


def of_account(account_id: UUID | None) -> Endpoint | None:
    """The endpoint whose system calls here with this account's key."""
    return Endpoint.objects.filter(account_id=account_id).first() if account_id else None


def system_of(actor: Actor) -> str:
    """What the caller's system is called in timelines: its endpoint, or its account."""
    found = of_account(actor.account_id)
    return str(found.id) if found else str(actor.account_id)


def waiting(endpoint: Endpoint, now: datetime, limit: int) -> list[Outgoing]:
    """The oldest first, also those whose time has not come: what follows in the same case waits behind them."""
    return list(Outgoing.objects.filter(endpoint=endpoint, state="waiting").order_by("created_at", "id")[:limit])


def request_row(endpoint: Endpoint, case_id: UUID) -> Outgoing | None:
    return Outgoing.objects.filter(endpoint=endpoint, kind="request", case_id=case_id).first()


def sent_anywhere(case_id: UUID) -> bool:
    return Outgoing.objects.filter(kind="request", case_id=case_id).exists()


def by_reference(endpoint: Endpoint, references: list[str]) -> dict[str, Outgoing]:
    rows = Outgoing.objects.filter(endpoint=endpoint, kind="request", reference__in=references)
    return {r.reference: r for r in rows.exclude(reference="")}


def own_update(endpoint: Endpoint, ref: str) -> bool:
    """Whether an update that comes back is one that we sent there ourselves."""
    try:
        return Outgoing.objects.filter(endpoint=endpoint, kind="update", ref=UUID(ref)).exists()
    except ValueError:
        return False


def followed(endpoint: Endpoint, limit: int = 1000) -> list[Outgoing]:
    """Requests there whose status is asked, the latest first."""
    rows = Outgoing.objects.filter(endpoint=endpoint, kind="request").exclude(reference="")
    return list(rows.order_by("-created_at")[:limit])


def shown(row: Endpoint, counted: dict[str, int]) -> dict[str, Any]:
    names = ("id", "name", "base_url", "jurisdiction_id", "key_hint", "format", "area_path", "classes", "from_step",
             "photos", "updates", "push", "states_in", "states_out", "account_id", "enabled", "version",
             "last_success_at", "last_error", "last_error_at", "created_at")  # fmt: skip
    none = {"waiting": 0, "failed": 0, "sent": 0}
    return {n: getattr(row, n) for n in names} | none | counted
