"""A small district, and programs that call it by Open311."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from tests.cases.conftest import D, Desk, desk

from linli.identity import facade as identity

__all__ = ["desk"]
V2 = "/open311/v2"


class Program:
    """A caller with an API key of its own account."""

    def __init__(self, desk: Desk, name: str = "integrator", area: str = D) -> None:
        from tests.identity import accounts

        self.account = accounts.make_account((name, area))
        self.key = identity.create_apikey(account_id=self.account.id)
        self.web = Client(headers={"Accept-Language": "en"})

    def get(self, path: str, **query: Any) -> Any:
        return self.web.get(f"{V2}/{path}", {"api_key": self.key, **query})

    def post(self, path: str, headers: dict[str, str] | None = None, **form: Any) -> Any:
        return self.web.post(f"{V2}/{path}", {"api_key": self.key, **form}, headers=headers or {})


@pytest.fixture
def program(desk: Desk) -> Program:
    return Program(desk)


@pytest.fixture
def stranger(desk: Desk) -> Client:
    return Client(headers={"Accept-Language": "en"})
