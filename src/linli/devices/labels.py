"""The label of a device: a QR code that opens its claim in the console."""

from __future__ import annotations

import io
from urllib.parse import quote

import segno
from django.conf import settings


def claim_url(code: str) -> str:
    """Where a person claims the device of this code."""
    return f"{settings.PUBLIC_URL.rstrip('/')}/console/joining/claims?claim={quote(code, safe='')}"


def claim_svg(code: str) -> bytes:
    out = io.BytesIO()
    segno.make(claim_url(code), error="m", micro=False).save(out, kind="svg", border=2, scale=4, xmldecl=False)
    return out.getvalue()
