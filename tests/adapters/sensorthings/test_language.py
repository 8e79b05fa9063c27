"""The language of filters and orders over what programs made: intervals, results of every kind, links, pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

import pytest
from tests.adapters.sensorthings.conftest import Program

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
UNIT = {"name": "C", "symbol": "°C", "definition": "x"}
SEVEN, EIGHT = "2026-11-01T07:00:00Z", "2026-11-01T08:00:00Z"
HOUR = f"{SEVEN}/{EIGHT}"
TIMES = {  # by result; the first three are plain readings
    1: "06:59", 2: "07:00", 3: "08:00", 4: "06:00/06:59", 5: "06:00/07:00", 6: "06:00/07:01", 7: "07:00/08:00",
    8: "07:59/09:00", 9: "08:00/09:00", 10: "06:59/08:01",
}  # fmt: skip
RESULTS: list[Any] = [4, 11, "t1", True, 2.5, {"a": 1}, False, "3", None, 10]


def whole(text: str) -> str:
    return "/".join(f"2026-11-01T{part}:00Z" for part in text.split("/"))


def thing(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "d", **more}


def stream(name: str, **more: Any) -> dict[str, Any]:
    return {
        **thing(name, **more), "observationType": "any", "unitOfMeasurement": UNIT,
        "Sensor": {**thing(f"S {name}"), "encodingType": "text", "metadata": "m"},
        "ObservedProperty": {**thing(f"P {name}"), "definition": f"urn:{name}"},
    }  # fmt: skip


class Made:
    """Two Things: one with a stream of times and one of results, the other with a stream of both kinds."""

    def __init__(self, program: Program) -> None:
        self.program = program
        point = {"encodingType": "application/geo+json", "location": {"type": "Point", "coordinates": [8, 51]}}
        first = thing("It's one", properties={"list": [4, 5], "n": 2}, Locations=[{**thing("Yard"), **point}],
                      Datastreams=[stream("times", properties={"limit": 6}), stream("results")])  # fmt: skip
        second = thing("Two & two", Locations=[{**thing("Shed"), **point}],
                       Datastreams=[stream("more", properties={"limit": 1})])  # fmt: skip
        program.post("/Things", first)
        program.post("/Things", second)
        self.streams = {s["name"]: s["@iot.id"] for s in program.get("/Datastreams")["value"]}
        for result, text in TIMES.items():
            self.told("times", result, whole(text))
        for number, result in enumerate(RESULTS):
            self.told("results", result, f"2026-11-02T00:0{number}:00Z", parameters={"number": number})
        self.told("more", 2, whole("07:00"))
        self.told("more", 7, whole("06:59"), resultTime=whole("08:00"))

    def told(self, name: str, result: Any, at: str, **more: Any) -> None:
        body = {"result": result, "phenomenonTime": at, **more}
        self.program.post(f"/Datastreams({self.streams[name]})/Observations", body)

    def results(self, name: str, options: str) -> list[Any]:
        return [
            o["result"] for o in self.program.get(f"/Datastreams({self.streams[name]})/Observations?{options}")["value"]
        ]


@pytest.fixture
def made(program: Program) -> Made:
    return Made(program)


def test_times_and_intervals(made: Made) -> None:
    """Intervals are without their ends: one until seven is before seven, and does not overlap it."""
    for text, found in (
        (f"phenomenonTime lt {SEVEN}", [1, 4, 5]), (f"phenomenonTime gt {SEVEN}", [3, 8, 9]),
        (f"{SEVEN} gt phenomenonTime", [1, 4, 5]), (f"phenomenonTime lt {HOUR}", [1, 4, 5]),
        (f"phenomenonTime gt {HOUR}", [3, 9]), (f"{HOUR} lt phenomenonTime", [3, 9]),
        (f"phenomenonTime le {HOUR}", [1, 2, 4, 5, 6, 7]), (f"phenomenonTime ge {HOUR}", [3, 7, 8, 9]),
        (f"phenomenonTime le {SEVEN}", [1, 2, 4, 5]), (f"phenomenonTime ge {SEVEN}", [2, 3, 7, 8, 9]),
        (f"phenomenonTime eq {HOUR}", [7]), (f"phenomenonTime eq {SEVEN}", [2]),
        (f"before(phenomenonTime,{SEVEN})", [1, 4, 5]), (f"after(phenomenonTime,{HOUR})", [3, 9]),
        (f"meets(phenomenonTime,{HOUR})", [2, 3, 5, 9]), (f"during(phenomenonTime,{HOUR})", [2, 7]),
        (f"during({SEVEN},phenomenonTime)", [6, 7, 10]), (f"overlaps(phenomenonTime,{HOUR})", [2, 6, 7, 8, 10]),
        (f"overlaps({SEVEN}/PT1H,phenomenonTime)", [2, 6, 7, 8, 10]), (f"starts(phenomenonTime,{HOUR})", [2, 7]),
        (f"finishes(phenomenonTime,{HOUR})", [3, 7]), (f"phenomenonTime add duration'PT1H' gt {EIGHT}", [3, 8, 9]),
        (f"phenomenonTime gt {HOUR} sub duration'PT1H'", [2, 3, 7, 8, 9]),
        (f"phenomenonTime sub {SEVEN} eq duration'PT1H'", [3, 9]), ("year(phenomenonTime) eq 2025", []),
        (f"phenomenonTime lt '{SEVEN}'", [1, 4, 5]), ("'2026-11-01T16:00:00+08:00' eq phenomenonTime", [3]),
        ("phenomenonTime gt 2026-11-01T15:00:00+08:00", [3, 8, 9]), ("time(phenomenonTime) lt 06:59", [4, 5, 6]),
    ):  # fmt: skip
        assert sorted(made.results("times", f"$filter={text}")) == found, text
        assert sorted(made.results("times", f"$filter={quote_plus(text)}")) == found, text
        others = made.results("times", f"$filter=not ({quote_plus(text)})")
        assert sorted(others) == [r for r in TIMES if r not in found], text
        count = made.program.get(
            f"/Datastreams({made.streams['times']})/Observations/$count?$filter={quote_plus(text)}"
        )
        assert count == str(len(found)), text
    for text in (f"during(phenomenonTime,{SEVEN})", f"during({HOUR},resultTime)", "during(phenomenonTime,now())"):
        made.program.get(f"/Datastreams({made.streams['more']})/Observations?$filter={text}", 400)
    own = made.program.get(f"/Datastreams?$filter=phenomenonTime ge 2026-11-01T05:00:00Z/{whole('09:00')}")["value"]
    assert {s["name"] for s in own} == {"times", "results"}


def test_results_of_every_kind(made: Made) -> None:
    """Against text a result is what is written; in an order, numbers come before texts, and nothing comes last."""
    for text, found in (
        ("result gt '3'", [4, "t1", True, False]), ("result eq '2.5'", [2.5]), ("result eq 'true'", [True]),
        ("result eq 3", []), ("result ne '3'", [4, 11, "t1", True, 2.5, False, 10]), ("result eq null", [None]),
        ("startswith(result,'1')", [11, 10]), ("length(result) eq 2", [11, "t1", 10]),
        ("result in (11,'t1',true)", [11, "t1", True]), ("parameters/number gt 7", [None, 10]),
        ("parameters/number eq '7'", ["3"]),
    ):  # fmt: skip
        assert made.results("results", f"$filter={text}") == found, text
    rising: list[Any] = [2.5, 4, 10, 11, "3", "t1", False, True, {"a": 1}, None]
    assert made.results("results", "$orderby=result") == rising
    assert made.results("results", "$orderby=result desc") == [
        11, 10, 4, 2.5, "t1", "3", True, False, {"a": 1}, None]  # fmt: skip
    assert made.results("results", "$orderby=result&$top=3&$skip=3") == rising[3:6]
    assert made.results("results", "$orderby=parameters/number desc&$top=2") == [10, None]


def test_observations_and_what_they_belong_to(made: Made) -> None:
    program = made.program
    for text, found in (
        ("result gt Datastream/properties/limit", [2, 7, 7, 8, 9, 10]), ("resultTime gt phenomenonTime", [7]),
        ("Datastream/properties/limit add 3 lt result", [7, 10]),
        ("Datastream/Thing/name eq 'Two & two' and result eq 2", [2]),
        ("Datastream/Thing/properties/n eq result", [2]), ("FeatureOfInterest/name eq 'Shed'", [7, 2]),
        (f"Datastream/id eq '{made.streams['more']}'", [7, 2]), ("not Datastream/Thing/name eq 'It''s one'", [7, 2]),
    ):  # fmt: skip
        got = [o["result"] for o in program.get(f"/Observations?$filter={quote_plus(text)}")["value"]]
        assert sorted(got) == sorted(found), text
    assert program.names("/FeaturesOfInterest?$filter=Observations/result eq 't1'") == ["Yard"]
    assert program.names("/FeaturesOfInterest?$filter=Observations/Datastream/name eq 'more'") == ["Shed"]
    assert program.names("/FeaturesOfInterest?$filter=Observations/result gt 500") == []
    at = f"/Datastreams?$filter=Observations/result gt 6 and Observations/phenomenonTime lt {SEVEN}"
    assert program.names(at) == ["more"], "one observation is meant by both"


@pytest.mark.parametrize(
    ("by", "streams"),
    [("Datastream/name desc", ["times", "results", "more"]), ("Datastream/id desc", ["more", "results", "times"])],
)
def test_observations_ordered_by_what_they_belong_to(made: Made, by: str, streams: list[str]) -> None:
    named = {key: name for name, key in made.streams.items()}
    found: list[tuple[str, Any]] = []
    at = f"/Observations?$orderby={by},phenomenonTime&$top=4&$expand=Datastream($select=id)"
    while at:
        page = made.program.get(at)
        found += [(named[o["Datastream"]["@iot.id"]], o["result"]) for o in page["value"]]
        at = page.get("@iot.nextLink")
    assert list(dict.fromkeys(name for name, _ in found)) == streams
    assert [r for name, r in found if name == "results"] == RESULTS
    assert sorted(r for name, r in found if name == "times") == list(TIMES)
    assert [r for name, r in found if name == "more"] == [7, 2]
    made.program.get("/Observations?$orderby=Datastream/nothing", 400)


def test_pages_hold_each_observation_once(made: Made) -> None:
    """Many at the same time, in several streams, as readings and as rows."""
    for number in range(4):
        for name in made.streams:
            made.told(name, number, whole("12:00"), **({"parameters": {"a": 1}} if number % 2 else {}))
    total = len(TIMES) + len(RESULTS) + 2 + 12
    for options in (
        "$top=1",
        "$top=3&$orderby=phenomenonTime desc",
        "$top=2&$orderby=result",
        "$top=5&$orderby=resultTime",
    ):
        ids, at = [], f"/Observations?{options}"
        while at:
            page = made.program.get(at)
            ids += [o["@iot.id"] for o in page["value"]]
            at = page.get("@iot.nextLink")
        assert len(ids) == len(set(ids)) == total, options


def test_what_is_expanded(made: Made) -> None:
    program, key = made.program, made.streams["times"]
    inside = "Observations($filter=result gt 6;$orderby=result desc;$top=3;$count=true;$select=result)"
    found = program.get(f"/Datastreams({key})?$expand={inside}")
    assert (found["Observations@iot.count"], found["Observations"]) == (4, [{"result": r} for r in (10, 9, 8)])
    then = program.get(found["Observations@iot.nextLink"])
    assert then == {"@iot.count": 4, "value": [{"result": 7}]}, "further pages keep the options"
    things = "/Things?$orderby=id&$top=1&$expand=Datastreams($top=1;$expand=Observations($top=1;$orderby=result))"
    first = program.get(things)["value"][0]
    then = program.get(first["Datastreams@iot.nextLink"])["value"]
    assert [o["result"] for o in then[0]["Observations"]] == [2.5]
    behind = program.get("/Things?$orderby=id&$expand=Datastreams($count=true;$skip=2)")["value"][0]
    assert (behind["Datastreams@iot.count"], behind["Datastreams"]) == (2, [])
    assert "Datastreams@iot.navigationLink" in first and "Thing@iot.navigationLink" not in first["Datastreams"][0]
    chosen = program.get(f"/Datastreams({key})?$select=name,Thing&$expand=Thing($select=name,Locations),Sensor")
    assert set(chosen) == {"name", "Thing", "Thing@iot.navigationLink", "Sensor"}
    assert set(chosen["Thing"]) == {"name", "Locations@iot.navigationLink"}


def test_any_of_what_is_linked(made: Made) -> None:
    for text, found in (
        ("Datastreams/any(d:d/name eq 'times') and Datastreams/any(d:d/name eq 'results')", ["It's one"]),
        ("Datastreams/any(d:d/name eq 'times' and d/Sensor/name eq 'S results')", []),
        ("Datastreams/any(d : d/Thing/Locations/any(l : startswith(l/name, 'Y')))", ["It's one"]),
        ("not Datastreams/any(d:d/name eq 'times')", ["Two & two"]),
        ("Locations/any(l:l/name ne 'Yard')", ["Two & two"]),
        ("Datastreams/any(d:d/Observations/any(o:o/result eq 'text' or o/result eq 11))", ["It's one"]),
    ):  # fmt: skip
        assert made.program.names(f"/Things?$orderby=id&$filter={quote_plus(text)}") == found, text
    places = "/Observations/$count?$filter=Datastream/Thing/Locations/any(l: l/name eq 'Yard')"
    assert made.program.get(places) == str(len(TIMES) + len(RESULTS))
    for text in ("Datastreams/any(d d/name eq 'x')", "Datastreams/any('x')", "Datastreams/any(d:d/nothing eq 1)"):
        made.program.get(f"/Things?$filter={text}", 400)


def test_json_texts_and_shapes(made: Made) -> None:
    program = made.program
    for text, found in (
        ("properties/list[1] eq 5", ["It's one"]), ("4 in properties/list", ["It's one"]),
        ("'4' in properties/list", []), ("properties/n eq '2'", ["It's one"]),
        ("name eq 'It''s one' or name eq 'Two & two'", ["It's one", "Two & two"]),
        ("Datastreams/properties/limit lt Datastreams/Thing/properties/n", []), ("id eq '0'", []),
    ):  # fmt: skip
        assert program.names(f"/Things?$filter={quote_plus(text)}") == found, text
        assert program.names(f"/Things?{quote_plus('$filter=' + text)}") == found, "escaped as one"
    key = program.get("/Things?$orderby=name")["value"][0]["@iot.id"]
    assert program.get(f"/Things({key})/properties/list%5B1%5D") == {"list[1]": 5}
    program.get(f"/Things({key})/properties/list[7]", 404)
    program.get("/Things?$filter=properties/list[x] eq 5", 400)
    line, area = [[5, 52], [5, 53]], [[[8, 53], [6, 52], [6, 53], [8, 53]]]
    for name, kind, points in (("line", "LineString", line), ("area", "Polygon", area)):
        shape = {
            **thing(name),
            "encodingType": "application/geo+json",
            "location": {"type": kind, "coordinates": points},
        }
        program.post("/Locations", shape)
    assert program.names("/Locations?$filter=geo.length(location) ge 1") == ["line"], "the edge of an area is no line"
    assert program.names("/Sensors?$orderby=metadata,name desc") == ["S times", "S results", "S more"]
