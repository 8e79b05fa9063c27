"""The one router of command: routes stand in `api` (the desk's papers) and `card_api` (run cards),
`operation_api` (joint operations)."""

from __future__ import annotations

from linli.kernel.http import Router

router = Router(tags=["desk"])
