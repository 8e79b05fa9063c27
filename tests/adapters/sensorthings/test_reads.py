"""Reads: the district's devices as SensorThings entities, in every form that the language has."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from tests.adapters.sensorthings.conftest import ROOT, T0, Program

from linli.telemetry import facade

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
Devices = dict[str, UUID]


def test_devices_of_places_are_things(program: Program, devices: Devices) -> None:
    root = program.get("/")
    assert len(root["value"]) == 8 and root["serverSettings"]["conformance"]
    things = program.get("/Things?$expand=Locations,Datastreams($expand=Sensor,ObservedProperty)&$count=true")
    assert things["@iot.count"] == 2 and [t["name"] for t in things["value"]] == ["设备N-1", "设备S-1"]
    first = things["value"][0]
    assert first["Locations"][0]["location"]["coordinates"] == [117.25, 31.99]
    assert [d["ObservedProperty"]["name"] for d in first["Datastreams"]] == ["水位", "井盖开启"]
    assert first["Datastreams"][0]["Sensor"]["name"] == "模型gauge"
    assert first["Datastreams"][0]["phenomenonTime"] == "2026-09-21T14:13:20.000Z/2026-09-21T16:12:20.000Z"
    for set_ in root["value"]:
        for row in program.get(set_["url"])["value"][:3]:
            again = program.get(row["@iot.selfLink"])
            assert again == row, set_["name"]
            for name in [k for k in row if k.endswith("@iot.navigationLink")]:
                program.get(row[name])


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/Things?$filter=name eq '设备S-1'", ["设备S-1"]),
        ("/Things?$filter=substringof('S-',name) or startswith(name,'none')", ["设备S-1"]),
        ("/Things?$filter=not (name eq '设备S-1')", ["设备N-1"]),
        ("/Things?$filter=properties/code eq 'N-1'", ["设备N-1"]),
        ("/Things?$filter=Locations/name eq '设备S-1'", ["设备S-1"]),
        ("/Things?$filter=Datastreams/ObservedProperty/name eq '水位'&$orderby=name desc", ["设备S-1", "设备N-1"]),
        ("/Things?$filter=Datastreams/Observations/result gt 150", ["设备S-1"]),
        ("/Things?$orderby=name desc&$top=1", ["设备S-1"]),
        ("/Things?$skip=1", ["设备S-1"]),
        ("/Things?$filter=id in (1000000, 2)", []),
        ("/Things?$filter=length(name) eq 5 and indexof(name,'N') eq 2", ["设备N-1"]),
        ("/Locations?$filter=geo.distance(location, geography'POINT (117.25 31.99)') lt 0.01", ["设备N-1"]),
        ("/Locations?$filter=st_within(location, geography'POLYGON ((117 31,118 31,118 31.97,117 31.97,117 31))')",
         ["设备S-1"]),
        ("/Things?$filter=st_intersects(Locations/location,geography'POLYGON ((117 31.98,118 32,118 33,117 31.98))')",
         ["设备N-1"]),
        ("/Sensors", ["模型gauge"]),
        ("/ObservedProperties?$filter=endswith(definition, 'open')", ["井盖开启"]),
        ("/HistoricalLocations?$filter=time le now()&$select=time", None),
    ],
)  # fmt: skip
def test_filters_of_metadata(program: Program, devices: Devices, path: str, found: list[str] | None) -> None:
    answer = program.get(path)
    if found is not None:
        assert [row["name"] for row in answer["value"]] == found
    else:
        assert len(answer["value"]) == 2 and set(answer["value"][0]) == {"time"}


def stream(program: Program, name: str = "设备N-1 水位") -> int:
    return program.get(f"/Datastreams?$filter=name eq '{name}'")["value"][0]["@iot.id"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("$filter=result gt 58.5&$orderby=result desc", [59.5, 59]),
        ("$filter=phenomenonTime ge 2026-09-21T16:11:20Z", [59, 59.5]),
        ("$filter=phenomenonTime lt 2026-09-21T22:14:20+08:00", [0]),
        ("$orderby=phenomenonTime desc&$top=1", [59.5]),
        ("$top=2&$skip=3", [1.5, 2]),
        ("$filter=result mod 50 eq 0", [0, 50]),
        ("$filter=Datastream/Thing/name eq '设备S-1'", []),
        ("$filter=Datastream/Thing/name eq '设备N-1' and result lt 1", [0, 0.5]),
        ("$filter=minute(phenomenonTime) eq 13", [0, 30]),
        ("$filter=during(phenomenonTime, 2026-09-21T14:13:00Z/2026-09-21T14:14:30Z)", [0, 0.5]),
        ("$filter=resultQuality ne null", []),
        ("$filter=date(phenomenonTime) eq 2026-09-22", []),
    ],
)
def test_observations_are_readings(program: Program, devices: Devices, options: str, found: list[float]) -> None:
    at = stream(program)
    assert [o["result"] for o in program.get(f"/Datastreams({at})/Observations?{options}")["value"]] == found


def test_every_way_to_an_observation_tells_the_same_of_it(program: Program, devices: Devices) -> None:
    """Its result time is when it arrived, half a second after the reading, also of the newest, which is at hand."""
    at = stream(program)
    many = program.get(f"/Datastreams({at})/Observations?$orderby=phenomenonTime desc&$top=2")["value"]
    last = many[0]
    assert last["resultTime"] == "2026-09-21T16:12:20.500Z" and last["phenomenonTime"] == "2026-09-21T16:12:20.000Z"
    newest = "$orderby=phenomenonTime desc&$top=1"
    inside = "Observations($orderby=phenomenonTime desc;$top=1)"
    id_ = last["@iot.id"]
    assert program.get(f"/Datastreams({at})/Observations?{newest}")["value"] == [last]
    within = {k: v for k, v in last.items() if not k.endswith("@iot.navigationLink")}
    assert program.get(f"/Datastreams({at})?$expand={inside}")["Observations"] == [within]
    assert program.get(f"/Things?$expand=Datastreams($expand={inside})")["value"][0]["Datastreams"][0][
        "Observations"] == [within]  # fmt: skip
    assert program.get(f"/Observations('{id_}')") == last
    assert program.get(f"/Observations('{id_}')/resultTime") == {"resultTime": last["resultTime"]}
    assert program.get(f"/Datastreams({at})/Observations?$filter=resultTime eq {last['resultTime']}")["value"] == [last]
    assert program.get(f"/Observations?$filter=id eq '{id_}'")["value"] == [last]
    array = program.get(f"/Datastreams({at})/Observations?{newest}&$resultFormat=dataArray")["value"][0]
    assert dict(zip(array["components"], array["dataArray"][0], strict=True))["resultTime"] == last["resultTime"]
    when = T0 + 119 * 60_000
    told = [{"select": "", "feature": None, "found": [[at, when, when + 500, 59.5, 0]]}]
    answer = program.ask("POST", "http://testserver/sta/mqtt/told", {"groups": told})
    assert answer.json()["groups"] == [[last]]
    facade.write([(devices["n"], "level", when + 1000, when + 4000, 60.0, 0)])  # as a block brings it
    assert program.get(f"/Datastreams({at})/Observations?{newest}")["value"][0]["resultTime"].endswith("16:12:24.000Z")


def test_datastreams_of_devices_by_their_times(program: Program, devices: Devices) -> None:
    """What is filtered and ordered by is what is shown, though history tells it."""
    at = "/Datastreams?$filter=phenomenonTime"
    assert len(program.names(f"{at} gt 2026-09-21T14:00:00Z")) == 3
    assert program.names(f"{at} eq 2026-09-21T14:13:20Z") == ["设备N-1 井盖开启"]
    assert program.names(f"{at} eq null") == ["设备S-1 井盖开启"]
    assert program.names(f"{at} lt 2026-09-21T14:14:00Z") == ["设备N-1 井盖开启"]
    assert program.names("/Things?$filter=Datastreams/phenomenonTime eq 2026-09-21T14:13:20Z") == ["设备N-1"]
    ordered = program.get("/Datastreams?$orderby=phenomenonTime desc,name&$select=name,phenomenonTime")["value"]
    assert [d.get("phenomenonTime", "").replace(".000", "") for d in ordered] == [
        "2026-09-21T14:13:20Z/2026-09-21T16:12:20Z"] * 2 + ["2026-09-21T14:13:20Z", ""]  # fmt: skip


def test_pages_go_on_to_the_end(program: Program, devices: Devices) -> None:
    seen, at = [], f"/Datastreams({stream(program)})/Observations?$count=true&$top=50&$orderby=result desc"
    while at:
        page = program.get(at)
        assert page["@iot.count"] == 120
        seen += [o["result"] for o in page["value"]]
        at = page.get("@iot.nextLink")
    assert seen == sorted(seen, reverse=True) and len(seen) == 120
    assert program.get("/Observations?$count=true&$top=0") == {"@iot.count": 241, "value": []}


def test_expands_selects_refs_and_values(program: Program, devices: Devices) -> None:
    things = program.get(
        "/Things?$select=name&$expand=Datastreams($select=name;$filter=name ne 'x';"
        "$expand=Observations($orderby=phenomenonTime desc;$top=1;$select=result))"
    )["value"]
    assert things[0]["Datastreams"][0]["Observations"] == [{"result": 59.5}] and "@iot.id" not in things[0]
    assert things[0]["Datastreams"][1]["Observations"] == [{"result": True}]
    observation = program.get("/Observations?$top=1&$expand=Datastream/Thing,FeatureOfInterest")["value"][0]
    assert observation["Datastream"]["Thing"]["name"] and observation["FeatureOfInterest"]["feature"]["type"] == "Point"
    thing = program.get("/Things")["value"][0]["@iot.id"]
    assert program.get(f"/Things({thing})/name") == {"name": "设备N-1"}
    assert program.get(f"/Things({thing})/name/$value") == "设备N-1"
    assert program.get(f"/Things({thing})/properties/code") == {"code": "N-1"}
    assert program.get(f"/Things({thing})/Datastreams/$ref")["value"][0].keys() == {"@iot.selfLink"}
    assert program.get(f"/Things({thing})/Datastreams/$count") == "2"
    array = program.get(
        f"/Datastreams({stream(program)})/Observations?$resultFormat=dataArray&$top=2&$select=id,result"
    )
    assert array["value"][0]["components"] == ["id", "result"] and array["value"][0]["dataArray"][1][1] == 0.5


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Nothing", 404), ("/Things(99999999)", 404), ("/Things('x')", 404), ("/Things(1)/Nothing", 404),
        ("/Things?$filter=name", 200), ("/Things?$filter=nme eq 'x'", 400), ("/Things?$filter=name eq", 400),
        ("/Things?$top=-1", 400), ("/Things?$top=x", 400), ("/Things?$skip=-1", 400), ("/Things?$bad=1", 400),
        ("/Things?$expand=Nothing", 400), ("/Things?$select=nothing", 400), ("/Things?$orderby=nothing", 400),
        ("/Things?$count=maybe", 400), ("/Things?$filter=foo(name) eq 1", 400), ("/Observations('1t1')", 404),
        ("/Things?$filter=geo.intersects(name, geography'POINT (1 2)')", 400), ("/Things?$resultFormat=x", 400),
        ("/Observations?$filter=result eq 'text'", 200), ("/Things?$filter=name eq 5", 200),
        ("/Things?$filter=name gt 2026-01-01T00:00:00Z", 200), ("/Observations?$filter=Nothing/name eq 1", 400),
    ],
)  # fmt: skip
def test_refusals(program: Program, devices: Devices, path: str, status: int) -> None:
    answer = program.get(path, status)
    if status != 200:
        assert answer["message"] and answer["code"] == status


def test_who_may_read_what(desk: Any, program: Program, devices: Devices) -> None:
    import base64

    assert Client().get(f"{ROOT}/Things").status_code == 401
    assert desk.client("duty_lead").get(f"{ROOT}/Things").status_code == 401, "a browser's session counts for nothing"
    pair = base64.b64encode(f"{program.account.username}:{program.key}".encode()).decode()
    assert Client(headers={"Authorization": f"Basic {pair}"}).get(f"{ROOT}/Things").status_code == 200
    wrong = base64.b64encode(f"nobody:{program.key}".encode()).decode()
    assert Client(headers={"Authorization": f"Basic {wrong}"}).get(f"{ROOT}/Things").status_code == 401
    north = Program(area="340121400.001")
    assert north.names("/Things") == ["设备N-1"] == north.names("/Locations")
    south = stream(program, "设备S-1 水位")
    north.get(f"/Datastreams({south})", 404)
    north.get(f"/Datastreams({south})/Observations", 404)
    assert north.get("/Observations?$count=true&$top=0")["@iot.count"] == 121
    assert north.get(f"/Observations?$filter=Datastream/id eq {south}")["value"] == []
    assert north.get("/Things?$filter=Datastreams/Observations/result gt 150")["value"] == []
    assert north.names("/Sensors?$filter=Datastreams/Thing/name eq '设备S-1'") == []
