"""What really lives in grids when boundaries change: cases, tasks, devices, units, and the rights of people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.identity import accounts
from tests.places.conftest import STEP, S, W, someone, square

from linli.cases import facade as cases
from linli.cases import numbers
from linli.cases.models import Case
from linli.devices.models import Device, ThingModel
from linli.identity.models import Account, RoleGrant
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs
from linli.orgs.models import Centre, Team
from linli.places import facade, index
from linli.places.models import Grid, GridChange, PlacesRevision, RehomeMove, Unit
from linli.places.services import rehoming, reshape, sweeping
from linli.work.models import Task

Town = dict[str, Grid]
pytestmark = pytest.mark.django_db


def line(x1: float, y1: float, x2: float, y2: float) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [[W + x1 * STEP, S + y1 * STEP], [W + x2 * STEP, S + y2 * STEP]]}


def report(lon: float = W + 0.005, lat: float = S + 0.004) -> UUID:
    """A real case at a point: where unit 2 of the town is, if nothing else is said."""
    numbers._known.clear()
    index.refresh()
    return cases.report_signal(
        actor=SYSTEM, channel="staff", class_code="200406", text="井盖冒水", lon=lon, lat=lat
    ).case_id


@pytest.fixture
def living(town: Town) -> Town:
    """In grid a: an open case with the task of a team, and a device."""
    team = orgs.ensure_team(code="pump", name_zh="泵站二组", kind="pump", area_path=town["root"].area_path)
    cases.act(actor=SYSTEM, case_id=report(), action="dispatch", team=str(team))
    model = ThingModel.objects.create(
        code="t_gauge", name_zh="水位计", name_en="Gauge", subject="place", category="water"
    )
    Device.objects.create(code="WL-1", name_zh="水位计", model=model, area_path=town["a"].area_path,
                          grid_id=town["a"].id, lon=W + 0.005, lat=S + 0.004)  # fmt: skip
    return town


def homes() -> dict[str, tuple[str, UUID | None]]:
    rows = {"case": Case.objects.get(), "task": Task.objects.get(), "device": Device.objects.get(),
            "unit": Unit.objects.get(code="K1-1-2"), "north": Unit.objects.get(code="K1-1-4")}  # fmt: skip
    return {name: (row.area_path, row.grid_id) for name, row in rows.items()}


def counted(preview: reshape.Preview) -> dict[str, int]:
    return {c["name"]: c["count"] for c in preview.counts}


def test_a_real_case_its_task_a_device_and_a_unit_move_and_come_back_together(living: Town, planner: Actor) -> None:
    before = homes()
    assert set(before.values()) == {(living["a"].area_path, living["a"].id)}
    plan = reshape.plan_split(planner, living["a"].id, line(-0.5, 0.9, 1.5, 0.9))
    preview = reshape.preview(plan)
    found = counted(preview)
    assert (found["cases.case"], found["work.task"], found["devices.device"], found["places.unit"]) == (1, 1, 1, 4)
    assert homes() == before  # looking changes nothing
    change = reshape.apply(planner, plan, revision=preview.revision)
    keeps, south = plan.create
    now = homes()
    assert {now.pop("north")} == {(keeps.area_path, keeps.id)}
    assert set(now.values()) == {(south.area_path, south.id)}
    assert south.area_path != living["a"].area_path
    assert {name: change.counts[name] for name in ("cases.case", "work.task", "devices.device", "places.unit")} == {
        "cases.case": 1, "work.task": 1, "devices.device": 1, "places.unit": 4}  # fmt: skip
    reshape.undo(planner, change.id)
    assert homes() == before


def test_when_one_thing_cannot_follow_nothing_moves(living: Town, planner: Actor) -> None:
    """Grids, rows, journal, revision and audit are one transaction, hooks of other rooms included."""

    def picture() -> tuple[Any, ...]:
        return (homes(), set(Grid.objects.filter(valid_to=None).values_list("id", "area_path")),
                PlacesRevision.objects.get().revision, GridChange.objects.count(), RehomeMove.objects.count(),
                AuditRow.objects.count(), OutboxEvent.objects.count())  # fmt: skip

    seen: list[Any] = []

    def refuses(changes: Any) -> None:
        seen.append(homes())
        raise RuntimeError("a room that cannot follow")

    before = picture()
    facade.on_rehome(refuses)
    try:
        with pytest.raises(RuntimeError, match="cannot follow"):
            reshape.apply(
                planner, reshape.plan_split(planner, living["a"].id, line(-0.5, 0.9, 1.5, 0.9)), revision=None
            )
    finally:
        rehoming.HOOKS.remove(refuses)
    assert seen and seen[0] != before[0]  # it had moved when the hook was called
    assert picture() == before


def late(town: Town) -> Unit:
    """Another process writes unit 2 with the picture it had before."""
    Unit.objects.filter(code="K1-1-2").update(grid_id=town["a"].id, area_path=town["a"].area_path)
    return Unit.objects.get(code="K1-1-2")


def test_a_late_row_is_moved_though_another_grid_has_changed_meanwhile(town: Town, planner: Actor) -> None:
    plan = reshape.plan_split(planner, town["a"].id, line(-0.5, 0.9, 1.5, 0.9))
    change = reshape.apply(planner, plan, revision=None)
    reshape.apply(planner, reshape.plan_split(planner, town["b"].id, line(0.5, 1, 2.5, 1)), revision=None)
    unit = late(town)
    assert sweeping.sweep(change.id)["places.unit"] == 1
    unit.refresh_from_db()
    assert (unit.area_path, unit.grid_id) == (plan.create[1].area_path, plan.create[1].id)
    assert sweeping.sweep(change.id)["places.unit"] == 0


def test_a_late_row_goes_to_the_grid_of_today_when_the_same_ground_changed_twice(town: Town, planner: Actor) -> None:
    first = reshape.plan_split(planner, town["a"].id, line(-0.5, 0.9, 1.5, 0.9))
    change = reshape.apply(planner, first, revision=None)
    again = reshape.plan_split(planner, first.create[1].id, line(-0.5, 0.3, 1.5, 0.3))
    reshape.apply(planner, again, revision=None)
    unit = late(town)
    sweeping.sweep(change.id)
    unit.refresh_from_db()
    node = index.refresh().find(unit.lon, unit.lat)
    assert unit.grid_id == node.info.grid_id in {g.id for g in again.create}
    assert unit.area_path == node.info.area_path


def test_a_late_row_of_a_change_that_was_undone_goes_back(town: Town, planner: Actor) -> None:
    plan = reshape.plan_split(planner, town["a"].id, line(-0.5, 0.9, 1.5, 0.9))
    change = reshape.apply(planner, plan, revision=None)
    reshape.undo(planner, change.id)
    reshape.apply(planner, reshape.plan_split(planner, town["b"].id, line(0.5, 1, 2.5, 1)), revision=None)
    south = plan.create[1]
    Unit.objects.filter(code="K1-1-2").update(grid_id=south.id, area_path=south.area_path)
    assert sweeping.sweep(change.id)["places.unit"] == 1
    unit = Unit.objects.get(code="K1-1-2")
    assert (unit.area_path, unit.grid_id) == (town["a"].area_path, town["a"].id)


def rights() -> dict[str, set[Any]]:
    return {"grants": set(RoleGrant.objects.values_list("id", "area_path")),
            "accounts": set(Account.objects.values_list("id", "area_path")),
            "teams": set(Team.objects.values_list("code", "area_path")),
            "centres": set(Centre.objects.values_list("code", "area_path"))}  # fmt: skip


def test_people_and_teams_of_a_grid_that_a_merge_ends_serve_the_merged_one(town: Town, planner: Actor) -> None:
    plan = reshape.plan_merge(planner, [town["c1"].id, town["c2"].id], ("大社区", "Big"))
    kept, gone = town["c1"].area_path, town["c2"].area_path
    assert plan.create[0].area_path == kept
    member = accounts.make_account(("grid_member", gone))
    both = accounts.make_account(("grid_member", kept), ("grid_member", gone))  # needs the role there only once
    twice = accounts.make_account(("grid_member", town["east"].area_path))
    orgs.ensure_team(code="patrol", name_zh="巡查一队", kind="patrol", area_path=gone)
    orgs.ensure_centre(code="sub", name_zh="分中心", area_path=gone)
    case_id, before = report(lat=S + 0.035), rights()
    preview = reshape.preview(plan)
    found = counted(preview)
    assert [found[n] for n in ("identity.grant", "identity.account", "orgs.team", "orgs.centre")] == [1, 1, 1, 1]
    OutboxEvent.objects.all().delete()
    change = reshape.apply(planner, plan, revision=preview.revision)
    index.refresh()
    grant = RoleGrant.objects.get(account=member)
    assert grant.area_path == Account.objects.get(id=member.id).area_path == kept
    assert {Team.objects.get(code="patrol").area_path, Centre.objects.get(code="sub").area_path} == {kept}
    assert RoleGrant.objects.get(account=twice).area_path == town["east"].area_path
    dropped = {e.envelope["data"]["account_id"] for e in OutboxEvent.objects.filter(type="session.revoked")}
    assert str(member.id) in dropped and str(twice.id) not in dropped
    assert Case.objects.get(id=case_id).area_path == kept
    for account, status in ((member, 200), (both, 200), (twice, 404)):
        assert accounts.client_for(account).get(f"/api/v1/cases/{case_id}").status_code == status
    reshape.undo(planner, change.id)
    assert rights() == before


def test_two_grants_that_a_merge_would_make_one_are_not_doubled(town: Town, planner: Actor) -> None:
    """Three neighbours become one; the holder of a role in the two that end holds it once in the third."""
    third = reshape.plan_create(planner, town["west"].id, name=("三社区", ""), polygon=square(0, 3, 2, 1))
    north = town["c2"]
    reshape.apply(planner, reshape.plan_redraw(planner, [(north.id, square(0, 2, 2, 1))], trim=False), revision=None)
    reshape.apply(planner, third, revision=None)
    grids = list(Grid.objects.filter(valid_to=None, level=2, parent=town["west"]))
    plan = reshape.plan_merge(planner, [g.id for g in grids])
    ends = [g.area_path for g in grids if g.area_path != plan.create[0].area_path]
    account = accounts.make_account(*(("grid_member", area) for area in ends))
    before = rights()
    change = reshape.apply(planner, plan, revision=None)
    held = list(RoleGrant.objects.filter(account=account).values_list("area_path", flat=True))
    assert len(held) == 2 and held.count(plan.create[0].area_path) == 1
    reshape.undo(planner, change.id)
    assert rights() == before


def test_a_split_leaves_rights_with_the_largest_part_and_counts_who_loses_ground(town: Town, planner: Actor) -> None:
    area = town["a"].area_path
    member, above = (
        accounts.make_account(("grid_member", area)),
        accounts.make_account(("duty_lead", town["c1"].area_path)),
    )
    before = rights()
    plan = reshape.plan_split(planner, town["a"].id, line(-0.5, 0.9, 1.5, 0.9))
    found = counted(reshape.preview(plan))
    assert (found["identity.grant"], found["identity.grant.narrowed"]) == (0, 1)
    change = reshape.apply(planner, plan, revision=None)
    assert rights() == before and RoleGrant.objects.get(account=member).area_path == area
    assert RoleGrant.objects.get(account=above).area_path == town["c1"].area_path
    reshape.undo(planner, change.id)
    assert rights() == before


def test_rights_in_a_child_follow_it_to_its_new_path(town: Town, planner: Actor) -> None:
    pair = {g.id: accounts.make_account(("grid_member", g.area_path)) for g in (town["a"], town["b"])}
    before = rights()
    plan = reshape.plan_split(planner, town["c1"].id, line(0.95, -1, 0.95, 3))
    [moved] = [g for g in plan.retire if g.level == 3]
    assert counted(reshape.preview(plan))["identity.grant"] == 1
    change = reshape.apply(planner, plan, revision=None)
    path = Grid.objects.get(valid_to=None, code=moved.code).area_path
    assert path != moved.area_path
    assert RoleGrant.objects.get(account=pair[moved.id]).area_path == path
    reshape.undo(planner, change.id)
    assert rights() == before


def test_nobody_is_given_ground_by_taking_a_new_grid_back(town: Town, planner: Actor) -> None:
    """A role in a grid that never was ends with it; it does not become one in the grid above."""
    mall = square(0, 0, 1, 1)
    change = reshape.apply(
        planner,
        reshape.plan_create(planner, town["a"].id, name=("商场", "Mall"), polygon=mall, kind="dedicated"),
        revision=None,
    )
    made = Grid.objects.get(id=change.created[0])
    account = accounts.make_account(("grid_member", made.area_path))
    reshape.undo(planner, change.id)
    assert RoleGrant.objects.get(account=account).area_path == made.area_path
    assert someone(made.area_path, "grids.view").areas("grids.view") == (made.area_path,)
