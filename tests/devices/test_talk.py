"""Commands, shared attributes and the children of gateways: routes, and the SQL that the gateway calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from tests.identity.accounts import actor_for, make_account

from linli.devices import contracts
from linli.devices.models import Command, Device, ThingModel
from linli.devices.services import commands
from linli.kernel import clock, ids
from linli.kernel.models import AuditRow, OutboxEvent


def run(sql: str, *params: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def take(*devices: Device, again: bool = False) -> list[int]:
    return [r[0] for r in run(contracts.COMMANDS_TAKE_SQL, [d.pk for d in devices], again)]


def settle(number: int, device: Device, state: str, result: Any = None) -> int:
    row = {"number": number, "device_id": str(device.pk), "state": state, "result": result}
    return run(contracts.COMMANDS_SETTLE_SQL, json.dumps([row]))[0][0]


@pytest.fixture
def me(call: Callable) -> Any:
    return call("340121403", "devices.view", "devices.manage", "devices.command")


def send(me: Any, gauge: Device, **more: Any) -> dict[str, Any]:
    return me.post(f"/devices/{gauge.pk}/commands", {"method": "open", "params": {"gate": 1}} | more, 201)


def test_a_command_from_queue_to_answer(gauge: Device, me: Any) -> None:
    made = send(me, gauge)
    assert (made["state"], made["number"] > 0, made["result"]) == ("queued", True, None)
    assert take(gauge) == [made["number"]] and take(gauge) == [] and take(gauge, again=True) == [made["number"]]
    assert me.get(f"/commands/{made['id']}")["tries"] == 2
    assert settle(made["number"], gauge, "delivered") == 1 and take(gauge, again=True) == []
    assert settle(made["number"], gauge, "answered", {"open": True}) == 1
    assert settle(made["number"], gauge, "answered", {"open": False}) == 0, "a second answer changes nothing"
    assert settle(made["number"], gauge, "delivered") == 0, "nor does a late acknowledgement"
    found = me.get(f"/devices/{gauge.pk}/commands")["items"][0]
    assert (found["state"], found["result"]) == ("answered", {"open": True}) and found["ended_at"]
    states = OutboxEvent.objects.filter(type="command.changed").order_by("created_at")
    assert [e.envelope["data"]["state"] for e in states] == ["queued", "sent", "sent", "delivered", "answered"]
    assert AuditRow.objects.filter(action="command.send", ref=str(gauge.pk)).count() == 1


def test_a_device_settles_only_its_own(gauge: Device, water: ThingModel, me: Any) -> None:
    other = Device.objects.create(code="WL-2", name_zh="二号", model=water, area_path=gauge.area_path)
    number = send(me, gauge)["number"]
    take(gauge)
    assert settle(number, other, "answered") == 0 and settle(number, gauge, "failed", {"error": "x"}) == 1


def test_one_way_ends_when_delivered(gauge: Device, me: Any) -> None:
    made = send(me, gauge, one_way=True)
    take(gauge)
    settle(made["number"], gauge, "delivered")
    assert me.get(f"/commands/{made['id']}")["ended_at"]


def test_what_nobody_takes_expires_and_a_late_answer_still_counts(gauge: Device, me: Any) -> None:
    first, second = send(me, gauge), send(me, gauge)
    take(gauge)
    Command.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert commands.expire_commands() == 2 and commands.expire_commands() == 0
    assert take(gauge, again=True) == []
    assert settle(first["number"], gauge, "delivered") == 1
    assert me.get(f"/commands/{first['id']}")["state"] == "expired"
    assert settle(second["number"], gauge, "answered", 1) == 1
    assert me.get(f"/commands/{second['id']}")["state"] == "answered"


def test_only_a_queued_one_is_taken_back(gauge: Device, me: Any) -> None:
    made = send(me, gauge)
    assert me.post(f"/commands/{made['id']}/cancel")["state"] == "cancelled"
    assert me.post(f"/commands/{made['id']}/cancel")["state"] == "cancelled", "twice changes nothing"
    assert take(gauge) == []
    sent = send(me, gauge)
    take(gauge)
    assert me.post(f"/commands/{sent['id']}/cancel", None, 409)["type"].endswith("not-queued")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"method": ""}, "method"), ({"expires_s": 0}, "expires_s"), ({"expires_s": 2_592_001}, "expires_s"),
     ({"params": "x" * 70_000}, "params")],
)  # fmt: skip
def test_bad_commands_are_named(gauge: Device, me: Any, body: dict[str, Any], field: str) -> None:
    answer = me.post(f"/devices/{gauge.pk}/commands", {"method": "open"} | body, 422)
    assert answer["errors"][0]["field"] == field


def test_a_model_that_names_its_commands_has_no_others(gauge: Device, me: Any) -> None:
    ThingModel.objects.filter(pk=gauge.model_id).update(commands=[{"code": "reset", "name": {}, "parameters": []}])
    assert me.post(f"/devices/{gauge.pk}/commands", {"method": "open"}, 422)["errors"][0]["field"] == "method"
    me.post(f"/devices/{gauge.pk}/commands", {"method": "reset"}, 201)


GATE = {"code": "set", "name": {"zh": "设定", "en": "set"}, "parameters": [
    {"code": "opening", "type": "number", "range": [0, 100]}, {"code": "lit", "type": "bool"},
    {"code": "plan", "type": "text", "choices": [{"code": "day"}, {"code": "night"}]},
    {"code": "words", "type": "text"},
]}  # fmt: skip
GOOD = {"opening": 40, "lit": True, "plan": "night", "words": "注意积水"}


@pytest.mark.parametrize(
    ("change", "field"),
    [({"opening": 101}, "opening"), ({"opening": True}, "opening"), ({"opening": "40"}, "opening"), ({"lit": 1}, "lit"),
     ({"plan": "noon"}, "plan"), ({"words": " "}, "words"), ({"words": None}, "words"), ({"gate": 1}, "gate")],
)  # fmt: skip
def test_parameters_fit_what_the_model_declares(gauge: Device, me: Any, change: dict[str, Any], field: str) -> None:
    ThingModel.objects.filter(pk=gauge.model_id).update(commands=[GATE])
    path = f"/devices/{gauge.pk}/commands"
    assert me.post(path, {"method": "set", "params": GOOD}, 201)["params"] == GOOD
    answer = me.post(path, {"method": "set", "params": GOOD | change}, 422)
    assert [e["field"] for e in answer["errors"]] == [f"params.{field}"]
    missing = {k: v for k, v in GOOD.items() if k != "opening"}
    assert me.post(path, {"method": "set", "params": missing}, 422)["errors"][0]["field"] == "params.opening"
    assert me.post(path, {"method": "set"}, 422)["errors"][0]["field"] == "params"


def test_a_command_tells_who_sent_it(gauge: Device, me: Any) -> None:
    sender = make_account(("dispatcher", gauge.area_path))
    made = commands.send_command(actor=actor_for(sender.id), device_id=gauge.pk, method="open")
    assert me.get(f"/commands/{made.id}")["by"] == sender.display_name
    assert me.get(f"/devices/{gauge.pk}/commands")["items"][0]["by"] == sender.display_name


def test_a_hundred_open_ones_are_enough(gauge: Device, me: Any) -> None:
    expires = clock.now() + timedelta(hours=1)
    Command.objects.bulk_create(Command(device=gauge, method="x", expires_at=expires) for _ in range(100))
    assert me.post(f"/devices/{gauge.pk}/commands", {"method": "x"}, 409)["type"].endswith("too-many-commands")


def test_a_households_things_are_not_steered(gauge: Device, me: Any) -> None:
    ThingModel.objects.filter(pk=gauge.model_id).update(subject="household")
    assert me.post(f"/devices/{gauge.pk}/commands", {"method": "x"}, 409)["type"].endswith("not-a-place")
    assert me("GET", f"/devices/{gauge.pk}/commands").status_code == 404


def test_commands_by_pages(gauge: Device, me: Any, django_assert_max_num_queries: Callable) -> None:
    numbers = [send(me, gauge)["number"] for _ in range(5)]
    with django_assert_max_num_queries(4):
        page = me.get(f"/devices/{gauge.pk}/commands?limit=3")
    rest = me.get(f"/devices/{gauge.pk}/commands?limit=3&cursor={page['next']}")
    assert [c["number"] for c in page["items"] + rest["items"]] == numbers[::-1] and rest["next"] is None
    assert me.get(f"/devices/{gauge.pk}/commands?state=answered")["items"] == []
    assert me("GET", f"/devices/{gauge.pk}/commands?state=x").status_code == 422


def test_shared_attributes_change_by_name(gauge: Device, me: Any) -> None:
    path = f"/devices/{gauge.pk}/attributes"
    assert me.patch(path, {"attributes": {"rate": 5, "mode": "a"}})["attributes_shared"] == {"rate": 5, "mode": "a"}
    assert me.patch(path, {"attributes": {"rate": 6, "mode": None}})["attributes_shared"] == {"rate": 6}
    assert me.patch(path, {"attributes": {"rate": 6}})["attributes_shared"] == {"rate": 6}
    told = OutboxEvent.objects.filter(type="device.changed").order_by("created_at")
    assert [e.envelope["data"]["names"] for e in told] == [["mode", "rate"], ["mode", "rate"]], "no change, no news"
    assert me.patch(path, {"attributes": {"": 1}}, 422)["errors"][0]["field"] == "attributes"


# --- children of gateways -------------------------------------------------------------------------------------------


@pytest.fixture
def speaker(gauge: Device) -> Device:
    ThingModel.objects.create(code="generic", name_zh="通用", name_en="Generic", subject="place", category="other")
    ThingModel.objects.create(code="meter", name_zh="表", name_en="Meter", subject="household", category="other")
    return Device.objects.create(code="GW-1", name_zh="网关", model=gauge.model, gateway=True, lon=117.1, lat=31.9,
                                 area_path="340121403.001")  # fmt: skip


def child(gateway: Device, name: str, kind: str = "") -> Any:
    return run(contracts.CHILD_SQL, gateway.pk, name, kind, ids.new_id(), contracts.search_words(name))[0][0]


def test_a_new_name_becomes_a_device_at_the_gateways_place(speaker: Device, me: Any) -> None:
    made = child(speaker, "RAIN-9", "t_water")
    assert child(speaker, "RAIN-9") == made
    found = me.get(f"/devices/{made}")
    assert (found["code"], found["model"]["code"], found["area_path"]) == ("RAIN-9", "t_water", speaker.area_path)
    assert found["parent_id"] == str(speaker.pk) and [d["code"] for d in me.get("/devices?q=rain")["items"]] == [
        "RAIN-9"
    ]
    other = me.get(f"/devices/{child(speaker, '三号 表', 'default')}")
    assert (
        other["code"].startswith("GW-1.") and other["name"]["zh"] == "三号 表" and other["model"]["code"] == "generic"
    )
    assert me.get(f"/devices/{child(speaker, 'M', 'meter')}")["model"]["code"] == "generic", "no household's"
    assert AuditRow.objects.filter(action="device.create", actor=f"device:{speaker.pk}").count() == 3
    rows = {r[0]: r[12:] for r in run(contracts.REGISTRY_SQL)}
    assert rows[made] == (False, speaker.pk, "RAIN-9") and rows[speaker.pk] == (True, None, "")


def test_a_code_in_use_is_not_taken_over(speaker: Device, gauge: Device) -> None:
    made = Device.objects.get(pk=child(speaker, gauge.code))
    assert made.pk != gauge.pk and made.code != gauge.code and made.parent_id == speaker.pk


def test_who_may_not_have_a_child(speaker: Device, gauge: Device) -> None:
    assert child(gauge, "x") is None, "no gateway"
    made = child(speaker, "x")
    Device.objects.filter(pk=made).update(state="retired")
    assert child(speaker, "x") is None, "retired"
    Device.objects.filter(pk=speaker.pk).update(state="retired")
    assert child(speaker, "y") is None


def test_a_device_is_given_to_a_gateway(speaker: Device, gauge: Device, me: Any) -> None:
    given = me.patch(f"/devices/{gauge.pk}", {"parent_id": str(speaker.pk)})
    assert (given["parent_id"], given["parent_name"]) == (str(speaker.pk), "WL-1")
    assert child(speaker, "WL-1") == gauge.pk
    assert me.patch(f"/devices/{gauge.pk}", {"parent_name": "level"})["parent_name"] == "level"
    assert me.patch(f"/devices/{gauge.pk}", {"parent_id": str(gauge.pk)}, 422)["errors"][0]["field"] == "parent_id"
    assert me.patch(f"/devices/{gauge.pk}", {"parent_id": None})["parent_name"] == ""


def test_two_children_of_one_name_are_refused(speaker: Device, grids: list, me: Any) -> None:
    body = {"code": "WL-3", "model": "t_water", "name_zh": "三", "area_path": "340121403.001",
            "parent_id": str(speaker.pk), "parent_name": "level"}  # fmt: skip
    assert me.post("/devices", body, 201)["parent_name"] == "level"
    assert me.post("/devices", body | {"code": "WL-5", "parent_name": "other"}, 201)["parent_name"] == "other"
    assert me.post("/devices", body | {"code": "WL-4"}, 409)["type"].endswith("name-taken")
    assert me.post("/devices", body | {"parent_name": "third"}, 409)["type"].endswith("code-taken")
