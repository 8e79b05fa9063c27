"""The router of readings, on which several files put their routes, and what these have in common."""

from __future__ import annotations

from ninja import Schema

from linli.kernel.http import Router

router = Router(tags=["telemetry"])


class Label(Schema):
    zh: str
    en: str
