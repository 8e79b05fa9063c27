"""The small district of the tests of cases, with a run of the roll."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cases.conftest import Desk, make_district

from linli.cases import ports
from linli.places import index


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()
