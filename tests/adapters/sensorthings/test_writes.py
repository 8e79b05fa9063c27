"""Writes: what is made by SensorThings is of the district, and can be read when the answer comes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.adapters.sensorthings.conftest import NORTH, Program

from linli.devices import facade as devices
from linli.devices.models import Device, ThingModel
from linli.kernel.models import AuditRow
from linli.telemetry import selectors as telemetry

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
POINT = {"type": "Point", "coordinates": [117.25, 31.99]}
LOCATION = {"name": "Gate", "description": "North gate", "encodingType": "application/geo+json", "location": POINT}
SENSOR = {"name": "DS18B20", "description": "Thermometer", "encodingType": "application/pdf",
          "metadata": "https://x/y.pdf"}  # fmt: skip
PROPERTY = {"name": "Temperature", "definition": "https://x/temperature", "description": "of the air"}
STREAM = {
    "name": "Air", "description": "Air temperature",
    "unitOfMeasurement": {"name": "C", "symbol": "C", "definition": "x"},
    "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
    "Sensor": SENSOR, "ObservedProperty": PROPERTY,
}  # fmt: skip
THING = {"name": "Oven", "description": "An oven", "properties": {"a": {"b": 1}}, "Locations": [LOCATION],
         "Datastreams": [STREAM]}  # fmt: skip
T = "2026-11-01T00:00:0{}.000Z"


@pytest.fixture
def stream(program: Program) -> int:
    made = program.post("/Things", THING)
    return program.get(made["Datastreams@iot.navigationLink"])["value"][0]["@iot.id"]


def told(program: Program, stream: int, **more: Any) -> Any:
    return program.post(f"/Datastreams({stream})/Observations", {"result": 21.5, "phenomenonTime": T.format(1), **more})


def test_a_deep_insert_is_a_device_with_readings(program: Program) -> None:
    deep = {**THING, "Datastreams": [{**STREAM, "Observations": [{"result": 5, "phenomenonTime": T.format(1)}]}]}
    answer = program.ask("POST", "/Things", deep)
    assert answer.status_code == 201 and answer["Location"].endswith(f"/Things({answer.json()['@iot.id']})")
    inside = "?$expand=Datastreams/Observations,Locations,HistoricalLocations/Locations"
    thing = program.get(answer["Location"] + inside)
    assert thing["Datastreams"][0]["Observations"][0]["result"] == 5
    assert thing["HistoricalLocations"][0]["Locations"][0]["name"] == "Gate"
    device = Device.objects.get(code=f"sta-{thing['@iot.id']}")
    assert (device.name_zh, device.area_path, device.lon) == ("Oven", NORTH, 117.25)
    model = ThingModel.objects.get(pk=device.model_id)
    assert model.name_en == "DS18B20" and [p["code"] for p in model.properties] == ["temperature"]
    assert devices.device(_actor(program), device.pk).code == device.code
    latest = telemetry.latest(_actor(program), [device.pk])
    assert [(r["property"], r["value"]) for r in latest] == [("temperature", 5.0)]
    feature = program.get(thing["Datastreams"][0]["Observations"][0]["@iot.selfLink"] + "/FeatureOfInterest")
    assert feature["feature"] == POINT
    assert thing["Datastreams"][0]["phenomenonTime"] == T.format(1)
    assert AuditRow.objects.filter(action="sensorthings.create").count() == 1


def _actor(program: Program) -> Any:
    from linli.identity import facade as identity

    return identity.actor_by_key(program.key)


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"result": "wet"}, {}), ({"result": {"a": [1, 2]}}, {}), ({"result": True}, {}), ({"result": None}, {}),
        ({"result": 1, "phenomenonTime": "2026-11-01T00:00:00.000Z/2026-11-01T01:00:00.000Z"}, {}),
        ({"result": 1, "resultTime": T.format(3)}, {}), ({"result": 1, "resultQuality": {"good": True}}, {}),
        ({"result": 1, "validTime": "2026-11-01T00:00:00.000Z/2026-11-02T00:00:00.000Z"}, {}),
        ({"result": 1, "parameters": {"depth": 3}}, {}), ({"result": 9007199254740993}, {}),
        ({"result": 2, "phenomenonTime": "2026-11-01T08:00:00.250+08:00"},
         {"phenomenonTime": "2026-11-01T00:00:00.250Z"}),
    ],
)  # fmt: skip
def test_all_of_an_observation_comes_back(program: Program, stream: int, given: Any, more: Any) -> None:
    made = told(program, stream, **given)
    again = program.get(made["@iot.selfLink"])
    assert again == made and {k: again[k] for k in given} == given | more
    listed = program.get(f"/Datastreams({stream})/Observations?$count=true")
    assert listed["@iot.count"] == 1 and listed["value"] == [again]
    assert program.get(f"/Observations?$filter=id eq '{made['@iot.id']}'")["value"] == [again]


def test_two_at_the_same_time_are_two(program: Program, stream: int) -> None:
    ids = {told(program, stream)["@iot.id"] for _ in range(2)} | {told(program, stream, resultQuality="x")["@iot.id"]}
    assert len(ids) == 3 and program.get(f"/Datastreams({stream})/Observations/$count") == "3"
    told(program, stream, result="text", phenomenonTime=T.format(0))
    told(program, stream, result=40, phenomenonTime=T.format(9))
    base = f"/Datastreams({stream})/Observations"
    found = [o["result"] for o in program.get(f"{base}?$orderby=phenomenonTime desc")["value"]]
    assert found == [40, 21.5, 21.5, 21.5, "text"]
    either = program.get(f"{base}?$filter=result eq 'text' or result gt 30")["value"]
    assert [o["result"] for o in either] == ["text", 40]
    assert [o["result"] for o in program.get(f"{base}?$orderby=result desc&$top=2&$skip=1")["value"]] == [21.5, 21.5]
    newest = program.get(f"/Datastreams({stream})?$expand=Observations($orderby=phenomenonTime desc;$top=1)")
    assert newest["Observations"][0]["result"] == 40


def test_changes_of_an_observation_keep_its_id(program: Program, stream: int) -> None:
    made = told(program, stream)
    at = made["@iot.selfLink"]
    assert program.ask("PATCH", at, {"result": 30}).status_code == 200
    assert program.get(at)["result"] == 30
    program.ask("PATCH", at, {"resultQuality": "good", "phenomenonTime": T.format(4)})
    now = program.get(at)
    assert (now["result"], now["resultQuality"], now["phenomenonTime"]) == (30, "good", T.format(4))
    assert program.ask("PUT", at, {**now, "result": 31, "@iot.id": "1t1"}).status_code == 200
    patch = program.ask("PATCH", at, [{"op": "replace", "path": "/result", "value": 32}],
                        content_type="application/json-patch+json")  # fmt: skip
    assert patch.status_code == 200 and program.get(at)["result"] == 32
    assert program.get(f"/Datastreams({stream})/Observations/$count") == "1"
    assert program.ask("DELETE", at).status_code == 200
    program.get(at, 404)
    assert program.get(f"/Datastreams({stream})/Observations")["value"] == []
    assert "phenomenonTime" not in program.get(f"/Datastreams({stream})")


@pytest.mark.parametrize(
    ("how", "change"),
    [("PATCH", {"result": 7}), ("PATCH", {"resultQuality": "good"}), ("PATCH", {"result": 7, "resultTime": None}),
     ("PUT", {"result": 7})],
)  # fmt: skip
def test_a_devices_reading_keeps_when_it_arrived(
    program: Program, devices: dict[str, Any], how: str, change: dict[str, Any]
) -> None:
    stream = program.get("/Datastreams?$filter=name eq '设备N-1 水位'")["value"][0]["@iot.id"]
    before = program.get(f"/Datastreams({stream})/Observations?$top=1&$skip=3")["value"][0]
    at, came = before["@iot.selfLink"], before["resultTime"]
    assert came == before["phenomenonTime"].replace("20.000Z", "20.500Z")
    for _ in range(2):
        assert program.ask(how, at, change).status_code == 200
        assert program.get(at) == before | {k: v for k, v in change.items() if v is not None}
    assert program.ask("PATCH", at, {"resultTime": T.format(5)}).status_code == 200
    assert program.get(at)["resultTime"] == T.format(5), "unless one is given"
    assert program.get(f"/Datastreams({stream})/Observations/$count") == "120"
    assert program.get(f"/Datastreams({stream})/Observations?$top=1&$skip=3")["value"] == [program.get(at)]


def test_entities_are_changed_in_every_way(program: Program, stream: int) -> None:
    thing = program.get(f"/Datastreams({stream})/Thing")["@iot.selfLink"]
    program.ask("PATCH", thing, {"name": "Stove"})
    now = program.get(thing)
    assert (now["name"], now["description"]) == ("Stove", "An oven")
    assert Device.objects.get(code__startswith="sta-").name_zh == "Stove"
    program.ask("PATCH", thing, {"properties": {"c": 2}}, content_type="application/merge-patch+json")
    assert program.get(thing)["properties"] == {"a": {"b": 1}, "c": 2}
    program.ask("PATCH", thing, [{"op": "add", "path": "/properties/d", "value": 3}, {"op": "remove", "path":
                "/properties/a"}], content_type="application/json-patch+json")  # fmt: skip
    assert program.get(thing)["properties"] == {"c": 2, "d": 3}
    assert program.ask("PUT", thing, {"@iot.id": now["@iot.id"], "name": "N", "description": "D"}).status_code == 200
    assert "properties" not in program.get(thing)
    away = {**LOCATION, "name": "Away", "location": {"type": "Point", "coordinates": [117.25, 31.96]}}
    moved = program.post(f"{thing}/Locations", away)
    assert program.ask("PATCH", thing, {"Locations": [moved]}).status_code == 200, "a link as a whole entity"
    assert program.names(f"{thing}/Locations") == ["Away"]
    assert len(program.get(f"{thing}/HistoricalLocations")["value"]) == 3
    assert Device.objects.get(code__startswith="sta-").area_path == "340121400.002"
    other = program.post("/Sensors", {**SENSOR, "name": "Other"})
    program.ask("PATCH", f"/Datastreams({stream})", {"Sensor": other})
    assert program.get(f"/Datastreams({stream})/Sensor")["name"] == "Other", "a link as a whole entity"
    more = program.post(f"{thing}/Datastreams", {**STREAM, "Sensor": {"@iot.id": other["@iot.id"]}})
    assert program.get(f"/Datastreams({more['@iot.id']})/Thing")["name"] == "N"


@pytest.mark.parametrize(
    ("set_", "gone"),
    [
        ("Thing", ["Datastreams", "Observations", "HistoricalLocations"]), ("Sensor", ["Datastreams", "Observations"]),
        ("ObservedProperty", ["Datastreams", "Observations"]), ("Thing/Locations", ["HistoricalLocations"]),
        ("FeatureOfInterest", ["Observations"]), ("", ["Observations"]),
    ],
)  # fmt: skip
def test_deletes_take_along_what_the_standard_says(program: Program, stream: int, set_: str, gone: list[str]) -> None:
    observation = told(program, stream)
    told(program, stream, result="text")
    if set_ == "FeatureOfInterest":
        at = program.get(observation["FeatureOfInterest@iot.navigationLink"])["@iot.selfLink"]
    else:
        found = program.get(f"/Datastreams({stream})/{set_}".rstrip("/"))
        at = found.get("@iot.selfLink") or found["value"][0]["@iot.selfLink"]
    assert program.ask("DELETE", at).status_code == 200
    program.get(at, 404)
    for name in ("Things", "Locations", "HistoricalLocations", "Datastreams", "Sensors", "ObservedProperties",
                 "Observations"):  # fmt: skip
        lost = name in gone or name == at.rpartition("/")[2].partition("(")[0]
        assert (program.get(f"/{name}/$count") == "0") == lost, name


BAD: list[tuple[str, Any, int, str]] = [
    ("/Things", {"name": "x"}, 400, "description"), ("/Things", [1], 400, "object"),
    ("/Things", {**THING, "Datastreams": [{"name": "x"}]}, 400, "needs"), ("/Things", {**THING, "nme": 1}, 400, "nme"),
    ("/Sensors", {**SENSOR, "name": 5}, 400, "name"), ("/Datastreams", STREAM, 400, "Thing"),
    ("/Datastreams", {**STREAM, "Thing": {"@iot.id": 999999}}, 400, "Thing"), ("/Things(1)", THING, 404, ""),
    ("/Locations", {**LOCATION, "location": {"type": "Point"}}, 400, "GeoJSON"), ("/Nope", {}, 404, "Nope"),
    ("/Observations", {"result": 1}, 400, "Datastream"), ("/HistoricalLocations", {"time": "x"}, 400, "time"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "word"), BAD)
def test_what_is_wrong_is_named_and_nothing_is_written(
    program: Program, path: str, body: Any, status: int, word: str
) -> None:
    assert word in program.post(path, body, status)["message"]
    assert program.get("/Things")["value"] == [] and not Device.objects.exists()


def test_arrays_of_observations(program: Program, stream: int, devices: dict[str, UUID]) -> None:
    rows = [[T.format(i), i] for i in range(5)]
    hidden = {"Datastream": {"@iot.id": 999_999}, "components": ["result"], "dataArray": [[1]]}
    group = {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"],
             "dataArray@iot.count": 6, "dataArray": [*rows, ["never", 1]]}  # fmt: skip
    answer = program.post("/CreateObservations", [group, hidden])
    assert [a[:5] for a in answer[5:]] == ["error", "error"] and program.get(answer[4])["result"] == 4
    mixed = {"Datastream": {"@iot.id": stream}, "components": ["result", "resultTime", "FeatureOfInterest/id"],
             "dataArray": [["a", T.format(1), program.get("/FeaturesOfInterest")["value"][0]["@iot.id"]]]}  # fmt: skip
    assert program.get(program.post("/CreateObservations", [mixed])[0])["result"] == "a"
    assert program.get(f"/Datastreams({stream})/Observations/$count") == "6"
    assert "components" in program.post("/CreateObservations", [{**group, "components": ["x"]}], 400)["message"]
    quick = {**group, "dataArray": [[f"2026-11-02T00:00:0{i}{z}", i] for i in range(3) for z in ("Z", ".250+00:00")]}
    answer = program.post("/CreateObservations", [quick])
    assert len(set(answer)) == 6
    assert [program.get(a)["phenomenonTime"][17:] for a in answer[:2]] == ["00.000Z", "00.250Z"]
    gauge = program.get("/Datastreams?$filter=name eq '设备N-1 水位'")["value"][0]["@iot.id"]
    program.post(f"/Datastreams({gauge})/Observations", {"result": 9.5})
    assert telemetry.latest(_actor(program), [devices["n"]])[0]["value"] == 9.5


def test_who_may_write_where(program: Program, devices: dict[str, UUID]) -> None:
    reader = Program("duty_lead")
    assert reader.post("/Things", THING, 403)["message"]
    north = Program(area=NORTH)
    south = program.get("/Datastreams?$filter=name eq '设备S-1 水位'")["value"][0]["@iot.id"]
    north.post(f"/Datastreams({south})/Observations", {"result": 1}, 404)
    denied = [{"Datastream": {"@iot.id": south}, "components": ["result"], "dataArray": [[1]]}]
    assert north.post("/CreateObservations", denied)[0].startswith("error")
    pack = program.get("/Sensors")["value"][0]["@iot.selfLink"]
    assert program.ask("DELETE", pack).status_code == 403 == program.ask("PATCH", pack, {"name": "x"}).status_code
    assert reader.ask("DELETE", f"/Datastreams({south})").status_code == 403
