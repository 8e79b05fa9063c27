"""What is noted of devices that were heard by way of other platforms: as the gateway notes its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from linli.devices import contracts
from linli.kernel import clock


def note_heard(points: Mapping[UUID, int]) -> None:
    """Last seen, on line until, one message and so many readings more."""
    if not points:
        return
    now = round(clock.now().timestamp() * 1000)
    notes = [{"device_id": str(k), "last_seen": now, "messages": 1, "points": n} for k, n in points.items()]
    with connection.cursor() as cursor:
        cursor.execute(contracts.NOTE_GATEWAY_SQL, [json.dumps(notes)])
