"""Firmware and its campaigns: routes, and the SQL that tells devices and hears them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from linli.devices import contracts
from linli.devices.firmware_models import Campaign, Firmware, Update
from linli.devices.models import Device, ThingModel
from linli.devices.services import campaigns
from linli.devices.services import firmware as files_of
from linli.kernel import clock, http, storage
from linli.kernel.models import AuditRow, OutboxEvent, StoredFile

AREA, EAST = "340121403", "340121403.002"
DATA = bytes(range(256)) * 40
ALL = ("devices.view", "devices.manage")
pytestmark = pytest.mark.django_db


@pytest.fixture
def me(call: Callable) -> Any:
    return call(AREA, *ALL)


@pytest.fixture
def gauges(grids: list, water: ThingModel) -> list[Device]:
    return [
        Device.objects.create(code=f"WL-{i:02}", name_zh="水位计", model=water, area_path=f"{AREA}.00{1 + i % 2}",
                              tags=["river"] if i < 10 else [])
        for i in range(20)
    ]  # fmt: skip


def upload(me: Any, status: int = 201, data: bytes = DATA, **more: Any) -> Any:
    form = {"model": "t_water", "title": "gauge", "version": "2.0", "area_path": AREA} | more
    form["file"] = SimpleUploadedFile("f.bin", data, "application/octet-stream")
    with mock.patch.object(http, "_resolver", lambda: lambda request: me.actor):
        answer = me.client.post("/api/v1/firmware", form)
    assert answer.status_code == status, answer.content
    return answer.json()


def draft(me: Any, firmware: dict[str, Any], status: int = 201, **more: Any) -> Any:
    return me.post("/campaigns", {"firmware_id": firmware["id"], "name": "升级", "area_path": AREA} | more, status)


def said(device: Device, **attributes: Any) -> None:
    """As a gateway notes it."""
    row = {"device_id": str(device.pk), "attributes": attributes}
    with connection.cursor() as cursor:
        cursor.execute(contracts.NOTE_GATEWAY_SQL, [json.dumps([row])])


def states(campaign: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Update.objects.filter(campaign_id=campaign["id"]).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def gets(device: Device, kind: str = "firmware") -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(contracts.FIRMWARE_SQL, [device.pk, kind])
        row = cursor.fetchone()
        return str(row[0]) if row else None


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_file_is_kept_once_with_its_checksum(water: ThingModel, grids: list, me: Any) -> None:
    made = upload(me, sha256=hashlib.sha256(DATA).hexdigest().upper())
    assert (made["size"], made["sha256"]) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert storage.store().get(Firmware.objects.get().key) == DATA
    assert upload(me)["id"] == made["id"] and StoredFile.objects.count() == 1, "the same again is the one there is"
    assert upload(me, 409, data=b"other")["type"].endswith("version-taken")
    assert upload(me, kind="software")["id"] != made["id"]
    assert AuditRow.objects.filter(action="firmware.add").count() == 2
    assert [f["id"] for f in me.get("/firmware?kind=firmware")["items"]] == [made["id"]]
    assert me("GET", f"/files/{made['file_id']}").status_code == 200


@pytest.mark.parametrize(
    ("more", "field"),
    [({"title": ""}, "title"), ({"title": "../x"}, "title"), ({"version": "x" * 61}, "version"),
     ({"kind": "x"}, "kind"), ({"model": "none"}, "model"), ({"model": "t_meter"}, "model"), ({"data": b""}, "file"),
     ({"sha256": "00"}, "sha256"),
     ({"area_path": "340121403.9"}, "area_path")],
)  # fmt: skip
def test_bad_files_are_named(water: ThingModel, grids: list, me: Any, more: dict[str, Any], field: str) -> None:
    ThingModel.objects.create(code="t_meter", name_zh="表", name_en="M", subject="household", category="other")
    assert upload(me, 422, **more)["errors"][0]["field"] == field


def test_a_file_has_a_limit(water: ThingModel, grids: list, me: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_of, "MAX_BYTES", 1000)
    assert upload(me, 413, data=b"x" * 1001)["errors"][0]["field"] == "file"
    upload(me, data=b"x" * 1000)


def test_firmware_of_an_area_is_used_within_it(gauges: list[Device], me: Any, call: Callable) -> None:
    east, west = call(EAST, *ALL), call(f"{AREA}.001", *ALL)
    whole, part = upload(me), upload(east, area_path=EAST, title="east")
    assert upload(west, 403, area_path=EAST)["type"].endswith("forbidden")
    assert {f["title"] for f in east.get("/firmware")["items"]} == {"gauge", "east"}
    assert {f["title"] for f in west.get("/firmware")["items"]} == {"gauge"}
    assert west("GET", f"/firmware/{part['id']}").status_code == 404
    assert west("POST", f"/firmware/{whole['id']}/withdraw").status_code == 403, "it is the whole district's"
    assert draft(west, whole, area_path=f"{AREA}.001")["counts"]["waiting"] == 10
    assert draft(west, whole, 403, area_path=EAST)["type"].endswith("forbidden")
    assert draft(me, part, 422, area_path=AREA)["errors"][0]["field"] == "area_path"


def test_what_is_withdrawn_reaches_nobody(
    gauges: list[Device], me: Any, django_capture_on_commit_callbacks: Callable
) -> None:
    firmware = upload(me)
    campaign = draft(me, firmware)
    me.post(f"/campaigns/{campaign['id']}/start")
    key = Firmware.objects.get().key
    with django_capture_on_commit_callbacks(execute=True):
        assert me.post(f"/firmware/{firmware['id']}/withdraw")["withdrawn_at"]
    assert me.get(f"/campaigns/{campaign['id']}")["state"] == "cancelled" and gets(gauges[0]) is None
    with pytest.raises(storage.Missing):
        storage.store().get(key)
    assert me.get("/firmware")["items"] == [] and draft(me, firmware, 409)["type"].endswith("withdrawn")
    upload(me, data=b"repaired")


# --- campaigns ------------------------------------------------------------------------------------------------------


def test_stage_by_stage_to_the_end(gauges: list[Device], me: Any) -> None:
    campaign = draft(me, upload(me), stages=[5, 50, 100])
    path = f"/campaigns/{campaign['id']}"
    assert (campaign["state"], campaign["counts"]["waiting"]) == ("draft", 20)
    assert all(gets(d) is None for d in gauges)
    assert me.post(f"{path}/start")["counts"]["told"] == 1
    told = Device.objects.get(attributes_shared__has_key="fw_title")
    assert told.attributes_shared == {
        "fw_title": "gauge", "fw_version": "2.0", "fw_size": len(DATA), "fw_checksum_algorithm": "SHA256",
        "fw_checksum": hashlib.sha256(DATA).hexdigest()}  # fmt: skip
    news = [e.envelope["data"] for e in OutboxEvent.objects.filter(type="device.changed", envelope__ref=str(told.pk))]
    assert [(n["change"], "fw_size" in n["names"]) for n in news] == [("attributes", True)]
    assert [d.code for d in gauges if gets(d)] == [told.code], "only who is told gets it"
    assert gets(told, "software") is None
    for word, state in (("DOWNLOADING", "downloading"), ("VERIFIED", "downloaded"), ("UPDATING", "updating")):
        said(told, fw_state=word)
        assert states(campaign) == {"waiting": 19, state: 1}
    said(told, fw_state="UPDATED", current_fw_title="gauge", current_fw_version="1.9")
    assert states(campaign) == {"waiting": 19, "updating": 1}, "it says what it ran before"
    said(told, fw_state="UPDATED", current_fw_title="gauge", current_fw_version="2.0")
    assert states(campaign) == {"waiting": 19, "updated": 1} and gets(told) is None
    assert me.post(f"{path}/advance")["counts"]["told"] == 9 and me.post(f"{path}/advance")["counts"]["told"] == 19
    assert me.post(f"{path}/advance", None, 409)["type"].endswith("no-stage")
    for device in gauges:
        said(device, current_fw_title="gauge", current_fw_version="2.0")
    assert campaigns.watch() == 1 and me.get(path)["state"] == "done"
    assert states(campaign) == {"updated": 20} and campaigns.watch() == 0
    acts = AuditRow.objects.filter(kind="campaign").order_by("at").values_list("action", flat=True)
    assert [a.split(".")[1] for a in acts] == ["create", "start", "advance", "advance", "done"]


def test_too_many_failures_pause_it(gauges: list[Device], me: Any) -> None:
    campaign = draft(me, upload(me), stages=[50, 100], auto=True, max_failed=10)
    path = f"/campaigns/{campaign['id']}"
    me.post(f"{path}/start")
    told = [d for d in gauges if gets(d)]
    said(told[0], fw_state="FAILED", fw_error="checksum")
    assert campaigns.watch() == 0, "one of ten is as many as it may be"
    said(told[1], fw_state="FAILED")
    assert campaigns.watch() == 1
    found = me.get(path)
    assert (found["state"], found["paused_by"], found["counts"]["failed"]) == ("paused", "failures", 2)
    assert not any(gets(d) for d in gauges), "no byte more"
    failed = me.get(f"{path}/devices?state=failed")["items"]
    assert {(u["code"], u["error"]) for u in failed} == {(told[0].code, "checksum"), (told[1].code, "")}
    assert me.post(f"{path}/advance", None, 409)["type"].endswith("wrong-state")
    OutboxEvent.objects.all().delete()
    assert me.post(f"{path}/resume")["counts"]["told"] == 10
    assert OutboxEvent.objects.filter(type="device.changed").count() == 10, "they begin anew"
    for device in told:
        said(device, current_fw_title="gauge", current_fw_version="2.0")
    assert campaigns.watch() == 1 and me.get(path)["stage"] == 2, "by itself"


def test_cancelled_means_nothing_to_load(gauges: list[Device], me: Any) -> None:
    campaign = draft(me, upload(me), stages=[50, 100])
    path = f"/campaigns/{campaign['id']}"
    me.post(f"{path}/start")
    first, second = [d for d in gauges if gets(d)][:2]
    said(first, current_fw_title="gauge", current_fw_version="2.0")
    assert me.post(f"{path}/cancel")["counts"] | {"updated": 1, "cancelled": 19} == me.get(path)["counts"]
    second.refresh_from_db()
    assert second.attributes_shared == {} and gets(second) is None
    assert me.post(f"{path}/cancel")["state"] == "cancelled", "twice changes nothing"
    said(second, fw_state="FAILED")
    assert states(campaign) == {"updated": 1, "cancelled": 19}, "what comes late changes nothing"
    draft(me, upload(me, version="3"))


def test_which_devices(gauges: list[Device], me: Any, water: ThingModel) -> None:
    Device.objects.filter(pk=gauges[0].pk).update(state="retired")
    Device.objects.create(code="CH", name_zh="子", model=water, area_path=AREA, parent=gauges[1], parent_name="CH")
    firmware = upload(me)
    some = draft(me, firmware, tags=["river"], device_ids=[str(d.pk) for d in gauges[:3]])
    assert some["counts"]["waiting"] == 2
    rest = draft(me, firmware)
    assert rest["counts"]["waiting"] == 17, "nobody is in two"
    assert draft(me, firmware, 422)["errors"][0]["field"] == "area_path"
    assert draft(me, upload(me, kind="software"))["counts"]["waiting"] == 19, "but software is another matter"
    Device.objects.filter(pk=gauges[1].pk).update(state="retired")
    me.post(f"/campaigns/{some['id']}/start")
    campaigns.watch()
    assert states(some) == {"cancelled": 1, "told": 1}


@pytest.mark.parametrize(
    ("more", "field"),
    [({"stages": [50]}, "stages"), ({"stages": [50, 20, 100]}, "stages"), ({"stages": [0, 100]}, "stages"),
     ({"name": " "}, "name"), ({"max_failed": 101}, "max_failed")],
)  # fmt: skip
def test_bad_campaigns_are_named(gauges: list[Device], me: Any, more: dict[str, Any], field: str) -> None:
    assert draft(me, upload(me), 422, **more)["errors"][0]["field"] == field


def test_by_pages(gauges: list[Device], me: Any, django_assert_max_num_queries: Callable) -> None:
    firmware = upload(me)
    ids = [draft(me, firmware, device_ids=[str(d.pk)])["id"] for d in gauges[:4]]
    upload(me, version="3")
    for path, cost in (("/campaigns", 5), ("/firmware", 3), (f"/campaigns/{draft(me, firmware)['id']}/devices", 6)):
        with django_assert_max_num_queries(cost):
            page = me.get(f"{path}?limit=1")
        after = me.get(f"{path}?limit=200&cursor={page['next']}")
        assert len(page["items"]) == 1 and page["items"][0]["id"] not in {r["id"] for r in after["items"]}
    assert [c["id"] for c in me.get("/campaigns")["items"]][1:] == ids[::-1]
    assert me("GET", f"/campaigns/{ids[0]}/devices?state=x").status_code == 422
    assert me.get("/campaigns?state=running")["items"] == []


def test_a_day_later_a_campaign_still_knows(gauges: list[Device], me: Any) -> None:
    """A device that was off the whole time hears it when it asks for its attributes."""
    campaign = draft(me, upload(me))
    me.post(f"/campaigns/{campaign['id']}/start")
    Campaign.objects.update(changed_at=clock.now() - timedelta(days=1))
    campaigns.watch()
    assert gets(gauges[3]) and Device.objects.get(pk=gauges[3].pk).attributes_shared["fw_version"] == "2.0"


# --- what a screen asks besides -------------------------------------------------------------------------------------


def test_a_campaign_tells_while_devices_load(gauges: list[Device], me: Any) -> None:
    campaign = draft(me, upload(me))
    me.post(f"/campaigns/{campaign['id']}/start")
    OutboxEvent.objects.all().delete()
    rows = [{"device_id": str(d.pk), "attributes": {"fw_state": "DOWNLOADING"}} for d in gauges[:5]]
    with connection.cursor() as cursor:
        cursor.execute(contracts.NOTE_GATEWAY_SQL, [json.dumps(rows)])
    told = [e.envelope for e in OutboxEvent.objects.filter(type="campaign.changed")]
    assert [(e["ref"], e["area"], e["data"]) for e in told] == [
        (campaign["id"], AREA, {"state": "running", "stage": 1})
    ], "once for all that came together"
    said(gauges[0], fw_state="DOWNLOADING")
    assert OutboxEvent.objects.filter(type="campaign.changed").count() == 1, "nothing moved"


def test_failed_devices_are_told_once_more(gauges: list[Device], me: Any) -> None:
    campaign = draft(me, upload(me), max_failed=100)
    path = f"/campaigns/{campaign['id']}"
    assert me.post(f"{path}/retry", {}, 409)["type"].endswith("wrong-state")
    me.post(f"{path}/start")
    assert me.post(f"{path}/retry", {}, 409)["type"].endswith("none-failed")
    for device in gauges[:3]:
        said(device, fw_state="FAILED", fw_error="flash")
    one = me.get(f"{path}/devices?state=failed&limit=1")["items"][0]
    assert one["error"] == "flash" and one["name"]["zh"] == "水位计"
    assert (
        me.post(f"{path}/retry", {"update_ids": [one["id"]]})["counts"] | {"failed": 2, "told": 18}
        == me.get(path)["counts"]
    )
    for device in gauges[3:]:
        said(device, current_fw_title="gauge", current_fw_version="2.0")
    said(Device.objects.get(pk=one["device_id"]), current_fw_title="gauge", current_fw_version="2.0")
    assert campaigns.watch() == 1 and me.get(path)["state"] == "done"
    failed = [d for d in gauges[:3] if str(d.pk) != one["device_id"]]
    other = draft(me, upload(me, version="3"), device_ids=[str(failed[0].pk)])
    OutboxEvent.objects.all().delete()
    again = me.post(f"{path}/retry", {})
    assert (again["state"], again["counts"]["told"], again["counts"]["failed"]) == ("running", 1, 1)
    assert gets(failed[1]) and not gets(failed[0]), "who is in another campaign stays out"
    assert OutboxEvent.objects.filter(type="device.changed").count() == 1
    assert AuditRow.objects.filter(action="campaign.retry").count() == 2
    said(failed[1], current_fw_title="gauge", current_fw_version="2.0")
    assert campaigns.watch() == 1 and me.get(path)["counts"]["updated"] == 19
    me.post(f"/campaigns/{other['id']}/cancel")
    me.post(f"/firmware/{campaign['firmware']['id']}/withdraw")
    assert me.post(f"{path}/retry", {}, 409)["type"].endswith("withdrawn")


def test_whom_it_would_be_for(gauges: list[Device], me: Any, water: ThingModel, call: Callable) -> None:
    firmware = upload(me)
    Device.objects.filter(pk=gauges[0].pk).update(state="planned")
    Device.objects.filter(pk=gauges[1].pk).update(state="retired")
    Device.objects.create(code="CH", name_zh="子", model=water, area_path=AREA, parent=gauges[2], parent_name="CH")
    draft(me, firmware, device_ids=[str(gauges[2].pk)])
    said(gauges[3], current_fw_title="gauge", current_fw_version="2.0")
    path = f"/firmware/{firmware['id']}/choice"
    assert me.get(path) == {"devices": 17, "running": 1, "busy": 1, "children": 1, "off": 1}
    assert me.get(f"{path}?tags=river,none&area={AREA}")["devices"] == 7
    assert (
        call(EAST, *ALL).get(path)["devices"] == draft(call(EAST, *ALL), firmware, area_path=EAST)["counts"]["waiting"]
    )
    assert call(AREA, "devices.view")("GET", path).status_code == 403


def test_a_sheet_of_what_failed_and_the_updates_of_a_device(gauges: list[Device], me: Any, call: Callable) -> None:
    campaign = draft(me, upload(me), max_failed=100)
    path = f"/campaigns/{campaign['id']}"
    me.post(f"{path}/start")
    said(gauges[4], fw_state="FAILED", fw_error="=1+1")
    answer = me("GET", f"{path}/devices.csv?state=failed")
    assert answer["Content-Disposition"].endswith('"campaign-devices.csv"')
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2 and lines[1].startswith("WL-04,水位计,1,失败,'=1+1,"), "no formula of a device runs"
    assert len(me("GET", f"{path}/devices.csv").content.splitlines()) == 21
    me.post(f"{path}/cancel")
    second = draft(me, upload(me, version="3"), device_ids=[str(gauges[4].pk)])
    found = me.get(f"/devices/{gauges[4].pk}/updates")["items"]
    assert [(u["campaign_id"], u["version"], u["state"]) for u in found] == [
        (second["id"], "3", "waiting"), (campaign["id"], "2.0", "failed")
    ]  # fmt: skip
    assert call("340121404", *ALL)("GET", f"/devices/{gauges[4].pk}/updates").status_code == 404


def test_files_are_found_by_words_and_withdrawn_ones_only_when_asked_for(gauges: list[Device], me: Any) -> None:
    first, second = upload(me, note="修复重启"), upload(me, version="3.1", title="other")
    assert [f["id"] for f in me.get("/firmware?q=重启")["items"]] == [first["id"]]
    assert [f["id"] for f in me.get("/firmware?q=3.")["items"]] == [second["id"]]
    campaign = draft(me, first)
    assert [c["id"] for c in me.get("/campaigns?q=gau")["items"]] == [campaign["id"]]
    assert me.get("/campaigns?q=none")["items"] == me.get(f"/campaigns?area={EAST}")["items"] == []
    me.post(f"/firmware/{first['id']}/withdraw")
    assert [f["id"] for f in me.get("/firmware?withdrawn=true")["items"]] == [first["id"]]
