"""The demo district's geography: complete, without overlap or gap, and loaded fast and once."""

from __future__ import annotations

import filecmp
import time
from pathlib import Path

import pytest
from django.db.models import Count

from linli.kernel import packs
from linli.kernel.actor import SYSTEM
from linli.places import checks, codes, facade, index, pack, selectors
from linli.places.models import Building, Compound, Grid, QrCode, Unit
from linli.places.services import qr, reshape

pytestmark = pytest.mark.django_db


def test_it_loads_whole_quickly_and_only_once() -> None:
    start = time.perf_counter()
    first = pack.load_pack()
    took = time.perf_counter() - start
    print(f"demo pack loaded in {took:.2f} s: { {k: r['created'] for k, r in first.items()} }")
    assert all(r["rejected"] == 0 for r in first.values())
    levels = dict(Grid.objects.filter(kind="responsibility").values_list("level").annotate(n=Count("id")))
    assert (levels[0], levels[1], levels[2]) == (1, 4, 12)
    assert levels[3] >= 30 and levels[4] >= 80
    purposes = set(Grid.objects.filter(kind="dedicated").values_list("purpose", flat=True))
    assert purposes == {"mall", "enterprise", "school"}
    assert (Compound.objects.count(), Compound.objects.filter(smart=True).count()) == (62, 61)
    assert Compound.objects.filter(funding="政府投资").count() == 12
    assert Building.objects.count() > 600 and Unit.objects.count() > 2000
    assert QrCode.objects.count() == Unit.objects.count()
    assert not Unit.objects.exclude(short_code__regex=r"^\d{6}$").exists()
    assert {len(u.area_path.split(".")) for u in Unit.objects.all()} == {5}
    again = pack.load_pack()
    assert all(r["created"] == 0 for r in again.values())


def test_its_grids_fit_without_overlap_or_gap() -> None:
    pack.load_pack()
    nodes = index.refresh().nodes
    assert checks.problems([(n.info, n.shape) for n in nodes]) == []
    wanli = next(g for g in facade.grids(2) if g.name_zh == "万里社区")
    assert wanli.code == "340121400012"
    assert {facade.grid_name(wanli.area_path, "en")} == {"Wanli Community"}
    place = facade.locate(wanli.lon, wanli.lat)
    assert place is not None and place.community_name == "万里社区"


def test_a_unit_is_found_by_both_its_codes_and_not_by_a_replaced_one() -> None:
    pack.load_pack()
    index.refresh()
    unit = Unit.objects.order_by("code").first()
    assert unit is not None
    code = selectors.qr_codes([unit.id])[unit.id]
    found = facade.unit_by_code(code)
    assert found is not None and found.unit_id == unit.id and found.community_zh.endswith("社区")
    assert facade.unit_by_code(unit.short_code) == found
    made = qr.rotate_qr(actor=SYSTEM, unit_id=unit.id, reason="被涂改")
    assert facade.unit_by_code(code) is None and facade.replaced_code(code)
    assert facade.unit_by_code(made.code) == found
    assert facade.unit_by_code(codes.new_qr()) is None and facade.unit_by_code("1234567890") is None


def test_a_split_of_a_loaded_community_finds_its_thousands_of_rows() -> None:
    pack.load_pack()
    index.refresh()
    wanli = Grid.objects.get(name_zh="万里社区", valid_to=None)
    ring = {"type": "LineString", "coordinates": [[wanli.lon - 0.05, wanli.lat], [wanli.lon + 0.05, wanli.lat]]}
    before = {u.id: (u.area_path, u.grid_id) for u in Unit.objects.all()}
    plan = reshape.plan_split(SYSTEM, wanli.id, ring)
    assert not [p for p in reshape.preview(plan).problems if p.kind == "overlap"]
    start = time.perf_counter()
    change = reshape.apply(SYSTEM, plan, revision=None)
    print(f"split of a community: {time.perf_counter() - start:.2f} s, {change.counts}")
    assert change.counts["places.unit"] > 10
    fresh = index.refresh()
    for unit in Unit.objects.all():
        node = fresh.find(unit.lon, unit.lat)
        assert node is not None and node.info.grid_id == unit.grid_id and node.info.area_path == unit.area_path
    reshape.undo(SYSTEM, change.id)
    assert {u.id: (u.area_path, u.grid_id) for u in Unit.objects.all()} == before


def test_the_committed_files_are_what_the_generator_draws(tmp_path: Path) -> None:
    from linli.sim import geography

    geography.main(tmp_path)
    folder = packs.root() / "demo" / "places"
    _, different, missing = filecmp.cmpfiles(tmp_path, folder, [p.name for p in tmp_path.iterdir()], shallow=False)
    assert (different, missing) == ([], [])


def test_layers_are_named_in_the_pack() -> None:
    assert pack.layer("roads") and pack.layer("water") and pack.layer("footprints")
    assert pack.layer("nothing") is None
