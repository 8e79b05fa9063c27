"""Rules leave as a file of a pack and come back from one: looked at first, then all or none, and once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from linli.checks import packs as check_packs
from linli.checks import things as check_things
from linli.checks.tree import Tree
from linli.devices.models import Alarm, Device, Rule, RuleVersion
from linli.devices.services import packs
from linli.kernel import clock
from linli.kernel import packs as kernel_packs
from linli.kernel.models import AuditRow
from linli.places.models import Grid

AREA = "340121403"
ENTRY = {
    "code": "file-high", "title": {"zh": "高", "en": "High"}, "severity": "severe", "reraise_s": 60,
    "when": {"model": "t_water", "property": "level", "kind": "duration", "op": "gt", "value": 0, "duration_s": 60},
    "area_path": AREA, "owner_department": "水务局",
}  # fmt: skip


def text(*entries: dict) -> str:
    return json.dumps({"rules": entries}, ensure_ascii=False)


def acts(answer: dict) -> list[tuple[str, str, int]]:
    return [(s["code"], s["act"], s["version"]) for s in answer["steps"]]


def test_a_file_is_shown_then_done_once(grids: list[Grid], gauge: Device, call: Callable) -> None:
    me = call()
    look = me.post("/rules/import", {"text": text(ENTRY)})
    assert (acts(look), look["done"], Rule.objects.count()) == ([("file-high", "new", 1)], False, 0)
    assert look["steps"][0]["sentence"]["en"].startswith("when water level is above 0 m")
    done = me.post("/rules/import", {"text": text(ENTRY), "mark": look["mark"]})
    assert (acts(done), done["done"]) == ([("file-high", "new", 1)], True)
    row = Rule.objects.get()
    assert (row.owner_department, row.origin, row.value, row.area_path) == ("水务局", "local", 0, AREA)
    audits = AuditRow.objects.count()
    for mark in ("", look["mark"]):  # the same file again, looked at or done
        assert acts(me.post("/rules/import", {"text": text(ENTRY), "mark": mark})) == [("file-high", "same", 1)]
    assert (RuleVersion.objects.count(), AuditRow.objects.count()) == (1, audits)
    changed = ENTRY | {"severity": "urgent", "when": ENTRY["when"] | {"value": 3}}
    look = me.post("/rules/import", {"text": text(changed)})
    assert (acts(look), look["steps"][0]["changed"]) == ([("file-high", "version", 2)], ["severity", "when.value"])
    done = me.post("/rules/import", {"text": text(changed), "mark": look["mark"]})
    assert acts(done) == [("file-high", "version", 2)]
    old = me.get(f"/rules/{row.pk}/versions")[1]["body"]
    back = me.patch(f"/rules/{row.pk}", {"version": 2, "value": old["value"], "severity": old["severity"]})
    assert (back["version"], back["value"], back["severity"], back["owner_department"]) == (3, 0, "severe", "水务局")


def test_what_was_shown_and_is_not_so_any_more_is_not_done(grids: list[Grid], gauge: Device, call: Callable) -> None:
    me = call()
    look = me.post("/rules/import", {"text": text(ENTRY)})
    me.post("/rules", {"code": "file-high", "model": "t_water", "title": {"zh": "a", "en": "b"}, "kind": "no_data",
                       "no_data_s": 60, "severity": "info", "area_path": AREA}, 201)  # fmt: skip
    assert me.post("/rules/import", {"text": text(ENTRY), "mark": look["mark"]}, 409)["type"].endswith("stale")
    assert Rule.objects.get().kind == "no_data"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"when": ENTRY["when"] | {"model": "nothing"}}, "rules.1.when.model"),
        ({"when": ENTRY["when"] | {"property": "nothing"}}, "rules.1.when.property"),
        ({"when": ENTRY["when"] | {"value": 99}}, "rules.1.when.value"),
        ({"when": ENTRY["when"] | {"value": True}}, "rules.1.when.value"),
        ({"when": {"model": "t_water", "kind": "terms", "condition": {"terms": [{"kind": "sometimes"}]}}},
         "rules.1.when.condition.terms.0.kind"),
        ({"when": {"model": "t_water", "kind": "terms", "condition": {}}}, "rules.1.when.condition.terms"),
        ({"severity": "awful"}, "rules.1.severity"),
        ({"nonsense": 1}, "rules.1.nonsense"),
        ({"title": {"zh": "高"}}, "rules.1.title.en"),
        ({"code": "NO CODE"}, "rules.1.code"),
        ({"code": "good"}, "rules.1.code"),  # twice in the file
        ({"area_path": f"{AREA}.999"}, "rules.1.area_path"),
        ({"area_path": ""}, "rules.1.area_path"),  # the whole district is not the caller's
        ({"owner_department": "x" * 121}, "rules.1.owner_department"),
    ],
)  # fmt: skip
def test_one_wrong_entry_names_its_place_and_nothing_is_done(
    grids: list[Grid], gauge: Device, call: Callable, change: dict, field: str
) -> None:
    me, file = call(), text(ENTRY | {"code": "good"}, ENTRY | {"code": "bad"} | change)
    look = me.post("/rules/import", {"text": file})
    assert [s["act"] for s in look["steps"]] == ["new", "refused"]
    assert field in {e["field"] for e in look["steps"][1]["errors"]}
    refused = me.post("/rules/import", {"text": file, "mark": look["mark"]}, 422)
    assert field in {e["field"] for e in refused["errors"]} and not Rule.objects.exists()


def test_a_file_needs_the_right_to_the_rule_that_is_there(grids: list[Grid], gauge: Device, call: Callable) -> None:
    me = call()
    look = me.post("/rules/import", {"text": text(ENTRY)})
    me.post("/rules/import", {"text": text(ENTRY), "mark": look["mark"]})
    narrow = ENTRY | {"area_path": f"{AREA}.001"}
    part = call(f"{AREA}.001").post("/rules/import", {"text": text(narrow)})
    assert part["steps"][0]["errors"][0]["field"] == "rules.0.code"
    Rule.objects.update(device_ids=[gauge.pk])
    chosen = me.post("/rules/import", {"text": text(narrow)})
    assert "chosen devices" in chosen["steps"][0]["errors"][0]["reason"]


@pytest.mark.parametrize(
    "wrong", ["", "[]", "rules: {}", "rules: []", "rules: [1]", "a: &x 1\nrules: [*x]", "rules: ["]
)
def test_what_is_no_file_of_rules_is_refused(db: None, call: Callable, wrong: str) -> None:
    assert call().post("/rules/import", {"text": wrong}, 422)["errors"][0]["field"] == "text"


def test_alarms_that_an_imported_version_no_longer_judges_end(
    grids: list[Grid], gauge: Device, high_water: Rule, call: Callable
) -> None:
    now = clock.now()
    high_water.area_path = AREA
    high_water.save()
    alarm = Alarm.objects.create(device=gauge, rule=high_water, rule_version=1, severity="severe", title_zh="高",
                                 title_en="high", started_at=now, raised_at=now, area_path=gauge.area_path)  # fmt: skip
    me, file = call(), text(ENTRY | {"code": high_water.code, "area_path": f"{AREA}.002"})
    look = me.post("/rules/import", {"text": file})
    me.post("/rules/import", {"text": file, "mark": look["mark"]})
    alarm.refresh_from_db()
    assert alarm.clear_reason == "rule"


@pytest.mark.django_db
def test_the_standard_rules_go_out_as_they_came_in_and_pass_the_checks(call: Callable, tmp_path: Path) -> None:
    packs.load_packs()
    Rule.objects.filter(code="odour-h2s").update(owner_department="生态环境局")
    me = call("")
    file = me("GET", "/rules.yaml").content.decode()
    looked = me.post("/rules/import", {"text": file})["steps"]
    assert len(looked) == Rule.objects.count() > 100 and {s["act"] for s in looked} == {"same"}
    out = {r["code"]: r for r in yaml.safe_load(file)["rules"]}
    was = {r["code"]: r for path in kernel_packs.files("rules") for r in kernel_packs.read_yaml(path)["rules"]}
    assert out.pop("odour-h2s") == was.pop("odour-h2s") | {"owner_department": "生态环境局"} and out == was
    shutil.copytree(kernel_packs.root(), tmp_path / "packs")
    shutil.rmtree(tmp_path / "packs/standard/rules")
    (tmp_path / "packs/standard/rules").mkdir()
    (tmp_path / "packs/standard/rules/out.yaml").write_text(file, encoding="utf-8")
    found = [*check_packs.check(Tree(tmp_path)), *check_things.check(Tree(tmp_path))]
    assert [str(f) for f in found if "rules/out.yaml" in f.path or "rule" in f.message] == []


def test_the_filters_of_the_list_choose_what_goes_out(
    grids: list[Grid], gauge: Device, high_water: Rule, call: Callable
) -> None:
    me = call("")
    assert [r["code"] for r in yaml.safe_load(me("GET", "/rules.yaml?model=t_water").content)["rules"]] == [
        high_water.code
    ]
    assert yaml.safe_load(me("GET", "/rules.yaml?model=other").content)["rules"] == []
    high_water.device_ids = [gauge.pk]
    high_water.save()
    file = me("GET", f"/rules.yaml?device_id={gauge.pk}").content.decode()
    assert f"# left out, since it is for chosen devices: {high_water.code}\n" in file
