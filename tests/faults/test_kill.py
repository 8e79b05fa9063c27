"""kill -9 of each process in turn, under load: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import os
import time

import pytest
from tests.faults.ledger import Api, Load, judge
from tests.faults.stand import LIMIT, Stand

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("LINLI_FAULT_ROUNDS", "5"))
SUPERVISOR_ROUNDS = 3
WHOLE_START = 45.0  # seconds for all processes at once, loaded; a process of its own has LIMIT


@pytest.mark.timeout(3600)
def test_kill_each_process_in_turn_under_load(district: Stand) -> None:
    api = Api(district.origin, key=district.key())
    slowest: dict[str, float] = {}
    with Load(district) as load:
        time.sleep(1)
        for _ in range(ROUNDS):
            for name in district.running_names():
                seconds = district.kill_and_wait(name) + district.usable_again(load)
                slowest[name] = max(slowest.get(name, 0), seconds)
        time.sleep(1)
        ledger = load.stop()
    print(f"\n{ROUNDS} rounds; {ledger.facts()}; slowest return: "
          + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest.items()))  # fmt: skip
    assert not ledger.refused, ledger.refused[:3]
    assert judge(api, load.dispatcher, ledger) == []
    assert len(ledger.reports) > ROUNDS
    assert max(slowest.values()) <= LIMIT, slowest


@pytest.mark.timeout(600)
def test_kill_the_supervisor_under_load_and_start_it_again(district: Stand) -> None:
    """All its processes end with it; the next `linli up` on the same home takes over what they left."""
    api = Api(district.origin, key=district.key())
    took: list[float] = []
    with Load(district) as load:
        for _ in range(SUPERVISOR_ROUNDS):
            before = sum(len(rows) for rows in load.ledger.acked.values())
            time.sleep(2)
            assert sum(len(rows) for rows in load.ledger.acked.values()) > before, "no load at the kill"
            took.append(district.kill_supervisor_and_start_again() + district.usable_again(load))
        time.sleep(1)
        ledger = load.stop()
    print(f"\n{ledger.facts()}; back after " + ", ".join(f"{seconds:.1f} s" for seconds in took))
    assert not ledger.refused, ledger.refused[:3]
    assert judge(api, load.dispatcher, ledger) == []
    assert max(took) <= WHOLE_START, took
