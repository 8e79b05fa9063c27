"""Reads of places. Those that serve a person take `actor` and show only what lies in the actor's areas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from linli.kernel import scope
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.places import codes
from linli.places.contracts import GeoJSON, GridInfo
from linli.places.models import Building, Compound, Grid, GridChange, PlacesRevision, QrCode, Unit

VIEW = "grids.view"
M = TypeVar("M", bound=Model)


def revision() -> int:
    return PlacesRevision.objects.filter(id=1).values_list("revision", flat=True).first() or 0


def revision_token() -> tuple[int, UUID | None]:
    """The revision and the token that tells it from one that was rolled back."""
    return PlacesRevision.objects.filter(id=1).values_list("revision", "token").first() or (0, None)


def info(grid: Grid) -> GridInfo:
    return GridInfo(
        grid_id=grid.id, code=grid.code, name_zh=grid.name_zh, name_en=grid.name_en, level=grid.level, kind=grid.kind,
        area_path=grid.area_path, parent_id=grid.parent_id, lon=grid.lon, lat=grid.lat,
    )  # fmt: skip


def all_grids() -> list[tuple[GridInfo, GeoJSON]]:
    return [(info(g), g.polygon) for g in Grid.objects.filter(valid_to=None)]


def grids(actor: Actor, *, at: datetime | None = None, ancestors: bool = False) -> QuerySet[Grid]:
    """Grids in the actor's areas, now or as they were at an instant; with `ancestors`, also those above them."""
    q = scope.area_q(actor, VIEW)
    if ancestors:
        above = {a.rsplit(".", i)[0] for a in actor.areas(VIEW) for i in range(1, a.count(".") + 1)}
        q |= Q(area_path__in=above)
    when = Q(valid_to=None) if at is None else Q(valid_from__lte=at) & (Q(valid_to=None) | Q(valid_to__gt=at))
    return Grid.objects.filter(q & when)


def grid(actor: Actor, grid_id: UUID, *, permission: str = VIEW) -> Grid:
    found = Grid.objects.filter(scope.area_q(actor, permission), id=grid_id).first()
    if found is None:
        raise NotFound("no such grid in your area")
    return found


def grid_history(actor: Actor, grid_id: UUID) -> list[GridChange]:
    return list(
        changes(actor).filter(Q(created__contains=[str(grid_id)]) | Q(retired__contains=[str(grid_id)])).order_by("-at")
    )


def changes(actor: Actor) -> QuerySet[GridChange]:
    return GridChange.objects.filter(scope.area_q(actor, VIEW))


def compounds(actor: Actor) -> QuerySet[Compound]:
    return Compound.objects.filter(scope.area_q(actor, VIEW))


def buildings(actor: Actor) -> QuerySet[Building]:
    return Building.objects.filter(scope.area_q(actor, VIEW))


def units(actor: Actor, permission: str = VIEW) -> QuerySet[Unit]:
    return Unit.objects.filter(scope.area_q(actor, permission))


def within(query: QuerySet[M], area: str) -> QuerySet[M]:
    """Narrow to an area path and what lies below it."""
    return query.filter(scope.within(area))


def named(query: QuerySet[M], words: str) -> QuerySet[M]:
    return query.filter(Q(name_zh__icontains=words) | Q(name_en__icontains=words))


def compound(actor: Actor, compound_id: UUID, *, permission: str = VIEW) -> Compound:
    found = Compound.objects.filter(scope.area_q(actor, permission), id=compound_id).first()
    if found is None:
        raise NotFound("no such compound in your area")
    return found


def unit(actor: Actor, unit_id: UUID, *, permission: str = VIEW) -> Unit:
    found = units(actor, permission).filter(id=unit_id).first()
    if found is None:
        raise NotFound("no such unit in your area")
    return found


def qr_codes(unit_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The codes in force of units."""
    return dict(QrCode.objects.filter(unit_id__in=unit_ids, replaced_at=None).values_list("unit_id", "code"))


def qr_history(unit_id: UUID) -> QuerySet[QrCode]:
    return QrCode.objects.filter(unit_id=unit_id).order_by("-created_at")


def was_replaced(code: str) -> bool:
    return codes.is_qr(code.lower()) and QrCode.objects.filter(code=code.lower(), replaced_at__isnull=False).exists()


def building_point(unit_id: UUID) -> tuple[float, float] | None:
    return Unit.objects.filter(id=unit_id).values_list("building__lon", "building__lat").first()
