"""A clock that does not jump with its machine's, and follows the district's."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import time_machine

from linli.kernel import steady


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> tuple[steady.SteadyClock, dict[str, float]]:
    at = {"wall": 1_700_000_000.0, "mono": 50.0}
    monkeypatch.setattr(steady.time, "time", lambda: at["wall"])
    monkeypatch.setattr(steady.time, "monotonic", lambda: at["mono"])
    return steady.SteadyClock(), at


def test_it_goes_on_when_the_machines_clock_is_set(clock: tuple[steady.SteadyClock, dict[str, float]]) -> None:
    made, at = clock
    at["mono"] += 2
    at["wall"] -= 3600
    assert made.now_ms() == 1_700_000_002_000


def test_it_follows_the_districts_time_at_once_when_far_off_and_slowly_when_near(
    clock: tuple[steady.SteadyClock, dict[str, float]],
) -> None:
    made, _ = clock
    made.agree(1_700_000_480_000)
    assert made.now_ms() == 1_700_000_480_000
    made.agree(1_700_000_480_100)
    assert made.now_ms() == 1_700_000_480_010


def test_an_answer_that_took_long_moves_it_only_by_what_is_beyond_doubt(
    clock: tuple[steady.SteadyClock, dict[str, float]],
) -> None:
    made, _ = clock
    made.agree(1_700_000_000_900, doubt_ms=1000)
    assert made.now_ms() == 1_700_000_000_000
    made.agree(1_700_000_009_000, doubt_ms=1000)
    assert made.now_ms() == 1_700_000_009_000


@pytest.mark.django_db
def test_postgres_is_asked(django_db_setup: None) -> None:
    import os

    async def ask(clock: steady.SteadyClock) -> None:
        async with await psycopg.AsyncConnection.connect(os.environ["LINLI_DATABASE_URL"], autocommit=True) as db:

            async def rows(sql: str) -> list[tuple[float]]:
                return await (await db.execute(sql)).fetchall()

            await clock.ask(rows)

    with time_machine.travel(1_000_000_000, tick=True):
        clock = steady.SteadyClock()
    assert clock.now_ms() < 1_000_000_060_000
    asyncio.run(ask(clock))
    import time

    assert abs(clock.now_ms() - time.time() * 1000) < 2_000
