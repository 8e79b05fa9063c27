"""The addresses of cases under /api/v1. One router; each file adds its own operations."""

from linli.kernel.http import Router

router = Router(tags=["cases"])

from linli.cases.api import acts, batches, catalogue, media, reads, reports, suggestions  # noqa: E402, F401
