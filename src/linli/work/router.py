"""The one router of work: routes: `api` (tasks, duty, positions), `patrol_api`, `roster_api`, `roster_sheet_api`."""

from __future__ import annotations

from linli.kernel.http import Router

router = Router(tags=["work"])
