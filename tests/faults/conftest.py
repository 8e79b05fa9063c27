"""One demo district for all fault tests, on ports of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults.stand import Stand


@pytest.fixture(scope="session")
def district() -> Iterator[Stand]:
    with Stand() as running:
        yield running
