"""Devices from a sheet: judged row by row, taken in once by a job, tokens once, undone but for what was touched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook
from tests.cases.conftest import NORTH, SOUTH, Desk, make_district

from linli.cases import ports
from linli.devices import contracts, import_rules
from linli.devices.importing_models import DeviceImport, ImportedRow
from linli.devices.joining_models import Claim
from linli.devices.models import Alarm, Credential, Device, DeviceStatus, Rule, ThingModel
from linli.devices.services import importing, unimport
from linli.home import Home
from linli.identity import facade as identity
from linli.identity.models import RoleGrant
from linli.kernel import clock, sheets
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places import index

JSON = {"content_type": "application/json"}
URL = "/api/v1/device-imports"
HEAD = ["设备编码", "设备类型", "设备名称", "权属部门", "队伍", "网格", "经度", "纬度", "坐标系", "状态", "是网关",
        "上级网关", "网关内名称", "标签", "共享属性"]  # fmt: skip


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()


@pytest.fixture
def meter(water: ThingModel) -> ThingModel:
    return ThingModel.objects.create(code="t_meter", name_zh="居家水表", name_en="Household meter", subject="household",
                                     category="water", properties=water.properties)  # fmt: skip


def line(code: str, **said: str) -> list[str]:
    values = {"设备编码": code, "设备类型": "水位计", "设备名称": f"{code} 号", "经度": "117.27", "纬度": "32.0"} | said
    return [values.get(name, "") for name in HEAD]


def area_line(code: str, area: str, **said: str) -> list[str]:
    return line(code, 网格=area, 经度="", 纬度="", **said)


def sheet(rows: list[list[str]]) -> bytes:
    return sheets.as_csv([HEAD, *rows])


def send(client: Any, data: bytes, name: str = "设备.csv", query: str = "") -> Any:
    return client.post(URL + query, {"file": SimpleUploadedFile(name, data)})


def told(body: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {(e["row"], e["field"], e["reason"]) for e in body["errors"]}


def taken(client: Any, data: bytes) -> dict[str, Any]:
    answer = send(client, data)
    assert answer.status_code == 202, answer.content
    importing.run(batch_id=answer.json()["id"])
    return dict(client.get(f"{URL}/{answer.json()['id']}").json())


def undone(client: Any, batch_id: str) -> dict[str, Any]:
    answer = client.post(f"{URL}/{batch_id}/undo")
    assert answer.status_code == 202 and answer.json()["state"] == "undoing", answer.content
    unimport.run(batch_id=batch_id)  # type: ignore[arg-type]
    return dict(client.get(f"{URL}/{batch_id}").json())


def states() -> dict[str, str]:
    return dict(Device.objects.order_by("code").values_list("code", "state"))


def rows_of(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.content
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def lines() -> list[list[str]]:
    """Good ones (a gateway after what it speaks for, one in GCJ-02, one by area), and one of each mistake."""
    return [
        line("A-1", 上级网关="GW", 网关内名称="一号", 标签="泵站; 东", 共享属性="rate=5; note=a=b"),
        line("GW", 是网关="是", 权属部门="水务", 队伍="泵站二组"),
        line("A-2", 坐标系="高德", 状态="规划", 共享属性='{"rate": 5}'),
        area_line("A-3", "第001网格", 设备类型="t_water"),
        line("A 4"),
        line("A-1"),
        line("A-5", 设备类型="没有", 设备名称=""),
        line("A-6", 经度="10", 纬度="10"),
        line("A-7", 经度="x"),
        line("A-8", 纬度=""),
        area_line("A-9", ""),
        line("B-1", 网格="002"),
        area_line("B-2", f"{SOUTH}"),
        line("B-3", 上级网关="A-2"),
        line("B-4", 上级网关="GW", 网关内名称="一号"),
        line("B-5", 队伍="没有", 状态="坏", 是网关="也许", 坐标系="火星"),
        line("B-6", 标签="x" * 41, 共享属性="rate", 权属部门="x" * 121),
        line("B-7", 经度="181"),
        line("C-1", 是网关="是", 上级网关="C-2"),
        line("C-2", 是网关="是", 上级网关="C-1"),
    ]  # fmt: skip


WRONG = {
    (6, "code", "code"), (7, "code", "twice"), (8, "model", "model"), (8, "name_zh", "needed"), (9, "lon", "outside"),
    (10, "lon", "number"), (11, "lat", "pair"), (12, "area", "place"), (13, "area", "area"), (14, "area", "rights"),
    (15, "parent", "parent"), (16, "parent_name", "name_taken"), (17, "team", "team"), (17, "state", "state"),
    (17, "gateway", "yes_no"), (17, "system", "system"), (18, "tags", "tags"), (18, "attributes", "attributes"),
    (18, "owner_department", "long"), (19, "lon", "degrees"), (20, "parent", "parent_row"),
    (21, "parent", "parent_row"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_check_names_row_field_and_reason_and_keeps_nothing(desk: Desk, water: ThingModel, form: str) -> None:
    data = sheet(lines()) if form == "csv" else sheets.as_xlsx([HEAD, *lines()])
    answer = send(desk.client("integrator", NORTH), data, query="?check=true")
    body = answer.json()
    assert answer.status_code == 200 and told(body) == WRONG
    assert (body["state"], body["rows"], body["left"], body["refused"]) == ("checked", 20, 4, 16)
    assert [(one["row"], one["code"]) for one in body["preview"]] == [(3, "GW"), (4, "A-2"), (5, "A-3"), (2, "A-1")]
    assert Device.objects.count() == 0 == DeviceImport.objects.count() == ImportedRow.objects.count()


def test_it_is_taken_in_once_with_progress(desk: Desk, water: ThingModel) -> None:
    client, data = desk.client("integrator", NORTH), sheet(lines())
    first = send(client, data)
    assert first.status_code == 202 and (first.json()["left"], first.json()["made"]) == (4, 0)
    assert send(client, data).json()["id"] == first.json()["id"], "it goes on"
    assert send(desk.client("system_admin", NORTH), data).status_code == 409, "somebody else's goes on"
    for _ in range(2):  # a job may run again
        importing.run(batch_id=first.json()["id"])
    body = client.get(f"{URL}/{first.json()['id']}").json()
    assert (body["state"], body["made"], body["refused"], body["left"], body["can_undo"]) == ("done", 4, 16, 0, True)
    assert told(body) == WRONG
    one, two, gateway = (Device.objects.get(code=code) for code in ("A-1", "A-2", "GW"))
    assert (one.parent_id, one.parent_name, one.tags) == (gateway.pk, "一号", ["泵站", "东"])
    assert one.attributes_shared == {"rate": "5", "note": "a=b"} and two.attributes_shared == {"rate": 5}
    assert gateway.gateway and gateway.owner_team_id == desk.pump and gateway.area_path == NORTH
    assert two.state == "planned" and 0.003 < abs(one.lon - two.lon) < 0.02, "GCJ-02 is some hundred metres off"
    events = OutboxEvent.objects.filter(type="device.changed", envelope__data__change="created")
    assert events.count() == 4 and AuditRow.objects.filter(action="device.import").count() == 1
    again = send(client, data)
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"] and Device.objects.count() == 4
    assert [i["id"] for i in client.get(URL).json()["items"]] == [first.json()["id"]]
    other = desk.client("system_admin", NORTH)
    for path in ("", "/rows.csv"):
        assert other.get(f"{URL}/{first.json()['id']}{path}").status_code == 404
    assert other.post(f"{URL}/{first.json()['id']}/undo").status_code == 404


def test_known_codes_stay_as_they_are_and_are_told(desk: Desk, water: ThingModel, meter: ThingModel) -> None:
    client = desk.client("integrator", NORTH)
    taken(client, sheet([line("K-1"), line("K-2", 设备类型="居家水表")]))
    Device.objects.create(code="S-1", name_zh="南", model=water, area_path=SOUTH)
    rows = [line("K-1", 设备名称="另一个"), line("K-2"), line("S-1"), line("K-3")]
    checked = send(client, sheet(rows), query="?check=true").json()
    assert (checked["unchanged"], checked["left"], checked["known"]) == (2, 1, ["K-1", "K-2"])
    assert told(checked) == {(4, "code", "taken")}
    body = taken(client, sheet(rows))
    assert (body["unchanged"], body["made"], body["known"]) == (2, 1, ["K-1", "K-2"])
    assert Device.objects.get(code="K-1").name_zh == "K-1 号"
    named = rows_of(client.get(f"{URL}/{body['id']}/rows.csv?state=known"))
    assert [row[:2] for row in named[1:]] == [["2", "K-1"], ["3", "K-2"]]
    nothing = send(client, sheet(rows[:2])).json()
    assert (nothing["state"], nothing["unchanged"]) == ("checked", 2), "nothing to do is nothing kept"


def test_refused_rows_are_a_sheet_in_the_language_asked_for(desk: Desk, water: ThingModel) -> None:
    client = desk.client("integrator", NORTH)
    body = taken(client, sheet(lines()))
    chinese = rows_of(client.get(f"{URL}/{body['id']}/rows.csv"))
    assert ["6", "A 4", "编码", "只能用字母、数字与 . _ : -, 至多 80 字符"] in chinese and len(chinese) == 1 + len(
        WRONG
    )
    english = rows_of(client.get(f"{URL}/{body['id']}/rows.csv", headers={"Accept-Language": "en"}))
    assert ["9", "A-6", "Longitude", "Outside of all grids"] in english
    book = load_workbook(io.BytesIO(client.get(f"{URL}/{body['id']}/rows.xlsx").content))
    assert book.active is not None and book.active.max_row == 1 + len(WRONG)
    assert client.get(f"{URL}/{body['id']}/rows.pdf").status_code == 422
    assert client.get(f"{URL}/{body['id']}/rows.csv?state=made").status_code == 422


@pytest.mark.parametrize(
    "data", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00\x01", b"PK\x03\x04 no zip", sheet([]), sheet([line("A 1")])]
)
def test_a_file_that_is_none_is_refused_with_its_field(desk: Desk, water: ThingModel, data: bytes) -> None:
    answer = send(desk.client("integrator", NORTH), data)
    assert answer.status_code == 422 and {e["field"] for e in answer.json()["errors"]} == {"file"}
    assert DeviceImport.objects.count() == 0


def test_a_long_file_goes_in_some_at_a_time(desk: Desk, water: ThingModel) -> None:
    gateway = line("GW", 是网关="是")
    batch_id = send(desk.client("integrator", NORTH),
                    sheet([line(f"L-{i}", 上级网关="GW") for i in range(1_200)] + [gateway])).json()["id"]  # fmt: skip
    seen = []
    while importing._some(batch_id):
        seen.append(DeviceImport.objects.get(pk=batch_id).made)
    assert seen == [500, 1000] and Device.objects.count() == 1_201
    assert Device.objects.filter(parent__code="GW").count() == 1_200


def test_what_changed_meanwhile_refuses_its_row_alone(desk: Desk, water: ThingModel) -> None:
    client = desk.client("integrator", NORTH)
    rows = [line("GW", 是网关="是"), line("M-1", 上级网关="GW", 网关内名称="一"), line("M-2"), line("M-3")]
    batch_id = send(client, sheet(rows)).json()["id"]
    Device.objects.create(code="M-2", name_zh="先来", model=water, area_path=NORTH)
    Device.objects.create(code="GW", name_zh="先来", model=water, area_path=NORTH)  # and no gateway
    Device.objects.create(code="M-3", name_zh="南", model=water, area_path=SOUTH)
    importing.run(batch_id=batch_id)
    body = client.get(f"{URL}/{batch_id}").json()
    assert (body["state"], body["made"], body["unchanged"], body["refused"]) == ("done", 0, 2, 2)
    assert told(body) == {(3, "parent", "parent"), (5, "area", "rights")}
    other = send(client, sheet([line("M-4")])).json()["id"]
    RoleGrant.objects.filter(account=desk.account("integrator", NORTH)).delete()
    identity.forget_actors()
    importing.run(batch_id=other)
    assert DeviceImport.objects.get(pk=other).state == "stopped" and not Device.objects.filter(code="M-4").exists()


def test_tokens_are_taken_along_once_by_who_imported(desk: Desk, water: ThingModel) -> None:
    client = desk.client("integrator", NORTH)
    body = taken(client, sheet([line("T-1"), line("T-2"), line("T-3")]))
    held = Device.objects.get(code="T-2")
    client.post(f"/api/v1/devices/{held.pk}/credentials", {}, **JSON)
    client.post(f"/api/v1/devices/{Device.objects.get(code='T-3').pk}/retire", {}, **JSON)
    assert body["can_take_tokens"] and Credential.objects.count() == 1
    assert desk.client("system_admin", NORTH).post(f"{URL}/{body['id']}/tokens").status_code == 404
    answer = client.post(f"{URL}/{body['id']}/tokens", headers={"Idempotency-Key": "k"})
    assert answer["Cache-Control"] == "no-store"
    (code, _, token), = rows_of(answer)[1:]  # fmt: skip
    kept = Credential.objects.get(device__code="T-1")
    assert code == "T-1" and bytes(kept.token_hash) == contracts.token_hash(
        Home.current().secret(contracts.TOKEN_KEY), token)  # fmt: skip
    for headers in ({}, {"Idempotency-Key": "k"}):
        assert client.post(f"{URL}/{body['id']}/tokens", headers=headers).status_code == 409
    assert Credential.objects.count() == 2 and not client.get(f"{URL}/{body['id']}").json()["can_take_tokens"]


def test_no_token_begins_as_a_formula(desk: Desk, water: ThingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet would write it with an apostrophe, and the device could not sign in by it."""
    made = iter(["-bad-token-that-begins-so", "=" + "x" * 30, "good-token-of-some-length"])
    monkeypatch.setattr(contracts, "new_token", lambda: next(made))
    client = desk.client("integrator", NORTH)
    body = taken(client, sheet([line("T-1")]))
    assert rows_of(client.post(f"{URL}/{body['id']}/tokens"))[1][2] == "good-token-of-some-length"


def test_undo_retires_what_nobody_touched_and_names_the_rest(desk: Desk, high_water: Rule) -> None:
    client = desk.client("integrator", NORTH)
    codes = ["U-1", "U-2", "spoke", "alarm", "changed", "keyed", "claimed", "moved", "child", "GW2"]
    rows = [line(code) for code in codes[:-2]] + [line("child", 上级网关="GW"), line("GW", 是网关="是"),
                                                  line("GW2", 是网关="是"), line("under", 上级网关="GW2")]  # fmt: skip
    body = taken(client, sheet(rows))
    client.post(f"{URL}/{body['id']}/tokens")
    by = {d.code: d for d in Device.objects.all()}
    now = clock.now()
    DeviceStatus.objects.create(device=by["spoke"], last_seen=now)
    DeviceStatus.objects.create(device=by["child"], last_seen=now)
    Alarm.objects.create(device=by["alarm"], rule=high_water, rule_version=1, severity="severe", title_zh="高",
                         title_en="High", started_at=now, raised_at=now, cleared_at=now)  # fmt: skip
    client.patch(f"/api/v1/devices/{by['changed'].pk}", {"name_en": "Gauge"}, **JSON)
    client.post(f"/api/v1/devices/{by['keyed'].pk}/credentials", {}, **JSON)
    Claim.objects.create(device=by["claimed"])
    Device.objects.filter(code="moved").update(area_path=SOUTH)
    told_ = undone(client, body["id"])
    assert (told_["state"], told_["withdrawn"], told_["kept"], told_["can_undo"]) == ("undone", 4, 8, False)
    assert {(one["code"], one["reason"]) for one in told_["kept_rows"]} == {
        ("spoke", "spoke"), ("alarm", "alarms"), ("changed", "changed"), ("keyed", "credentials"),
        ("claimed", "joined"), ("moved", "rights"), ("child", "spoke"), ("GW", "children")}  # fmt: skip
    assert {code for code, state in states().items() if state == "retired"} == {"U-1", "U-2", "GW2", "under"}
    assert not Credential.objects.filter(device__code="U-1", revoked_at=None).exists()
    assert Credential.objects.filter(device__code="spoke", revoked_at=None).exists()
    assert client.post(f"{URL}/{body['id']}/undo").json()["state"] == "undone", "a second time changes nothing"
    events = OutboxEvent.objects.filter(type="device.changed", envelope__data__change="retired")
    assert events.count() == 4
    named = rows_of(client.get(f"{URL}/{body['id']}/rows.csv?state=kept"))
    assert ["4", "spoke", "", "已上报过数据"] in named and len(named) == 9


def test_what_an_undo_retired_may_come_again_and_what_people_retired_not(desk: Desk, water: ThingModel) -> None:
    client, data = desk.client("integrator", NORTH), sheet([line("R-1"), line("R-2")])
    first = taken(client, data)
    before = Device.objects.get(code="R-1")
    undone(client, first["id"])
    fixed = taken(client, sheet([line("R-1", 设备名称="改正"), line("R-2")]))
    after = Device.objects.get(code="R-1")
    assert fixed["id"] != first["id"] and (fixed["made"], fixed["unchanged"]) == (2, 0)
    assert (after.pk, after.state, after.name_zh) == (before.pk, "active", "改正") and Device.objects.count() == 2
    client.post(f"/api/v1/devices/{after.pk}/retire", {}, **JSON)
    third = send(client, data).json()
    assert (third["unchanged"], third["left"]) == (2, 0) and states()["R-1"] == "retired"


def test_an_export_comes_back_unchanged_and_tells_nothing_of_households(
    desk: Desk, water: ThingModel, meter: ThingModel
) -> None:
    client = desk.client("integrator", NORTH)
    taken(client, sheet([*lines(), line("H-1", 设备类型="居家水表"), line("=1", 设备名称="=1")]))
    for form in ("csv", "xlsx"):
        for language in ("zh-hans", "en"):
            answer = client.get(f"/api/v1/device-rows.{form}", headers={"Accept-Language": language})
            assert answer.status_code == 200, answer.content
            body = send(client, answer.content, query="?check=true").json()
            assert (body["rows"], body["unchanged"], body["errors"]) == (4, 4, [])
    table = rows_of(client.get("/api/v1/device-rows.csv?state=planned"))
    assert [row[0] for row in table[1:]] == ["A-2"]
    assert client.get("/api/v1/device-rows.pdf").status_code == 422
    everything = client.get("/api/v1/device-rows.csv").content
    kept = {name: Device.objects.values(*import_columns()).get(code=name) for name in ("A-1", "A-2", "GW")}
    Device.objects.filter(parent__isnull=False).delete()
    Device.objects.all().delete()
    again = taken(client, everything)  # into a registry that has none of them
    assert (again["made"], again["refused"]) == (4, 0)
    for name, before in kept.items():
        after = Device.objects.values(*import_columns()).get(code=name)
        assert {k: v for k, v in after.items() if k not in ("lon", "lat")} == {
            k: v for k, v in before.items() if k not in ("lon", "lat")}  # fmt: skip
        assert after["lon"] == pytest.approx(before["lon"], abs=1e-7)


def import_columns() -> tuple[str, ...]:
    return ("name_zh", "name_en", "model_id", "owner_department", "owner_team_id", "area_path", "grid_id", "lon", "lat",
            "state", "gateway", "parent__code", "parent_name", "tags", "attributes_shared")  # fmt: skip


def test_the_template_is_read_by_an_import(desk: Desk, water: ThingModel) -> None:
    client = desk.client("integrator", NORTH)
    for language in ("zh-hans", "en"):
        template = client.get(f"{URL}/template.csv", headers={"Accept-Language": language})
        head = rows_of(template)[0]
        columns = sheets.spoken("devices")["columns"]
        assert len({columns[one.lower()] for one in head}) == len(head) == 16
    book = load_workbook(io.BytesIO(client.get(f"{URL}/template.xlsx").content))
    assert [len(list(page.rows)) for page in book.worksheets] == [1, 16]


def test_limits_and_age(desk: Desk, water: ThingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    client = desk.client("integrator", NORTH)
    monkeypatch.setattr(import_rules, "MAX_ROWS", 2)
    assert send(client, sheet([line(f"X-{i}") for i in range(3)])).status_code == 422
    monkeypatch.setattr(import_rules, "MAX_BYTES", 100)
    assert send(client, sheet([line("X-1")])).status_code == 413
    monkeypatch.undo()
    body = taken(client, sheet([line("X-1")]))
    assert importing.purge() == 0
    DeviceImport.objects.filter(pk=body["id"]).update(created_at=clock.now() - timedelta(days=401))
    assert importing.purge() > 0 and states() == {"X-1": "active"} and ImportedRow.objects.count() == 0
