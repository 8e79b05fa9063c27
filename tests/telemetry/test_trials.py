"""A message tried on a thing model: the gateway's own reading of it, quality rules and the judge of sense; no store."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.devices.conftest import Caller, call, grids  # noqa: F401
from tests.devices.test_drafts import FIRST, draft, following, me, publish, rule, to_metres  # noqa: F401
from tests.devices.test_thing_shape import LEVEL

from linli.kernel import clock


@pytest.fixture
def attempt(me: Caller) -> Callable[..., dict[str, Any]]:  # noqa: F811
    def run(message: Any, **more: Any) -> dict[str, Any]:
        text = message if isinstance(message, str) else json.dumps(message)
        return me.post("/thing-model-trials", {"code": "my_gauge", "message": text} | more)  # type: ignore[no-any-return]

    return run


def rows(*values: float, step_s: int = 60, name: str = "lvl") -> list[dict[str, Any]]:
    now = round(clock.now().timestamp() * 1000)
    return [{"ts": now - (len(values) - n) * step_s * 1000, "values": {name: v}} for n, v in enumerate(values)]


def test_what_is_stored_with_unit_and_flags(attempt: Callable[..., dict[str, Any]]) -> None:
    told = attempt({"lvl": 1200, "wet": True, "more": 3, "note": "on site", "none": None}, body=FIRST)
    assert told["attributes"] == {"note": "on site"} and told["refused"] is None and not told["private"]
    found = {r["property"]: r for r in told["readings"]}
    assert (found["lvl"]["value"], found["lvl"]["shown_unit"], found["lvl"]["flags"]) == (
        1200, "cm", ["no_time", "out_of_range"]
    )  # fmt: skip
    assert found["wet"]["flags"] == ["no_time", "coded"] and found["wet"]["type"] == "bool"
    assert (found["more"]["known"], found["more"]["name"]) == (False, None)


@pytest.mark.parametrize(("message", "code", "field"), [
    ("{", "bad-json", "body"), ("5", "bad-shape", "body"), ('{"lvl": [1]}', "bad-value", "lvl"),
    ('[{"ts": "now", "values": {}}]', "bad-time", "[0].ts"),
])  # fmt: skip
def test_a_message_that_the_gateway_refuses(
    attempt: Callable[..., dict[str, Any]], message: str, code: str, field: str
) -> None:
    told = attempt(message, body=FIRST)
    assert (told["refused"]["code"], told["refused"]["field"], told["readings"]) == (code, field, [])


def test_quality_rules_mark_a_jump(attempt: Callable[..., dict[str, Any]]) -> None:
    told = attempt(rows(100, 110, 500), body=FIRST)
    assert [r["quality"] for r in told["readings"]] == [[], [], ["jump"]]


def test_alarms_of_the_rules_as_they_will_be(me: Caller, attempt: Callable[..., dict[str, Any]]) -> None:  # noqa: F811
    publish(me, draft(me))
    rule("high", "lvl", 300)
    lasting = rule("lasting", "lvl", 200)
    lasting.kind, lasting.duration_s = "duration", 600
    lasting.save()
    (low, high) = attempt(rows(250, 310))["alarms"]
    assert (low["code"], low["value"], low["waits_s"]) == ("high", 310, 0)
    assert high["code"] == "lasting" and 500 <= high["waits_s"] <= 600
    assert attempt(rows(100))["alarms"] == []

    body = following(me, to_metres)["body"]
    assert [a["code"] for a in attempt(rows(2.5, 3.1, name="level"), body=body)["alarms"]] == ["high", "lasting"]
    old = attempt(rows(310), body=body, speaks=1)
    assert [(r["property"], r["value"], r["unit"]) for r in old["readings"]] == [("level", 3.1, "m")]
    assert {a["value"] for a in old["alarms"]} == {3.1}


def test_things_of_households_are_kept_apart_and_judged_by_nobody(attempt: Callable[..., dict[str, Any]]) -> None:
    told = attempt({"lvl": 5}, body=FIRST | {"subject": "household"})
    assert told["private"] and told["alarms"] == [] and "private" in told["readings"][0]["flags"]


def test_a_wrong_draft_or_too_much_is_refused_by_field(me: Caller) -> None:  # noqa: F811
    ask = {"code": "my_gauge", "message": "{}"}
    refused = me("POST", "/thing-model-trials", ask | {"body": FIRST | {"properties": [LEVEL | {"unit": "furlong"}]}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "properties.0.unit")
    assert me("POST", "/thing-model-trials", ask).status_code == 404
    for more, field in (({"message": "x" * 70_000}, "message"), ({"speaks": 2}, "speaks")):
        refused = me("POST", "/thing-model-trials", ask | {"body": FIRST} | more)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    many = [{"ts": 1, "values": {f"p{i}": i for i in range(150)}}] * 14
    refused = me("POST", "/thing-model-trials", ask | {"body": FIRST, "message": json.dumps(many)})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "message")
