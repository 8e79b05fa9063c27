"""`$batch`: many requests in one are what they are alone; of a group all happen, or none."""

from __future__ import annotations

from typing import Any
from unittest import mock
from uuid import UUID

import orjson
import pytest
from django.test import Client
from tests.adapters.sensorthings.conftest import ROOT, Program, device, model
from tests.adapters.sensorthings.test_writes import LOCATION, PROPERTY, SENSOR, STREAM, THING, T
from tests.cases.conftest import IN_NORTH, NORTH
from tests.identity import accounts

from linli.adapters.sensorthings.services import creating
from linli.devices.models import Device
from linli.identity import facade as identity
from linli.kernel import metrics
from linli.kernel.models import AuditRow, OutboxEvent
from linli.telemetry import facade as telemetry
from linli.telemetry import selectors
from linli.telemetry.batch import PRIVATE
from linli.telemetry.history.client import HistoryUnavailable

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
PLAIN_THING = {"name": "Plain", "description": "A thing"}
BAD_THING = {"name": "No description"}


def part(id: str, method: str, url: str, body: Any = None, group: str = "", **more: Any) -> dict[str, Any]:
    made = {"id": id, "method": method, "url": url, **more}
    return made | ({"body": body} if body is not None else {}) | ({"atomicityGroup": group} if group else {})


def run(program: Program, *parts: Any, status: int = 200, **headers: Any) -> Any:
    answer = program.ask("POST", "/$batch", {"requests": list(parts)}, headers=headers)
    assert answer.status_code == status, answer.content
    return answer.json()["responses"] if status == 200 else answer.json()


def statuses(answers: list[Any]) -> list[int]:
    return [one["status"] for one in answers]


@pytest.fixture
def stream(program: Program) -> int:
    made = program.post("/Things", THING)
    return program.get(made["Datastreams@iot.navigationLink"])["value"][0]["@iot.id"]


def results(program: Program, stream: int) -> list[Any]:
    return [o["result"] for o in program.get(f"/Datastreams({stream})/Observations")["value"]]


def told(program: Program, stream: int, result: Any, at: int) -> Any:
    return program.post(f"/Datastreams({stream})/Observations", {"result": result, "phenomenonTime": T.format(at)})


# --- references -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["", "g"])
def test_a_part_names_what_parts_before_it_made(program: Program, group: str) -> None:
    stream = {**STREAM, "Sensor": {"@iot.id": "$sensor1"}, "ObservedProperty": {"@iot.id": "$p"}}
    thing = {**PLAIN_THING, "Locations": [{"@iot.id": "$here"}], "properties": {"@iot.id": "$p"}}
    answers = run(
        program, part("sensor1", "post", "Sensors", SENSOR, group),
        part("p", "POST", "ObservedProperties", PROPERTY, group), part("here", "POST", "Locations", LOCATION, group),
        part("thing1", "POST", "Things", thing, group), part("ds", "POST", "$thing1/Datastreams", stream, group),
        part("o", "POST", "$ds/Observations", {"result": 7, "phenomenonTime": T.format(1)}, group),
        part("array", "POST", "CreateObservations", [{"Datastream": {"@iot.id": "$ds"}, "components": ["result"],
             "dataArray": [[8], [9]]}], group),
        part("name", "PATCH", "Things($thing1)", {"name": "Named"}, group),
        part("all", "GET", "$thing1?$expand=Locations,Datastreams/Sensor"),
        part("seen", "GET", "$all/Datastreams?$expand=ObservedProperty,Observations"),
        part("count", "GET", "Datastreams($ds)/Observations/$count"), part("one", "GET", "$o"),
    )  # fmt: skip
    assert statuses(answers) == [201] * 7 + [200] * 5, answers
    by = {one["id"]: one for one in answers}
    assert all(one.get("atomicityGroup", "") == (group if one["status"] == 201 else "") or one["id"] == "name"
               for one in answers)  # fmt: skip
    thing = by["all"]["body"]
    assert thing["name"] == "Named" and thing["Locations"][0]["name"] == "Gate"
    assert thing["properties"] == {"@iot.id": "$p"}, "what is the caller's own stays as it is"
    assert thing["Datastreams"][0]["Sensor"]["@iot.id"] == by["sensor1"]["body"]["@iot.id"]
    assert [o["result"] for o in by["seen"]["body"]["value"][0]["Observations"]] == [7, 8, 9]
    assert by["seen"]["body"]["value"][0]["ObservedProperty"]["name"] == "Temperature"
    assert by["count"]["body"] == "3" and by["count"]["headers"]["content-type"].startswith("text/plain")
    assert by["thing1"]["location"] == by["thing1"]["headers"]["location"] == thing["@iot.selfLink"]
    assert by["o"]["body"] == by["one"]["body"] == program.get(by["o"]["location"]), "as it is read alone"
    assert "$" not in "".join(one.get("location", "") for one in answers)


@pytest.mark.parametrize(
    "url", ["Things?$filter=name%20eq%20'Oven'&$select=name", "Things?$filter=name eq 'Oven'&$select=name",
            f"{ROOT}/Things?$select=name", "/v1.1/Things?$select=name", f"http://testserver{ROOT}/Things?$select=name",
            f"HTTP://TestServer:80{ROOT}/Things?$select=name", "Things?$filter=name ne '水位'&$select=name",
            "/sta/v1.1/Things?$filter=name ne '%E6%B0%B4%E4%BD%8D' and description ne 'a%2Bb'&$select=name"],
)  # fmt: skip
def test_addresses_in_every_form(program: Program, url: str) -> None:
    program.post("/Things", THING)
    assert run(program, part("1", "get", url))[0]["body"]["value"] == [{"name": "Oven"}]


@pytest.mark.parametrize(
    ("url", "status", "word"),
    [
        ("http://other.example/sta/v1.1/Things", 400, "another server"), ("ftp://testserver/x", 400, "another server"),
        ("/api/v1/devices", 400, "not below"), ("/sta/v1.10/Things", 400, "not below"), ("Nope", 404, "Nope"),
        ("../../api/v1/devices", 404, "part of a path"), ("$nobody/Datastreams", 400, "nobody"),
        ("Things($nobody)", 404, "nobody"), ("Things('$nobody')", 404, "nobody"), ("/sta/mqtt/enter", 400, "not below"),
    ],
)  # fmt: skip
def test_what_is_no_address_of_ours(program: Program, url: str, status: int, word: str) -> None:
    answers = run(program, part("1", "GET", url), part("2", "GET", "Things/$count"))
    assert answers[0]["status"] == answers[0]["body"]["code"] == status and word in answers[0]["body"]["message"]
    assert answers[1]["body"] == "0", "the others go on"


def test_a_part_that_names_no_entity(program: Program, stream: int) -> None:
    answers = run(
        program, part("set", "GET", "Things"), part("a", "GET", "$set/1"), part("bad", "POST", "Things", BAD_THING),
        part("b", "GET", "$bad/Datastreams"),
        part("c", "POST", "Datastreams", {**STREAM, "Thing": {"@iot.id": "$bad"}}),
        part("d", "DELETE", f"Datastreams({stream})"), part("e", "GET", "$d"), part("root", "GET", "/sta/v1.1/"),
    )  # fmt: skip
    assert statuses(answers) == [200, 400, 400, 424, 424, 200, 400, 200]
    assert "made no entity" in answers[1]["body"]["message"] and "body" not in answers[5]
    conformance = answers[7]["body"]["serverSettings"]["conformance"]
    assert "http://www.opengis.net/spec/iot_sensing/1.1/req/batch-request/batch-request" in conformance


# --- groups ---------------------------------------------------------------------------------------------------------


def kept(program: Program, stream: int) -> Any:
    """What the district knows, in both stores."""
    sets = ("Things", "Locations", "Sensors", "Datastreams", "FeaturesOfInterest", "HistoricalLocations")
    device = Device.objects.get(code__startswith="sta-").pk
    return (
        [program.get(f"/{s}?$top=1000") for s in sets], program.get(f"/Datastreams({stream})/Observations"),
        telemetry.latest([device]).to_pylist(), AuditRow.objects.count(), OutboxEvent.objects.count(),
        list(Device.objects.values_list("code", "status", "name_zh")),
    )  # fmt: skip


def test_of_a_group_that_fails_nothing_is_left(program: Program, stream: int) -> None:
    """Neither in the registry nor in history, where readings are told, changed and taken out."""
    first, second = told(program, stream, 1, 1), told(program, stream, "text", 2)
    before = kept(program, stream)
    deep = {**THING, "Datastreams": [{**STREAM, "Observations": [{"result": 5, "phenomenonTime": T.format(1)}]}]}
    here = f"Datastreams({stream})/Observations"
    answers = run(
        program, part("new", "POST", "Things", deep, "g"), part("o", "POST", here, {"result": 3}, "g"),
        part("p", "PATCH", first["@iot.selfLink"], {"result": 30}, "g"),
        part("d", "DELETE", second["@iot.selfLink"], None, "g"),
        part("thing", "PATCH", f"Datastreams({stream})/Thing", {"name": "Other"}, "g"),
        part("bad", "POST", "Things", BAD_THING, "g"), part("never", "POST", "Sensors", SENSOR, "g"),
        part("after", "GET", "$new"), part("count", "GET", "Things/$count"),
    )  # fmt: skip
    assert statuses(answers) == [424] * 5 + [400, 424, 424, 200]
    assert "description" in answers[5]["body"]["message"]
    assert "requests[5] of the same group failed" in answers[0]["body"]["message"] and "location" not in answers[0]
    assert kept(program, stream) == before and answers[8]["body"] == "1"
    assert telemetry.latest([d.pk for d in Device.objects.all()]).num_rows == 1


def test_of_a_group_that_succeeds_everything_is_there(program: Program, stream: int) -> None:
    first, second = told(program, stream, 1, 1), told(program, stream, 2, 2)
    here = f"Datastreams({stream})/Observations"
    same = {"result": 3, "phenomenonTime": T.format(3)}
    answers = run(
        program, part("p", "PATCH", first["@iot.selfLink"], {"result": 10}, "g"),
        part("d", "DELETE", second["@iot.selfLink"], None, "g"), part("a", "POST", here, same, "g"),
        part("b", "POST", here, same, "g"), part("c", "POST", here, {**same, "phenomenonTime": T.format(2)}, "g"),
        part("e", "POST", here, {"result": "wet", "phenomenonTime": T.format(9)}, "g"),
        part("count", "GET", f"{here}/$count", dependsOn=["g"]),
    )  # fmt: skip
    assert statuses(answers) == [200, 200, 201, 201, 201, 201, 200] and answers[6]["body"] == "5"
    assert results(program, stream) == [10, 3, 3, 3, "wet"]
    for one in (answers[0], *answers[2:6]):
        assert one["body"] == program.get(one["location"]), "told as it is now"
    assert len({one["body"]["@iot.id"] for one in answers[2:6]}) == 4, "two at the same time are two"
    assert program.get(f"/Datastreams({stream})")["phenomenonTime"] == f"{T.format(1)}/{T.format(9)}"
    gone = run(program, part("1", "DELETE", answers[5]["location"], None, "h"),
               part("2", "DELETE", first["@iot.selfLink"], None, "h"))  # fmt: skip
    assert statuses(gone) == [200, 200]
    assert program.get(f"/Datastreams({stream})")["phenomenonTime"] == f"{T.format(2)}/{T.format(3)}"


def test_a_feature_with_its_observations_in_a_group(program: Program, stream: int) -> None:
    first = told(program, stream, 1, 1)
    told(program, stream, "text", 2)
    feature = program.get(first["FeatureOfInterest@iot.navigationLink"])["@iot.selfLink"]
    here = f"Datastreams({stream})/Observations"
    for bad in (part("2", "POST", "Things", BAD_THING, "g"), part("2", "POST", "Nope", {}, "g")):
        assert 424 in statuses(run(program, part("1", "DELETE", feature, None, "g"), bad))
        assert results(program, stream) == [1, "text"]
    both = run(program, part("1", "POST", here, {"result": 2}, "g"), part("2", "DELETE", feature, None, "g"))
    assert statuses(both) == [424, 400] and results(program, stream) == [1, "text"]
    assert statuses(run(program, part("1", "DELETE", feature, None, "g"))) == [200]
    assert results(program, stream) == [] and program.get(feature, 404)


def test_within_a_group_an_observation_is_touched_once(program: Program, stream: int) -> None:
    first = told(program, stream, 1, 1)["@iot.selfLink"]
    here = f"Datastreams({stream})/Observations"
    twice = run(program, part("1", "PATCH", first, {"result": 2}, "g"), part("2", "PATCH", first, {"result": 3}, "g"))
    assert statuses(twice) == [424, 400] and "once" in twice[1]["body"]["message"]
    own = run(program, part("1", "POST", here, {"result": 5}, "g"), part("2", "PATCH", "$1", {"result": 6}, "g"),
              part("3", "GET", "$1"))  # fmt: skip
    assert statuses(own) == [424, 400, 424] and "once its group is done" in own[1]["body"]["message"]
    later = run(program, part("1", "POST", here, {"result": 5}, "g"), part("2", "PATCH", "$1", {"result": 6}, "h"))
    assert statuses(later) == [201, 200] and results(program, stream) == [1, 6]


def test_when_history_does_not_answer_the_group_is_not_done(program: Program, stream: int) -> None:
    before = kept(program, stream)
    body = {"result": 5, "phenomenonTime": T.format(1)}
    with mock.patch.object(selectors.history(), "write", side_effect=HistoryUnavailable("it is away")):
        answers = run(program, part("1", "POST", "Things", PLAIN_THING, "g"),
                      part("2", "POST", f"Datastreams({stream})/Observations", body, "g"))  # fmt: skip
    assert statuses(answers) == [503, 503] and kept(program, stream) == before


# --- errors, and what hangs on them ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "applied", "many"),
    [
        (None, "continue-on-error=true", 4), ("continue-on-error=false", "continue-on-error=false", 2),
        ("odata.continue-on-error=false", "continue-on-error=false", 2),
        ("odata.continue-on-error=false, continue-on-error", "continue-on-error=true", 4),
        ('return=minimal, Continue-On-Error = "false"', "continue-on-error=false", 2),
    ],
)  # fmt: skip
def test_after_an_error_the_others_are_done_unless_the_caller_wants_it_otherwise(
    program: Program, wish: str | None, applied: str, many: int
) -> None:
    parts = [part("1", "POST", "Things", PLAIN_THING), part("2", "POST", "Things", BAD_THING),
             part("3", "POST", "Things", PLAIN_THING), part("4", "GET", "Things/$count")]  # fmt: skip
    answer = program.ask("POST", "/$batch", {"requests": parts}, headers={"Prefer": wish} if wish else {})
    assert answer["Preference-Applied"] == applied
    assert statuses(answer.json()["responses"]) == [201, 400, 201, 200][:many]
    assert program.get("/Things/$count") == ("2" if many == 4 else "1")


@pytest.mark.parametrize(
    ("needs", "condition", "status"),
    [
        (["ok"], None, 200), (["bad"], None, 424), (["ok", "bad"], None, 424), (["g"], None, 200), (["$ok"], None, 200),
        ([], "$ok/$succeeded", 200), (["bad"], "not $bad/$succeeded and $g/$succeeded", 200),
        ([], "$bad/$succeeded or $ok/name eq 'Plain'", 200), ([], "$ok/name eq 'other'", 424),
        ([], "$ok/properties/size ge 3 and $ok/properties/no eq null", 200), ([], "$ok/name gt 3", 424),
        ([], "$bad/name eq null", 200), ([], "$ok/properties/yes ne 1", 200), ([], "$ok/properties/yes eq true", 200),
    ],
)  # fmt: skip
def test_a_part_that_depends_on_others(program: Program, needs: list[str], condition: str | None, status: int) -> None:
    body = {**PLAIN_THING, "properties": {"size": 3.5, "yes": True}}
    more = {"dependsOn": needs} | ({"if": condition} if condition else {})
    answers = run(
        program, part("ok", "POST", "Things", body), part("bad", "POST", "Things", BAD_THING),
        part("in", "POST", "Things", PLAIN_THING, "g"), part("last", "GET", "Things/$count", **more),
    )  # fmt: skip
    assert answers[3]["status"] == status


def test_a_fault_of_ours_is_the_parts_alone(program: Program) -> None:
    program.web.raise_request_exception = False
    real = creating.create

    def broken(**given: Any) -> Any:
        if given["body"].get("name") == "Broken":
            raise RuntimeError("a fault")
        return real(**given)

    with mock.patch.object(creating, "create", broken):
        parts = [part("1", "POST", "Things", {**PLAIN_THING, "name": name}) for name in ("A", "Broken", "C")]
        answers = run(program, *(p | {"id": str(n)} for n, p in enumerate(parts)))
    assert statuses(answers) == [201, 500, 201] and answers[1]["body"]["type"] == "error"
    assert program.names("/Things") == ["A", "C"]


def test_observations_one_after_another_are_told_history_once(program: Program, stream: int) -> None:
    """Each is for itself all the same: one that fails leaves nothing, and hinders no other."""
    here = f"Datastreams({stream})/Observations"
    same = {"result": 3, "phenomenonTime": T.format(3)}
    parts = [part("a", "POST", here, same), part("b", "POST", here, {"result": 1, "phenomenonTime": "never"}),
             part("c", "POST", here, same), part("d", "POST", here, {**same, "result": "wet"}),
             part("e", "POST", "$c/Datastream/Observations", {"result": 4, "phenomenonTime": T.format(4)}),
             part("f", "POST", here, {"result": 5, "phenomenonTime": T.format(5)}, dependsOn=["b"])]  # fmt: skip
    with mock.patch.object(selectors.history(), "write", wraps=selectors.history().write) as write:
        answers = run(program, *parts)
    assert statuses(answers) == [201, 400, 201, 201, 201, 424] and write.call_count == 2
    assert results(program, stream) == [3, 3, "wet", 4]
    assert all(one["body"] == program.get(one["location"]) for one in answers if one["status"] == 201)
    again = [part(str(n), "POST", here, {"result": n, "phenomenonTime": T.format(n)}) for n in (6, 7)]
    bad = part("bad", "POST", here, {"result": 1, "phenomenonTime": "never"})
    told = run(program, again[0], bad, again[1], Prefer="continue-on-error=false")
    assert statuses(told) == [201, 400] and results(program, stream)[-1] == 6
    with mock.patch.object(selectors.history(), "write", side_effect=HistoryUnavailable("it is away")):
        assert statuses(run(program, again[1], bad, part("9", "GET", "Things"))) == [503, 400, 200]
    assert results(program, stream)[-1] == 6


def test_one_that_fails_late_has_told_history_nothing(program: Program, stream: int) -> None:
    program.web.raise_request_exception = False
    real = creating.create

    def late(**given: Any) -> Any:
        made = real(**given)
        if given["body"]["result"] == 2:
            raise RuntimeError("after it was stored")
        return made

    with mock.patch.object(creating, "create", late):
        answers = run(program, *(part(str(n), "POST", f"Datastreams({stream})/Observations", {"result": n,
                      "phenomenonTime": T.format(n)}) for n in (1, 2, 3)))  # fmt: skip
    assert statuses(answers) == [201, 500, 201] and results(program, stream) == [1, 3]


# --- who ------------------------------------------------------------------------------------------------------------


def test_each_part_has_the_rights_of_the_caller(program: Program, devices: dict[str, UUID]) -> None:
    gauges = {c: program.get(f"/Datastreams?$filter=name eq '设备{c}-1 水位'")["value"][0]["@iot.id"] for c in "NS"}
    north = Program(area=NORTH)
    parts = [part(c, "POST", f"Datastreams({key})/Observations", {"result": 1}) for c, key in gauges.items()]
    seen = [part("g", "GET", f"Datastreams({gauges['S']})"), part("all", "GET", "Things?$select=name")]
    answers = run(north, *parts, *seen)
    assert statuses(answers) == [201, 404, 404, 200] and len(answers[3]["body"]["value"]) == 1
    before = program.get("/Observations/$count")
    assert statuses(run(north, *(p | {"atomicityGroup": "g"} for p in parts))) == [424, 404]
    assert program.get("/Observations/$count") == before
    reader = Program("duty_lead")
    assert statuses(run(reader, *parts, *seen)) == [403, 403, 200, 200]
    narrow = Program()
    key = identity.create_apikey(account_id=narrow.account.id, scopes=["devices.view"])
    narrow.web = Client(headers={"Authorization": f"Bearer {key}"})
    assert statuses(run(narrow, *parts, *seen)) == [403, 403, 200, 200]
    nothing = Program()
    key = identity.create_apikey(account_id=nothing.account.id, scopes=["cases.view"])
    nothing.web = Client(headers={"Authorization": f"Bearer {key}"})
    assert run(nothing, *seen, status=403)["code"] == 403


def test_things_of_households_are_not_reached(program: Program, devices: dict[str, UUID]) -> None:
    hidden = [device(model(f"kind_{s}", s), code, NORTH, IN_NORTH).pk
              for s, code in (("household", "M-2"), ("person", "P-1"), ("vehicle", "V-1"))]  # fmt: skip
    telemetry.write([(pk, "level", 1_790_000_000_000, 1_790_000_000_000, 77_777.5, PRIVATE) for pk in hidden])
    urls = ["Things?$top=1000&$expand=Datastreams($expand=Observations),Locations",
            "Observations?$filter=result gt 70000", "Observations?$filter=Datastream/Thing/properties/code eq 'P-1'",
            "Locations", "Sensors", "Datastreams", "FeaturesOfInterest",
            "Things?$filter=Datastreams/Observations/result gt 70000"]  # fmt: skip
    answers = run(program, *(part(str(n), "GET", url) for n, url in enumerate(urls)))
    assert statuses(answers) == [200] * len(urls)
    text = orjson.dumps(answers).decode()
    assert "设备N-1" in text and not [
        w for w in ("M-2", "P-1", "V-1", "kind_", "77777", *map(str, hidden)) if w in text
    ]


def test_a_part_is_not_somebody_else(program: Program) -> None:
    other = Program("duty_lead").key
    for header in ("Authorization", "Cookie"):
        told = run(program, part("1", "GET", "Things", headers={header: f"Bearer {other}"}), status=400)
        assert f"requests[0].headers.{header.lower()}" in told["message"]
    for client in (Client(), accounts.client_of("dispatcher")):
        assert client.post(f"{ROOT}/$batch", {"requests": []}, content_type="application/json").status_code == 401
    assert Client().get(f"{ROOT}/$batch").status_code == 405 == program.ask("GET", "/$batch").status_code


def test_parts_count_as_requests_and_are_written_down_as_alone(program: Program) -> None:
    def counted() -> float:
        return metrics.REQUESTS.labels("POST", r"^sta/v1\.1/(?P<path>.+)$", "201")._value.get()

    before = counted()
    run(program, part("1", "POST", "Things", PLAIN_THING), part("2", "POST", "Things", PLAIN_THING, "g"))
    assert counted() - before == 2
    rows = AuditRow.objects.filter(action="sensorthings.create")
    assert [r.actor for r in rows] == [f"apikey:{program.account.id}"] * 2
