"""FROST's own Python client, unchanged, against a running district; and how fast the service answers there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psutil
import pytest
from tests.district import District, demo_district

sta = pytest.importorskip("frost_sta_client", reason="a development dependency")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with demo_district() as running:
        yield running


@pytest.fixture(scope="module")
def key(district: District) -> str:
    return district.key()


@pytest.fixture(scope="module")
def web(district: District, key: str) -> Iterator[httpx.Client]:
    base = f"{district.origin.rstrip('/')}/sta/v1.1"
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        yield client


@pytest.fixture
def service(district: District, key: str) -> Any:
    handler = sta.AuthHandler(username="integrator", password=key)
    return sta.SensorThingsService(f"{district.origin.rstrip('/')}/sta/v1.1", auth_handler=handler)


def deep() -> Any:
    import geojson

    stream = sta.Datastream(
        name="Temperature", description="Air temperature",
        observation_type="http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
        unit_of_measurement=sta.UnitOfMeasurement(name="degree Celsius", symbol="°C", definition="ucum:Cel"),
        sensor=sta.Sensor(name="DS18B20", description="Thermometer", encoding_type="application/pdf", metadata="x.pdf"),
        observed_property=sta.ObservedProperty(name="Temperature", definition="urn:t", description="of the air"),
    )  # fmt: skip
    place = sta.Location(name="Lab", description="A lab", encoding_type="application/geo+json",
                         location=geojson.Point((117.25, 31.98)))  # fmt: skip
    return sta.Thing(name="Oven", description="An oven", properties={"colour": "red"}, locations=[place],
                     datastreams=[stream])  # fmt: skip


def test_the_client_makes_reads_changes_and_deletes(service: Any) -> None:
    import jsonpatch

    thing = deep()
    service.create(thing)
    found = service.things().find(thing.id)
    assert found.name == "Oven" and found.properties == {"colour": "red"}
    stream = found.get_datastreams().query().list().entities[0]
    for number in range(5):
        made = sta.Observation(phenomenon_time=(START + timedelta(minutes=number)).isoformat(), result=number + 0.5,
                               datastream=stream)  # fmt: skip
        service.create(made)
        assert service.observations().find(made.id).result == number + 0.5
    query = stream.get_observations().query().filter("result gt 2").orderby("phenomenonTime", "desc").top(2).count()
    listed = query.list()
    assert listed.count == 3 and [o.result for o in listed.entities[:2]] == [4.5, 3.5]
    assert [o.result for o in stream.get_observations().query().top(2).list()] == [0.5, 1.5, 2.5, 3.5, 4.5]
    found.description = "A hot oven"
    service.update(found)
    service.patch(found, jsonpatch.JsonPatch([{"op": "replace", "path": "/name", "value": "Stove"}]))
    again = service.things().query().filter("name eq 'Stove'").expand("Datastreams,Locations").list().entities[0]
    assert (again.description, again.locations.entities[0].name) == ("A hot oven", "Lab")
    array = sta.model.ext.data_array_value.DataArrayValue()
    array.datastream = stream
    array.components = {array.Property.PHENOMENON_TIME, array.Property.RESULT}
    for number in range(5, 8):
        array.add_observation(sta.Observation(phenomenon_time=(START + timedelta(minutes=number)).isoformat(),
                                              result=number))  # fmt: skip
    document = sta.model.ext.data_array_document.DataArrayDocument()
    document.add_data_array_value(array)
    assert len(service.observations().create(document)) == 3
    service.delete(service.observations().find(made.id))
    assert stream.get_observations().query().count().list().count == 7
    service.delete(thing)
    assert service.things().query().filter(f"id eq {thing.id}").list().entities == []


def used(district: District) -> float:
    """CPU-ms that web and history have used."""
    total = 0.0
    for name in ("web", "history"):
        main = psutil.Process(district.pid(name))
        times = [p.cpu_times() for p in (main, *main.children(recursive=True))]
        total += sum(t.user + t.system for t in times)
    return total * 1000


def measured(district: District, call: Callable[[], Any], times: int = 200) -> tuple[float, float, float]:
    """(p50, p95, CPU of web and history a call) in ms."""
    for _ in range(20):
        call()
    took, before = [], used(district)
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=20)[18], (used(district) - before) / times


def test_speed(district: District, web: httpx.Client) -> None:
    """Printed with -s; docs/performance.md says what is aimed at. What is asserted holds on a busy machine, too."""
    made = web.post("/Things", json=_thing()).raise_for_status().json()
    stream = web.get(f"/Things({made['@iot.id']})/Datastreams").json()["value"][0]["@iot.id"]
    rows = [[(START + timedelta(seconds=i)).isoformat(), i / 10] for i in range(100_000)]
    began = time.perf_counter()
    for at in range(0, len(rows), 20_000):
        body = [{"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"],
                 "dataArray": rows[at : at + 20_000]}]  # fmt: skip
        assert web.post("/CreateObservations", json=body).status_code == 201
    rate = len(rows) / (time.perf_counter() - began)
    assert web.get(f"/Datastreams({stream})/Observations/$count").text == "100000"
    newest = f"/Datastreams({stream})/Observations?$orderby=phenomenonTime%20desc&$top=1"
    top = "/Things?$top=20&$expand=Datastreams($expand=Observations($orderby=phenomenonTime%20desc;$top=1))"
    one = measured(district, lambda: web.get(newest).raise_for_status())
    many = measured(district, lambda: web.get(top).raise_for_status())
    for name, (p50, p95, cpu) in (("latest of a datastream", one), ("20 Things with latest", many)):
        print(f"\n{name}: p50 {p50:.1f} p95 {p95:.1f} CPU {cpu:.1f} ms")
    print(f"CreateObservations: {rate:,.0f}/s")
    assert rate > 3_000 and one[2] < 40 and many[2] < 120


def _thing() -> dict[str, Any]:
    unit = {"name": "C", "symbol": "C", "definition": "ucum:Cel"}
    kind = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
    sensor = {"name": "S", "description": "s", "encodingType": "text/plain", "metadata": "m"}
    observed = {"name": "Speed", "definition": "urn:s", "description": "s"}
    stream = {"name": "D", "description": "d", "unitOfMeasurement": unit, "observationType": kind, "Sensor": sensor,
              "ObservedProperty": observed}  # fmt: skip
    place = {"name": "Here", "description": "h", "encodingType": "application/geo+json",
             "location": {"type": "Point", "coordinates": [117.25, 31.98]}}  # fmt: skip
    return {"name": "Bench", "description": "b", "Locations": [place], "Datastreams": [stream]}


def test_batches_through_the_front_door(district: District, web: httpx.Client) -> None:
    """Both forms, over HTTP: what a part links to is where the caller came from; a group that fails leaves nothing."""
    parts: list[dict[str, Any]] = [
        {"id": "t", "method": "post", "url": "Things", "body": _thing(), "atomicityGroup": "g"},
        {"id": "n", "method": "patch", "url": "$t", "body": {"name": "Batched"}, "atomicityGroup": "g"},
        {"id": "s", "method": "get", "url": "$t/Datastreams"},
        {"id": "here", "method": "get", "url": f"{district.origin.rstrip('/')}/sta/v1.1/Things($t)"},
    ]
    told = web.post("/$batch", json={"requests": parts}).raise_for_status().json()["responses"]
    assert [one["status"] for one in told] == [201, 200, 200, 200]
    assert told[0]["location"] == told[3]["body"]["@iot.selfLink"] and told[3]["body"]["name"] == "Batched"
    assert web.get(told[0]["location"]).json()["name"] == "Batched"
    stream = told[2]["body"]["value"][0]["@iot.id"]
    made = [{"id": str(n), "method": "post", "url": f"Datastreams({stream})/Observations", "atomicityGroup": "g",
             "body": {"result": n, "phenomenonTime": (START + timedelta(seconds=n)).isoformat()}}
            for n in range(100)]  # fmt: skip
    bad = {"id": "bad", "method": "post", "url": "Things", "body": {}, "atomicityGroup": "g"}
    told = web.post("/$batch", json={"requests": [*made, bad]}).json()["responses"]
    assert [one["status"] for one in told] == [424] * 100 + [400]
    count = f"Datastreams({stream})/Observations/$count"
    assert web.get(f"/{count}").text == "0"
    for name, group in (("each by itself", False), ("in a group", True)):
        asked = [{k: v for k, v in one.items() if group or k != "atomicityGroup"} for one in made]
        before, began = int(web.get(f"/{count}").text), time.perf_counter()
        told = web.post("/$batch", json={"requests": asked}).json()["responses"]
        print(f"\n100 observations in a batch, {name}: {time.perf_counter() - began:.2f} s")
        assert {one["status"] for one in told} == {201} and int(web.get(f"/{count}").text) == before + 100
    data = f"--b\r\nContent-Type: application/http\r\n\r\nGET /sta/v1.1/{count} HTTP/1.1\r\n\r\n\r\n--b--".encode()
    answer = web.post("/$batch", content=data, headers={"Content-Type": "multipart/mixed; boundary=b"})
    assert answer.status_code == 200 and b"HTTP/1.1 200 OK" in answer.content and b"\r\n\r\n200\r\n" in answer.content
