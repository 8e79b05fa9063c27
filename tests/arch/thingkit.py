"""A small pack of things in order, and the bugs that the validator `things` finds in it."""

from __future__ import annotations

MODELS, RULES, STREAMS, INDICES = (
    f"packs/standard/{kind}/parks.yaml" for kind in ("thing-models", "rules", "sample-streams", "indices")
)
KEPT = "packs/standard/kept-units.csv"
GOOD = {
    "packs/standard/units.yaml": "units:\n  - {code: m, shown: m, name: {zh: 米, en: metre}}\n",
    KEPT: "model,property,version,type,unit\npond,level,1,number,m\ntap,open,1,bool,\n",
    MODELS: (
        "thing_models:\n"
        "  - {code: pond, version: 1, name: {zh: 池塘, en: Pond}, subject: place, category: water, icon: water,\n"
        "     interval_s: 60, properties: [{code: level, name: {zh: 水位, en: level}, type: number, unit: m}]}\n"
        "  - {code: tap, version: 1, name: {zh: 水龙头, en: Tap}, subject: household, category: water, icon: water,\n"
        "     interval_s: 60, properties: [{code: open, name: {zh: 开, en: open}, type: bool}]}\n"
    ),
    RULES: (
        "rules:\n  - {code: pond-high, title: {zh: 高, en: High}, severity: info, reraise_s: 0,\n"
        "     when: {model: pond, property: level, kind: threshold, op: gt, value: 2}}\n"
    ),
    STREAMS: (
        "sample_streams:\n  - {model: pond, t: [0, 60], readings: {level: [3, 1]},\n"
        "     alarms: [{rule: pond-high, raised_s: 0, cleared_s: 60}]}\n"
        "  - {model: tap, t: [0, 60], readings: {open: [true, false]}, alarms: []}\n"
    ),
    INDICES: (
        "indices:\n  - {code: depth, name: {zh: 深, en: Depth}, source: {zh: 无, en: none}, models: [pond],\n"
        "     precision: 0, round: nearest, parts: [{property: level, mean_s: 3600, least: 0.5,\n"
        "     points: [[0, 0], [1, 5]]}], bands: [{to: 5, name: {zh: 浅, en: shallow}, status: fine}]}\n"
    ),
}
PLANTED = [
    (MODELS, "unit: m}", "unit: furlong}", "furlong"),
    (MODELS, "type: number, unit: m}", "type: number, unit: '%'}", "level.unit: readings of level are kept in m since"),
    (MODELS, "type: bool}", "type: text}", "properties.open.type: readings of open are kept as bool since version 1"),
    (KEPT, "tap,open,1,bool,\n", "", "needs the line tap,open,1,bool,"),
    (RULES, "model: pond", "model: pool", "pool is no thing model"),
    (RULES, "model: pond, property: level", "model: tap, property: open", "things of a household have no alarms"),
    (RULES, "property: level", "property: depth", "no property depth"),
    (RULES, "rules:", "rules: []\nrest:", "pond has no standard alarm"),
    (STREAMS, "{level: [3, 1]}", "{level: [3]}", "has not one value a time"),
    (STREAMS, "model: tap", "model: pond", "tap has no sample stream"),
    (STREAMS, "[{rule: pond-high, raised_s: 0, cleared_s: 60}]", "[]", "pond-high fires in no sample"),
    (STREAMS, "cleared_s: 60", "cleared_s: 0", "ends too soon"),
    (INDICES, "models: [pond]", "models: [tap]", "tap is no thing of a place"),
    (INDICES, "property: level", "property: depth", "no property depth"),
    (INDICES, "[[0, 0], [1, 5]]", "[[1, 0], [1, 5]]", "do not rise"),
]
