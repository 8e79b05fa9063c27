"""The router of readings, on which several files put their routes."""

from __future__ import annotations

from linli.kernel.http import Router

router = Router(tags=["telemetry"])
