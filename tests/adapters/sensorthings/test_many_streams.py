"""Observations of many datastreams in one body: asked for and written together, told apart one by one."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.adapters.sensorthings.conftest import Program

UNIT = {"name": "metre", "symbol": "m", "definition": "ucum:m"}


def streams(program: Program, count: int) -> list[int]:
    one: dict[str, Any] = {"description": "d", "observationType": "any", "unitOfMeasurement": UNIT}
    sensor = {"name": "s", "description": "d", "encodingType": "text", "metadata": "m"}
    made = program.post("/Things", {
        "name": "t", "description": "d",
        "Locations": [{"name": "l", "description": "d", "encodingType": "application/geo+json",
                       "location": {"type": "Point", "coordinates": [117.2, 31.9]}}],
        "Datastreams": [one | {"name": f"d{i}", "Sensor": sensor, "ObservedProperty": {
            "name": f"p{i}", "description": "d", "definition": f"urn:p{i}"}} for i in range(count)],
    })  # fmt: skip
    found = program.get(f"/Things({made['@iot.id']})/Datastreams?$orderby=id")["value"]
    return [d["@iot.id"] for d in found]


def group(stream: Any, *rows: tuple[str, Any]) -> dict[str, Any]:
    return {"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"],
            "dataArray": [[f"2026-11-02T{at}:00.000Z", value] for at, value in rows]}  # fmt: skip


def test_a_time_that_one_series_has_is_free_in_another(program: Program) -> None:
    a, b, c = streams(program, 3)
    program.post("/CreateObservations", [group(a, ("06:00", 1), ("06:01", 2))])
    body = [group(a, ("06:00", 3)), group(b, ("06:00", 4), ("06:01", 5)), group(str(c), ("06:01", 6), ("06:01", 7))]
    assert len(program.post("/CreateObservations", body)) == 5
    found = {s: [(o["phenomenonTime"][11:16], o["result"]) for o in program.get(
        f"/Datastreams({s})/Observations?$orderby=phenomenonTime,result")["value"]] for s in (a, b, c)}  # fmt: skip
    assert found == {a: [("06:00", 1), ("06:00", 3), ("06:01", 2)], b: [("06:00", 4), ("06:01", 5)],
                     c: [("06:01", 6), ("06:01", 7)]}  # fmt: skip
    told = program.get(f"/Datastreams({b})")
    assert told["phenomenonTime"] == "2026-11-02T06:00:00.000Z/2026-11-02T06:01:00.000Z"
    assert told["observedArea"] == {"type": "Point", "coordinates": [117.2, 31.9]}


def test_what_cannot_be_taken_is_told_in_its_place(program: Program) -> None:
    (a,) = streams(program, 1)
    body = [group(x, ("07:00", 1)) for x in (999_999_999, str(1 << 70), a, "x", True)]
    body.append({**group(a, ("07:01", 2)), "Datastream": f"{a}"})
    answers = program.post("/CreateObservations", body)
    assert [str(one).startswith("error") for one in answers] == [True, True, False, True, True, True], answers


def test_the_database_is_not_asked_for_each(program: Program) -> None:
    few, many = (streams(program, n) for n in (2, 40))
    counted = []
    for at, keys in (("08:00", few), ("08:00", many), ("09:00", few), ("09:00", many)):
        with CaptureQueriesContext(connection) as asked:
            program.post("/CreateObservations", [group(key, (at, 1.5)) for key in keys])
        counted.append(len(asked))
    assert counted[3] <= counted[2] + 3, counted
