"""Reads of joint operations: who sees the cases of an area sees its operations."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from linli.command.models import Operation, OperationItem
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q

VIEW, MANAGE, WORKS_THERE = "cases.view", "cases.dispatch", "tasks.view"


def operations(actor: Actor) -> QuerySet[Operation]:
    return Operation.objects.filter(area_q(actor, VIEW))


def operation(actor: Actor, operation_id: UUID) -> Operation:
    found = operations(actor).filter(id=operation_id).first()
    if found is None:
        raise NotFound()
    return found


def locked(actor: Actor, operation_id: UUID) -> Operation:
    """To act on: the row is the actor's until the commit, so that two acts come one after the other."""
    seen = operation(actor, operation_id)
    actor.require(MANAGE, seen.area_path)
    return Operation.objects.select_for_update().get(pk=operation_id)


def items_of(rows: Sequence[Operation]) -> list[OperationItem]:
    """The items of all these operations, in their order."""
    return list(OperationItem.objects.filter(operation_id__in=[r.id for r in rows]).order_by("ordinal"))


def names_seen(actor: Actor, row: Operation) -> bool:
    """Names stand only before those who work there; others read what was done, and when."""
    return actor.can(WORKS_THERE, row.area_path)
