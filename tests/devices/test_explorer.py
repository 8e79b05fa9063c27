"""The explorer answers from columns in memory what the registry would answer by SQL, to whom it would, and no staler
than it says."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from tests.devices.conftest import AREA, Caller, person

from linli.devices import explorer_selectors as explorer
from linli.devices import roll, selectors
from linli.devices.models import Alarm, Device, DeviceStatus, Rule, ThingModel
from linli.kernel import clock, ids

OWNERS = ("排水所", "路灯所", "")
AREAS = (AREA, f"{AREA}.001", f"{AREA}.001.01", f"{AREA}.001.02", f"{AREA}.0010", f"{AREA}.002")


def model(code: str, subject: str = "place") -> ThingModel:
    return ThingModel.objects.create(code=code, name_zh=code, name_en=code.title(), subject=subject, category="x",
                                     interval_s=60, properties=[])  # fmt: skip


def thing(chance: random.Random, number: int, kinds: list[ThingModel]) -> Device:
    made = Device.objects.create(
        code=f"D-{number:03}", name_zh=f"{number} 号井盖", name_en=f"Cover {number}", model=chance.choice(kinds),
        area_path=chance.choice(AREAS), owner_department=chance.choice(OWNERS), terms=[],
        state=chance.choice(["active", "active", "active", "planned", "maintenance", "retired"]),
        lon=chance.choice([None, 117.2 + chance.random() / 50]), lat=31.9 + chance.random() / 50,
    )  # fmt: skip
    if chance.random() < 0.8:
        seen = clock.now() - timedelta(hours=chance.randrange(1, 50))
        DeviceStatus.objects.create(device=made, last_seen=seen,
                                    online_until=clock.now() + timedelta(hours=chance.choice([-1, 1])))  # fmt: skip
    return made


@pytest.fixture
def district(db: None, high_water: Rule) -> list[Device]:
    """160 devices of three kinds, one of them of households, at random; some with alarms."""
    chance = random.Random(7)
    kinds = [model("t_lamp"), model("t_cover"), model("t_meter", "household")]
    made = [thing(chance, number, kinds) for number in range(160)]
    for device in made[::5]:
        Alarm.objects.create(device=device, rule=high_water, rule_version=1, title_zh="高", title_en="high",
                             severity=chance.choice(["info", "warning", "urgent"]), started_at=clock.now(),
                             raised_at=clock.now(), area_path=device.area_path)  # fmt: skip
    return made


def whole(actor: Any, **asked: Any) -> list[Device]:
    """All rows of a question, by pages of nine."""
    found: list[Device] = []
    sort, cursor = asked.pop("sort", "code"), None
    while True:
        page, cursor = explorer.rows(actor, explorer.Wanted(**asked), sort=sort, cursor=cursor, limit=9)
        found += page
        if cursor is None:
            return found


def by_sql(actor: Any, **asked: Any) -> list[Device]:
    found, cursor = [], None
    while True:
        page, cursor = selectors.devices(actor, cursor=cursor, limit=50, **asked)
        found += page
        if cursor is None:
            return found


@pytest.mark.parametrize("area", [AREA, f"{AREA}.001", f"{AREA}.009"])
def test_the_same_rows_as_the_registry_gives(district: list[Device], area: str) -> None:
    actor, chance = person(area), random.Random(3)
    for _ in range(40):
        asked = {
            "model": chance.choice(["", "t_lamp", "t_cover", "t_meter"]), "owner": chance.choice(["", OWNERS[0]]),
            "area": chance.choice(["", f"{AREA}.001", f"{AREA}.002"]),
            "state": chance.choice(["", "active", "retired"]),
        }  # fmt: skip
        online = chance.choice([None, True, False])
        mine = whole(actor, **asked, link={None: "", True: "online", False: "silent"}[online])
        theirs = by_sql(actor, **asked, online=online)
        assert [d.pk for d in mine] == [d.pk for d in theirs], asked
        assert [(d.active_alarms, d.worst) for d in mine] == [(d.active_alarms, d.worst) for d in theirs]


def test_words_alarms_boxes_and_alternatives(district: list[Device]) -> None:
    me = person()
    assert [d.code for d in whole(me, q="COVER 井 7")] == [
        d.code for d in sorted(district, key=lambda d: d.code)
        if "7" in d.code and d.model_id != "t_meter" and d.state != "retired"
    ]  # fmt: skip
    assert {d.model_id for d in whole(me, model="t_lamp,t_cover")} == {"t_lamp", "t_cover"}
    assert {d.owner_department for d in whole(me, owner="-")} == {""}
    urgent = whole(me, alarm="urgent,info")
    assert urgent and {d.worst for d in urgent} == {"urgent", "info"}  # type: ignore[attr-defined]
    assert len(whole(me, alarm="any")) + len(whole(me, alarm="none")) == len(whole(me))
    box = (117.205, 31.9, 117.21, 31.91)
    inside = {d.pk for d in whole(me, box=box)}
    assert inside == {d.pk for d in whole(me) if d.lon and 117.205 <= d.lon <= 117.21 and d.lat <= 31.91} and inside


def test_the_worst_alarm_or_the_longest_silence_first(district: list[Device]) -> None:
    ranks = {"": -1, "info": 0, "warning": 1, "severe": 2, "urgent": 3}
    worst = [ranks[d.worst] for d in whole(person(), sort="alarm")]  # type: ignore[attr-defined]
    assert worst == sorted(worst, reverse=True) and worst[0] == 3 and worst[-1] == -1
    rows = whole(person(), sort="seen")
    seen = [d.status.last_seen.timestamp() // 1 if hasattr(d, "status") else 0 for d in rows]
    assert seen == sorted(seen) and len({d.pk for d in rows}) == len(whole(person()))


def test_facets_count_what_choosing_them_shows(district: list[Device]) -> None:
    """Each value of a facet says how many rows there are when it is chosen, with all other conditions kept."""
    me = person()
    asked = {"model": "t_lamp", "link": "silent", "owner": OWNERS[0]}
    found = explorer.facets(me, explorer.Wanted(**asked))
    assert found["total"] == len(whole(me, **asked)) > 0
    for name in ("model", "owner", "state", "link", "alarm"):
        for value in found[name]:
            rows = whole(me, **{**asked, name: value["key"] or "-"})
            assert len(rows) == value["n"], (name, value)
            assert sum(bool(d.active_alarms) for d in rows) == value["alarms"]  # type: ignore[attr-defined]
    areas = explorer.facets(me, explorer.Wanted(area=f"{AREA}.001"))["area"]
    counted = Counter(d.area_path for d in whole(me, area=f"{AREA}.001"))
    assert {a["key"]: a["n"] for a in areas} == dict(counted) and f"{AREA}.0010" not in counted
    top = {a["key"]: a["n"] for a in explorer.facets(me, explorer.Wanted())["area"]}
    assert set(top) == {AREA, f"{AREA}.001", f"{AREA}.0010", f"{AREA}.002"}


def test_cells_hold_every_device_with_a_point_once(district: list[Device]) -> None:
    me = person()
    placed = [d for d in whole(me) if d.lon is not None]
    for zoom in (3, 12, 15, 22):
        found = explorer.cells(me, explorer.Wanted(), zoom=zoom)
        at = {name: i for i, name in enumerate(found["fields"])}
        rows = found["items"]
        assert sum(r[at["count"]] for r in rows) == found["total"] == len(placed)
        assert sum(r[at["alarms"]] for r in rows) == sum(bool(d.active_alarms) for d in placed)  # type: ignore[attr-defined]
        alone = {UUID(r[at["id"]]) for r in rows if r[at["count"]] == 1}
        assert alone <= {d.pk for d in placed} and all(r[at["id"]] is None for r in rows if r[at["count"]] > 1)
    assert len(explorer.cells(me, explorer.Wanted(), zoom=3)["items"]) == 1 and len(alone) == len(placed)
    with mock.patch.object(explorer, "MAX_CELLS", 5):
        few = explorer.cells(me, explorer.Wanted(), zoom=20)
    assert len(few["items"]) <= 5 and few["total"] == len(placed), "taken larger, not left out"


def test_over_the_web(district: list[Device], call: Callable[..., Caller]) -> None:
    me = call()
    page = me.get("/device-rows?model=t_lamp&limit=5&sort=alarm")
    assert len(page["items"]) == 5 and page["items"][0]["worst_alarm"] == "urgent"
    again = me.get(f"/device-rows?model=t_lamp&limit=5&sort=alarm&cursor={page['next']}")
    assert not {i["id"] for i in page["items"]} & {i["id"] for i in again["items"]}
    assert me.get("/device-facets?model=t_lamp")["total"] == len(whole(person(), model="t_lamp"))
    assert me.get("/device-cells?zoom=12&bbox=117.2,31.9,117.21,31.95")["total"] > 0
    assert call(f"{AREA}.009").get("/device-facets")["total"] == 0
    for path, field in (
        ("/device-rows?link=x", "link"), ("/device-rows?sort=x", "sort"), ("/device-rows?alarm=x", "alarm"),
        ("/device-rows?cursor=x", "cursor"), ("/device-rows?limit=0", "limit"), ("/device-facets?state=x", "state"),
        ("/device-cells?zoom=40", "zoom"), ("/device-cells?zoom=3&bbox=1,2", "bbox"),
    ):  # fmt: skip
        assert me.get(path, 422)["errors"][0]["field"] == field


def test_the_number_of_queries_does_not_grow(district: list[Device]) -> None:
    with CaptureQueriesContext(connection) as few:
        explorer.rows(person(), explorer.Wanted(), limit=2)
    with CaptureQueriesContext(connection) as many:
        explorer.rows(person(), explorer.Wanted(), limit=100)
    assert len(few) == len(many) <= 6


def test_pins_are_all_or_none(district: list[Device], call: Callable[..., Caller]) -> None:
    me = call()
    all_pins = me.get("/device-pins")
    n = len(all_pins["items"])
    assert n > 20 and all_pins["more"] is False and len(me.get(f"/device-pins?most={n}")["items"]) == n
    assert me.get(f"/device-pins?most={n - 1}") == {"fields": all_pins["fields"], "items": [], "more": True}


# --- the roll that a process keeps ------------------------------------------------------------------------------------


@pytest.fixture
def keeper(transactional_db: None) -> Iterator[roll.Keeper]:
    yield roll.Keeper()


@pytest.mark.django_db(transaction=True)
def test_the_roll_follows_the_registry_without_reading_all_anew(keeper: roll.Keeper) -> None:
    kind, chance = model("t_lamp"), random.Random(5)
    made = [thing(chance, number, [kind]) for number in range(20)]
    first = keeper.now()
    assert len(first) == 20 and sorted(first.codes) == [d.code for d in made]
    assert keeper.now() is first, "not read again at once"
    Device.objects.filter(pk=made[3].pk).update(owner_department="新单位", updated_at=clock.now())
    new = Device.objects.create(id=ids.new_id(), code="A-000", name_zh="新", model=kind, area_path=AREA, terms=[])
    DeviceStatus.objects.update_or_create(device=new, defaults={"online_until": clock.now() + timedelta(hours=1)})
    keeper._read_at = -1e9  # as after its time
    with CaptureQueriesContext(connection) as asked:
        now = keeper.now()
    assert any("updated_at" in q["sql"] for q in asked), "only what changed"
    assert len(now) == 21 and len(first) == 20, "who looks at the one before is not disturbed"
    assert now.codes[now.order].tolist() == ["A-000", *[d.code for d in made]]
    place = now.codes.tolist().index(made[3].code)
    assert now.owners.texts[now.columns["owner"][place]] == "新单位" and now.id(place) == made[3].pk
    assert now.online(time.time())[now.codes.tolist().index("A-000")]


@pytest.mark.django_db(transaction=True)
def test_alarms_are_a_second_old_at_most(keeper: roll.Keeper, high_water: Rule, gauge: Device) -> None:
    assert keeper.now().columns["worst"].tolist() == [-1]
    keeper._age = 10.0
    alarm = Alarm.objects.create(device=gauge, rule=high_water, rule_version=1, title_zh="高", title_en="high",
                                 severity="urgent", started_at=clock.now(), raised_at=clock.now())  # fmt: skip
    keeper._alarms_at -= roll.ALARMS_S
    assert keeper.now().columns["worst"].tolist() == [3]
    Alarm.objects.filter(pk=alarm.pk).update(shelved_until=clock.now() + timedelta(hours=1))
    keeper._alarms_at -= roll.ALARMS_S
    assert keeper.now().columns["worst"].tolist() == [-1], "what is shelved is loud to nobody"
    connections.close_all()
