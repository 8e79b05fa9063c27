"""The pure rules of tasks and positions, for any input."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linli.work import rules
from linli.work.contracts import RUNNING, TASK_STATES

calm = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
START = datetime(2026, 6, 1, tzinfo=UTC)
seconds = st.lists(st.integers(0, 3600).map(lambda s: START + timedelta(seconds=s)), max_size=60)


@calm
@given(seconds, seconds)
def test_kept_positions_are_apart_and_sending_again_keeps_none(sent: list[datetime], before: list[datetime]) -> None:
    sent.sort()
    first = [sorted(before)[i] for i in rules.thin(sorted(before), [])]
    kept = [sent[i] for i in rules.thin(sent, first)]
    held = sorted([*first, *kept])
    assert all(b - a >= rules.POSITION_EVERY for a, b in itertools.pairwise(held))
    assert rules.thin(sent, held) == []


@calm
@given(st.lists(st.sampled_from([*rules.STEPS, *rules.DESK_STEPS]), max_size=12))
def test_a_task_never_goes_back_and_never_leaves_its_end(acts: list[str]) -> None:
    state = "open"
    for action in acts:
        step = rules.step(action, state)
        if step is None or step.to is None:
            continue
        assert TASK_STATES.index(step.to) > TASK_STATES.index(state) and state in RUNNING
        state = step.to


@calm
@given(st.permutations(["accept", "arrive", "finish"]))
def test_any_order_of_delivery_ends_in_done(acts: list[str]) -> None:
    state = "open"
    for action in acts:
        step = rules.step(action, state)
        assert step is not None, f"{action} refused in {state}"
        state = step.to or state
    assert state == "done"
