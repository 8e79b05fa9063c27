"""What the conformance suites of OGC and of FROST ask of reads, writes and addresses, where it is easily lost."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.adapters.sensorthings.conftest import D, Program
from tests.adapters.sensorthings.test_mqtt_web import message, publish, statuses
from tests.adapters.sensorthings.test_writes import LOCATION, PROPERTY, SENSOR, STREAM, THING, T, told

from linli.adapters.sensorthings.models import Datastream
from linli.adapters.sensorthings.selectors import ids
from linli.kernel.models import AuditRow

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
EMPTY = {"name": "Bare", "description": "A Thing without a Location", "Datastreams": [STREAM]}


@pytest.fixture
def stream(program: Program) -> int:
    made = program.post("/Things", THING)
    return program.get(made["Datastreams@iot.navigationLink"])["value"][0]["@iot.id"]


def inner(program: Program, thing: dict[str, Any]) -> int:
    return program.get(thing["Datastreams@iot.navigationLink"])["value"][0]["@iot.id"]


def test_ids_of_observations_are_numbers_everywhere(program: Program, stream: int) -> None:
    plain = told(program, stream, phenomenonTime="2026-11-01T00:00:05Z")
    text = told(program, stream, result="wet")
    assert plain["@iot.id"] == stream * 10**13 + 1_793_491_205_000 and 0 < text["@iot.id"] < 10**13
    for one in (plain, text):
        key = one["@iot.id"]
        assert one["@iot.selfLink"].endswith(f"/Observations({key})")
        assert program.get(f"/Observations({key})") == one == program.get(f"/Observations('{key}')")
        for literal in (key, f"'{key}'"):
            assert program.get(f"/Observations?$filter=id eq {literal}")["value"] == [one]
        assert program.get(f"/Observations?$filter=id ne {key}&$count=true")["@iot.count"] == 1
        assert program.get(f"/Observations?$filter=@iot.id in ({key}, 5000000)")["value"] == [one]
        program.get(f"/Datastreams({stream})/Observations({key})/FeatureOfInterest")
    answer = program.ask("POST", f"/Datastreams({stream})/Observations", {"result": 2})
    assert answer["Location"].endswith(f"({answer.json()['@iot.id']})")
    arrays = program.post("/CreateObservations", [
        {"Datastream": {"@iot.id": stream}, "components": ["result"], "dataArray": [[4], ["dry"]]}])  # fmt: skip
    assert [program.get(a)["result"] for a in arrays] == [4, "dry"]
    assert program.get(f"/Observations('{stream}t1793491205000')") == plain, "as ids were before"
    assert program.get(f"/Observations('{stream}t1793491201000n{text['@iot.id']}')") == text
    for unknown in ("9223372036854775807", "99999999", "'x'", "-1", "9" * 40):
        program.get(f"/Observations({unknown})", 404)
        assert program.ask("DELETE", f"/Observations({unknown})").status_code == 404


def test_an_id_too_large_for_a_double_is_text() -> None:
    t = 1_790_000_000_000
    assert ids.of_reading(900, t) == 9_001_790_000_000_000 and ids.of_reading(901, t) == "9011790000000000"
    for stream in (1, 900, 901, 5_000_000):
        for at in (0, t, ids.MAX_T - 1):
            assert ids.read(str(ids.of_reading(stream, at))) == ids.Key(stream, at)
    assert ids.read(str(ids.of_row(3, t, False, 17))) == ids.Key(0, 0, 17)
    assert ids.read(str(ids.of_row(3, t, True, 17))) == ids.Key(3, t)
    assert [ids.read(x) for x in ("", "x", "1.5", "-1", "٣", "1" * 33, f"5{9 * 10**12}")] == [None] * 7


def test_an_observation_is_of_something(program: Program) -> None:
    bare = inner(program, program.post("/Things", EMPTY))
    body = {"result": 1, "Datastream": {"@iot.id": bare}}
    assert "FeatureOfInterest" in program.post("/Observations", body, 400)["message"]
    deep = {**EMPTY, "Datastreams": [{**STREAM, "Observations": [{"result": 1}]}]}
    program.post("/Things", deep, 400)
    assert program.get("/Observations")["value"] == [] and program.get("/Things/$count") == "1"
    assert statuses(publish(program, message(bare, {"result": 1}))) == [400]
    other = inner(program, program.post("/Things", THING))
    feature = {"name": "F", "description": "f", "encodingType": "application/geo+json", "feature": LOCATION["location"]}
    of = program.post("/FeaturesOfInterest", feature)["@iot.id"]
    arrays = [{"Datastream": {"@iot.id": s}, "components": ["result"], "dataArray": [[1]]} for s in (bare, other)]
    arrays.append({"Datastream": {"@iot.id": bare}, "components": ["result", "FeatureOfInterest/id"],
                   "dataArray": [[1, of], [2, None]]})  # fmt: skip
    assert [a.startswith("error") for a in program.post("/CreateObservations", arrays)] == [True, False, False, True]
    made = program.post("/Observations", {**body, "FeatureOfInterest": feature})
    assert program.get(made["FeatureOfInterest@iot.navigationLink"])["name"] == "F"


def test_the_feature_made_by_itself_is_the_geojson_location(program: Program) -> None:
    shape = {"type": "Polygon", "coordinates": [[[117.2, 31.9], [117.3, 31.9], [117.3, 32], [117.2, 31.9]]]}
    street = {**LOCATION, "name": "Street", "encodingType": "text/plain", "location": "12 Gate Street"}
    thing = program.post("/Things", {**THING, "Locations": [street, {**LOCATION, "location": shape}]})
    made = told(program, inner(program, thing))
    assert program.get(made["FeatureOfInterest@iot.navigationLink"])["feature"] == shape


@pytest.mark.parametrize(
    ("at", "body"),
    [
        ("Things", {"Locations": [LOCATION]}), ("Things", {"Datastreams": [STREAM]}),
        ("Datastreams", {"Sensor": SENSOR}), ("Datastreams", {"ObservedProperty": PROPERTY}),
        ("Datastreams", {"Thing": {"name": "T", "description": "t"}}),
        ("Datastreams", {"Observations": [{"result": 1}]}), ("Sensors", {"Datastreams": [STREAM]}),
        ("ObservedProperties", {"Datastreams": [STREAM]}),
    ],
)  # fmt: skip
def test_a_change_names_others_and_makes_none(program: Program, stream: int, at: str, body: dict[str, Any]) -> None:
    before = {s["name"]: program.get(f"/{s['name']}") for s in program.get("/")["value"]}
    one = before[at]["value"][0]
    for how, more in (("PATCH", {}), ("PUT", {k: v for k, v in one.items() if "@" not in k})):
        answer = program.ask(how, one["@iot.selfLink"], {**more, "name": "New", **body})
        assert answer.status_code == 400 and next(iter(body)) in answer.json()["message"]
    assert {name: program.get(f"/{name}") for name in before} == before


def test_a_put_leaves_what_observations_tell(program: Program, stream: int) -> None:
    told(program, stream, resultTime=T.format(3))
    at = f"/Datastreams({stream})"
    before = program.get(at)
    whole = {k: v for k, v in STREAM.items() if k not in ("Sensor", "ObservedProperty")}
    assert program.ask("PUT", at, {**whole, "description": "Changed"}).status_code == 200
    assert program.get(at) == before | {"description": "Changed"}
    assert {"phenomenonTime", "resultTime", "observedArea"} <= set(before)


def test_what_observations_tell_of_their_datastream(program: Program, stream: int) -> None:
    at = f"/Datastreams({stream})"

    def told_of(*names: str) -> list[Any]:
        return [program.get(at).get(n) for n in names or ("phenomenonTime", "resultTime", "observedArea")]

    assert told_of() == [None, None, None]
    first = told(program, stream)
    assert told_of() == [T.format(1), None, LOCATION["location"]]
    away = {"name": "F", "description": "f", "encodingType": "application/geo+json",
            "feature": {"type": "Point", "coordinates": [117.5, 32.5]}}  # fmt: skip
    second = told(program, stream, phenomenonTime=T.format(5), resultTime=T.format(7), FeatureOfInterest=away)
    west, south, east, north = 117.25, 31.99, 117.5, 32.5
    box = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    assert told_of() == [f"{T.format(1)}/{T.format(5)}", T.format(7), {"type": "Polygon", "coordinates": [box]}]
    program.ask("PATCH", second["@iot.selfLink"], {"phenomenonTime": T.format(4), "resultTime": T.format(8)})
    assert told_of("phenomenonTime", "resultTime") == [f"{T.format(1)}/{T.format(4)}", T.format(8)]
    program.ask("PATCH", first["@iot.selfLink"], {"phenomenonTime": T.format(2)})
    assert told_of("phenomenonTime") == [f"{T.format(2)}/{T.format(4)}"]
    gone = program.get(second["FeatureOfInterest@iot.navigationLink"])["@iot.selfLink"]
    assert program.ask("DELETE", gone).status_code == 200
    assert told_of() == [T.format(2), None, LOCATION["location"]]
    program.ask("DELETE", first["@iot.selfLink"])
    assert told_of() == [None, None, None]


def test_nothing_is_204_and_arrays_have_all_components(program: Program, stream: int) -> None:
    made = told(program, stream)
    for path in ("resultTime", "resultTime/$value", "validTime/$value"):
        answer = program.ask("GET", f"{made['@iot.selfLink']}/{path}")
        assert (answer.status_code, answer.content) == (204, b"")
    program.get(f"{made['@iot.selfLink']}/nothing/$value", 404)
    array = program.get("/Observations?$resultFormat=dataArray")["value"][0]
    assert array["components"] == [
        "id", "phenomenonTime", "result", "resultTime", "resultQuality", "validTime", "parameters"]  # fmt: skip
    assert array["dataArray"] == [[made["@iot.id"], T.format(1), 21.5, None, None, None, None]]
    some = program.get("/Observations?$resultFormat=dataArray&$select=result,@iot.id")["value"][0]
    assert some["components"] == ["result", "id"] and some["dataArray"] == [[21.5, made["@iot.id"]]]


def test_the_address_of_the_next_page_can_be_read(program: Program, stream: int) -> None:
    for number in range(4):
        told(program, stream, phenomenonTime=T.format(number), result=number)
    asked = "$filter=result ge 1&$orderby=result desc&$expand=Datastream($select=id)&$top=2"
    link = program.get(f"/Datastreams({stream})/Observations?{asked}")["@iot.nextLink"]
    options = "$filter=result%20ge%201&$orderby=result%20desc&$expand=Datastream($select=id)&$top=2&$skip=2"
    assert link.endswith(f"/Observations?{options}")
    assert [o["result"] for o in program.get(link)["value"]] == [1]


def test_the_address_and_the_body_say_the_same(program: Program, stream: int) -> None:
    thing = program.get(f"/Datastreams({stream})/Thing")
    other = inner(program, program.post("/Things", {**THING, "name": "Other"}))
    to, body = f"/Datastreams({stream})/Observations", {"result": 1, "phenomenonTime": T.format(1)}
    same = {**body, "Datastream": {"@iot.id": stream, "name": "whatever"}}
    assert program.post(to, same)["@iot.selfLink"] and program.get(f"{to}/$count") == "1"
    for wrong in ({"@iot.id": other}, STREAM):
        assert "Datastream" in program.post(to, {**body, "Datastream": wrong}, 400)["message"]
    differs = message(stream, {**body, "Datastream": {"@iot.id": other}})
    assert statuses(publish(program, message(stream, same), differs)) == [201, 400]
    assert program.get("/Observations/$count") == "1"
    second = program.get(f"/Datastreams({other})/Thing")
    both = {**LOCATION, "name": "Both", "Things": [{"@iot.id": thing["@iot.id"]}, {"@iot.id": second["@iot.id"]}]}
    at = program.post(f"/Things({thing['@iot.id']})/Locations", both)["@iot.selfLink"]
    assert sorted(program.names(f"{at}/Things")) == ["Other", "Oven"]


def test_what_a_pack_defines_is_listed_with_its_devices(program: Program, devices: dict[str, UUID]) -> None:
    admin = Program("integrator", "")
    for one in (program, admin):
        for set_ in ("Sensors", "ObservedProperties"):
            pack = one.get(f"/{set_}")["value"][0]["@iot.selfLink"]
            assert one.ask("DELETE", pack).status_code == 403 == one.ask("PATCH", pack, {"name": "x"}).status_code
    for thing in program.get("/Things")["value"]:
        assert program.ask("DELETE", thing["@iot.selfLink"]).status_code == 200
    for set_ in ("FeaturesOfInterest", "Locations"):
        for one in program.get(f"/{set_}")["value"]:
            assert program.ask("DELETE", one["@iot.selfLink"]).status_code == 200
    for set_ in program.get("/")["value"]:
        assert program.get(f"/{set_['name']}?$count=true") == {"@iot.count": 0, "value": []}, set_
    own = program.post("/Sensors", SENSOR)["@iot.id"]
    assert [s["@iot.id"] for s in program.get("/Sensors")["value"]] == [own]


def deep(**more: Any) -> dict[str, Any]:
    whole = {**STREAM, "Thing": {k: v for k, v in THING.items() if k != "Datastreams"}}
    return {"result": 5, "phenomenonTime": T.format(1), "Datastream": whole} | more


def test_a_datastream_that_stands_in_a_message_is_made_once(program: Program) -> None:
    twice = publish(program, message("Observations", deep()), message("Observations", deep()))
    again = publish(program, message("Observations", deep()))
    assert statuses(twice + again) == [201] * 3 and len({a["id"] for a in twice + again}) == 1
    one = program.get(f"/Observations({again[0]['id']})?$expand=Datastream($expand=Thing,Sensor,ObservedProperty)")
    stream = one["Datastream"]
    assert [stream["name"], stream["Thing"]["name"], stream["Sensor"]["name"]] == ["Air", "Oven", "DS18B20"]
    assert AuditRow.objects.filter(action="sensorthings.create").count() == 1
    more = publish(program, message("Observations", deep(result=6, phenomenonTime=T.format(2))))
    assert statuses(more) == [201] and program.get(f"/Datastreams({stream['@iot.id']})/Observations/$count") == "2"
    for change in ({"name": "Other"}, {"Sensor": {**SENSOR, "metadata": "y"}}, {"Thing": {"@iot.id": 1}},
                   {"unitOfMeasurement": {"name": "K", "symbol": "K", "definition": "x"}}):  # fmt: skip
        body = deep()
        body["Datastream"] = body["Datastream"] | change
        made = publish(program, message("Observations", body))
        assert statuses(made) == ([400] if "Thing" in change else [201])
    assert Datastream.objects.count() == 4
    broken = deep()
    del broken["Datastream"]["Sensor"]
    mixed = publish(program, message("Observations", broken), message("Observations", deep(result=7)))
    assert statuses(mixed) == [400, 201] and Datastream.objects.count() == 4
    viewer = Program("dispatcher", D)
    assert statuses(publish(viewer, message("Observations", deep()))) == [403]
