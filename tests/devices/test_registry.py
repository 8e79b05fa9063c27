"""The registry through its routes: who sees what, codes, places, tokens, import."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from linli.devices import contracts, facade
from linli.devices.api import alarm_schemas, rule_schemas, schemas
from linli.devices.models import Alarm, Credential, Device, DeviceStatus, Rule, ThingModel
from linli.home import Home
from linli.kernel import clock
from linli.kernel.models import IdempotencyRow, OutboxEvent
from linli.places.models import Grid

GAUGE = {"code": "WL-7", "model": "t_water", "name_zh": "东岗泵站水位计", "name_en": "Donggang gauge", "lon": 117.1,
         "lat": 31.9, "owner_department": "排水管理所", "tags": ["泵站"]}  # fmt: skip


def test_make_find_change_and_retire_a_device(grids: list[Grid], water: ThingModel, call: Callable) -> None:
    me = call()
    made = me.post("/devices", GAUGE, 201)
    assert (made["area_path"], made["grid_id"]) == ("340121403.001", str(grids[1].pk))
    assert me.post("/devices", GAUGE, 409)["type"].endswith("code-taken")
    for q in ("泵站", "wl-7", "gang ga", "岗", "泵站 wl"):
        assert [d["code"] for d in me.get(f"/devices?q={q}")["items"]] == ["WL-7"], q
    assert me.get("/devices?q=泵场")["items"] == []
    moved = me.patch(f"/devices/{made['id']}", {"lon": 117.3, "lat": 31.9, "name_zh": "西岗水位计"})
    assert (moved["area_path"], moved["name"]["zh"]) == ("340121403.002", "西岗水位计")
    assert me.get("/devices?q=东岗")["items"] == []
    assert me.patch(f"/devices/{made['id']}", {"lon": 10, "lat": 10}, 422)["errors"][0]["field"] == "lon"
    token = me.post(f"/devices/{made['id']}/credentials", {}, 201)["token"]
    assert me.post(f"/devices/{made['id']}/retire", {"reason": "坏"})["state"] == "retired"
    assert me.get("/devices")["items"] == [] and len(me.get("/devices?state=retired")["items"]) == 1
    assert Credential.objects.filter(revoked_at=None).count() == 0 and token
    kinds = list(OutboxEvent.objects.order_by("created_at").values_list("envelope__data__change", flat=True))
    assert kinds == ["created", "updated", "credentials", "retired"]


def test_bad_fields_are_named(grids: list[Grid], water: ThingModel, call: Callable) -> None:
    bad = GAUGE | {"code": "a b", "name_zh": " ", "lat": None, "state": "gone"}
    fields = {e["field"] for e in call().post("/devices", bad, 422)["errors"]}
    assert fields == {"code", "name_zh", "lon", "state"}
    assert call().post("/devices", GAUGE | {"model": "?"}, 422)["errors"][0]["field"] == "model"


def test_another_area_sees_and_does_nothing(grids: list[Grid], water: ThingModel, call: Callable) -> None:
    made = call().post("/devices", GAUGE, 201)
    other = call("340121403.002")
    assert other.get("/devices")["items"] == [] and other.get("/device-pins")["items"] == []
    assert other.get("/devices/counts")["total"] == 0
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/retire"), ("GET", "/credentials"),
                         ("POST", "/credentials"), ("POST", "/credentials/rotate")):  # fmt: skip
        assert other(method, f"/devices/{made['id']}{path}").status_code == 404, path
    assert other("POST", "/devices", GAUGE | {"code": "x"}).status_code == 403
    viewer = call("340121403", "devices.view")
    assert viewer("POST", f"/devices/{made['id']}/retire").status_code == 403
    assert call("340121403", "cases.view")("GET", "/devices").status_code == 403


def test_a_household_thing_is_nowhere(grids: list[Grid], call: Callable) -> None:
    facade.load_packs()
    me = call()
    made = me.post("/devices", GAUGE | {"code": "M-1", "model": "water_meter_household"}, 201)
    assert me.get("/devices")["items"] == [] and me.get("/devices?q=M-1")["items"] == []
    assert me.get("/device-pins")["items"] == [] and me.get("/devices/counts")["total"] == 0
    me.get(f"/devices/{made['id']}", 404)
    events = OutboxEvent.objects.filter(type="device.changed").values_list("envelope__audience", flat=True)
    assert list(events) == ["internal"]
    wanted = {"model": "water_meter_household", "title": {"zh": "漏", "en": "leak"}, "kind": "threshold", "op": "gt",
              "property": "flow", "value": 1, "severity": "info", "area_path": "340121403"}  # fmt: skip
    assert {e["field"] for e in me.post("/rules", wanted, 422)["errors"]} == {"model"}


def test_tokens_are_shown_once_and_kept_as_hmac(gauge: Device, call: Callable) -> None:
    me = call()
    first = me.post(f"/devices/{gauge.pk}/credentials", {}, 201)
    key = Home.current().secret(contracts.TOKEN_KEY)
    assert bytes(Credential.objects.get().token_hash) == contracts.token_hash(key, first["token"])
    assert "token" not in me.get(f"/devices/{gauge.pk}/credentials")[0]
    keyed = me("POST", f"/devices/{gauge.pk}/credentials", {}, **{"Idempotency-Key": "k"})
    again = me("POST", f"/devices/{gauge.pk}/credentials", {}, **{"Idempotency-Key": "k"})
    assert (keyed.status_code, again.status_code) == (201, 409) and Credential.objects.count() == 2
    assert keyed.json()["token"].encode() not in b"".join(bytes(r.body) for r in IdempotencyRow.objects.all())
    second = me.post(f"/devices/{gauge.pk}/credentials/rotate", {"grace_s": 0}, 201)
    live = Credential.objects.filter(revoked_at=None)
    assert [c.hint for c in live] == [second["token"][-4:]]
    assert me("DELETE", f"/devices/{gauge.pk}/credentials/{second['id']}").status_code == 204
    assert not live.all().exists()


def test_a_csv_names_every_refused_row(grids: list[Grid], water: ThingModel, call: Callable) -> None:
    rows = ["code,model,name_zh,lon,lat,tags", "A-1,t_water,甲,117.1,31.9,泵站;东", "A-2,t_water,乙,10,10,",
            "A-3,nothing,丙,117.1,31.9,", "A 4,t_water,,117.1,x,", "A-1,t_water,again,117.1,31.9,",
            "A-5,t_water,戊,117.3,31.9,"]  # fmt: skip
    answer = call()("POST", "/devices/import?tokens=true", "\n".join(rows).encode()).json()
    assert (answer["rows"], answer["created"], answer["existing"]) == (6, 2, 1)
    refused = [(r["row"], r["field"]) for r in answer["rejected"]]
    assert refused == [(2, "lon"), (3, "model"), (4, "lat"), (4, "code"), (4, "name_zh"), (4, "lon")]
    assert sorted(answer["tokens"]) == ["A-1", "A-5"]
    assert Device.objects.get(code="A-1").tags == ["泵站", "东"]
    again = call()("POST", "/devices/import", "\n".join(rows).encode()).json()
    assert (again["created"], again["existing"]) == (0, 3)
    assert call()("POST", "/devices/import", b"code,colour\nx,y").status_code == 422
    assert call()("POST", "/devices/import", b"\xff\xfe\x00").status_code == 422


def test_filters_pins_and_counts(gauge: Device, high_water: Rule, call: Callable) -> None:
    other = Device.objects.create(code="WL-2", name_zh="二号", model=gauge.model, area_path="340121403.001.003",
                                  owner_department="水务局", lon=117.1, lat=31.9)  # fmt: skip
    later = clock.now().replace(year=2999)
    DeviceStatus.objects.create(device=other, last_seen=clock.now(), online_until=later)
    me = call()
    assert [d["code"] for d in me.get("/devices?online=true")["items"]] == ["WL-2"]
    assert [d["code"] for d in me.get("/devices?online=false")["items"]] == ["WL-1"]
    assert [d["code"] for d in me.get("/devices?area=340121403.001.003")["items"]] == ["WL-2"]
    page = me.get("/devices?limit=1")
    assert [d["code"] for d in me.get(f"/devices?limit=1&cursor={page['next']}")["items"]] == ["WL-2"]
    pins = me.get("/device-pins")
    assert pins["fields"][0] == "id" and len(pins["items"]) == 2
    assert [p[5] for p in me.get("/device-pins?bbox=117.05,31.8,117.15,32")["items"]] == [True]
    me.get("/device-pins?bbox=1,2", 422)
    counts = me.get("/devices/counts")
    assert (counts["total"], counts["online"]) == (2, 1)
    assert {"owner": "水务局", "total": 1, "silent": 0} in counts["owners"]


@pytest.mark.parametrize("path", ["/devices?limit=200", "/alarms?state=all&limit=200"])
def test_a_page_takes_few_queries(path: str, gauge: Device, call: Callable) -> None:
    Device.objects.bulk_create(
        Device(code=f"N-{i}", name_zh="n", model=gauge.model, area_path="340121403.001") for i in range(150)
    )
    with CaptureQueriesContext(
        connection,
    ) as queries:
        call().get(path)
    assert len(queries) <= 2


def test_packs_load_once(db: None) -> None:
    first = facade.load_packs()
    assert first["thing_models"] >= 15 and first["rules"] >= 30
    assert facade.load_packs() == {"thing_models": 0, "rules": 0}
    ruled = set(Rule.objects.values_list("model_id", flat=True))
    assert ruled == set(ThingModel.objects.filter(subject="place").values_list("code", flat=True))


def test_plain_answers_have_the_shape_that_is_documented(gauge: Device, high_water: Rule) -> None:
    gauge.active_alarms, gauge.worst = 0, ""
    alarm = Alarm(device=gauge, rule=high_water, rule_version=1, severity="info", title_zh="高", title_en="high",
                  started_at=clock.now(), raised_at=clock.now())  # fmt: skip
    for made, schema in (
        (schemas.device_out(gauge), schemas.DeviceOut), (rule_schemas.rule_out(high_water), rule_schemas.RuleOut),
        (alarm_schemas.alarm_out(alarm), alarm_schemas.AlarmOut),
    ):  # fmt: skip
        assert set(made) == set(schema.model_fields)
        schema(**made)


def test_stations_are_known_by_number(gauge: Device, grids: list[Grid], call: Callable) -> None:
    me = call()
    made = me.post(
        f"/devices/{gauge.pk}/stations", {"protocol": "sl651", "number": "00abcdef12", "secret": "1234"}, 201
    )
    assert (made["protocol"], made["hint"]) == ("sl651", "EF12")
    key = Home.current().secret(contracts.TOKEN_KEY)
    hashed = contracts.station_hash(key, "sl651", "00ABCDEF12", "1234")
    assert bytes(Credential.objects.get().token_hash) == hashed
    assert me.get(f"/devices/{gauge.pk}/credentials")[0]["protocol"] == "sl651"
    # A number is no token of another door.
    assert hashed != contracts.token_hash(key, "00ABCDEF12") and "00ABCDEF12" not in str(OutboxEvent.objects.values())
    for body, field in (
        ({"protocol": "sl651", "number": "12"}, "number"), ({"protocol": "x", "number": "1"}, "protocol"),
        ({"protocol": "hj212", "number": "M", "secret": "x" * 41}, "secret"),
    ):  # fmt: skip
        assert me.post(f"/devices/{gauge.pk}/stations", body, 422)["errors"][0]["field"] == field
    same = {"protocol": "sl651", "number": "00ABCDEF12", "secret": "1234"}
    assert "number-taken" in str(me.post(f"/devices/{gauge.pk}/stations", same, 409))
    me.post(f"/devices/{gauge.pk}/credentials/rotate", {"grace_s": 0}, 201)
    assert Credential.objects.filter(protocol="sl651", revoked_at=None).exists()
    assert me("DELETE", f"/devices/{gauge.pk}/credentials/{made['id']}").status_code == 204
    assert me.post(f"/devices/{gauge.pk}/stations", same, 201)["id"] != made["id"]
    rows = ["code,model,name_zh,lon,lat,protocol,number,secret", "S-1,t_water,甲,117.1,31.9,hj212,MN1,123456",
            "S-2,t_water,乙,117.1,31.9,hj212,MN1,123456", "S-3,t_water,丙,117.1,31.9,sl651,00ABCDEF12,1234",
            "S-4,t_water,丁,117.1,31.9,sl651,x,"]  # fmt: skip
    answer = me("POST", "/devices/import", "\n".join(rows).encode()).json()
    assert answer["created"] == 1 and [(r["code"], r["field"]) for r in answer["rejected"]] == [
        ("S-2", "number"), ("S-3", "number"), ("S-4", "number"),
    ]  # fmt: skip
