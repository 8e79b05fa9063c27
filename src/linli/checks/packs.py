"""Prevents the pack that loads half: a comma that cut a text in two, a misspelt key, a column too few.

Every file of a pack has a schema in `packs/schemas.yaml` and fits it; names that packs use of each other exist.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from linli.checks.tree import Finding, Tree

RULE = "packs"
SCHEMAS = "packs/schemas.yaml"


def check(tree: Tree) -> Iterator[Finding]:
    import jsonschema_rs

    book = yaml.safe_load(tree.text(SCHEMAS)) if tree.has(SCHEMAS) else {}
    kinds: dict[str, Any] = book.get("kinds") or {}
    judges = {
        name: jsonschema_rs.validator_for({**(schema.get("row") or schema), "$defs": book.get("$defs") or {}})
        for name, schema in kinds.items()
    }
    for path in tree.under("packs/", ".yaml", ".json", ".geojson", ".csv"):
        if path == SCHEMAS:
            continue
        kind = next((k for k in kinds_of(path) if k in kinds), None)
        if path.endswith(".geojson"):
            yield from _geojson(tree, path)
        elif kind is None:
            yield Finding(RULE, path, 0, f"no schema for any of {', '.join(kinds_of(path))} in {SCHEMAS}")
        elif path.endswith(".csv"):
            yield from _csv(tree, path, kinds[kind], judges[kind])
        else:
            yield from _mapping(tree, path, judges[kind])
    yield from _permissions(tree)
    yield from _transitions(tree)
    yield from _assignment(tree)
    yield from _templates(tree)
    yield from _retention(tree)
    yield from _payloads(tree)


def kinds_of(path: str) -> list[str]:
    """The kinds by which a file may be known, most particular first."""
    parts = path.rsplit(".", 1)[0].split("/")[2:]
    return [".".join(parts), parts[0]] if len(parts) > 1 else parts


def _mapping(tree: Tree, path: str, judge: Any) -> Iterator[Finding]:
    try:
        data = yaml.safe_load(tree.text(path))
    except yaml.YAMLError as broken:
        yield Finding(RULE, path, 0, f"is not YAML: {str(broken)[:100]}")
        return
    plain = json.loads(json.dumps(data, default=str))
    for error in judge.iter_errors(plain):
        where = ".".join(str(p) for p in error.instance_path)
        yield Finding(RULE, path, 0, f"{where or 'top'}: {error.message[:160]}")


def _csv(tree: Tree, path: str, schema: dict[str, Any], judge: Any) -> Iterator[Finding]:
    reader = csv.DictReader(io.StringIO(tree.text(path).removeprefix("\ufeff")))
    if "columns" in schema and list(reader.fieldnames or []) != schema["columns"]:
        yield Finding(RULE, path, 1, f"the columns are {reader.fieldnames}, not {schema['columns']}")
        return
    for row in reader:
        if None in row or None in row.values():
            yield Finding(RULE, path, reader.line_num, "has another number of values than columns")
            continue
        for error in judge.iter_errors(row):
            where = ".".join(str(p) for p in error.instance_path)
            yield Finding(RULE, path, reader.line_num, f"{where}: {error.message[:160]}")


def _geojson(tree: Tree, path: str) -> Iterator[Finding]:
    try:
        data = json.loads(tree.text(path))
    except json.JSONDecodeError as error:
        yield Finding(RULE, path, error.lineno, "is not JSON")
        return
    if data.get("type") != "FeatureCollection" or not isinstance(data.get("features"), list):
        yield Finding(RULE, path, 0, "is not a FeatureCollection")
        return
    for number, feature in enumerate(data["features"]):
        for lon, lat in _points((feature.get("geometry") or {}).get("coordinates")):
            if not (-180 <= lon <= 180 and -90 <= lat <= 90):
                yield Finding(RULE, path, 0, f"feature {number}: {lon}, {lat} is not WGS84")
                break


def _points(data: Any) -> Iterator[tuple[float, float]]:
    if isinstance(data, list) and len(data) >= 2 and all(isinstance(v, (int, float)) for v in data[:2]):
        yield float(data[0]), float(data[1])
    elif isinstance(data, list):
        for item in data:
            yield from _points(item)


def _permissions(tree: Tree) -> Iterator[Finding]:
    """Roles and purposes use permissions that exist."""
    path = "packs/standard/roles.yaml"
    if not tree.has(path):
        return
    data = yaml.safe_load(tree.text(path)) or {}
    known = set(data.get("permissions") or {})
    for role, entry in (data.get("roles") or {}).items():
        for name in entry.get("permissions") or []:
            if name not in known:
                yield Finding(RULE, path, 0, f"role {role} has {name}, which is no permission")
    for other in tree.under("packs/standard/purposes", ".yaml"):
        for purpose, entry in ((yaml.safe_load(tree.text(other)) or {}).get("purposes") or {}).items():
            if entry.get("permission") and entry["permission"] not in known:
                yield Finding(RULE, other, 0, f"purpose {purpose} needs {entry['permission']}, which is no permission")


def _transitions(tree: Tree) -> Iterator[Finding]:
    """A table of acts leaves nobody stuck, and lets nobody judge their own work."""
    from linli.cases import contracts

    roles: dict[str, frozenset[str]] = {}
    for path in tree.under("packs/", "/roles.yaml"):
        for role, entry in ((yaml.safe_load(tree.text(path)) or {}).get("roles") or {}).items():
            roles[role] = frozenset(entry.get("permissions") or [])
    for path in tree.under("packs/", "/transitions/cases.yaml"):
        for wrong in contracts.unsound(yaml.safe_load(tree.text(path)) or {}, roles):
            yield Finding(RULE, path, 0, wrong)


def _assignment(tree: Tree) -> Iterator[Finding]:
    """Rules of assignment name classes that exist, and none stands behind a broader one."""
    from linli.cases import contracts

    classes: set[str] = set()
    for path in tree.under("packs/", "/catalogue/classes.csv"):
        classes |= {row["code"] for row in tree.rows(path)}
    for path in tree.under("packs/standard/", "/assignment/rules.yaml"):  # a later pack may add to these, without gap
        for wrong in contracts.misassigned(yaml.safe_load(tree.text(path)) or {}, classes):
            yield Finding(RULE, path, 0, wrong)


def _retention(tree: Tree) -> Iterator[Finding]:
    """Nothing is kept longer than what is coarser: a chart of then would have holes."""
    from linli.telemetry import contracts

    for path in tree.under("packs/", "/retention.yaml"):
        said = (yaml.safe_load(tree.text(path)) or {}).get("retention") or {}
        try:
            contracts.Tiers(**said)
        except (TypeError, ValueError) as wrong:
            yield Finding(RULE, path, 0, str(wrong))


FIELDS = {"number", "class", "area", "due"}  # what a template of answers may hold
HOLE = re.compile(r"\{([^{}]*)\}")


def _templates(tree: Tree) -> Iterator[Finding]:
    """Templates of answers use fields and acts that exist."""
    table = "packs/standard/transitions/cases.yaml"
    acts = {row["act"] for row in (yaml.safe_load(tree.text(table)) or {}).get("transitions", [])
            } if tree.has(table) else set()  # fmt: skip
    for path in tree.under("packs/", "/templates/cases.yaml"):
        for row in (yaml.safe_load(tree.text(path)) or {}).get("templates") or []:
            for language, text in (row.get("text") or {}).items():
                for name in HOLE.findall(str(text)):
                    if name not in FIELDS:
                        yield Finding(RULE, path, 0, f"template {row.get('key')} ({language}): no field {{{name}}}")
            if acts and row.get("act") not in acts:
                yield Finding(RULE, path, 0, f"template {row.get('key')}: {row.get('act')} is no act")


def _payloads(tree: Tree) -> Iterator[Finding]:
    """A mapping says where things stand and reads its own sample; one of thing models names their properties."""
    from linli.telemetry import contracts

    known: dict[str, set[str]] = {}
    for path in tree.under("packs/", ".yaml"):
        if "/thing-models/" in path:
            for model in (yaml.safe_load(tree.text(path)) or {}).get("thing_models") or []:
                known[model["code"]] = {p["code"] for p in model.get("properties") or []}
    for path in tree.under("packs/", ".yaml"):
        if "/payloads/" in path:
            for wrong in contracts.unreadable(yaml.safe_load(tree.text(path)) or {}, known):
                yield Finding(RULE, path, 0, wrong)
