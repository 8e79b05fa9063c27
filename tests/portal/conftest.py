"""A unit to report at, and browsers without scripts that do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from tests.places.conftest import S, W, town

from linli.places import selectors
from linli.places.models import Unit

__all__ = ["S", "W", "town"]


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    """What was counted for the tests before is not remembered."""
    from linli.portal import open_views

    open_views.forget()


@pytest.fixture
def unit(town: Any) -> Unit:
    from linli.places import index

    index.refresh()
    return Unit.objects.get(code="K1-1-1")


@pytest.fixture
def code(unit: Unit) -> str:
    return selectors.qr_codes([unit.id])[unit.id]


@pytest.fixture
def web() -> Client:
    return browser()


def browser(address: str = "10.1.2.3", language: str = "zh-CN") -> Client:
    return Client(REMOTE_ADDR=address, headers={"Accept-Language": language})
