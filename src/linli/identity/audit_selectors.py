"""The kernel's audit, read within the actor's areas."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from linli.kernel.actor import Actor
from linli.kernel.models import AuditRow, AuditSeal, PersonalRead
from linli.kernel.scope import area_q


def _rows_q(actor: Actor, permission: str) -> Q:
    """Rows of the actor's areas; rows without an area belong to those who hold the role for a whole district."""
    whole = any("." not in area for area in actor.areas(permission))
    return area_q(actor, permission) | (Q(area_path="") if whole else Q(pk__in=[]))


def audit_rows(
    actor: Actor, *, kind: str | None = None, ref: str | None = None, who: str | None = None, action: str | None = None
) -> QuerySet[AuditRow]:
    query = AuditRow.objects.filter(_rows_q(actor, "audit.view"))
    for field, value in (("kind", kind), ("ref", ref), ("actor", who), ("action", action)):
        if value:
            query = query.filter(**{field: value})
    return query


def seals() -> QuerySet[AuditSeal]:
    """Seals hold hashes and counts only; they are the same for everybody who may see the audit."""
    return AuditSeal.objects.defer("leaves")


def personal_reads(
    actor: Actor, *, subject_kind: str | None = None, subject_id: str | None = None
) -> QuerySet[PersonalRead]:
    """Who opened which personal fields, in the actor's areas."""
    query = PersonalRead.objects.filter(_rows_q(actor, "personal.reads"))
    if subject_kind:
        query = query.filter(subject_kind=subject_kind)
    if subject_id:
        query = query.filter(subjects__contains=[subject_id])
    return query
