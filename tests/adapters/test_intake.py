"""Intake hooks: signed messages of other programs become cases, once; what is wrong is named and kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, D, Desk, desk, jpeg

from linli.adapters.intake.models import IntakeDelivery, IntakeHook
from linli.adapters.intake.services import receiving
from linli.cases.models import Case, Photo, Reporter
from linli.kernel import clock
from linli.places import geo
from linli.portal import limits

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
__all__ = ["desk"]
PLAIN = {
    "outside_id": "$.id", "text": ["$.title", "$.text"], "lon": "$.at.lng", "lat": "$.at.lat", "datum": "gcj02",
    "category": {"path": "$.kind", "table": {"积水": "200406"}}, "address": ["$.at.name"], "phone": "$.tel",
    "name": "$.who", "consent": "$.agree", "photos": "$.pictures[*].data",
}  # fmt: skip


def enter(client: Any, **more: Any) -> dict[str, Any]:
    made = client.post("/api/v1/intake-hooks", {"name": "街道表单", "kind": "json", "mapping": PLAIN, **more}, **JSON)
    assert made.status_code == 201, made.content
    return dict(made.json())


def body(**more: Any) -> dict[str, Any]:
    lon, lat = geo.from_wgs84(*IN_NORTH, "gcj02")
    said = {
        "id": "A-1",
        "title": "积水",
        "text": "王五说请打 13812345678",
        "kind": "积水",
        "at": {"lng": lon, "lat": lat},
    }
    return {**said, **more}


def post(hook: Mapping[str, Any], data: Any, *, secret: str = "", name: str = "m-1", age: float = 0) -> Any:
    """As another program posts: Standard Webhooks, written anew from its text."""
    raw = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    stamp = str(int(clock.now().timestamp() - age))
    key = base64.b64decode((secret or hook["secret"]).removeprefix("whsec_"))
    made = hmac.new(key, f"{name}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    headers = {"webhook-id": name, "webhook-timestamp": stamp,
               "webhook-signature": f"v1,{base64.b64encode(made).decode()}", "Accept-Language": "en"}  # fmt: skip
    return Client().post(hook["path"], raw, content_type="application/json", headers=headers)


def log(client: Any, hook: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(client.get(f"/api/v1/intake-hooks/{hook['id']}/deliveries").json()["items"])


def test_a_message_becomes_a_case_with_place_class_photo_and_sealed_contact(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    picture = "data:image/jpeg;base64," + base64.b64encode(jpeg()).decode()
    answer = post(hook, body(tel="13812345678", who="王五", agree="是", pictures=[{"data": picture}]))
    assert answer.status_code == 201, answer.content
    case = Case.objects.get(number=answer.json()["number"])
    assert (case.channel, case.class_code, case.area_path, case.created_by) == ("webhook", "200406", NORTH, None)
    assert abs(float(case.lon) - IN_NORTH[0]) < 1e-5 and abs(float(case.lat) - IN_NORTH[1]) < 1e-5
    assert "13812345678" not in case.text and "王五" not in case.text and case.text.startswith("积水\n")
    assert Photo.objects.filter(case=case, stage="report").count() == 1
    assert "13812345678" not in str(Reporter.objects.get(case=case).phone)
    ticket = Client().get(answer.json()["ticket"].removeprefix("http://testserver"))
    assert ticket.status_code == 200
    kept = log(client, hook)
    assert [(d["outcome"], d["number"]) for d in kept] == [("case", case.number)]
    stored = str(list(IntakeDelivery.objects.values())) + json.dumps(kept)
    assert not any(word in stored for word in ("王五", "138", "A-1", "积水"))


def test_without_consent_no_contact_is_kept(desk: Desk) -> None:
    hook = enter(desk.client("integrator"))
    made = post(hook, body(tel="13812345678", who="王五", agree=False)).json()
    held = Reporter.objects.get(case__number=made["number"])
    assert held.phone is None and held.name is None and held.consent_at is None


def test_the_same_outside_id_is_the_same_case_and_answer(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    first, again = post(hook, body()), post(hook, body(text="其他说法"), name="m-2")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "again": True}
    assert Case.objects.count() == 1 and [d["outcome"] for d in log(client, hook)] == ["again", "case"]
    other = enter(client, name="另一个")
    assert post(other, body()).json()["number"] != first.json()["number"], "ids are those of one entry point"
    with time_machine.travel(clock.now() + timedelta(days=2)):
        receiving.forget_old()
        late = post(hook, body(), name="m-3").json()
    assert late["number"] == first.json()["number"] and late["ticket"] is None


def test_a_message_without_an_outside_id_is_once_by_its_own(desk: Desk) -> None:
    hook = enter(desk.client("integrator"))
    first, replayed, other = (post(hook, body(id=None), name=n) for n in ("m-1", "m-1", "m-2"))
    assert first.json()["number"] == replayed.json()["number"] != other.json()["number"]


@pytest.mark.parametrize(
    ("how", "header"),
    [({"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()}, "webhook-signature"),
     ({"age": 301}, "webhook-timestamp"), ({"age": -301}, "webhook-timestamp"), ({"name": ""}, "webhook-id")],
)  # fmt: skip
def test_who_is_not_known_is_refused_and_seen(desk: Desk, how: dict[str, Any], header: str) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    answer = post(hook, body(), **how)
    assert answer.status_code == 401 and answer.json()["errors"][0]["field"] == header
    assert not Case.objects.exists()
    assert [(d["outcome"], d["errors"][0]["field"]) for d in log(client, hook)] == [("signature", header)]
    assert Client().post(hook["path"], b"{}", **JSON).status_code == 401
    assert Client().post("/intake/guessed", b"{}", **JSON).status_code == 404
    assert Client().get(hook["path"]).status_code == 404, "WeChat's question is not for this kind"


def test_a_signature_is_for_its_body_only(desk: Desk) -> None:
    hook = enter(desk.client("integrator"))
    raw = json.dumps(body()).encode()
    stamp = str(int(clock.now().timestamp()))
    key = base64.b64decode(hook["secret"].removeprefix("whsec_"))
    made = base64.b64encode(hmac.new(key, f"m.{stamp}.".encode() + raw, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": stamp, "webhook-signature": f"v1,{made}"}
    changed = raw.replace(b"A-1", b"A-2")
    assert Client().post(hook["path"], changed, headers=headers, **JSON).status_code == 401
    assert Client().post(hook["path"], raw, headers=headers, **JSON).status_code == 201


@pytest.mark.parametrize(
    ("more", "field"),
    [({"at": {"lng": "east", "lat": 31.9}}, "at.lng"), ({"at": {"lng": 117.2}}, "at.lat"),
     ({"at": {"lng": 100.1, "lat": 30.0}}, "at.lng"), ({"kind": "别的"}, "kind"), ({"title": {"a": 1}}, "title"),
     ({"pictures": [{"data": "%%"}]}, "pictures[*].data"),
     ({"pictures": [{"data": base64.b64encode(b"no picture").decode()}]}, "pictures[*].data"),
     ({"text": "长" * 2001}, "title"), ({"id": "x" * 201}, "id")],
)  # fmt: skip
def test_what_is_wrong_is_named_where_the_sender_wrote_it(desk: Desk, more: dict[str, Any], field: str) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    answer = post(hook, body(**more))
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.content
    assert answer.json()["errors"][0]["reason"].isascii()
    kept = log(client, hook)[0]
    assert (kept["outcome"], kept["status"], kept["errors"]) == ("refused", 422, answer.json()["errors"])
    assert not Case.objects.exists()
    assert post(hook, body()).status_code == 201, "mended, the same id is taken"


def test_what_is_no_json_is_refused(desk: Desk) -> None:
    hook = enter(desk.client("integrator"))
    for raw in (b"", b"{", b"\xff\xfe", b'{"id": "a\\u0000b", "text": "x"}'):
        assert post(hook, raw).status_code == 422, raw
    assert post(hook, b"[1, 2]").status_code == 422


def test_an_entry_point_takes_nothing_from_outside_its_area(desk: Desk) -> None:
    hook = enter(desk.client("integrator"), area_path=NORTH)
    lon, lat = geo.from_wgs84(*IN_SOUTH, "gcj02")
    assert post(hook, body(at={"lng": lon, "lat": lat})).json()["errors"][0]["field"] == "at.lng"
    assert post(hook, body(at={"name": "某路"})).status_code == 201
    assert Case.objects.get().area_path == NORTH, "only words say where: it is filed in the hook's area"


def test_nearby_cases_are_told(desk: Desk) -> None:
    hook = enter(desk.client("integrator"))
    first = post(hook, body(id="1")).json()
    near = post(hook, body(id="2"), name="m-2").json()["nearby"]
    assert first["nearby"] == [] and [n["number"] for n in near] == [first["number"]]


def test_a_new_secret_and_the_one_before_count_for_a_day(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    made = client.post(f"/api/v1/intake-hooks/{hook['id']}/secret", {"version": 1}, **JSON).json()
    assert post(hook, body(), secret=made["secret"]).status_code == 201
    assert post(hook, body(), name="m-2").status_code == 200
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        assert post(hook, body(), name="m-3").status_code == 401
        assert post(hook, body(), name="m-3", secret=made["secret"]).status_code == 200
    assert "secret" not in client.get(f"/api/v1/intake-hooks/{hook['id']}").json()


def test_paused_changed_at_once_and_deleted(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    address = f"/api/v1/intake-hooks/{hook['id']}"
    assert client.patch(address, {"version": 1, "enabled": False}, **JSON).status_code == 200
    assert post(hook, body()).json()["type"].endswith("intake-paused")
    assert client.patch(address, {"version": 1, "name": "迟了"}, **JSON).status_code == 409
    assert client.patch(address, {"version": 2, "enabled": True}, **JSON).json()["version"] == 3
    number = post(hook, body()).json()["number"]
    assert client.delete(address).status_code == 204 and Case.objects.filter(number=number).exists()
    assert post(hook, body()).status_code == 404


def test_a_mapping_that_cannot_work_is_refused_by_field(desk: Desk) -> None:
    client = desk.client("integrator")
    bad = {"text": "$.a", "lon": "$.x", "datum": "mars", "phone": "a.b", "shoe": "$.s",
           "category": {"path": "$.k", "table": {"x": "000000"}}}  # fmt: skip
    answer = client.post("/api/v1/intake-hooks", {"name": " ", "kind": "json", "mapping": bad}, **JSON)
    fields = {e["field"] for e in answer.json()["errors"]}
    assert answer.status_code == 422
    assert fields >= {"name", "mapping.text", "mapping.lon", "mapping.datum", "mapping.phone", "mapping.shoe",
                      "mapping.consent", "mapping.category.table.x"}  # fmt: skip
    assert desk.client("integrator", NORTH).post(
        "/api/v1/intake-hooks", {"name": "x", "kind": "json", "mapping": PLAIN, "area_path": D}, **JSON
    ).status_code == 403  # fmt: skip


def test_presets_read_their_own_samples_and_a_try_reports_nothing(desk: Desk) -> None:
    client = desk.client("integrator")
    presets = client.get("/api/v1/intake-hooks/presets").json()
    assert {p["code"] for p in presets} >= {"plain", "mini_programme", "form_tool", "department", "official_account"}
    for preset in presets:
        hook = enter(client, name=preset["zh"], kind=preset["kind"], channel=preset["channel"],
                     mapping=preset["mapping"])  # fmt: skip
        if preset["kind"] == "json":
            tried = client.post(f"/api/v1/intake-hooks/{hook['id']}/test", {"body": preset["sample"]}, **JSON).json()
            assert tried["ok"] and tried["read"]["text"] and tried["read"]["outside_id"], (preset["code"], tried)
    bad = client.post(f"/api/v1/intake-hooks/{enter(client)['id']}/test", {"body": {"kind": "?"}}, **JSON).json()
    assert not bad["ok"] and bad["errors"][0]["field"] == "kind"
    assert not Case.objects.exists() and not IntakeDelivery.objects.exists()


def test_a_try_says_class_and_area_of_what_it_would_become(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    ask = f"/api/v1/intake-hooks/{hook['id']}/test"
    read = client.post(ask, {"body": body()}, **JSON).json()["read"]
    assert (read["class_code"], read["area_path"], read["private"]) == ("200406", NORTH, False)
    assert read["class_zh"] and read["class_en"]
    assert client.post(ask, {"body": {"kind": "积水"}}, **JSON).json()["read"]["area_path"] == D


def test_the_list_counts_a_week_and_shows_the_last_and_costs_the_same_for_many(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    number = post(hook, body()).json()["number"]
    post(hook, body(), name="m-2")
    post(hook, body(id="2", kind="?"), name="m-3")
    post(hook, body(), age=999)
    IntakeDelivery.objects.create(hook_id=hook["id"], outcome="case", status=201,
                                  created_at=clock.now() - timedelta(days=8))  # fmt: skip
    shown = client.get("/api/v1/intake-hooks").json()["items"][0]
    assert (shown["taken"], shown["refused"]) == (1, 2)
    assert (shown["last"]["outcome"], shown["last"]["errors"][0]["field"]) == ("signature", "webhook-timestamp")
    first = log(client, hook)[-2]
    assert (first["number"], first["case_id"]) == (number, str(Case.objects.get().id))
    counts = {}
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/api/v1/intake-hooks?limit={limit}").status_code == 200
        counts[limit] = len(queries)
        for n in range(4):
            post(enter(client, name=f"另{n}"), body(id=f"{limit}-{n}"))
    assert counts[1] == counts[50]
    empty = client.get("/api/v1/intake-hooks?limit=1").json()["items"][0]
    assert (empty["taken"], empty["last"]["outcome"]) == (1, "case")


def test_abuse_is_limited_by_hook_and_strangers_fill_no_list(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    with mock.patch.dict(limits.MOST, {"intake": 1, "intake-bad": 3}):
        assert post(hook, body()).status_code == 201
        refused = post(hook, body(id="2"), name="m-2")
        assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
        for _ in range(6):
            assert post(hook, body(), age=999).status_code == 401
    assert IntakeDelivery.objects.filter(hook_id=hook["id"]).count() == 1 + 3
    with mock.patch.dict(limits.MOST, {"intake-door": 0}):
        assert post(hook, body()).status_code == 429


def test_deliveries_go_after_thirty_days_and_lists_page_by_key(desk: Desk) -> None:
    client = desk.client("integrator")
    hook = enter(client)
    for n in range(3):
        post(hook, body(id=str(n)), name=str(n))
    page = client.get(f"/api/v1/intake-hooks/{hook['id']}/deliveries", {"limit": 2}).json()
    assert len(page["items"]) == 2 and page["next"]
    assert client.get(f"/api/v1/intake-hooks/{hook['id']}/deliveries", {"outcome": "case"}).json()["items"]
    assert client.get(f"/api/v1/intake-hooks/{hook['id']}/deliveries", {"outcome": "x"}).status_code == 422
    with time_machine.travel(clock.now() + timedelta(days=31)):
        receiving.forget_old()
    assert not IntakeDelivery.objects.exists() and IntakeHook.objects.count() == 1
