"""The addresses of cases under /api/v1. One router; each file adds its own operations."""

from linli.kernel.http import Router

router = Router(tags=["cases"])

from linli.cases.api import (  # noqa: E402, F401
    acts,
    batches,
    calls,
    catalogue,
    media,
    reads,
    reports,
    routing,
    suggestions,
)
