"""Rows that a service is about to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden
from linli.kernel.scope import area_q

M = TypeVar("M", bound=Model)


def for_update(rows: QuerySet[M], actor: Actor, permission: str, pk: UUID, see: Callable[[], object]) -> M:
    """The locked row that the actor may change. One that may be seen but not changed is 403, anything else 404: `see`
    raises NotFound for what may not be seen."""
    found = rows.select_for_update(of=("self",)).filter(area_q(actor, permission), pk=pk).first()
    if found is None:
        see()
        raise Forbidden(f"needs {permission} there")
    return found
