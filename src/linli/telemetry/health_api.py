"""Health of gateways and connectors, on telemetry's router."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Schema

from linli.kernel.http import actor_of
from linli.telemetry import health_selectors
from linli.telemetry.router import router


class ProcessOut(Schema):
    """`since`: seconds since 1970; `memory`: bytes."""

    name: str
    up: bool
    ready: bool
    since: float | None
    memory: float | None


class DoorOut(Schema):
    """A port that devices speak to; TCP protocols tell their open connections and whole frames."""

    name: str
    port: int
    up: bool
    connections: float | None
    frames: float | None


class LeaseOut(Schema):
    partition: int
    owner: str
    epoch: int
    sequence: int
    held: bool
    expires_at: datetime
    saved_at: datetime | None


class HealthOut(Schema):
    """Counters since each process began: ask twice for a pace. Null where nothing tells it. `kept_days`: how long raw
    readings, their minutes and their hours are kept; null: for good."""

    at: datetime
    processes: list[ProcessOut]
    doors: list[DoorOut]
    gateway: dict[str, Any]
    sense: dict[str, Any]
    leases: list[LeaseOut]
    history: dict[str, Any]
    kept_days: dict[str, int | None]
    events: dict[str, float | None]


@router.get("/telemetry/health", permission="devices.manage", response=HealthOut)
def telemetry_health(request: HttpRequest) -> dict[str, Any]:
    """Processes and doors, connections, refusals, what waits, lags of history and sense, leases of partitions."""
    return health_selectors.health(actor_of(request))
