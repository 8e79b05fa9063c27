"""As `asks`: routes of how devices join, of firmware, and of what is asked of readings and rules."""

from __future__ import annotations

from tests.certificates import certificate
from tests.identity.asks import REQUESTS, _file, body
from tests.identity.factories import Ask, Things

from linli.kernel.ids import new_id


def _new_device(things: Things) -> str:
    code = f"D-{things.side}-{new_id().hex}"
    return f"code,model,name,lon,lat\n{code},matrix-gauge,新,{things.lon},{things.lat}\n"


body("POST /provisioning-profiles", lambda t: {"model": "matrix-gauge", "name_zh": "自注册", "area_path": t.leaf,
                                               "max_devices": 5})  # fmt: skip
body("PATCH /provisioning-profiles/{profile_id}", {"version": 1, "enabled": False})
body("POST /devices/claim", lambda t: {"code": f"CL-{t.side}", "secret": "1234", "owner_department": "园林",
                                       "area_path": t.leaf})  # fmt: skip
REQUESTS["POST /firmware"] = lambda t, _: Ask(files=_file("f.bin", "new", "application/octet-stream") | {
    "model": "matrix-gauge", "title": f"t-{t.side}", "version": "9", "area_path": t.leaf})  # fmt: skip
body("POST /campaigns", lambda t: {"firmware_id": str(t["firmware_id"]), "name": "升级", "area_path": t.leaf})
for key, name in (("advance", "running"), ("pause", "running"), ("resume", "paused")):
    REQUESTS[f"POST /campaigns/{{campaign_id}}/{key}"] = lambda t, _, name=name: Ask(  # type: ignore[misc]
        {}, path={"campaign_id": t[name]}
    )
REQUESTS["POST /campaigns/{campaign_id}/retry"] = lambda t, _: Ask({}, path={"campaign_id": t["done"]})
REQUESTS["GET /files/{file_id} [firmware]"] = lambda t, _: Ask(path={"file_id": t["firmware_file_id"]})
REQUESTS["POST /devices/{device_id}/unclaim"] = lambda t, _: Ask({}, path={"device_id": t["claimed_id"]})
body("POST /devices/{device_id}/mqtt-logins", {"username": "u"})
body("POST /devices/{device_id}/certificates", lambda t: {"certificate": certificate()[0]})
body("POST /thing-model-drafts", lambda t: {"source": "blank", "code": f"matrix-new-{t.side}"})
body("POST /thing-model-drafts/import", {"text": "code: matrix-file"})
body("POST /thing-model-drafts/check", {"code": "matrix-new", "body": {}})
body("PUT /thing-model-drafts/{draft_id}", {"revision": 1, "body": {}})
body("POST /thing-model-drafts/{draft_id}/publish", {"revision": 1})
body("POST /thing-model-trials", {"code": "matrix-gauge", "message": "{}"})
for key in ("GET /thing-models/{code}/versions", "GET /thing-models/{code}/versions/{version}",
            "POST /thing-models/{code}/retire", "POST /thing-models/{code}/restore",
            "GET /thing-models/{code}/migrations"):  # fmt: skip
    REQUESTS[key] = lambda t, _: Ask(path={"code": t["own_model"]})
REQUESTS["POST /thing-models/{code}/migrations"] = lambda t, _: Ask(
    {"area_path": t.leaf}, path={"code": t["moving_model"]}
)
REQUESTS["POST /thing-model-migrations/{migration_id}/cancel"] = lambda t, _: Ask(
    {}, path={"migration_id": t["running_migration"]}
)
body("POST /readings/sql", {"sql": "SELECT 1"})
body("POST /rules/import", {"text": "rules: [{code: matrix-file}]"})
body("POST /rules/sentence", {"model": "matrix-gauge", "kind": "no_data", "no_data_s": 600})
for key in ("GET /rules/bench/runs/{run_id}", "POST /rules/bench/runs/{run_id}/cancel"):
    REQUESTS[key] = lambda t, _: Ask(path={"run_id": new_id()})
REQUESTS["GET /alarm-assignees"] = lambda t, _: Ask(query=f"alarm_id={t['alarm_id']}")
body("POST /alarm-assignments", lambda t: {"alarm_ids": [str(t["alarm_id"])], "take": True})
for kind in ("alarm", "incident"):
    body(f"POST /{kind}s/{{{kind}_id}}/assign", lambda t: {"team_id": str(t["team_id"])})
REQUESTS["POST /incidents/{incident_id}/assignments/{assignment_id}/undo"] = lambda t, _: Ask(
    {}, path={"assignment_id": t["storm_assignment_id"]}
)
REQUESTS["GET /devices/{device_id}/calendar"] = lambda t, a: Ask(query="property=level")
DAY = {"start": "2026-11-01T00:00:00+08:00", "end": "2026-11-02T00:00:00+08:00"}
for variant in ("", " [household]"):
    body(f"POST /devices/{{device_id}}/corrections{variant}", {"property": "level", "act": "flag", **DAY})
REQUESTS["POST /devices/{device_id}/corrections/{correction_id}/undo"] = lambda t, _: Ask(
    {}, path={"correction_id": new_id()}
)
REQUESTS["GET /series"] = lambda t, a: Ask(query=f"series={t['device_id']}:level")
REQUESTS["GET /series [household]"] = lambda t, a: Ask(query=f"series={t['household_id']}:level")
REQUESTS["GET /series.{form}"] = lambda t, a: Ask(path={"form": "csv"}, query=f"series={t['device_id']}:level")
for key in ("GET /device-rows.{form}", "GET /device-rows.{form} [household]", "GET /device-imports/template.{form}"):
    REQUESTS[key] = lambda t, a: Ask(path={"form": "csv"})
REQUESTS["POST /device-imports"] = lambda t, a: Ask(files=_file("d.csv", _new_device(t), "text/csv"))
for key in ("GET /device-imports/{batch_id}", "POST /device-imports/{batch_id}/tokens",
            "POST /device-imports/{batch_id}/undo"):  # fmt: skip
    REQUESTS[key] = lambda t, a: Ask(path={"batch_id": new_id()})
REQUESTS["GET /device-imports/{batch_id}/rows.{form}"] = lambda t, a: Ask(path={"batch_id": new_id(), "form": "csv"})
REQUESTS["GET /device-cells"] = lambda t, a: Ask(query="zoom=22")
MAPPING = {"device": {"path": "$.d"}, "time": {"path": "$.t"}, "readings": [{"path": "$.v", "property": "level"}]}
body("POST /reading-hooks", lambda t: {"name": "新", "auth": {"way": "token"}, "mapping": MAPPING, "area_path": t.leaf})
body("PATCH /reading-hooks/{reading_hook_id}", {"version": 1, "name": "改名"})
body("POST /reading-hooks/{reading_hook_id}/secret", {"version": 1})
body("POST /reading-hooks/{reading_hook_id}/test", {"body": {"d": "x", "t": 1, "v": 1}})
