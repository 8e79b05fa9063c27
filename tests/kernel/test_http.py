"""Refusals at the edge of the API: whatever comes in, the answer is problem+json that names field and reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from tests.identity.accounts import client_of

from linli.kernel import http

pytestmark = pytest.mark.django_db


def post(body: Any, content_type: str = "application/json", **headers: str) -> Any:
    client = client_of("system_admin", "D")
    raw = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post("/api/v1/teams", raw, content_type=content_type, headers=headers)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"12", b'"x"', b"\xff\xfe", b'{"code": 1}', b'{"code": "\\u0000", "name_zh": "x"}',
     b'{"code": "a", "name_zh": "' + b"x" * 5000 + b'"}', b'{"code": "\\ud800", "name_zh": "x"}', b"[" * 5000,
     b'{"code": "a", "name_zh": "a\\u0000b", "area_path": "D.001"}',
     b'{"code": "a", "name_zh": "b", "centre_id": "nonsense"}'],
    ids=range(14),
)  # fmt: skip
def test_malformed_bodies_are_refused_clearly(body: bytes) -> None:
    answer = post(body)
    assert 400 <= answer.status_code < 500, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code and found["errors"] and all(e["reason"] for e in found["errors"])


@pytest.mark.parametrize("path", ["/api/v1/teams?limit=x", "/api/v1/teams?limit=1000", "/api/v1/teams?cursor=%00",
                                  "/api/v1/audit?kind=%00", "/api/v1/teams/nonsense", "/api/v1/files/%00"])  # fmt: skip
def test_malformed_addresses_are_refused_clearly(path: str) -> None:
    client = client_of("auditor", "D") if "audit" in path else client_of("dispatcher", "D")
    answer = client.get(path)
    assert 400 <= answer.status_code < 500, answer.content


def test_a_huge_body_is_refused() -> None:
    answer = post(b'{"code": "' + b"x" * (13 << 20) + b'"}')
    assert answer.status_code == 413 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "body" and answer.json()["errors"][0]["reason"]


def test_unknown_addresses_and_methods() -> None:
    client = Client()
    assert client.get("/api/v1/no-such-thing").status_code == 404
    assert client.put("/api/v1/session").status_code == 405
    assert client.get("/api/v1/teams").status_code == 401


def test_a_request_is_named() -> None:
    assert len(Client().get("/api/v1/me")["X-Request-Id"]) == 36


def test_the_contract_is_made_once_and_holds_every_route(monkeypatch: pytest.MonkeyPatch) -> None:
    api = http.new_api()
    router = http.Router(tags=["things"])

    @router.get("/things", permission="public", response=list[str])
    def things(request: object) -> list[str]:
        return []

    router.mount(api)
    first = api.get_openapi_schema(path_prefix="/api/v1/")
    assert list(first["paths"]) == ["/api/v1/things"]
    monkeypatch.setattr("ninja.main.get_schema", lambda **how: pytest.fail("it is made again"))
    assert api.get_openapi_schema(path_prefix="/api/v1/") is first
