"""The district's own thing models over the API: drafted, compared, published, followed by rules, gone back to."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.devices.conftest import AREA, Caller
from tests.devices.test_thing_models import said, speaker
from tests.devices.test_thing_shape import LEVEL, MODEL, NAMED

from linli.devices import facade
from linli.devices.models import Alarm, Device, ModelDraft, ModelMigration, ModelVersion, Rule, RuleVersion, ThingModel
from linli.devices.services import model_migrations
from linli.kernel import clock
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places.models import Grid

CM = LEVEL | {"code": "lvl", "unit": "cm", "range": [0, 1000], "usual": [10, 300], "quality": {"jump": 50}}
FIRST: dict[str, Any] = MODEL | {"properties": [CM, {"code": "wet", "name": NAMED, "type": "bool"}]}
STEP = {"to": 2, "rename": {"lvl": "level"}, "convert": {"level": {"factor": 0.01, "offset": 0}}}


@pytest.fixture
def me(grids: list[Grid], call: Callable) -> Caller:
    return call()


def draft(me: Caller, body: dict[str, Any] = FIRST, **how: Any) -> dict[str, Any]:
    """A draft with `body` in it."""
    made = me.post("/thing-model-drafts", {"source": "blank", "code": body["code"]} | how, 201)
    return put(me, made, body)


def put(me: Caller, made: dict[str, Any], body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = me("PUT", f"/thing-model-drafts/{made['id']}", {"revision": made["revision"], "body": body})
    assert answer.status_code == status, answer.content
    return answer.json()  # type: ignore[no-any-return]


def publish(me: Caller, made: dict[str, Any], status: int = 200, **how: Any) -> dict[str, Any]:
    path = f"/thing-model-drafts/{made['id']}/publish"
    return me.post(path, {"revision": made["revision"]} | how, status)  # type: ignore[no-any-return]


def following(me: Caller, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """A draft of the next version of my_gauge, changed."""
    made = me.post("/thing-model-drafts", {"source": "next", "of": "my_gauge"}, 201)
    body = copy.deepcopy(made["body"])
    change(body)
    return put(me, made, body)


def to_metres(body: dict[str, Any]) -> None:
    body["properties"][0] = LEVEL
    body["migrate"] = [*body.get("migrate", []), STEP]


def device(me: Caller, code: str) -> Device:
    me.post("/devices", {"code": code, "name_zh": "计", "model": "my_gauge", "area_path": f"{AREA}.001"}, 201)
    return Device.objects.get(code=code)


def rule(code: str, prop: str, value: float, **more: Any) -> Rule:
    return Rule.objects.create(code=code, title_zh="高", title_en="high", model_id="my_gauge", property=prop,
                               kind="threshold", op="gt", value=value, severity="severe", **more)  # fmt: skip


def test_from_blank_to_devices(me: Caller) -> None:
    made = me.post("/thing-model-drafts", {"source": "blank", "code": "my_gauge"}, 201)
    assert (made["base"], made["body"]["version"], made["revision"]) == (0, 1, 1)
    wrong = {one["field"] for one in made["problems"]}
    assert {"name.zh", "name.en", "category", "properties"} <= wrong
    assert all(one["reason"]["zh"] != one["reason"]["en"] for one in made["problems"])
    refused = publish(me, made, 422)
    assert {e["field"] for e in refused["errors"]} == wrong
    assert me("POST", "/devices", {"code": "A", "name_zh": "计", "model": "my_gauge",
                                   "area_path": f"{AREA}.001"}).status_code == 422  # fmt: skip

    made = put(me, made, FIRST)
    assert (made["problems"], made["revision"]) == ([], 2) and made["sample"] == {"lvl": 155.0, "wet": False}
    assert put(me, made, FIRST)["revision"] == 2, "the same again changes nothing"
    compared = me.get(f"/thing-model-drafts/{made['id']}/comparison")
    assert compared["version"] == 0 and {d["change"] for d in compared["differences"]} == {"added"}
    model = publish(me, made, note="第一版")
    assert (model["origin"], model["version"], model["properties"][0]["shown_unit"]) == ("local", 1, "cm")
    assert not ModelDraft.objects.exists() and ModelVersion.objects.get().note == "第一版"
    assert set(AuditRow.objects.values_list("action", flat=True)) >= {
        "model_draft.create", "model_draft.save", "model.publish"
    }  # fmt: skip
    event = OutboxEvent.objects.get(type="model.changed").envelope
    assert (event["ref"], event["area"], event["data"]["version"]) == ("my_gauge", AREA, 1)
    assert device(me, "A").model_version == 1
    (row,) = me.get("/thing-model-rows?q=my_&origin=local")["items"]
    assert [row[k] for k in ("code", "devices", "rules", "draft_id", "properties")] == ["my_gauge", 1, 0, None, 2]
    assert me.get("/thing-models/my_gauge/versions")["items"][0]["version"] == 1
    assert me.get("/thing-models/my_gauge/versions/1")["body"] == FIRST


def test_two_writers_are_told_apart(me: Caller) -> None:
    made = draft(me)
    old = made | {"revision": 1}
    answer = put(me, old, FIRST | {"interval_s": 5}, 409)
    assert "revision 2" in answer["detail"] and answer["type"].endswith(":stale")
    assert publish(me, old, 409)["type"].endswith(":stale")
    assert ModelDraft.objects.get().body["interval_s"] == 60
    again = me("POST", "/thing-model-drafts", {"source": "blank", "code": "my_gauge"})
    assert again.status_code == 409 and again.json()["type"].endswith(":draft-exists")
    assert me("DELETE", f"/thing-model-drafts/{made['id']}").status_code == 204
    assert me("DELETE", f"/thing-model-drafts/{made['id']}").status_code == 404
    draft(me)


def test_models_of_packs_are_read_only_and_may_be_copied(me: Caller) -> None:
    facade.load_packs()
    for how in ({"source": "next", "of": "water_level"}, {"source": "blank", "code": "water_level"}):
        answer = me("POST", "/thing-model-drafts", how)
        assert answer.status_code == 409
    assert me("POST", "/thing-models/water_level/retire").status_code == 409
    made = me.post("/thing-model-drafts", {"source": "copy", "of": "water_level", "code": "own_level"}, 201)
    assert made["problems"] == [] and made["body"]["version"] == 1
    model = publish(me, made)
    assert model["properties"] == me.get("/thing-models/water_level")["properties"]
    assert facade.load_packs() == {"thing_models": 0, "rules": 0}


def test_a_pack_does_not_take_what_is_the_districts_own(me: Caller, monkeypatch: Any, tmp_path: Any) -> None:
    from tests.devices.test_thing_models import put as pack

    publish(me, draft(me))
    pack(FIRST | {"interval_s": 999}, monkeypatch, tmp_path)
    assert ThingModel.objects.get(code="my_gauge").interval_s == 60


def test_a_new_unit_goes_with_a_new_code_and_everything_follows(me: Caller) -> None:
    publish(me, draft(me))
    old, high = device(me, "OLD"), rule("high", "lvl", 300, clear_value=280)
    made = following(me, lambda body: body["properties"][0].update(unit="m", range=[0, 10], usual=[0, 3]))
    assert [(p["field"], p["reason"]["en"][:36]) for p in made["problems"]] == [
        ("properties.0.unit", "readings of lvl are kept in cm since")
    ]  # fmt: skip
    body = copy.deepcopy(made["body"])
    body["properties"][0] = LEVEL
    body["migrate"] = [STEP]
    made = put(me, made, body)
    told = me.get(f"/thing-model-drafts/{made['id']}/comparison")
    assert (told["devices"], told["translated"], told["speaks"]) == (1, 1, [{"version": 1, "devices": 1}])
    assert [(d["change"], d["code"], d["was"]) for d in told["differences"]] == [("renamed", "level", "lvl")]
    assert [(r["effect"], r["property"], r["becomes"]) for r in told["rules"]] == [("follows", "lvl", "level")]
    high.refresh_from_db()
    assert high.property == "lvl", "comparing changes nothing"

    publish(me, made)
    high.refresh_from_db()
    old.refresh_from_db()
    assert (high.property, high.value, high.clear_value, high.version) == ("level", 3.0, 2.8, 2)
    assert RuleVersion.objects.get(rule=high, version=2).actor == me.actor.label
    assert old.model_version == 1 and said(speaker(old), {"lvl": 312}) == {"level": 3.12}
    assert device(me, "NEW").model_version == 2 and not ModelMigration.objects.exists()


def test_rules_that_would_be_blind_are_named_or_stopped(me: Caller) -> None:
    publish(me, draft(me))
    thing, wet = device(me, "A"), rule("wet", "wet", 0)
    rule("fine", "lvl", 100)
    now = clock.now()
    alarm = Alarm.objects.create(device=thing, rule=wet, rule_version=1, severity="severe", property="wet", value=1,
                                 started_at=now, raised_at=now, area_path=thing.area_path)  # fmt: skip
    made = following(me, lambda body: body["properties"].pop(1))
    told = me.get(f"/thing-model-drafts/{made['id']}/comparison")
    assert [(r["code"], r["effect"]) for r in told["rules"]] == [("fine", "same"), ("wet", "breaks")]
    answer = publish(me, made, 409)
    assert answer["type"].endswith(":breaks-rules") and [e["field"] for e in answer["errors"]] == ["rules.wet"]
    assert ThingModel.objects.get(code="my_gauge").version == 1
    publish(me, made, stop_rules=True)
    wet.refresh_from_db()
    alarm.refresh_from_db()
    assert (wet.enabled, wet.version, wet.origin) == (False, 2, "local") and alarm.clear_reason == "rule"
    assert Rule.objects.get(code="fine").enabled
    assert AuditRow.objects.filter(action="model.publish").latest("id").detail["stopped_rules"] == ["wet"]


def test_a_draft_that_was_overtaken_is_refused(me: Caller) -> None:
    publish(me, draft(me))
    late = following(me, lambda body: body.update(interval_s=30))
    ThingModel.objects.filter(code="my_gauge").update(version=2)  # as by another's publication
    assert publish(me, late, 409)["type"].endswith(":base-changed")


@pytest.mark.parametrize("subject", ["household", "person"])
def test_a_subject_is_never_loosened_once_devices_exist(me: Caller, subject: str) -> None:
    publish(me, draft(me, FIRST | {"subject": subject}))
    made = following(me, lambda body: body.update(subject="place"))
    assert made["problems"] == [], "nobody has one yet"
    Device.objects.create(code="P", name_zh="计", model_id="my_gauge", area_path=AREA, state="retired")
    (problem,) = me.get(f"/thing-model-drafts/{made['id']}")["problems"]
    assert problem["field"] == "subject" and "kept apart" in problem["reason"]["en"]
    assert publish(me, made, 422)["errors"][0]["field"] == "subject"
    assert ThingModel.objects.get(code="my_gauge").subject == subject


def test_devices_that_need_no_translation_are_moved_by_the_job(me: Caller, monkeypatch: Any) -> None:
    monkeypatch.setattr(model_migrations, "PART", 2)
    publish(me, draft(me))
    devices = [device(me, f"D{n}") for n in range(5)]
    publish(me, following(me, lambda body: body["properties"].append(LEVEL | {"code": "battery", "unit": "%"})))
    (row,) = me.get("/thing-models/my_gauge/migrations")["items"]
    assert (row["state"], row["total"], row["only_same"], row["to"]) == ("waiting", 5, True, 2)
    busy = following(me, lambda body: body.update(interval_s=30))
    assert publish(me, busy, 409)["type"].endswith(":migration-running")
    model_migrations._part(ModelMigration.objects.get().pk)
    assert me.get(f"/thing-model-migrations/{row['id']}")["seen"] == 2
    done = me.post(f"/thing-model-migrations/{row['id']}/cancel")
    assert (done["state"], done["changed"]) == ("cancelled", 2)
    model_migrations.run(migration_id=ModelMigration.objects.get().pk)
    spoken = lambda: sorted(Device.objects.values_list("model_version", flat=True))  # noqa: E731
    assert spoken() == [1, 1, 1, 2, 2], "a job that comes late finds it cancelled"
    assert me.post(f"/thing-model-migrations/{row['id']}/cancel")["state"] == "cancelled"

    again = me.post("/thing-models/my_gauge/migrations", {"area_path": f"{AREA}.001", "note": "换完"}, 201)
    model_migrations.run(migration_id=ModelMigration.objects.get(pk=again["id"]).pk)
    assert spoken() == [2] * 5 and me.get(f"/thing-model-migrations/{again['id']}")["state"] == "done"
    assert me("POST", "/thing-models/my_gauge/migrations", {}).json()["type"].endswith(":nothing-to-migrate")
    assert me("POST", f"/thing-model-migrations/{row['id']}/undo").json()["type"].endswith(":not-the-last")
    Device.objects.filter(pk=devices[0].pk).update(name_zh="动过")
    undoing = me.post(f"/thing-model-migrations/{again['id']}/undo")
    assert (undoing["state"], undoing["total"]) == ("undoing", 3)
    model_migrations.run(migration_id=ModelMigration.objects.get(pk=again["id"]).pk)
    assert spoken() == [1, 1, 1, 2, 2] and me.get(f"/thing-model-migrations/{again['id']}")["state"] == "undone"
    assert {e.envelope["data"]["state"] for e in OutboxEvent.objects.filter(type="model_migration.changed")} == {
        "waiting", "cancelled", "done", "undoing", "undone"
    }  # fmt: skip


def test_back_to_a_former_version_by_a_draft_of_the_way_back(me: Caller) -> None:
    publish(me, draft(me))
    old, high = device(me, "OLD"), rule("high", "lvl", 300)
    publish(me, following(me, to_metres))
    new = device(me, "NEW")
    made = me.post("/thing-model-drafts", {"source": "back", "of": "my_gauge", "version": 1}, 201)
    assert made["problems"] == [] and made["body"]["version"] == 3
    publish(me, made)
    high.refresh_from_db()
    assert (high.property, high.value) == ("lvl", 300.0)
    assert said(speaker(old), {"lvl": 312}) == {"lvl": 312} and said(speaker(new), {"level": 3.12}) == {"lvl": 312}
    assert me("POST", "/thing-model-drafts", {"source": "back", "of": "my_gauge", "version": 3}).status_code == 422
    assert [v["version"] for v in me.get("/thing-models/my_gauge/versions?limit=2")["items"]] == [3, 2]


def test_a_file_goes_out_and_comes_in(me: Caller) -> None:
    publish(me, draft(me))
    answer = me("GET", "/thing-models/my_gauge/pack.yaml")
    assert "my_gauge.yaml" in answer["Content-Disposition"]
    (entry,) = yaml.safe_load(answer.content)["thing_models"]
    assert entry == FIRST
    entry["interval_s"] = 15
    text = json.dumps({"thing_models": [entry, FIRST | {"code": "second_gauge"}]})
    first, second = me.post("/thing-model-drafts/import", {"text": text}, 201)
    assert (first["base"], first["body"]["version"], second["base"], second["body"]["version"]) == (1, 2, 0, 1)
    assert [r["code"] for r in me.get("/thing-model-drafts?limit=1")["items"]] == ["second_gauge"]
    alone = me("POST", "/thing-model-drafts/import", {"text": json.dumps(FIRST | {"code": "third"})})
    assert alone.status_code == 201
    text = json.dumps({"thing_models": [FIRST | {"code": "fourth"}, entry]})
    assert me("POST", "/thing-model-drafts/import", {"text": text}).status_code == 409
    assert not ModelDraft.objects.filter(code="fourth").exists(), "all or none"
    for text, field in (("{", "text"), ("thing_models: [{code: 5}]", "thing_models.0.code")):
        answer = me("POST", "/thing-model-drafts/import", {"text": text})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_a_retired_model_takes_no_new_device(me: Caller) -> None:
    publish(me, draft(me))
    one = device(me, "A")
    retired = me.post("/thing-models/my_gauge/retire")["retired_at"]
    assert retired and me.post("/thing-models/my_gauge/retire")["retired_at"] == retired
    body = {"code": "B", "name_zh": "计", "model": "my_gauge", "area_path": f"{AREA}.001"}
    refused = me("POST", "/devices", body)
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "model"
    assert me("POST", "/thing-model-drafts", {"source": "next", "of": "my_gauge"}).status_code == 409
    assert me.patch(f"/devices/{one.pk}", {"name_zh": "还在"})["name"]["zh"] == "还在"
    assert me.get("/thing-model-rows?q=my_gauge")["items"] == []
    assert me.get("/thing-model-rows?q=my_gauge&retired=true")["items"][0]["retired_at"]
    assert me.post("/thing-models/my_gauge/restore")["retired_at"] is None
    assert me("POST", "/devices", body).status_code == 201


def test_who_manages_a_part_may_not_change_models(me: Caller, call: Callable) -> None:
    made = draft(me)
    part = call(f"{AREA}.001")
    for method, path, body in (
        ("POST", "/thing-model-drafts", {"source": "blank", "code": "x"}),
        ("PUT", f"/thing-model-drafts/{made['id']}", {"revision": 2, "body": {}}),
        ("POST", f"/thing-model-drafts/{made['id']}/publish", {"revision": 2}), ("GET", "/thing-model-drafts", None),
        ("GET", f"/thing-model-drafts/{made['id']}/comparison", None),
    ):  # fmt: skip
        assert part(method, path, body).status_code == 403, path
    publish(me, made)
    device(me, "A")
    publish(me, following(me, to_metres))
    assert part("POST", "/thing-models/my_gauge/migrations", {}).status_code == 403
    mine = part.post("/thing-models/my_gauge/migrations", {"area_path": f"{AREA}.001"}, 201)
    other = call(f"{AREA}.002")
    assert other("GET", f"/thing-model-migrations/{mine['id']}").status_code == 404
    assert other.get("/thing-models/my_gauge/migrations")["items"] == []
    assert other.get("/thing-model-rows?q=my_gauge")["items"][0]["devices"] == 0


def test_a_draft_holds_no_more_than_postgresql_keeps(me: Caller) -> None:
    made = draft(me)
    for bad in ({"code": "\x00"}, {"code": "x" * 600_000}):
        assert put(me, made, bad, 422)["errors"][0]["field"] == "body"
    huge = me("PUT", f"/thing-model-drafts/{made['id']}", b'{"revision": 2, "body": {"version": 1e999, "a": NaN}}')
    assert huge.status_code in (400, 422) or huge.json()["problems"]
    assert put(me, made, {}, 200)["problems"]


def test_the_list_takes_the_same_few_queries_however_long(me: Caller, django_assert_max_num_queries: Any) -> None:
    facade.load_packs()
    with django_assert_max_num_queries(3):
        page = me.get("/thing-model-rows?limit=100")
    assert len(page["items"]) > 60
    first = me.get("/thing-model-rows?limit=40")
    rest = me.get(f"/thing-model-rows?limit=100&cursor={first['next']}")
    assert [r["code"] for r in first["items"] + rest["items"]][:80] == [r["code"] for r in page["items"]][:80]
    assert me("GET", "/thing-model-rows?subject=crowd").status_code == 422
    assert {"m", "Cel"} <= {u["code"] for u in me.get("/measurement-units")}
    assert set(me.get("/thing-models/water_level/sample")["sample"]) >= {"level"}
