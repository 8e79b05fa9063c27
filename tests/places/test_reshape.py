"""Boundaries change in one transaction with all that lives in them; preview tells, undo brings back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from tests.places.conftest import STEP, S, W, someone, square

from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places import facade, index
from linli.places.contracts import RehomedTable
from linli.places.models import Grid, Unit
from linli.places.services import rehoming, reshape, sweeping

Town = dict[str, Grid]
pytestmark = pytest.mark.django_db


def line(x1: float, y1: float, x2: float, y2: float) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [[W + x1 * STEP, S + y1 * STEP], [W + x2 * STEP, S + y2 * STEP]]}


ACROSS_A = line(-0.5, 1, 1.5, 1)


def homes() -> dict[str, tuple[str, Any]]:
    return {u.code: (u.area_path, u.grid_id) for u in Unit.objects.order_by("code")}


def test_a_split_rehomes_units_and_undo_puts_them_back(town: Town, planner: Actor) -> None:
    before = homes()
    plan = reshape.plan_split(planner, town["a"].id, line(-0.5, 0.9, 1.5, 0.9), [("", ""), ("南片", "South")])
    preview = reshape.preview(plan)
    counts = {c["name"]: c["count"] for c in preview.counts if c["name"].startswith("places.")}
    assert counts == {"places.compound": 1, "places.building": 1, "places.unit": 4}
    assert not preview.problems
    change = reshape.apply(planner, plan, revision=preview.revision)
    index.refresh()
    keeps, south = plan.create
    assert (keeps.area_path, south.name_zh, south.area_path.rpartition(".")[2]) == (town["a"].area_path, "南片", "003")
    assert [p for p, _ in homes().values()] == [south.area_path] * 2 + [keeps.area_path] * 2
    assert {g for _, g in homes().values()} == {keeps.id, south.id}
    assert facade.locate(W + 0.005, S + 0.002).grid_id == south.id
    assert AuditRow.objects.filter(action="places.grid.split").count() == 1
    assert OutboxEvent.objects.filter(type="grid.changed").count() == 1
    reshape.undo(planner, change.id)
    index.refresh()
    assert homes() == before
    assert facade.locate(W + 0.005, S + 0.002).grid_id == town["a"].id
    with pytest.raises(Conflict):
        reshape.undo(planner, change.id)


def test_a_split_of_a_community_takes_its_children_whole_and_renames_their_paths(town: Town, planner: Actor) -> None:
    plan = reshape.plan_split(planner, town["c1"].id, line(0.95, -1, 0.95, 3), [])
    assert not [p for p in reshape.problems_of(plan) if p.kind != "gap"]
    change = reshape.apply(planner, plan, revision=None)
    now = {g.code: g for g in Grid.objects.filter(valid_to=None)}
    paths = {now[c].area_path for c in ("340121999001001", "340121999001002")}
    assert paths == {f"{town['west'].area_path}.001.001", f"{town['west'].area_path}.003.002"} or paths == {
        f"{town['west'].area_path}.003.001", f"{town['west'].area_path}.001.002"}  # fmt: skip
    for unit in Unit.objects.all():
        assert unit.area_path == now["340121999001001"].area_path
        assert unit.grid_id == now["340121999001001"].id
    for grid in now.values():
        if grid.parent_id:
            assert Grid.objects.get(id=grid.parent_id).valid_to is None
            assert grid.area_path.startswith(Grid.objects.get(id=grid.parent_id).area_path + ".")
    reshape.undo(planner, change.id)
    assert set(Grid.objects.filter(valid_to=None).values_list("id", flat=True)) == {g.id for g in town.values()}
    assert Grid.objects.get(id=town["a"].id).parent_id == town["c1"].id
    assert {p for p, _ in homes().values()} == {town["a"].area_path}


def test_a_merge_joins_neighbours_and_gives_children_free_numbers(town: Town, planner: Actor) -> None:
    before = homes()
    reshape.plan_create(planner, town["c2"].id, name=("北一", ""), polygon=square(0, 2, 2, 2))
    reshape.apply(planner, reshape.plan_create(planner, town["c2"].id, name=("北一", ""), polygon=square(0, 2, 2, 2)),
                  revision=None)  # fmt: skip
    plan = reshape.plan_merge(planner, [town["c1"].id, town["c2"].id], ("大社区", "Big"))
    change = reshape.apply(planner, plan, revision=None)
    alive = Grid.objects.filter(valid_to=None, level=3)
    assert len({g.area_path for g in alive}) == 3
    big = Grid.objects.get(valid_to=None, level=2, name_zh="大社区")
    assert {g.parent_id for g in alive} == {big.id}
    reshape.undo(planner, change.id)
    assert homes() == before


def test_grids_that_do_not_touch_or_differ_in_level_are_not_merged(town: Town, planner: Actor) -> None:
    with pytest.raises(Invalid, match="same parent"):
        reshape.plan_merge(planner, [town["c1"].id, town["c3"].id])
    with pytest.raises(Invalid, match="at least two"):
        reshape.plan_merge(planner, [town["c1"].id])


def test_a_redraw_trims_neighbours_and_moves_what_changed_hands(town: Town, planner: Actor) -> None:
    grown = square(0, 0, 1, 2)
    grown["coordinates"] = [[[W, S], [W + 0.015, S], [W + 0.015, S + 0.02], [W, S + 0.02], [W, S]]]
    Unit.objects.filter(code="K1-1-4").update(lon=W + 0.012, grid_id=town["b"].id, area_path=town["b"].area_path)
    plan = reshape.plan_redraw(planner, [(town["a"].id, grown)], trim=True)
    preview = reshape.preview(plan)
    assert not preview.problems
    change = reshape.apply(planner, plan, revision=preview.revision)
    assert Unit.objects.get(code="K1-1-4").area_path == town["a"].area_path
    assert Grid.objects.filter(valid_to=None, area_path=town["b"].area_path).get().area_m2 < town["b"].area_m2 * 0.6
    reshape.undo(planner, change.id)
    assert Unit.objects.get(code="K1-1-4").grid_id == town["b"].id


def test_without_trim_an_overlap_is_refused_and_a_gap_is_shown(town: Town, planner: Actor) -> None:
    wide = {"type": "Polygon", "coordinates": [[[W, S], [W + 0.015, S], [W + 0.015, S + 0.02], [W, S + 0.02], [W, S]]]}
    plan = reshape.plan_redraw(planner, [(town["a"].id, wide)], trim=False)
    assert {p.kind for p in reshape.preview(plan).problems} == {"overlap"}
    with pytest.raises(Invalid, match="overlap"):
        reshape.apply(planner, plan, revision=None)
    narrow = {
        "type": "Polygon",
        "coordinates": [[[W, S], [W + 0.005, S], [W + 0.005, S + 0.02], [W, S + 0.02], [W, S]]],
    }
    plan = reshape.plan_redraw(planner, [(town["a"].id, narrow)], trim=True)
    assert [p.kind for p in reshape.preview(plan).problems] == ["gap"]


def test_a_dedicated_grid_takes_its_units_and_gives_them_back(town: Town, planner: Actor) -> None:
    before = homes()
    mall = {"type": "Polygon", "coordinates": [[[W + 0.004, S + 0.001], [W + 0.006, S + 0.001], [W + 0.006, S + 0.003],
                                                [W + 0.004, S + 0.003], [W + 0.004, S + 0.001]]]}  # fmt: skip
    plan = reshape.plan_create(planner, town["a"].id, name=("商场", "Mall"), polygon=mall, kind="dedicated")
    change = reshape.apply(planner, plan, revision=None)
    assert homes()["K1-1-1"][1] == plan.create[0].id
    assert [u for u, h in homes().items() if h != before[u]] == ["K1-1-1"]
    reshape.undo(planner, change.id)
    assert homes() == before


def test_a_stale_preview_is_refused(town: Town, planner: Actor) -> None:
    plan = reshape.plan_split(planner, town["a"].id, ACROSS_A)
    reshape.apply(planner, plan, revision=None)
    with pytest.raises(Conflict):
        reshape.apply(planner, reshape.plan_split(planner, town["b"].id, line(0.5, 1, 2.5, 1)), revision=1)


def test_undo_waits_for_later_changes_and_ends_after_a_day(town: Town, planner: Actor) -> None:
    first = reshape.apply(planner, reshape.plan_split(planner, town["a"].id, ACROSS_A), revision=None)
    south = Grid.objects.get(area_path=town["a"].area_path, valid_to=None)
    later = reshape.plan_split(planner, south.id, line(0.5, -1, 0.5, 3))
    second = reshape.apply(planner, later, revision=None)
    with pytest.raises(Conflict, match="later change"):
        reshape.undo(planner, first.id)
    reshape.undo(planner, second.id)
    first.undo_until = clock.now() - timedelta(seconds=1)
    first.save()
    with pytest.raises(Conflict, match="until"):
        reshape.undo(planner, first.id)


def test_rights(town: Town) -> None:
    reader, elsewhere = someone("", "grids.view"), someone(town["east"].area_path, "grids.view", "grids.manage")
    with pytest.raises(Forbidden):
        reshape.plan_split(reader, town["a"].id, ACROSS_A)
    with pytest.raises(NotFound):
        reshape.plan_split(elsewhere, town["a"].id, ACROSS_A)


@pytest.mark.parametrize("bad", [
    {}, {"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[1, 2]]},
    {"type": "LineString", "coordinates": "x"}, line(5, 5, 6, 6), line(-1, 1, 0.5, 1),
])  # fmt: skip
def test_a_bad_line_is_refused(town: Town, planner: Actor, bad: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        reshape.plan_split(planner, town["a"].id, bad)


def test_other_modules_rows_move_counted_journalled_and_swept(town: Town, planner: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE x_case (id int primary key, area_path text, grid_id uuid, lon float, lat float,"
                       " closed bool)")  # fmt: skip
        for i, (lat, closed) in enumerate([(0.002, False), (0.015, True), (None, False)]):
            cursor.execute("INSERT INTO x_case VALUES (%s, %s, %s, %s, %s, %s)",
                           [i, town["a"].area_path, town["a"].id, W + 0.005, lat and S + lat, closed])  # fmt: skip
    table = RehomedTable("x", "案件", "Cases", "x_case", where="NOT t.closed")
    seen: list[Any] = []
    facade.rehome_table(table)
    facade.on_rehome(seen.append)
    try:
        plan = reshape.plan_split(planner, town["a"].id, line(-0.5, 0.9, 1.5, 0.9))
        assert {c["name"]: c["count"] for c in reshape.preview(plan).counts}["x"] == 2
        change = reshape.apply(planner, plan, revision=None)
        assert change.counts["x"] == 3
        assert len(seen) == 1
        keeps, south = plan.create
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO x_case VALUES (9, %s, %s, %s, %s, false)",
                           [town["a"].area_path, town["a"].id, W + 0.005, S + 0.003])  # fmt: skip
            assert sweeping.sweep(change.id)["x"] == 1
            cursor.execute("SELECT id, grid_id FROM x_case ORDER BY id")
            assert cursor.fetchall() == [(0, south.id), (1, keeps.id), (2, keeps.id), (9, south.id)]
            reshape.undo(planner, change.id)
            cursor.execute("SELECT DISTINCT area_path, grid_id FROM x_case")
            assert cursor.fetchall() == [(town["a"].area_path, town["a"].id)]
    finally:
        rehoming.TABLES.pop("x")
        rehoming.HOOKS.remove(seen.append)
