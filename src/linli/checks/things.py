"""Prevents the sensor that nobody hears: a kind of device without a rule, a rule that never fires, a unit nobody knows.

Every thing model of a pack has UCUM units of `units.yaml` and a sample stream; one of a place has a rule, every rule
that compares readings has a sample in which its alarm fires and clears (tests/sense runs them), and things of
households, persons and vehicles have none. Rules, samples and indices name what exists. What a property's readings are
is in `kept-units.csv` and stays so: readings are kept without their unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from linli.checks.tree import Finding, Tree
from linli.devices import contracts

RULE = "things"
Found = dict[str, tuple[str, dict[str, Any]]]  # code → (path, entry)


def check(tree: Tree) -> Iterator[Finding]:
    units = {u["code"] for _, u in _entries(tree, "units", "units")}
    models: Found = {m["code"]: (path, m) for path, m in _entries(tree, "thing-models", "thing_models")}
    rules: Found = {r["code"]: (path, r) for path, r in _entries(tree, "rules", "rules")}
    samples = list(_entries(tree, "sample-streams", "sample_streams"))
    for path, model in models.values():
        for error in contracts.model_problems(model, units):
            yield Finding(RULE, path, 0, f"{error.field} {error.reason}")
    yield from _kept(tree, models)
    yield from _rules(models, rules)
    yield from _samples(models, rules, samples)
    yield from _indices(tree, models)


def _entries(tree: Tree, kind: str, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in tree.under("packs/", ".yaml"):
        parts = path.removesuffix(".yaml").split("/")[2:]
        if parts and parts[0] == kind:
            for entry in (yaml.safe_load(tree.text(path)) or {}).get(key) or ():
                yield path, entry


def _kept(tree: Tree, models: Found) -> Iterator[Finding]:
    """Each property stands in `kept-units.csv` of its pack since it was first published, and is what stands there."""
    known: dict[str, dict[str, list[Any]]] = {}
    for path in tree.under("packs/", "/kept-units.csv"):
        for row in tree.rows(path):
            known.setdefault(row["model"], {})[row["property"]] = [row["version"], row["type"], row["unit"]]
    for code, (path, model) in models.items():
        own = known.get(code, {})
        for error in contracts.kept_problems(model, own, by_place=False):
            yield Finding(RULE, path, 0, f"{error.field}: {error.reason}")
        for prop in model["properties"]:
            if prop["code"] not in own:
                line = (code, prop["code"], model["version"], prop.get("type", "number"), prop.get("unit", ""))
                yield Finding(RULE, path, 0, f"kept-units.csv of the pack needs the line {','.join(map(str, line))}")


def _rules(models: Found, rules: Found) -> Iterator[Finding]:
    ruled = set()
    for path, rule in rules.values():
        when = rule["when"]
        ruled.add(when["model"])
        _, model = models.get(when["model"], ("", None))
        if model is None:
            yield Finding(RULE, path, 0, f"rule {rule['code']}: {when['model']} is no thing model")
            continue
        if model["subject"] != "place":
            yield Finding(RULE, path, 0, f"rule {rule['code']}: things of a {model['subject']} have no alarms")
        known = {p["code"] for p in model["properties"]}
        for name in (when.get("property"), *contracts.read_properties(when.get("condition"))):
            if name and name not in known:
                yield Finding(RULE, path, 0, f"rule {rule['code']}: {when['model']} has no property {name}")
        for code, _, name in contracts.looks(when.get("condition")):
            _, other = models.get(code, ("", {"properties": []}))
            if name not in {p["code"] for p in other["properties"]}:
                yield Finding(
                    RULE, path, 0, f"rule {rule['code']}: {code} has no property {name}, or is no thing model"
                )
    for code, (path, model) in models.items():
        if model["subject"] == "place" and code not in ruled:
            yield Finding(RULE, path, 0, f"{code} has no standard alarm")


def _samples(models: Found, rules: Found, samples: list[tuple[str, dict[str, Any]]]) -> Iterator[Finding]:
    fired, sampled = set(), set()
    for path, sample in samples:
        code = sample["model"]
        sampled.add(code)
        _, model = models.get(code, ("", None))
        if model is None:
            yield Finding(RULE, path, 0, f"a sample of {code}, which is no thing model")
            continue
        for one in (sample, *sample.get("others", ())):
            _, told = models.get(one["model"], ("", {"properties": []}))
            known = {p["code"] for p in told["properties"]}
            for name, values in one["readings"].items():
                if name not in known or len(values) != len(sample["t"]):
                    what = f"a sample of {one['model']}: {name} is no property, or has not one value a time"
                    yield Finding(RULE, path, 0, what)
        for alarm in sample["alarms"]:
            fired.add(alarm["rule"])
            _, rule = rules.get(alarm["rule"], ("", None))
            if rule is None or rule["when"]["model"] != code or alarm["cleared_s"] <= alarm["raised_s"]:
                yield Finding(RULE, path, 0, f"a sample of {code}: {alarm['rule']} is no rule of it, or ends too soon")
    for code, (path, _) in models.items():
        if code not in sampled:
            yield Finding(RULE, path, 0, f"{code} has no sample stream")
    for code, (path, rule) in rules.items():
        if rule["when"]["kind"] != "no_data" and code not in fired:
            yield Finding(RULE, path, 0, f"rule {code} fires in no sample")


def _indices(tree: Tree, models: Found) -> Iterator[Finding]:
    for path, index in _entries(tree, "indices", "indices"):
        for code in index["models"]:
            _, model = models.get(code, ("", {"properties": [], "subject": ""}))
            if model["subject"] != "place":
                yield Finding(RULE, path, 0, f"index {index['code']}: {code} is no thing of a place")
            for part in index["parts"]:
                if part["property"] not in {p["code"] for p in model["properties"]}:
                    yield Finding(RULE, path, 0, f"index {index['code']}: {code} has no property {part['property']}")
        for part in index["parts"]:
            rising = [a < b for (a, _), (b, _) in zip(part["points"], part["points"][1:], strict=False)]
            if not all(rising):
                yield Finding(RULE, path, 0, f"index {index['code']}: the points of {part['property']} do not rise")
