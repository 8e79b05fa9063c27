"""An entry point follows its area: what is merged or split does not leave a program calling for ground that is gone."""

from __future__ import annotations

import pytest
from tests.adapters.test_intake import PLAIN, post
from tests.identity import accounts
from tests.places.conftest import STEP, S, W, planner, town

from linli.adapters.intake.models import IntakeHook
from linli.adapters.intake.services import entering
from linli.adapters.open311.services import endpoints
from linli.adapters.webhooks.models import Hook
from linli.cases import numbers
from linli.cases.models import Case
from linli.kernel.actor import SYSTEM, Actor
from linli.places import index
from linli.places.models import Grid
from linli.places.services import reshape

pytestmark = pytest.mark.django_db
Town = dict[str, Grid]
__all__ = ["planner", "town"]


def enter(area: str) -> dict[str, str]:
    given = {"name": "表单", "kind": "json", "area_path": area, "mapping": {**PLAIN, "datum": "wgs84"}}
    row, secret = entering.create_hook(actor=SYSTEM, given=given)
    return {"id": str(row.id), "path": row.path, "secret": secret}


def area_of(hook: dict[str, str]) -> str:
    return IntakeHook.objects.get(pk=hook["id"]).area_path


def counted(preview: reshape.Preview) -> dict[str, int]:
    return {c["name"]: c["count"] for c in preview.counts}


def test_the_entry_point_of_a_grid_that_a_merge_ends_takes_for_the_merged_one_and_comes_back(
    town: Town, planner: Actor
) -> None:
    numbers._known.clear()
    kept, gone = town["c1"].area_path, town["c2"].area_path
    hook, other = enter(gone), enter(town["east"].area_path)
    plan = reshape.plan_merge(planner, [town["c1"].id, town["c2"].id], ("大社区", "Big"))
    preview = reshape.preview(plan)
    assert counted(preview)["adapters.intake_hook"] == 1
    change = reshape.apply(planner, plan, revision=preview.revision)
    index.refresh()
    assert area_of(hook) == kept and area_of(other) == town["east"].area_path
    said = {"id": "1", "title": "积水", "kind": "积水", "at": {"lng": W + 0.5 * STEP, "lat": S + 3.5 * STEP}}
    assert post(hook, said).status_code == 201, "the ground that it had is its ground still"
    assert post(hook, {"id": "2", "title": "积水", "kind": "积水"}, name="m-2").status_code == 201
    assert set(Case.objects.values_list("area_path", flat=True)) == {kept}
    reshape.undo(planner, change.id)
    assert area_of(hook) == gone


def test_webhooks_and_other_systems_follow_too(town: Town, planner: Actor) -> None:
    gone = town["c2"].area_path
    hook = Hook.objects.create(account_id=accounts.make_account(("integrator", gone)).id, name="x", url="https://x.example",
                               types=["*"], area_path=gone, secret=b"x")  # fmt: skip
    given = {"name": "邻区", "base_url": "https://next.example/v2", "area_path": gone}
    endpoint = endpoints.create_endpoint(actor=SYSTEM, given=given)
    plan = reshape.plan_merge(planner, [town["c1"].id, town["c2"].id], ("大社区", "Big"))
    reshape.apply(planner, plan, revision=reshape.preview(plan).revision)
    for row in (hook, endpoint):
        row.refresh_from_db()
        assert row.area_path == town["c1"].area_path


def test_one_of_a_grid_that_is_split_stays_and_the_preview_says_that_it_loses_ground(
    town: Town, planner: Actor
) -> None:
    hook = enter(town["a"].area_path)
    line = {"type": "LineString", "coordinates": [[W - 0.5 * STEP, S + 0.9 * STEP], [W + 1.5 * STEP, S + 0.9 * STEP]]}
    plan = reshape.plan_split(planner, town["a"].id, line)
    preview = reshape.preview(plan)
    assert counted(preview)["adapters.intake_hook.narrowed"] == 1
    reshape.apply(planner, plan, revision=preview.revision)
    assert area_of(hook) == plan.create[0].area_path == town["a"].area_path
