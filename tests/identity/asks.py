"""How each route of the permission matrix is asked, and which thing an answer shows.

A new route needs a row in permissions.csv and, if it takes more than ids in its path, an entry in REQUESTS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from shapely.geometry import LineString, mapping
from tests.identity.factories import ROOT, SIDES, STEP, Ask, S, Things, W, picture, square

from linli.cases.models import Case, Photo
from linli.identity import facade as identity
from linli.identity.models import Account
from linli.kernel import clock, ids
from linli.orgs import facade as orgs
from linli.work.models import Duty

Factory = Callable[[Things, Account | None], Ask]
REQUESTS: dict[str, Factory] = {}


def ask(*keys: str) -> Callable[[Factory], Factory]:
    """Register how `METHOD /path` or `METHOD /path [variant]` is asked."""

    def register(fn: Factory) -> Factory:
        REQUESTS.update(dict.fromkeys(keys, fn))
        return fn

    return register


def body(key: str, value: Any, **more: Any) -> None:
    REQUESTS[key] = lambda things, account: Ask(value(things) if callable(value) else value, **more)


body("POST /session", {"username": "nobody-here", "password": "wrong"})
body("PATCH /me", {"language": "en"})
body("PUT /me/notices", {"channels": {"warn": "mail"}, "quiet_from": "22:00", "quiet_until": "06:00"})
body("PUT /me/notices/address", {"address": "a@mail.example"})
body("POST /me/notices/address/confirm", {"token": "guessed"})
body("POST /me/password", {"old_password": "wrong", "new_password": "lamp-river-88"})
body("POST /me/totp/confirm", {"code": "000000"})
body("POST /me/totp/disable", {"password": "wrong"})
body("POST /accounts", lambda t: {"username": f"new-{t.side}", "display_name": "新人", "area_path": t.leaf})
body("PATCH /accounts/{account_id}", {"display_name": "改名"})
body("PATCH /accounts/{account_id} [move]", lambda t: {"area_path": ROOT})
body("POST /accounts/{account_id}/grants", lambda t: {"role": "intake", "area_path": t.leaf})
body("POST /accounts/{account_id}/grants [beyond]", lambda t: {"role": "intake", "area_path": ROOT})
body("POST /apikeys", {"name": "mine"})
body("POST /apikeys [for]", lambda t: {"account_id": str(t["program_id"])})
body("POST /apikeys [for a person]", lambda t: {"account_id": str(t["account_id"])})
body("POST /apikeys [for an administration]", lambda t: {"account_id": str(t["keeper_id"])})

body("POST /teams", lambda t: {"code": f"n-{t.side}", "name_zh": "新队", "kind": "pump", "area_path": t.leaf})
body("PATCH /teams/{team_id}", {"name_en": "Team"})
body("PATCH /teams/{team_id} [move]", {"area_path": ROOT})
body("POST /centres", lambda t: {"code": f"nc-{t.side}", "name_zh": "新中心", "area_path": t.leaf})
body("PATCH /centres/{centre_id}", {"name_en": "Centre"})

body("POST /tasks", lambda t: {"title": "巡查", "area_path": t.leaf})
body("POST /tasks [place]", lambda t: {"title": "巡查", "place": {"lon": t.lon, "lat": t.lat}})
body("PATCH /tasks/{task_id}", {"urgent": True})
for key in ("PUT /tasks/{task_id}/steps/{step_id}", "PUT /tasks/{task_id}/steps/{step_id} [no team]"):
    REQUESTS[key] = lambda things, account, key=key: Ask(  # type: ignore[misc]
        {"action": "accept"},
        path={"step_id": ids.new_id(), **({"task_id": things["free_task_id"]} if "no team" in key else {})},
    )


@ask("POST /tasks/{task_id}/photos/{photo_id}")
def _task_photo(things: Things, account: Account | None) -> Ask:
    return Ask(files={"photo": picture(), "stage": "after"}, path={"photo_id": ids.new_id()})


@ask("PUT /duty/{duty_id}")
def _sign_on(things: Things, account: Account | None) -> Ask:
    return Ask({"area_path": things.leaf}, path={"duty_id": ids.new_id()})


def _points() -> dict[str, Any]:
    return {"positions": [{"at": clock.now().isoformat(), "lon": W, "lat": S}]}


@ask("POST /patrol-plans")
def _plan(things: Things, account: Account | None) -> Ask:
    point = {"name": "闸口", "lon": things.lon, "lat": things.lat}
    hours = {"begins": "08:00", "ends": "18:00"}
    return Ask({"kind": "round", "name": "巡河", "team_ids": [str(things["team_id"])], "points": [point], **hours})


@ask("PUT /patrol-visits/{visit_id}")
def _visit(things: Things, account: Account | None) -> Ask:
    here = {"point_id": str(things["point_id"]), "lon": things.lon, "lat": things.lat}
    return Ask(here, path={"visit_id": ids.new_id()})


@ask("PUT /patrol-visits/{visit_id} [of the team]")
def _team_visit(things: Things, account: Account | None) -> Ask:
    if account is not None:
        orgs.ensure_member(team_id=things["team_id"], account_id=account.id)
        begun = {"area_path": things.leaf, "started_at": clock.now()}
        Duty.objects.get_or_create(account=account, ended_at=None, defaults=begun)
    return _visit(things, account)


body("POST /duty/{duty_id}/positions", lambda t: _points())


@ask("POST /duty/{duty_id}/positions [mine]", "POST /duty/{duty_id}/end [mine]")
def _own_duty(things: Things, account: Account | None) -> Ask:
    duty = ids.new_id()
    if account is not None:
        area = SIDES["own"][0]
        Duty.objects.create(id=duty, account=account, area_path=f"{ROOT}.{area}", started_at=clock.now())
    return Ask(_points(), path={"duty_id": duty})


for route, name in (("task", "task_file_id"), ("case", "case_file_id"), ("private case", "private_file_id")):
    REQUESTS[f"GET /files/{{file_id}} [{route}]"] = lambda things, account, name=name: Ask(  # type: ignore[misc]
        path={"file_id": things[name]}
    )


@ask("GET /files/{file_id} [released]")
def _released(things: Things, account: Account | None) -> Ask:
    Photo.objects.filter(file_id=things["case_file_id"]).update(released_at=clock.now())
    return Ask(path={"file_id": things["case_file_id"]})


def _free_square(things: Things) -> dict[str, Any]:
    return square(things["x"] + 3.2, 0.5, 0.5, 1)


def _cut(things: Things) -> dict[str, Any]:
    x = W + (things["x"] + 1.5) * STEP
    return {"line": mapping(LineString([(x, S - STEP), (x, S + 3 * STEP)]))}


def _grid_body(things: Things) -> dict[str, Any]:
    return {"parent_id": str(things["top_id"]), "name_zh": "新网格", "polygon": _free_square(things), "force": True}


def _redraw(things: Things) -> dict[str, Any]:
    shape_ = square(things["x"], 0, 3.1, 2)
    return {"grids": [{"grid_id": str(things["grid_id"]), "polygon": shape_}], "force": True}


def _merge(things: Things) -> dict[str, Any]:
    return {"grid_ids": [str(things["grid_id"]), str(things["second_id"])]}


for path, made in (("/grids", _grid_body), ("/grids/redraw", _redraw), ("/grids/merge", _merge)):
    body(f"POST {path}", made)
    body("POST /grids/preview" if path == "/grids" else f"POST {path}/preview", made)
body("POST /grids/{grid_id}/split", _cut)
body("POST /grids/{grid_id}/split/preview", _cut)
body("PATCH /grids/{grid_id}", {"name_zh": "改名"})
body("POST /units/{unit_id}/qr/rotate", {"reason": "脱落"})
REQUESTS["GET /devices/latest"] = lambda things, account: Ask(query=f"ids={things['device_id']}")
REQUESTS["GET /devices/latest [household]"] = lambda things, account: Ask(query=f"ids={things['household_id']}")
REQUESTS["GET /devices/{device_id}/series"] = lambda t, a: Ask(query="property=level")
REQUESTS["GET /devices/{device_id}/expected"] = lambda t, a: Ask(query="property=level")
REQUESTS["GET /locate"] = lambda things, account: Ask(query=f"lon={things.lon}&lat={things.lat}")
REQUESTS["GET /basemap/{layer}.geojson"] = lambda things, account: Ask(path={"layer": "roads"})


def _file(name: str, data: str, kind: str) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, data.encode(), kind)}


@ask("POST /grids/import")
def _import_grids(things: Things, account: Account | None) -> Ask:
    feature = {"type": "Feature", "geometry": _free_square(things),
               "properties": {"code": f"{ROOT}{things.side}", "name_zh": "导入", "level": 2,
                              "parent": ROOT + things.area[-3:]}}  # fmt: skip
    collection = json.dumps({"type": "FeatureCollection", "features": [feature]})
    return Ask(files=_file("g.geojson", collection, "application/geo+json"), query="apply=true&force=true")


@ask("POST /units/import")
def _import_units(things: Things, account: Account | None) -> Ask:
    rows = f"code,name_zh,lon,lat\nI-{things.side},新小区,{things.lon},{things.lat}\n"
    return Ask(files=_file("c.csv", rows, "text/csv"), query="kind=compounds&apply=true")


for key in ("GET /devices/quality/devices", "GET /devices/quality/devices [household]"):
    REQUESTS[key] = lambda things, account: Ask(query="what=devices")
REQUESTS["GET /devices/quality.{form}"] = lambda things, account: Ask(path={"form": "csv"})
REQUESTS["POST /devices/import"] = lambda t, _: Ask(
    raw=(f"code,model,name_zh,lon,lat\nI-{t.side},matrix-gauge,新,{t.lon},{t.lat}\n".encode(), "text/csv")
)
body("POST /devices", lambda t: {"code": f"N-{t.side}", "model": "matrix-gauge", "name_zh": "新", "lon": t.lon,
                                 "lat": t.lat})  # fmt: skip
body("PATCH /devices/{device_id}", {"name_en": "Gauge"})
body("PATCH /devices/{device_id} [move]", lambda t: {"area_path": f"{ROOT}.002.01"})
body("POST /devices/{device_id}/retire", {"reason": "坏"})
body("POST /devices/{device_id}/credentials/rotate", {"grace_s": 0})
body("PATCH /devices/{device_id}/attributes", {"attributes": {"rate": 5}})
body("POST /devices/{device_id}/stations", lambda t: {"protocol": "hj212", "number": ids.new_id().hex})
for variant in ("", " [household]"):
    body("POST /devices/{device_id}/commands" + variant, {"method": "open"})
for verb in ("acknowledge", "clear", "comments"):
    body(f"POST /alarms/{{alarm_id}}/{verb}", {"text": "已看"})
body("POST /alarms/{alarm_id}/shelve", lambda t: {"until": (clock.now() + timedelta(hours=1)).isoformat()})
for verb in ("acknowledge", "comments"):
    body(f"POST /incidents/{{incident_id}}/{verb}", {"text": "已看"})
body("POST /incidents/{incident_id}/shelve", lambda t: {"until": (clock.now() + timedelta(hours=1)).isoformat()})
body("POST /alarms/{alarm_id}/verdict", {"verdict": "false", "text": "结露"})
REQUESTS["GET /alarm-figures/sheet.{form}"] = lambda t, _: Ask(path={"form": "csv"})
body("POST /maintenance-windows", lambda t: {
    "title": "检修", "reason": "换线", "area_path": t.leaf, "starts_at": (clock.now() + timedelta(hours=1)).isoformat(),
    "ends_at": (clock.now() + timedelta(hours=2)).isoformat()})  # fmt: skip
body("PATCH /maintenance-windows/{window_id}", {"version": 1, "title": "改期"})
body("POST /maintenance-windows/{window_id}/end", {"text": "完工"})
body("POST /rules", lambda t: {
    "model": "matrix-gauge", "title": {"zh": "高", "en": "High"}, "kind": "threshold", "severity": "warning",
    "property": "level", "op": "gt", "value": 4, "clear_value": 3.5, "area_path": t.leaf})  # fmt: skip
body("POST /rules/bench", lambda t: {
    "rule_id": str(t["rule_id"]), "start": "2026-11-01T00:00:00+08:00", "end": clock.now().isoformat()})  # fmt: skip
body("PATCH /rules/{rule_id}", {"version": 1, "enabled": False})
body("PATCH /rules/{rule_id} [widen]", {"version": 1, "area_path": ROOT})

body("POST /cases/{case_id}/signals", {"text": "我家门口也有"})
body("POST /cases/bulk", lambda t: {"action": "file", "cases": [{"id": str(t["case_id"])}], "check": True})
body("POST /cases/bulk/undo", lambda t: {"case_ids": [str(t["case_id"])]})
body("POST /cases/nearby", lambda t: {"lon": t.lon, "lat": t.lat, "text": "井盖"})
for key in ("GET /cases/{case_id}/templates", "GET /cases/{case_id}/templates [private]"):
    REQUESTS[key] = lambda things, account: Ask(query="act=close")
body("POST /catalogue/suggestions", {"text": "井盖松动"})
for key in ("GET /case-imports/{batch_id}", "POST /case-imports/{batch_id}/undo",
            "GET /roster-imports/{batch_id}", "POST /roster-imports/{batch_id}/undo"):  # fmt: skip
    REQUESTS[key] = lambda things, account: Ask(path={"batch_id": ids.new_id()})


@ask("POST /case-imports")
def _import_cases(things: Things, account: Account | None) -> Ask:
    return Ask(files=_file("c.csv", f"text,lon,lat\n井盖 {things.side},{things.lon},{things.lat}\n", "text/csv"))


body("POST /cases", lambda t: {"text": "井盖松动", "lon": t.lon, "lat": t.lat})
body("POST /cases/{case_id}/comments", {"text": "已联系物业"})
body("POST /cases/{case_id}/calls", {"outcome": "reached", "note": "已告知"})
body("POST /webhooks", {"name": "x", "url": "https://example.org/in", "types": ["case.*"]})
body("PATCH /webhooks/{hook_id}", {"version": 1, "enabled": False})
body("POST /webhooks/{hook_id}/secret", {"version": 1})
REQUESTS["GET /desk/day"] = lambda t, account: Ask(query=f"area={t.leaf}")
REQUESTS["GET /desk/day.pdf"] = lambda t, account: Ask(query=f"area={t.leaf}")
body("POST /cases/{case_id}/playbooks", {"playbook": "fallen_tree"})
body("POST /playbook-runs/{run_id}/steps", {"title": "通知物业"})
body("POST /playbook-runs/{run_id}/steps/{step_key}", {"act": "skip", "reason": "演练"})
body("POST /playbook-runs/{run_id}/end", {"summary": "好了"})


def _operation(t: Things) -> dict[str, Any]:
    now = clock.now()
    return {"title": "联合巡查", "area_path": t.leaf, "begins_at": now.isoformat(), "version": 1,
            "ends_at": (now + timedelta(hours=2)).isoformat(), "team_ids": [str(t["team_id"])]}  # fmt: skip


body("POST /operations", _operation)
body("PUT /operations/{operation_id}", _operation)
body("POST /operations/{operation_id}/items", lambda t: {"team_id": str(t["team_id"]), "title": "看井盖"})
body("POST /operations/{operation_id}/checks", {"check": 0})
body("POST /operations/{operation_id}/notes", {"text": "已集合"})
body("POST /operations/{operation_id}/end", {"summary": "好了"})
body("POST /operations/{operation_id}/cancel", {"reason": "雨停了"})
body("POST /handovers", lambda t: {"area": t.leaf})
body("POST /board", lambda t: {"centre_id": str(t["centre_id"]), "title": "防汛值守"})


def _next_week() -> str:
    return (clock.now() + timedelta(days=7)).date().isoformat()


for path in ("people", "present", "week.{form}", "template.{form}"):
    REQUESTS[f"GET /rosters/{path}"] = lambda t, account: Ask(
        query=f"team_id={t['team_id']}&day={_next_week()}", path={"form": "csv"}
    )


@ask("POST /roster-imports")
def _import_shifts(things: Things, account: Account | None) -> Ask:
    team, planned = orgs.team(things["team_id"]), identity.account(things["account_id"])
    assert team is not None and planned is not None
    day = _next_week()
    line = f"{team.code},{planned.username},{day} 08:00,{day} 18:00,{account.username if account else ''}"
    return Ask(files=_file("s.csv", f"team,account,from,to,note\n{line}\n", "text/csv"))


body("POST /rosters", lambda t: {
    "team_id": str(t["team_id"]), "account_id": str(t["account_id"]), "day": _next_week(), "begins": "08:00",
    "ends": "18:00",
})  # fmt: skip
body("POST /rosters/copy", lambda t: {
    "team_id": str(t["team_id"]), "source": clock.now().date().isoformat(), "target": _next_week(),
})  # fmt: skip
body("POST /rosters/publish", lambda t: {"team_id": str(t["team_id"]), "day": _next_week()})
body("PATCH /rosters/{shift_id}", {"trade": "电工"})
body("POST /cases/{case_id}/contact", {"purpose": "call_back", "reason": "回访"})
body("POST /cases/lookup/phone", {"phone": "13800001234", "reason": "来电查询"})
body("POST /cases/{case_id}/photos/{photo_id}/release", {"release": True})
REQUESTS["GET /cases/clusters"] = lambda things, account: Ask(query="zoom=12")
body("POST /cases/{case_id}/photos/{photo_id}/redact", {"boxes": [{"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.2}]})
body("POST /cases/{case_id}/text/release", {"release": True})
for path, more in (("indicators", ""), ("rows", "&measure=report"), ("league", ""), ("indicators.xlsx", "")):
    REQUESTS[f"GET /insight/{path}"] = lambda things, account, more=more: Ask(  # type: ignore[misc]
        query=f"area={things.area}{more}"
    )
for path in ("/supervision/counts", "/supervision.xlsx"):
    REQUESTS[f"GET {path}"] = lambda things, account: Ask(query=f"area={things.area}")
body("POST /supervision/reminders", lambda t: {"case_ids": [str(t["case_id"])], "note": "请今日到场"})
REQUESTS["GET /supervision/{case_id}/letter.{form}"] = lambda things, account: Ask(path={"form": "docx"})
body("POST /routing", {"rules": [{"class": "", "team_kind": "pump", "zh": "默认", "en": "All"}]})
body("PATCH /routing/{version_id}", {"edition": 1, "note": "x"})
body("POST /routing/{version_id}/dry-run", {"days": 7})
body("POST /routing/{version_id}/publish", {"edition": 1})
body("POST /bulletins", lambda t: {"area": t.leaf, "period": "week"})
body("PATCH /bulletins/{bulletin_id}", {"version": 1, "title": {"zh": "x"}})
body("POST /bulletins/{bulletin_id}/issue", {"version": 1})
body("POST /bulletins/{bulletin_id}/withdraw", {"reason": "有误"})
REQUESTS["GET /bulletins/{bulletin_id}/file.{form}"] = lambda things, account: Ask(path={"form": "docx"})
REQUESTS["GET /insight/me/rows"] = lambda things, account: Ask(query="measure=dispose")
REQUESTS["GET /insight/reports/{code}.{form}"] = lambda things, account: Ask(
    path={"code": "weekly", "form": "docx"}, query=f"area={things.area}"
)
REQUESTS["GET /cases/nearby"] = lambda things, account: Ask(query=f"lon={things.lon}&lat={things.lat}")


@ask("POST /cases/{case_id}/photos")
def _case_photo(things: Things, account: Account | None) -> Ask:
    return Ask(files={"file": picture(), "stage": "before"})


@ask("PUT /cases/{case_id}/class-forms/{code}")
def _class_form(things: Things, account: Account | None) -> Ask:
    return Ask({"answers": {"spot": "line", "count": 2}}, path={"code": "ebike_charging"})


@ask("POST /cases/{case_id}/voice-notes/{voice_id}")
def _voice(things: Things, account: Account | None) -> Ask:
    sound = SimpleUploadedFile("a.webm", b"\x1a\x45\xdf\xa3" + b"\0" * 64, "audio/webm")
    return Ask(files={"voice": sound, "seconds": "3"}, path={"voice_id": ids.new_id()})


@ask("PUT /photo-marks/{photo_id}")
def _mark(things: Things, account: Account | None) -> Ask:
    return Ask({"case_id": str(things["case_id"]), "marks": ["blur"]}, path={"photo_id": ids.new_id()})


@ask("PUT /form-entries/{entry_id}")
def _fill(things: Things, account: Account | None) -> Ask:
    form = {"form": "household_visit", "answers": {"met": "no"}, "lon": things.lon, "lat": things.lat}
    return Ask(form, path={"entry_id": ids.new_id()})


body("POST /form-entries/{entry_id}/person", {"reason": "跟进需求"})
body("POST /intake-hooks", lambda t: {"name": "新", "kind": "wechat", "area_path": t.leaf})
body("PATCH /intake-hooks/{intake_id}", {"version": 1, "name": "改名"})
body("POST /intake-hooks/{intake_id}/secret", {"version": 1})
body("POST /intake-hooks/{intake_id}/test", {"body": {"text": "x"}})
body("POST /open311/endpoints", lambda t: {"name": "新", "base_url": "https://x.example/v2", "area_path": t.leaf})
body("PATCH /open311/endpoints/{endpoint_id}", {"version": 1, "name": "改名"})

# acts of the transition table: (state the case is put in, what the act brings)
ACTS: dict[str, tuple[str, Callable[[Things], dict[str, Any]]]] = {
    "accept": ("submitted", lambda t: {}),
    "reject": ("submitted", lambda t: {"reason": "不属职责"}),
    "file": ("accepted", lambda t: {"class": "200406"}),
    "dispatch": ("filed", lambda t: {"class": "200406", "team": str(t["team_id"])}),
    "recall": ("dispatched", lambda t: {"reason": "改派"}),
    "take": ("dispatched", lambda t: {}),
    "finish": ("handling", lambda t: {"note": "已处理"}),
    "check": ("handled", lambda t: {}),
    "close": ("handled", lambda t: {}),
    "supervise": ("handling", lambda t: {"note": "加快"}),
    "reopen": ("closed", lambda t: {"reason": "复发"}),
}


def _act(action: str) -> Factory:
    def made(things: Things, account: Account | None) -> Ask:
        state, brings = ACTS[action]
        end = clock.now() if state == "closed" else None
        Case.objects.filter(id=things["case_id"]).update(state=state, team_id=things["team_id"], closed_at=end)
        return Ask(brings(things), path={"action": action})

    return made


for action in ACTS:
    REQUESTS[f"POST /cases/{{case_id}}/actions/{{action}} [{action}]"] = _act(action)

from tests.identity import device_asks  # noqa: E402, F401
