"""Indexes of what those who supervise look for: each reason has one of just the few cases it may concern, so that no
list of the desk reads anything else (selectors/supervision). A pack may ask for more returns, and they still serve."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

_OPEN = Q(closed_at=None)
_SENT_BACK = Q(return_count__gte=2) | Q(rework_count__gte=2)
_UNHAPPY = Q(satisfaction__in=("dissatisfied", "partly")) | Q(score__lte=2)
_WHOSE = ["area_path", "class_code", "team_id", "private", "created_by", "source", "priority", "urgent"]
WATCHED = [
    models.Index("updated_at", "id", name="cases_quiet", condition=_OPEN & Q(due_at__isnull=False), include=_WHOSE),
    models.Index("updated_at", "id", name="cases_sent_back", condition=_OPEN & _SENT_BACK),
    models.Index("updated_at", "id", name="cases_reopened", condition=_OPEN & Q(reopen_count__gt=0)),
    models.Index("closed_at", "id", name="cases_unhappy", condition=Q(closed_at__isnull=False) & _UNHAPPY),
    models.Index("recheck_at", "id", name="cases_recheck", condition=Q(recheck_at__isnull=False)),
    models.Index("due_at", "id", name="cases_extended", condition=_OPEN & Q(clocks__handle__extended_s__gt=0)),
    models.Index("id", name="cases_supervised", condition=_OPEN & Q(supervised=True)),
]
