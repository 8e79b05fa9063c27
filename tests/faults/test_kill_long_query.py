"""kill -9 of each process while a query of a minute runs in its engine: it comes back as fast, and nothing is lost."""

from __future__ import annotations

import time
from uuid import UUID

import httpx
import pytest
from tests.faults.ledger import Api, Load, judge, now_ms
from tests.faults.long_queries import ROWS, SECONDS, LongExport, LongQuery, fill_history
from tests.faults.stand import LIMIT, Stand

pytestmark = pytest.mark.slow


@pytest.mark.timeout(900)
def test_kill_each_process_while_a_60_second_query_runs(district: Stand) -> None:
    url = district.environment()["LINLI_DATABASE_URL"]
    api = Api(district.origin, key=district.key())
    took: dict[str, float] = {}
    with Load(district, devices=4) as load:
        for name in district.running_names():
            with LongQuery(url) as query:
                assert 1 <= query.running() < SECONDS - LIMIT, "the query does not run at the kill"
                took[name] = district.kill_and_wait(name) + district.usable_again(load)
                if name == "postgres":
                    query.thread.join(5)
                    assert query.ended, "the query outlived its server"
                else:
                    assert query.running() > 1, f"the query ended before {name} was back: {query.ended}"
        time.sleep(1)
        ledger = load.stop()
    print(f"\n{ledger.facts()}; " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()))
    assert "postgres" in took and len(took) > 8
    assert judge(api, load.dispatcher, ledger) == []
    assert max(took.values()) <= LIMIT, took


@pytest.mark.timeout(300)
def test_kill_the_store_of_readings_while_a_long_question_runs(district: Stand) -> None:
    env = district.environment()
    known = list(district.demo_devices("water_level").values())[45]
    api = Api(district.origin, key=district.key())
    device, start = UUID(known["id"]), now_ms() - 2 * 86_400_000
    fill_history(env["LINLI_NATS_URL"], device, start)
    _wait_until_stored(env["LINLI_HISTORY_URL"], device, start)
    with Load(district, devices=4) as load:
        export = LongExport(env["LINLI_HISTORY_URL"], device, start, start + ROWS)
        time.sleep(2)
        assert export.running() > 1, "the question does not run at the kill"
        took = district.kill_and_wait("history") + district.usable_again(load)
        assert export.ended.wait(10), "the answer outlived its process"
        assert not export.end.endswith(b"0\r\n\r\n"), "the question had ended before the kill"
        export.close()
        time.sleep(1)
        ledger = load.stop()
    print(f"\n{ledger.facts()}; history {took:.1f} s, {export.size} bytes of the answer")
    assert judge(api, load.dispatcher, ledger) == []
    assert _count(env["LINLI_HISTORY_URL"], device, start) == ROWS
    assert took <= LIMIT


def _count(url: str, device: UUID, start: int) -> int:
    from linli.telemetry.history.client import HistoryClient

    return sum(HistoryClient(url).counts([device], start, start + ROWS)["count"].to_pylist())


def _wait_until_stored(url: str, device: UUID, start: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if _count(url, device, start) == ROWS:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < end, "the readings do not arrive in the store"
        time.sleep(0.5)
