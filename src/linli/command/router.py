"""The one router of command: routes stand in `api` (the day, hand-over notes), `board_api`, `card_api` (run cards) and
`operation_api` (joint operations)."""

from __future__ import annotations

from linli.kernel.http import Router

router = Router(tags=["desk"])
