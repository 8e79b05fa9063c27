"""The two forms of every answer, JSON and XML, from the same plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import orjson

# What XML 1.0 cannot hold, not even escaped.
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TYPES = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
ITEMS = {  # list → what one of it is called in XML
    "services": "service", "service_requests": "request", "service_request_updates": "request_update",
    "errors": "error", "endpoints": "endpoint", "formats": "format", "attributes": "attribute", "values": "value",
}  # fmt: skip


def when(at: datetime | None) -> str | None:
    """A time as the standard wants it: W3C, with its offset."""
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z") if at else None


def xml(root: str, data: Any) -> bytes:
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + _element(root, data)).encode()


def json(data: Any) -> bytes:
    return orjson.dumps(data)


def render(form: str, root: str, data: Any) -> bytes:
    """A list stands bare in JSON; in XML it has its name and that of its items."""
    return xml(root, data) if form == "xml" else json(data)


def _element(name: str, value: Any) -> str:
    if value is None:
        return f"<{name}/>"
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(k, v) for k, v in value.items())}</{name}>"
    if isinstance(value, Sequence) and not isinstance(value, str):
        item = ITEMS.get(name, "item")
        return f"<{name}>{''.join(_element(item, v) for v in value)}</{name}>"
    return f"<{name}>{escape(NO_XML.sub('', str(value)))}</{name}>"
