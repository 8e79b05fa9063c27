"""The one router of work: routes stand in `api` (tasks, duty, positions), `patrol_api` and `roster_api`."""

from __future__ import annotations

from linli.kernel.http import Router

router = Router(tags=["work"])
