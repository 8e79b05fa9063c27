"""The map counted in memory says what SQL says, whatever was written by whom, and to each only what is theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.cases.conftest import NORTH, SOUTH, D, Desk, make_district

from linli.cases import geo
from linli.cases.models import Case
from linli.cases.selectors import figures, openmap
from linli.cases.selectors.listing import Filter
from linli.cases.services import upkeep
from linli.kernel import clock
from linli.kernel.actor import SYSTEM, Actor, Grant

pytestmark = pytest.mark.django_db(transaction=True)
AREAS = (D, NORTH, SOUTH, f"{D}.00", "340121401", "")
STATES = ("submitted", "handling", "suspended")


@pytest.fixture
def town(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    openmap.HELD.forget()
    yield make_district()
    openmap.HELD.forget()


def new(rng: random.Random, owners: list[Any], teams: list[Any]) -> Case:
    lon, lat = 117.2 + rng.randrange(12) / 100, 31.94 + rng.randrange(8) / 100
    x, y = geo.to_metres(lon, lat) if rng.random() < 0.9 else (None, None)
    return Case(
        number=f"T-{uuid4().hex[:16]}", kind="problem", step=4, state=rng.choice(STATES), lon=lon, lat=lat, x=x, y=y,
        area_path=rng.choice(AREAS), private=rng.random() < 0.3, urgent=rng.random() < 0.2,
        due_at=rng.choice((None, *(clock.now() + timedelta(hours=h) for h in (-1, 0, 1, 2, 3)))),
        source=rng.choice(("linli", "linli", "linli", "sf311")), created_by=rng.choice([None, *owners]),
        team_id=rng.choice([None, *teams]), closed_at=clock.now() if rng.random() < 0.2 else None,
    )  # fmt: skip


def written(rng: random.Random, owners: list[Any], teams: list[Any]) -> None:
    """Some change of some case, as an act, an import or somebody at the database might make it."""
    some = Case.objects.filter(pk__in=rng.sample(list(Case.objects.values_list("pk", flat=True)), 1))
    like = new(rng, owners, teams)
    fields = (
        "state",
        "x",
        "y",
        "area_path",
        "private",
        "urgent",
        "due_at",
        "source",
        "created_by",
        "team_id",
        "closed_at",
    )
    match rng.randrange(5):
        case 0:
            like.save()
        case 1:
            some.delete()
        case _:
            names = rng.sample(fields, rng.randint(1, 3))
            if {"x", "y"} & set(names):
                names = [*{*names, "x", "y"}]
            some.update(**{name: getattr(like, name) for name in names})


def actors(desk: Desk) -> list[Actor]:
    def made(area: str, *permissions: str, teams: tuple[Any, ...] = ()) -> Actor:
        return Actor("account", desk.account("dispatcher").id, "x", (Grant("r", area, frozenset(permissions)),), teams)

    both = made(D, "cases.view")
    split = Actor("account", uuid4(), "y", (*both.grants, Grant("s", NORTH, frozenset({"cases.private"}))))
    mine = made(NORTH, "cases.view", teams=(desk.pump, desk.patrol))
    private = made(D, "cases.view", "cases.private", teams=(desk.pump,))
    return [SYSTEM, both, split, mine, private, made(SOUTH, "cases.private"), made("", "cases.view")]


def agree(desk: Desk) -> int:
    """Counts everything both ways, and says how much there was."""
    total, box = 0, (117.215, 31.95, 117.29, 32.0)
    for actor in actors(desk):
        for area, zoom, within in (("", 5, None), ("", 14, None), (NORTH, 12, None), ("", 20, box), (D, 13, box)):
            f, half = Filter(area=area), round(figures.WORLD / 2)
            size = max(1, round(figures.WORLD / 2**zoom * figures.CELL_PX / 512))
            told = figures._counted(actor, f, zoom, within)
            rows = figures._counted_by_sql(actor, f, size, half, within)
            counted = [[*geo.to_degrees(x, y), *more] for x, y, *more in rows]
            assert sorted(map(str, told["rows"])) == sorted(map(str, counted)), (actor.grants, area, zoom)
            total += told["total"]
    return total


@settings(max_examples=12, deadline=None, phases=[Phase.generate],  # a seed is not made smaller to any use
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(seed=st.integers(0, 2**32))
def test_memory_and_sql_agree_under_random_changes(town: Desk, seed: int) -> None:
    rng = random.Random(seed)
    owners, teams = [town.account("dispatcher").id, uuid4()], [town.pump, town.patrol]
    Case.objects.all().delete()
    Case.objects.bulk_create([new(rng, owners, teams) for _ in range(40)])
    assert agree(town) > 0
    for _ in range(4):
        for _ in range(rng.randint(1, 8)):
            written(rng, owners, teams)
        agree(town)


def one(desk: Desk, **more: Any) -> Case:
    x, y = geo.to_metres(117.25, 31.99)
    values = {
        "kind": "problem",
        "step": 4,
        "state": "handling",
        "area_path": NORTH,
        "x": x,
        "y": y,
        "lon": 117.25,
        "lat": 31.99,
    }
    return Case.objects.create(**{**values, "number": f"T-{uuid4().hex[:16]}", **more})


def total() -> int:
    assert not connection.in_atomic_block
    return int(figures._counted(SYSTEM, Filter(), 12, None)["total"])


def test_what_another_process_commits_late_is_not_missed(town: Desk) -> None:
    """It began to write before the reading and commits after it, while others commit in between."""
    late, soon = one(town), one(town)
    assert total() == 2
    known = {
        k: v
        for k, v in connection.get_connection_params().items()
        if k in ("dbname", "user", "password", "host", "port")
    }
    with psycopg.connect(**known) as other:
        other.execute("UPDATE cases_case SET closed_at = now() WHERE id = %s", [late.pk])
        assert total() == 2
        Case.objects.filter(pk=soon.pk).update(closed_at=clock.now())
        assert total() == 1
        one(town)
        assert total() == 2
        other.commit()
    assert total() == 1


def test_what_was_undone_was_never_counted(town: Desk) -> None:
    one(town)
    assert total() == 1
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        one(town)
        assert figures._counted(SYSTEM, Filter(), 12, None)["total"] == 2  # by SQL, and not remembered
        raise ZeroDivisionError
    assert total() == 1


def test_an_emptied_table_a_long_pause_and_deleted_notes_are_noticed(
    town: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(town)
    assert total() == 1
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE cases_case CASCADE")
    assert total() == 0
    one(town)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cases_map_change SET at = at - interval '3 hours'")
    upkeep.forget_changes()
    assert total() == 0, "without the notes nothing is seen of it: so they are kept for longer than a memory lasts"
    later = openmap.time.monotonic() + openmap.STALE_S + 1
    monkeypatch.setattr(openmap.time, "monotonic", lambda: later)
    assert total() == 1


def test_too_many_cases_are_counted_by_sql(town: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmap, "MOST", 1)
    one(town), one(town)
    assert total() == 2 and openmap.HELD._too_many and not openmap.HELD._places


def test_what_the_map_does_not_show_leaves_no_note(town: Desk) -> None:
    case = one(town)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_map_change")
        Case.objects.filter(pk=case.pk).update(me_too=3, version=2)
        cursor.execute("SELECT count(*) FROM cases_map_change")
        assert cursor.fetchone() == (0,)
