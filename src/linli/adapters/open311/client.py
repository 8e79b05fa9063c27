"""Talking to another Open311 endpoint: one request, one answer, read from JSON or XML. Holds no rows."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import orjson
from django.conf import settings

from linli.adapters import hosts

TIMEOUT, MOST_BYTES = 20.0, 8 * 1024 * 1024
MOST_PICTURE, MOST_SECONDS = 10 * 1024 * 1024, 60.0  # of a picture: its bytes, and how long it may drip
WRAPPERS = ("service_requests", "service_request_updates", "service_requests_updates", "services", "errors")


class Away(Exception):
    """Nothing, or nothing useful, came back: the same may be tried again later."""


class Refused(Exception):
    """The other system understood and said no: asking again with the same words is of no use."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How to ask one endpoint."""

    base_url: str
    key: str = ""
    jurisdiction_id: str = ""
    format: str = "json"

    def url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path}.{self.format}"

    def own(self) -> dict[str, str]:
        given = {"api_key": self.key, "jurisdiction_id": self.jurisdiction_id}
        return {k: v for k, v in given.items() if v}


def get(peer: Peer, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    return _ask(peer, "GET", path, params={**peer.own(), **(query or {})})


def post(
    peer: Peer, path: str, form: Mapping[str, str], *, key: str, pictures: list[bytes] | None = None
) -> list[dict[str, Any]]:
    """`key`: what a repeat of this very request is known by."""
    files = [("media", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(pictures or [], 1)]
    return _ask(peer, "POST", path, data={**peer.own(), **form}, files=files or None, headers={"Idempotency-Key": key})


def _ask(peer: Peer, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
    headers = {"User-Agent": "linli-open311", "Accept": "application/json" if peer.format == "json" else "text/xml"}
    headers |= options.pop("headers", {})
    try:
        with httpx.Client(timeout=TIMEOUT) as http:
            answer = http.request(method, peer.url(path), headers=headers, **options)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Away(f"{type(error).__name__}: {error}"[:250]) from error
    if answer.is_success:
        return parse(answer.content)
    said = f"{answer.status_code} {_reason(answer.content)}".strip()[:250]
    if answer.status_code in (400, 404, 409, 410, 413, 415, 422):
        raise Refused(said)
    raise Away(said)  # a key that is not (yet) right, too many, a fault over there: a person may mend it


def _reason(content: bytes) -> str:
    try:
        return "; ".join(str(e.get("description") or "") for e in parse(content) if e.get("description"))
    except Away:
        return ""


def parse(content: bytes) -> list[dict[str, Any]]:
    """The things of an answer, whether it is JSON or XML, bare or wrapped."""
    if len(content) > MOST_BYTES:
        raise Away("the answer is too large")
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        return _from_xml(text) if text[:1] == b"<" else _from_json(orjson.loads(text or b"[]"))
    except (ElementTree.ParseError, orjson.JSONDecodeError, ValueError) as error:
        raise Away("the answer is neither JSON nor XML") from error


def _from_json(data: Any) -> list[dict[str, Any]]:
    while isinstance(data, dict) and (
        name := next((w for w in (*WRAPPERS, "request_update", "request") if w in data), "")
    ):
        data = data[name]
    found = data if isinstance(data, list) else [data]
    return [one for one in found if isinstance(one, dict)]


def _from_xml(text: bytes) -> list[dict[str, Any]]:
    if re.search(rb"<!(DOCTYPE|ENTITY)", text[:2000], re.IGNORECASE):
        raise ValueError("a document type is not taken")
    root = ElementTree.fromstring(text)
    return [{child.tag: (child.text or "").strip() for child in item} for item in root]


def picture(url: str, friends: set[str]) -> bytes:
    """The bytes behind a picture's address: of public hosts, or of endpoints that somebody entered (`friends`).

    Anything else could be a machine of ours that a stranger wants asked. Redirects are not followed.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") else None
    except ValueError:
        host = None
    if not host:
        raise Refused("not an http address")
    if parts.netloc.lower() not in friends and not _public(host):
        raise Refused("the picture's host is not public")
    data, until = bytearray(), time.monotonic() + MOST_SECONDS
    try:
        with httpx.Client(timeout=TIMEOUT) as http, http.stream("GET", url) as answer:
            if not answer.is_success:
                raise Refused(f"the picture's host says {answer.status_code}")
            for chunk in answer.iter_bytes():
                data += chunk
                if len(data) > MOST_PICTURE:
                    raise Refused("the picture is too large")
                if time.monotonic() > until:
                    raise Away("the picture comes too slowly")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Away(type(error).__name__) from error
    return bytes(data)


def _public(host: str) -> bool:
    """Loopback counts only where a district was told so, as for webhooks."""
    loopback = settings.LINLI_HOOKS_TO_LOOPBACK
    try:
        found = hosts.addresses(host)
        return bool(found) and all(a.is_global or (loopback and a.is_loopback) for a in found)
    except (OSError, ValueError, UnicodeError):
        return False
