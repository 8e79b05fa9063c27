"""The case desk walked at random over the real services (tests/cases/model.py)."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.cases.conftest import make_district
from tests.cases.model import CaseDesk
from tests.cases.world import make_world

from linli.cases import numbers, tables

pytestmark = pytest.mark.django_db(transaction=True)
DEPTH = 50


def walk(examples: int, *, seed: int | None = None) -> None:
    """Always the same examples without a seed; with one, others, and failures are not made smaller."""
    CaseDesk._hypothesis_internal_use_seed = seed  # type: ignore[attr-defined]
    run_state_machine_as_test(
        CaseDesk,
        settings=settings(
            max_examples=examples, stateful_step_count=DEPTH, deadline=None, database=None, derandomize=seed is None,
            phases=[Phase.generate] if seed is not None else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.fixture
def model(transactional_db: None) -> type[CaseDesk]:
    numbers._known.clear()
    CaseDesk.world = make_world(make_district())
    CaseDesk.steps, CaseDesk.refused = 0, 0
    CaseDesk.done.clear()
    return CaseDesk


def test_the_desk_walked_at_random(model: type[CaseDesk]) -> None:
    walk(20)
    assert model.steps > 300


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_the_desk_walked_far(model: type[CaseDesk]) -> None:
    """As many steps as MODEL_STEPS says; every act of the table is done on the way."""
    wanted, began, seed = int(os.environ.get("MODEL_STEPS", "5000")), time.monotonic(), 0
    first = int(os.environ.get("MODEL_SEED", str(time.time_ns() % 1_000_000)))
    while model.steps < wanted:
        walk(50, seed=first + seed)
        seed += 1
        if seed % 10 == 0:
            print(f"{model.steps} steps, {time.monotonic() - began:.0f} s", flush=True)
    acts = set(tables.transitions().transitions)
    print(f"{model.steps} steps in {time.monotonic() - began:.0f} s, seed {first}: {sum(model.done.values())} acts of"
          f" {len(acts & set(model.done))} of {len(acts)} kinds, {model.refused} refused")  # fmt: skip
    if wanted >= 20_000:
        assert acts <= set(model.done), acts - set(model.done)
