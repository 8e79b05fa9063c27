"""One demo district for all fault tests, on ports of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.district import others_servers
from tests.faults.stand import Stand


@pytest.fixture(scope="session")
def district() -> Iterator[Stand]:
    with Stand() as running:
        yield running


@pytest.fixture
def servers() -> Iterator[str]:
    """The address of a PostgreSQL that somebody else runs."""
    with others_servers() as (postgres, _):
        yield postgres
