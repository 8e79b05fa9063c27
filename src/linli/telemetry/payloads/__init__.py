"""The language of payload mappings: where in a JSON document of others the device, the time and the readings stand."""

from __future__ import annotations

from linli.telemetry.payloads.checking import problems
from linli.telemetry.payloads.reading import Item, Row, Wrong
from linli.telemetry.payloads.terms import WORDS, Payload, made, of_models, presets

__all__ = ["WORDS", "Item", "Payload", "Row", "Wrong", "made", "of_models", "presets", "problems"]
