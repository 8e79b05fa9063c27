"""What web answers the gateway in the name of a program that speaks MQTT."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from tests.adapters.sensorthings.conftest import T0, Program, device, model
from tests.adapters.sensorthings.test_writes import PROPERTY, STREAM, THING, T
from tests.cases.conftest import IN_NORTH, NORTH

from linli.adapters.sensorthings.models import Told
from linli.adapters.sensorthings.services import telling
from linli.kernel import clock
from linli.kernel.models import OutboxEvent
from linli.telemetry.batch import CODED

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
NOW = 1_790_000_100_000


@pytest.fixture
def stream(program: Program) -> int:
    made = program.post("/Things", THING)
    return program.get(made["Datastreams@iot.navigationLink"])["value"][0]["@iot.id"]


def ask(program: Program, what: str, body: Any = None, status: int = 200) -> Any:
    answer = program.ask("POST", f"http://testserver/sta/mqtt/{what}", body if body is not None else {})
    assert answer.status_code == status, (what, answer.status_code, answer.content)
    return answer.json()


def message(stream: int | str, body: Any, at: int = NOW, **more: Any) -> dict[str, Any]:
    path = stream if isinstance(stream, str) else f"Datastreams({stream})/Observations"
    return {"path": path, "text": body if isinstance(body, str) else orjson.dumps(body).decode(), "at": at, **more}


def publish(program: Program, *messages: dict[str, Any]) -> list[Any]:
    return ask(program, "observations", {"messages": list(messages)})["answers"]


def statuses(answers: list[Any]) -> list[int]:
    return [a["status"] for a in answers]


def results(program: Program, stream: int) -> list[Any]:
    return [o["result"] for o in program.get(f"/Datastreams({stream})/Observations")["value"]]


def heard(program: Program, topic: str, status: int = 200, tag: str = "") -> Any:
    return ask(program, "topic", {"topic": topic, "tag": tag}, status)


def test_what_is_published_is_as_if_posted(program: Program, stream: int) -> None:
    body = {"result": 21.5, "phenomenonTime": T.format(1)}
    made = publish(program, message(stream, body), message("Observations", {
        "result": "wet", "phenomenonTime": T.format(2), "Datastream": {"@iot.id": stream}}))  # fmt: skip
    assert statuses(made) == [201, 201]
    one = program.get(f"/Observations('{made[0]['id']}')")
    assert (one["result"], one["phenomenonTime"]) == (21.5, T.format(1))
    assert program.get(f"/Observations('{made[1]['id']}')")["result"] == "wet"
    feature = program.get(one["FeatureOfInterest@iot.navigationLink"])["@iot.id"]
    third = message(f"FeaturesOfInterest({feature})/Observations", body | {
        "phenomenonTime": T.format(3), "Datastream": {"@iot.id": stream}})  # fmt: skip
    assert statuses(publish(program, third)) == [201]
    assert results(program, stream) == [21.5, "wet", 21.5]


@pytest.mark.parametrize(
    "given",
    [
        {"result": 21.5}, {"result": 7}, {"result": True}, {"result": "wet"}, {"result": {"b": 1, "a": [2]}},
        {"result": 1, "resultTime": T.format(3)}, {"result": 1, "resultQuality": "good"},
        {"result": 1, "phenomenonTime": "2026-11-01T00:00:00Z/2026-11-01T01:00:00Z"},
        {"result": 1, "parameters": {"depth": 3}}, {"result": 1, "phenomenonTime": "2026-11-01T00:00:00.0005Z"},
        {"result": 1, "validTime": "2026-11-01T00:00:00Z/2026-11-02T00:00:00Z"},
        {"result": 1, "FeatureOfInterest": {"name": "Tank", "description": "", "encodingType": "application/geo+json",
                                            "feature": {"type": "Point", "coordinates": [117.2, 31.9]}}},
    ],
)  # fmt: skip
def test_the_same_told_again_is_the_same(program: Program, stream: int, given: Any) -> None:
    body = {"phenomenonTime": T.format(1), **given}
    twice = publish(program, message(stream, body), message(stream, body, NOW + 1))
    again = publish(program, message(stream, body, NOW + 9_000))
    assert statuses(twice + again) == [201] * 3
    assert len({a["id"] for a in twice + again}) == 1 and len(results(program, stream)) == 1
    other = {**body, "result": 99}
    assert publish(program, message(stream, other))[0]["id"] != twice[0]["id"]
    assert len(results(program, stream)) == 2


def test_one_without_a_time_is_of_its_first_coming(program: Program, stream: int) -> None:
    first = message(stream, {"result": 5}, once="a")
    made = publish(program, first)
    again = publish(program, message(stream, {"result": 5}, NOW + 60_000, once="a", again=True))
    assert again == made and results(program, stream) == [5]
    publish(program, message(stream, {"result": 5}, NOW + 70_000, once="a"))  # its number used for another message
    publish(program, message(stream, {"result": 5}, NOW + 80_000, once="b", again=True))
    publish(program, message(stream, {"result": 5}, NOW + 90_000))
    assert results(program, stream) == [5] * 4
    Told.objects.update(created_at=clock.now() - telling.KEPT - timedelta(hours=1))
    telling.forget_old()
    assert not Told.objects.exists()


def test_one_that_is_wrong_leaves_the_others(program: Program, stream: int) -> None:
    good = {"result": 1, "phenomenonTime": T.format(1)}
    wrong = [
        message(stream, "{"), message(stream, [1]), message(stream, {"phenomenonTime": T.format(1)}),
        message(stream, {"result": 1, "colour": "red"}), message(999_999, good), message("Things", good),
        message("Nothing/Observations", good), message("Observations", good), message(stream, {"result": "a\0"}),
        message("Observations", {**good, "Datastream": {**STREAM, "ObservedProperty": PROPERTY}}),
        message(stream, {**good, "FeatureOfInterest": {"@iot.id": 999_999}}),
        message(stream, {**good, "FeatureOfInterest": {"name": "x"}}),
        {**message(stream, good), "text": None},
    ]  # fmt: skip
    given = [message(stream, good), *wrong, message(stream, {"result": 2, "phenomenonTime": T.format(2)})]
    made = publish(program, *given)
    assert made[0]["status"] == made[-1]["status"] == 201
    assert statuses(made[1:-1]) == [400, 400, 400, 400, 404, 400, 404, 400, 400, 400, 400, 400, 400]
    assert all(a["message"] for a in made[1:-1])
    assert results(program, stream) == [1, 2]


def test_rights(program: Program, stream: int, devices: dict[str, UUID]) -> None:
    good = {"result": 1, "phenomenonTime": T.format(1)}
    viewer, north = Program("dispatcher"), Program("integrator", NORTH)
    assert ask(viewer, "enter")["account"] == str(viewer.account.id)
    assert statuses(publish(viewer, message(stream, good))) == [403]
    south = next(s["@iot.id"] for s in program.get("/Datastreams?$expand=Thing")["value"]
                 if s["Thing"]["name"] == "设备S-1")  # fmt: skip
    assert statuses(publish(north, message(south, good))) == [404]
    heard(north, f"v1.1/Datastreams({south})/Observations", 404)
    streams = heard(north, "v1.1/Observations")["streams"]
    assert streams and south not in [s[0] for s in streams]
    asked = {"groups": [{"select": "", "feature": None, "found": [[south, T0, T0, 1.0, 0]]}]}
    assert ask(north, "told", asked) == {"groups": [[None]]}
    assert ask(program, "told", asked)["groups"][0][0]["@iot.id"] == south * 10**13 + T0
    program.key = "linli_a_b"
    stranger = program.web.post("/sta/mqtt/enter", b"{}", "application/json", headers={"Authorization": "Bearer x"})
    assert stranger.status_code == 401


def test_what_a_topic_holds(program: Program, devices: dict[str, UUID]) -> None:
    thing = program.get("/Things?$filter=name eq '设备N-1'&$expand=Datastreams")["value"][0]
    level = next(s["@iot.id"] for s in thing["Datastreams"] if "level" in s["name"].lower() or "水位" in s["name"])
    found = heard(program, f"v1.1/Datastreams({level})/Observations?$select=result,phenomenonTime")
    assert found["streams"] == [[level, devices["n"].hex, "level"]] and found["select"] == "result,phenomenonTime"
    assert heard(program, f"v1.1/Things({thing['@iot.id']})/Datastreams({level})/Observations")["streams"]
    everything = heard(program, "v1.1/Observations")
    held = {s[1] for s in everything["streams"]}
    assert devices["n"].hex in held and devices["s"].hex in held and devices["m"].hex not in held
    assert heard(program, "v1.1/Observations", tag=everything["tag"]) == {"tag": everything["tag"]}
    hidden = device(model("bell", "person"), "P-9", NORTH, IN_NORTH)
    assert heard(program, "v1.1/Observations", tag=everything["tag"]) == {"tag": everything["tag"]}
    assert hidden.pk.hex not in held
    for topic, status in (
        ("v1.1/Things", 400), ("v1.1/Datastreams(1)", 404), ("v1.1/Observations?$filter=result gt 1", 400),
        ("v1.1/Observations?$select=colour", 400), ("v1.1/Nothing", 404), ("v1.1/", 404),
        (f"v1.1/Datastreams({level})/Observations/$count", 400),
    ):  # fmt: skip
        heard(program, topic, status)


def test_what_is_told_is_what_a_get_gives(program: Program, devices: dict[str, UUID], stream: int) -> None:
    by_name = {s["@iot.id"]: s for s in program.get("/Datastreams")["value"]}
    held = heard(program, "v1.1/Observations")["streams"]
    level = next(s[0] for s in held if s[1:] == [devices["n"].hex, "level"])
    open_ = next(s[0] for s in held if s[1:] == [devices["n"].hex, "open"])
    text = program.post(f"/Datastreams({stream})/Observations", {"result": "wet", "phenomenonTime": T.format(1)})
    own = program.post(f"/Datastreams({stream})/Observations", {"result": 4, "phenomenonTime": T.format(2)})
    at = own["@iot.id"] % 10**13
    found = [[level, T0 + 60_000, T0 + 60_500, 0.5, 0], [open_, T0, T0 + 500, 1.0, CODED], [stream, at, at, 4.0, 0],
             str(text["@iot.id"]), "99999", "nonsense"]  # fmt: skip
    told = ask(program, "told", {"groups": [{"select": "", "feature": None, "found": found}]})["groups"][0]
    assert told[-2:] == [None, None] and len(by_name) >= 4
    assert told[:4] == [program.get(f"/Observations('{o['@iot.id']}')") for o in told[:4]]
    some = ask(program, "told", {"groups": [{"select": "result", "feature": None, "found": found[:2]}]})["groups"][0]
    assert some == [{"result": 0.5}, {"result": True}]


def test_what_is_no_reading_is_an_event(program: Program, stream: int) -> None:
    def events() -> list[Any]:
        found = OutboxEvent.objects.filter(type="observation.kept").order_by("id")
        return [o for e in found for o in e.envelope["data"]["observations"]]

    program.post(f"/Datastreams({stream})/Observations", {"result": 4, "phenomenonTime": T.format(2)})
    assert events() == []
    text = program.post(f"/Datastreams({stream})/Observations", {"result": "wet", "phenomenonTime": T.format(1)})
    feature = program.get(text["FeatureOfInterest@iot.navigationLink"])["@iot.id"]
    assert events() == [[str(text["@iot.id"]), feature]]
    program.ask("PATCH", text["@iot.selfLink"], {"result": "dry"})
    assert events() == [[str(text["@iot.id"]), feature]] * 2
    one = OutboxEvent.objects.filter(type="observation.kept").first()
    assert one is not None and one.envelope["area"] == NORTH and one.envelope["permission"] == "devices.view"
    holder = heard(program, f"v1.1/FeaturesOfInterest({feature})/Observations")
    assert holder["feature"] == feature and [s[0] for s in holder["streams"]] == [stream]


def test_the_root_says_where(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "http://www.opengis.net/spec/iot_sensing/1.1/req/create-observations-via-mqtt/observations-creation"
    monkeypatch.setenv("LINLI_MQTT_PORT", "1883")
    monkeypatch.setenv("LINLI_MQTTS_PORT", "8883")
    told = program.get("/")["serverSettings"]
    assert told[name] == {"endpoints": ["mqtt://testserver:1883", "mqtts://testserver:8883"]}
    assert name in told["conformance"]
    monkeypatch.setenv("LINLI_MQTT_URLS", "mqtts://mqtt.example.cn")
    assert program.get("/")["serverSettings"][name] == {"endpoints": ["mqtts://mqtt.example.cn"]}
    for name_ in ("LINLI_MQTT_URLS", "LINLI_MQTT_PORT", "LINLI_MQTTS_PORT"):
        monkeypatch.delenv(name_)
    told = program.get("/")["serverSettings"]
    assert name not in told and name not in told["conformance"]
