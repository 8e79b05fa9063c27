"""Prevents the address that everybody can read because nobody thought of it.

Every route names a permission that exists, and stands in the reviewed table of expected results
(`tests/identity/permissions.csv`), which is written by people and not derived from the code.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from linli.checks.tree import Finding, Tree

RULE = "routes"
TABLE = "tests/identity/permissions.csv"
METHODS = {"get", "post", "put", "patch", "delete"}
WORDS = {"PUBLIC", "SIGNED_IN"}
CONVERTER = re.compile(r"\{\w+:")
ELSEWHERE = "(a constant of another module)"


@dataclass(frozen=True, slots=True)
class Route:
    file: str
    line: int
    method: str
    path: str
    permission: str | None


def check(tree: Tree) -> Iterator[Finding]:
    roles = "packs/standard/roles.yaml"
    known = set((yaml.safe_load(tree.text(roles)) or {}).get("permissions") or {}) if tree.has(roles) else set()
    table = _table(tree)
    for route in routes(tree):
        if route.permission is None:
            yield Finding(RULE, route.file, route.line, f"{route.method} {route.path} names no permission")
        elif route.permission not in (*WORDS, ELSEWHERE) and known and route.permission not in known:
            yield Finding(RULE, route.file, route.line, f"permission {route.permission} is not in {roles}")
        if table is not None and (route.method, route.path) not in table:
            yield Finding(RULE, route.file, route.line, f"{route.method} {route.path} is not in {TABLE}")
    if table is None:
        yield Finding(RULE, TABLE, 0, "is missing: the expected results of every route")


def _table(tree: Tree) -> set[tuple[str, str]] | None:
    if not tree.has(TABLE):
        return None
    lines = [line for line in tree.text(TABLE).splitlines() if line and not line.startswith("#")]
    return {(r["method"].upper(), r["path"].removeprefix("/api/v1")) for r in csv.DictReader(lines)}


def routes(tree: Tree) -> Iterator[Route]:
    """Every `@router.<method>("/path", permission=…)` of the source."""
    for path in tree.under("src/linli/", ".py"):
        if path.startswith("src/linli/checks/") or "router" not in tree.text(path):
            continue
        module = tree.python(path)
        names = _constants(module)
        for node in ast.walk(module):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for mark in node.decorator_list:
                    if (found := _route(path, mark, names)) is not None:
                        yield found


def _constants(module: ast.Module) -> dict[str, str]:
    """Module-level `NAME = "text"`."""
    return {
        node.targets[0].id: str(node.value.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def _route(path: str, mark: ast.expr, names: dict[str, str]) -> Route | None:
    if not (isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr in METHODS):
        return None
    if not (isinstance(mark.func.value, ast.Name) and "router" in mark.func.value.id.lower()):
        return None
    address = mark.args[0].value if mark.args and isinstance(mark.args[0], ast.Constant) else "?"
    permission = None
    for word in mark.keywords:
        if word.arg == "permission":
            permission = _word(word.value, names)
    return Route(path, mark.lineno, mark.func.attr.upper(), CONVERTER.sub("{", str(address)), permission)


def _word(value: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.Attribute):
        return value.attr if value.attr in WORDS else ELSEWHERE
    if isinstance(value, ast.Name):
        return value.id if value.id in WORDS else names.get(value.id, ELSEWHERE)
    return None
