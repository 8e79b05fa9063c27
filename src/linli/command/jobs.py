"""Background work of command: registers its consumers."""

from __future__ import annotations

from linli.command import events  # noqa: F401  (registers the consumers)
