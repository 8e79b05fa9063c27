"""The router that all routes of devices share, and the quick answer of its lists."""

from typing import Any

import orjson
from django.http import HttpResponse

from linli.kernel.http import Router

router = Router(tags=["devices"])


def reply(body: Any, status: int = 200) -> HttpResponse:
    """JSON straight from plain values. The route's `response=` documents the shape; a test compares the two."""
    return HttpResponse(orjson.dumps(body), content_type="application/json", status=status)


def once(body: Any, status: int) -> HttpResponse:
    """An answer with a secret: kept by nobody, also not for an Idempotency-Key."""
    response = reply(body, status)
    response["Cache-Control"] = "no-store"
    return response
