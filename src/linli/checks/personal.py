"""Prevents the phone number in clear: a column for personal data that is not a PersonalField, or one that the
privacy notice cannot explain because its purpose has no words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import yaml

from linli.checks.tree import Finding, Tree

RULE = "personal"
NAMES = re.compile(
    r"(?:^|_)(?:phone|mobile|telephone|tel|id_?card|id_?number|identity_number|passport|e_?mail|home_address|real_name"
    r"|full_name|birth(?:day|date|_date)|date_of_birth|bank_account|plate_number)(?:$|_)"
)
CLEAR = {"CharField", "TextField", "EmailField", "DateField", "JSONField", "SlugField"}
BASES = {"consent", "contract", "duty", "emergency", "public_interest", "employment"}


def check(tree: Tree) -> Iterator[Finding]:
    words = _words(tree)
    for path in tree.under("src/linli/", ".py"):
        if "/migrations/" in path or path.startswith("src/linli/checks/"):
            continue
        for model in ast.walk(tree.python(path)):
            if isinstance(model, ast.ClassDef):
                for node in model.body:
                    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                        yield from _field(tree, path, model.name, node, words)


def _field(tree: Tree, path: str, model: str, node: ast.Assign, words: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    call = node.value
    assert isinstance(call, ast.Call)
    kind = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    name = node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""
    if kind in CLEAR and NAMES.search(name):
        yield Finding(RULE, path, node.lineno, f"{model}.{name} keeps personal data in clear: use PersonalField")
    if kind != "PersonalField":
        return
    given = {k.arg: k.value for k in call.keywords}
    for purpose in _strings(given.get("purposes")):
        if not {"zh", "en"} <= (words["purposes"].get(purpose) or {}).keys():
            yield Finding(RULE, path, node.lineno, f"purpose {purpose} has no words in packs/standard/purposes")
    for category in _strings(given.get("category")):
        if category not in words["categories"]:
            yield Finding(RULE, path, node.lineno, f"category {category} has no words in packs/standard/purposes.yaml")
    if not _strings(given.get("purposes")):
        yield Finding(RULE, path, node.lineno, f"{model}.{name} names no purposes")
    holder = f"{tree.room_of(path)}.{model}"
    if holder not in words["holders"]:
        yield Finding(RULE, path, node.lineno, f"holder {holder} has no words in packs/standard/purposes")


def _strings(node: ast.expr | None) -> list[str]:
    return [c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)] if node else []


def _words(tree: Tree) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"purposes": {}, "categories": {}, "bases": {}, "holders": {}}
    for path in tree.under("packs/standard/purposes", ".yaml"):
        for part, entries in (yaml.safe_load(tree.text(path)) or {}).items():
            found.setdefault(part, {}).update(entries or {})
    return found
