"""What the checks of packs ask of this room; knows no Django."""

from __future__ import annotations

from linli.telemetry.payloads.checking import unreadable
from linli.telemetry.tiers import Tiers

__all__ = ["Tiers", "unreadable"]
