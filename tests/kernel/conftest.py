"""What the tests of the kernel share."""

from __future__ import annotations

import pytest
from tests.worker import forget_jobs


@pytest.fixture
def no_other_jobs(transactional_db: None) -> None:
    """No job of an earlier test."""
    forget_jobs()
