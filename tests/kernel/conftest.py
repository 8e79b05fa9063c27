"""What the tests of the kernel share."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture
def no_other_jobs(transactional_db: None) -> None:
    """No job of an earlier test: one whose worker was killed holds its lock until it is found to be stalled."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
