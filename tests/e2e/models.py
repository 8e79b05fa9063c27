"""A thing model of the district's own with a device and a rule, and the draft of its next version."""

from __future__ import annotations

import copy
from typing import Any

from linli.sim.web import Client

CODE = "well_probe"
LEVEL: dict[str, Any] = {
    "code": "lvl", "name": {"zh": "液位", "en": "level"}, "type": "number", "unit": "cm", "range": [0, 1000],
    "precision": 0, "usual": [20, 180], "quality": {"stuck": 240, "jump": 50},
}  # fmt: skip
FIRST: dict[str, Any] = {
    "code": CODE, "version": 1, "name": {"zh": "检查井液位计", "en": "Well probe"}, "subject": "place",
    "category": "drainage", "icon": "water", "interval_s": 300,
    "properties": [LEVEL, {"code": "open", "name": {"zh": "井盖开启", "en": "cover open"}, "type": "bool"}],
    "events": [{"code": "flooded", "name": {"zh": "满溢", "en": "flooded"}}],
    "commands": [{"code": "self_test", "name": {"zh": "自检", "en": "self-test"}, "harmless": True}],
}  # fmt: skip


def own_model(admin: Client) -> str:
    """The id of the draft; what is there already is left."""
    for row in admin.get("thing-model-drafts", limit=100)["items"]:
        if row["code"] == CODE:
            return str(row["id"])
    if CODE not in {m["code"] for m in admin.get("thing-models")}:
        made = admin.post("thing-model-drafts", {"source": "blank", "code": CODE})
        publish(admin, made, FIRST, "第一版")
        some = admin.get("devices", model="water_level", limit=50)["items"]
        place = next(one for one in some if one["lon"] is not None)
        admin.post("devices", {"code": "WP-01", "name_zh": "和平路检查井", "name_en": "Peace Road well", "model": CODE,
                               "lon": place["lon"], "lat": place["lat"]})  # fmt: skip
        for code, prop, op, value, zh, en in (
            ("well-high", "lvl", "gt", 180, "检查井液位高", "Well level high"),
            ("well-open", "open", "eq", 1, "检查井井盖开启", "Well cover open"),
        ):
            admin.post("rules", {"code": code, "model": CODE, "title": {"zh": zh, "en": en}, "kind": "threshold",
                                 "property": prop, "op": op, "value": value, "severity": "warning"})  # fmt: skip
    made = admin.post("thing-model-drafts", {"source": "next", "of": CODE, "note": "改用米，加电量"})
    saved: dict[str, Any] = admin.put(f"thing-model-drafts/{made['id']}", {"revision": 1, "body": second(made["body"])})
    return str(saved["id"])


def second(body: dict[str, Any]) -> dict[str, Any]:
    """The level in metres under a new code, a battery; without the cover."""
    made = copy.deepcopy(body)
    level = LEVEL | {"code": "level", "unit": "m", "range": [0, 10], "precision": 2, "usual": [0.2, 1.8],
                     "quality": {"stuck": 240, "jump": 0.5}}  # fmt: skip
    battery = {"code": "battery", "name": {"zh": "电量", "en": "battery"}, "type": "number", "unit": "%",
               "range": [0, 100], "precision": 0}  # fmt: skip
    made["properties"] = [level, battery]
    made["migrate"] = [{"to": made["version"], "rename": {"lvl": "level"},
                        "convert": {"level": {"factor": 0.01, "offset": 0}}}]  # fmt: skip
    return made


def publish(admin: Client, made: dict[str, Any], body: dict[str, Any], note: str) -> None:
    path = f"thing-model-drafts/{made['id']}"
    saved = admin.put(path, {"revision": made["revision"], "body": body})
    admin.post(f"{path}/publish", {"revision": saved["revision"], "note": note})
