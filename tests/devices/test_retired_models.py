"""A retired thing model takes no new device, by every way that there is; those that are there go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.db.models.signals import pre_save
from tests.devices.conftest import Caller
from tests.devices.test_joining import ALL, GRID, ask, new_profile
from tests.devices.test_talk import run

from linli.devices import contracts, facade
from linli.devices.joining_models import Refusal
from linli.devices.models import Device, ThingModel
from linli.devices.services import common
from linli.kernel import clock, ids
from linli.kernel.errors import Invalid

pytestmark = pytest.mark.django_db
BODY = {"code": "NEW", "name_zh": "计", "model": "t_water", "area_path": GRID}


@pytest.fixture
def me(grids: list, call: Callable) -> Caller:
    return call("340121403", *ALL)  # type: ignore[no-any-return]


@pytest.fixture
def profile(water: ThingModel, me: Caller) -> dict[str, Any]:
    return new_profile(me)


def retire(water: ThingModel) -> None:
    ThingModel.objects.filter(pk=water.pk).update(retired_at=clock.now())


def test_nobody_registers_by_a_profile_of_it(water: ThingModel, profile: dict[str, Any], me: Caller) -> None:
    me.post("/devices", BODY | {"code": "OLD"}, 201)
    retire(water)
    assert ask(profile, "WL-1") == ("model-retired", None) and not Device.objects.filter(code="WL-1").exists()
    assert ask(profile, "OLD")[0] == "again", "it was registered before"
    (told,) = me.get("/provisioning-refusals")["items"]
    assert (told["name"], told["reason"]) == ("WL-1", "model-retired") and Refusal.objects.count() == 1
    whole = {"name_zh": "x", "model": "t_water", "area_path": GRID, "max_devices": 3}
    assert me.post("/provisioning-profiles", whole, 422)["errors"][0] == {"field": "model", "reason": common.RETIRED}
    ThingModel.objects.filter(pk=water.pk).update(retired_at=None)
    assert ask(profile, "WL-1")[0] == "made"


def test_no_gateway_makes_a_child_of_it(water: ThingModel, me: Caller) -> None:
    ThingModel.objects.create(code="generic", name_zh="通用", name_en="Generic", subject="place", category="other")
    speaker = Device.objects.create(code="GW", name_zh="网关", model=water, gateway=True, area_path=GRID)

    def child(name: str, kind: str) -> Any:
        return run(contracts.CHILD_SQL, speaker.pk, name, kind, ids.new_id(), contracts.search_words(name))[0]

    old, _ = child("C-1", "t_water")
    retire(water)
    assert child("C-2", "t_water") == (None, "type: thing model t_water is retired: no new device is of it")
    assert not Device.objects.filter(parent=speaker, parent_name="C-2").exists()
    assert child("C-1", "t_water") == (old, "") and child("C-2", "")[0], "who is there goes on; another kind is free"


def test_a_sheet_names_its_rows(water: ThingModel, me: Caller) -> None:
    retire(water)
    report = facade.import_devices(actor=me.actor, rows=[BODY])
    assert report.created == 0
    assert report.rejected == [{"row": 1, "code": "NEW", "field": "model", "reason": common.RETIRED}]


def test_no_thing_of_a_program_becomes_one(me: Caller) -> None:
    one = facade.open_device(actor=me.actor, fields={k: v for k, v in BODY.items() if k != "model"})
    ThingModel.objects.create(code="open-7", name_zh="x", name_en="x", subject="place", category="open",
                              retired_at=clock.now())  # fmt: skip
    prop = {"code": "level", "name": {"zh": "水位", "en": "level"}, "type": "number", "unit": "m"}
    with pytest.raises(Invalid) as refused:
        facade.enter_property(actor=me.actor, device_id=one.id, kind="7", name="x", prop=prop)
    assert refused.value.errors[0].field == "model"
    ThingModel.objects.filter(pk="open").update(retired_at=clock.now())
    with pytest.raises(Invalid):
        facade.open_device(actor=me.actor, fields={"code": "N", "name_zh": "x", "area_path": GRID})
    assert Device.objects.get().model_id == "open"


def test_the_table_refuses_whatever_forgot_to_ask(water: ThingModel, me: Caller) -> None:
    other = ThingModel.objects.create(code="o", name_zh="x", name_en="x", subject="place", category="other")
    old = Device.objects.create(code="OLD", name_zh="旧", model=water, area_path=GRID)
    third = Device.objects.create(code="O", name_zh="他", model=other, area_path=GRID)
    retire(water)
    for write in (
        lambda: Device.objects.create(code="X", name_zh="x", model=water, area_path=GRID),
        lambda: Device.objects.bulk_create([Device(code="X", name_zh="x", model=water, area_path=GRID)]),
        lambda: Device.objects.filter(pk=third.pk).update(model=water),
    ):
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            write()
        assert refused.value.__cause__.sqlstate == contracts.MODEL_RETIRED  # type: ignore[union-attr]
    old.name_zh = "改"
    old.save()
    assert me.patch(f"/devices/{old.pk}", {"name_zh": "还在"})["name"]["zh"] == "还在"


@contextmanager
def retiring(code: str) -> Iterator[None]:
    """The model is retired in the moment in which a device is written."""

    def now(**told: Any) -> None:
        ThingModel.objects.filter(pk=code).update(retired_at=clock.now())

    pre_save.connect(now, sender=Device)
    try:
        yield
    finally:
        pre_save.disconnect(now, sender=Device)


def test_one_that_is_retired_between_the_question_and_the_row_is_told_by_field(water: ThingModel, me: Caller) -> None:
    with retiring(water.pk):
        answer = me.post("/devices", BODY, 422)
    assert answer["errors"] == [{"field": "model", "reason": common.RETIRED}]
    assert not Device.objects.exists()
    me.post("/devices", BODY, 201)


def test_so_it_is_of_a_programs_thing(me: Caller) -> None:
    one = facade.open_device(actor=me.actor, fields={k: v for k, v in BODY.items() if k != "model"})
    prop = {"code": "level", "name": {"zh": "水位", "en": "level"}, "type": "number", "unit": "m"}
    with retiring("open-8"), pytest.raises(Invalid) as refused:
        facade.enter_property(actor=me.actor, device_id=one.id, kind="8", name="x", prop=prop)
    assert (refused.value.errors[0].field, refused.value.errors[0].reason) == ("model", common.RETIRED)
    assert Device.objects.get().model_id == "open"
    assert facade.enter_property(actor=me.actor, device_id=one.id, kind="8", name="x", prop=prop) == "open-8"
