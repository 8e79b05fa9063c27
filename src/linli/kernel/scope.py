"""Default deny as a query: an actor sees rows of the areas in which it has the permission, and no others."""

from __future__ import annotations

from django.db.models import Q

from linli.kernel.actor import Actor


def area_q(actor: Actor, permission: str, field: str = "area_path") -> Q:
    """A filter on `field`; matches nothing when the actor has the permission nowhere."""
    areas = actor.areas(permission)
    if not areas:
        return Q(pk__in=[])
    if "" in areas:
        return ~Q(pk__in=[])  # all rows: an empty Q would vanish in `area_q(...) | Q(...)` and narrow to the other half
    q = Q()
    for area in areas:
        q |= Q(**{field: area}) | Q(**{f"{field}__startswith": area + "."})
    return q
