"""Things of households, persons and vehicles are on no path of SensorThings, nor their readings, whoever asks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.adapters.sensorthings.conftest import T0, Program, device, model
from tests.cases.conftest import IN_NORTH, NORTH

from linli.kernel.actor import SYSTEM
from linli.telemetry import facade as telemetry
from linli.telemetry.batch import PRIVATE

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
HIDDEN = {"household": "M-2", "person": "P-1", "vehicle": "V-1"}
SECRET = 77_777.5
SETS = ("Things", "Locations", "HistoricalLocations", "Datastreams", "Sensors", "ObservedProperties", "Observations",
        "FeaturesOfInterest")  # fmt: skip


@pytest.fixture
def hidden(program: Program, devices: dict[str, UUID]) -> list[UUID]:
    made = [device(model(f"kind_{s}", s), code, NORTH, IN_NORTH).pk for s, code in HIDDEN.items()]
    telemetry.write([(pk, "level", T0 + i, T0, SECRET, PRIVATE) for pk in made for i in range(3)])
    return made


def everything(program: Program) -> str:
    """All that can be read by following every link from the root."""
    seen: dict[str, str] = {}
    waiting = [f"/{name}?$top=1000" for name in SETS]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        answer = program.ask("GET", at)
        seen[at] = answer.content.decode()
        rows: list[Any] = answer.json().get("value", [answer.json()]) if answer.status_code == 200 else []
        waiting += [v for row in rows[:5] for k, v in row.items() if k.endswith("navigationLink")]
    return "".join(seen.values())


def test_no_path_leads_there(program: Program, hidden: list[UUID]) -> None:
    read = everything(program)
    assert "设备N-1" in read and str(SECRET) not in read
    assert not [word for word in (*HIDDEN.values(), "kind_", *map(str, hidden)) if word in read]
    for where in (f"result eq {SECRET}", "result gt 70000", "Datastream/Thing/properties/code eq 'P-1'"):
        assert program.get(f"/Observations?$filter={where}&$count=true") == {"@iot.count": 0, "value": []}
    assert program.get("/Things?$filter=Datastreams/Observations/result gt 70000")["value"] == []
    assert program.get("/Locations?$filter=substringof('P-1', name)")["value"] == []


def test_what_becomes_private_leaves(program: Program, devices: dict[str, UUID]) -> None:
    """A thing model whose subject a pack changes takes its things along."""
    from linli.devices.models import ThingModel

    assert program.names("/Things") == ["设备N-1", "设备S-1"]
    kind = ThingModel.objects.get(pk="gauge")
    kind.subject = "household"
    kind.save()
    assert program.names("/Things") == [] == program.names("/Datastreams") == program.names("/Locations")
    assert program.get("/Observations?$count=true") == {"@iot.count": 0, "value": []}
    assert SYSTEM.kind == "system"


def test_what_moves_to_another_grid_takes_its_place_along(program: Program, devices: dict[str, UUID]) -> None:
    from linli.devices.models import Device

    north = Program(area=NORTH)
    sets = ("Things", "Locations", "Datastreams", "FeaturesOfInterest", "HistoricalLocations")
    assert [north.get(f"/{s}/$count") for s in sets] == ["1", "1", "2", "1", "1"]
    Device.objects.filter(pk=devices["n"]).update(area_path="340121400.002")
    assert [north.get(f"/{s}/$count") for s in sets] == ["0"] * 5
