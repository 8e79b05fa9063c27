"""The language of payload mappings for other rooms, and what the checks of packs ask; knows no Django."""

from __future__ import annotations

from linli.telemetry.payloads import WORDS as PAYLOAD_WORDS
from linli.telemetry.payloads import Item, Payload, Wrong
from linli.telemetry.payloads import made as payload_made
from linli.telemetry.payloads import presets as payload_presets
from linli.telemetry.payloads import problems as payload_problems
from linli.telemetry.payloads.checking import unreadable
from linli.telemetry.payloads.reading import Found
from linli.telemetry.payloads.reading import items as payload_items
from linli.telemetry.payloads.reading import rows as payload_rows
from linli.telemetry.payloads.reading import whose as payload_whose
from linli.telemetry.tiers import Tiers

__all__ = [
    "PAYLOAD_WORDS", "Found", "Item", "Payload", "Tiers", "Wrong", "payload_items", "payload_made", "payload_presets",
    "payload_problems", "payload_rows", "payload_whose", "unreadable",
]  # fmt: skip
