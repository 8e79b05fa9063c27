"""Reads of the portal's own rows; they are nobody's in particular, so no actor is asked for."""

from __future__ import annotations

from datetime import datetime

from linli.portal.models import Count


def count_of(key: bytes, hour: datetime) -> int:
    """How often something was done under a key in an hour."""
    return Count.objects.filter(key=key, hour=hour).values_list("count", flat=True).first() or 0
