"""Default deny as a query: an actor sees rows of the areas in which it has the permission, and no others."""

from __future__ import annotations

from functools import reduce
from operator import or_

from django.db.models import Q

from linli.kernel.actor import Actor


def within(area: str, field: str = "area_path") -> Q:
    """A filter on `field`: in an area or below it; '' is everywhere.

    Everywhere is not an empty Q: in `within("") | Q(...)` that would vanish and leave only the other half.
    """
    return Q(**{field: area}) | Q(**{f"{field}__startswith": area + "."}) if area else ~Q(pk__in=[])


def area_q(actor: Actor, permission: str, field: str = "area_path") -> Q:
    """A filter on `field`; matches nothing when the actor has the permission nowhere."""
    areas = actor.areas(permission)
    if "" in areas:
        return within("")
    return reduce(or_, (within(area, field) for area in areas)) if areas else Q(pk__in=[])


def area_or_own(actor: Actor, permission: str, wanted: str | None) -> str:
    """The area asked for, or the actor's own when none is; Forbidden when `permission` does not reach there."""
    if wanted is None:
        actor.require(permission)
        return actor.areas(permission)[0]
    actor.require(permission, wanted)
    return wanted
