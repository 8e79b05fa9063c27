"""Many phones on a bad line: what their members did is in the service once. `make test-phones PHONES=1000`."""

from __future__ import annotations

import os

import pytest
from tests.district import demo_district
from tests.phones.fleet import drive

pytestmark = pytest.mark.slow


@pytest.mark.timeout(7200)
def test_nothing_is_lost_and_nothing_doubled() -> None:
    with demo_district() as district:
        ledger, found, figures = drive(district, int(os.environ.get("PHONES", "20")))
    print("\n" + figures)
    assert not ledger.stuck, ledger.stuck[:10]
    assert found == {"lost": [], "doubled": []}, figures
    assert ledger.crashes > 0
