"""Prevents the room that nobody can find their way in.

A module without README, page, glossary or tests is understood by its author only; and a module whose inside is
imported by others cannot be changed any more: they must go through `facade` and `contracts`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "rooms"
OPEN = {"kernel", "checks"}  # the kernel is for everybody
DOORS = {"facade", "contracts"}
COMPOSERS = tuple(
    f"src/linli/{name}" for name in ("urls.py", "api.py", "cli.py", "settings.py", "commands/", "demo/", "sim/")
)


def check(tree: Tree) -> Iterator[Finding]:
    glossary = tree.text("docs/glossary.md") if tree.has("docs/glossary.md") else ""
    sections = set(re.findall(r"^## ([\w-]+)", glossary, re.MULTILINE))
    foreign = list(_imports_between_rooms(tree))
    imported = {target for _, _, target, _ in foreign}
    for room in tree.rooms:
        home = f"src/linli/{room}/"
        wanted = {
            f"{home}README.md": tree.has(f"{home}README.md"),
            f"docs/subsystems/{room}.md": tree.has(f"docs/subsystems/{room}.md"),
            f"tests/{room}/": any(tree.under(f"tests/{room}/", ".py")),
        }
        for path, there in wanted.items():
            if not there:
                yield Finding(RULE, path, 0, f"is missing: every room has it ({room})")
        if room not in sections:
            yield Finding(RULE, "docs/glossary.md", 0, f"has no section `## {room}`")
        if room in imported and room not in OPEN and not _has_door(tree, room):
            yield Finding(RULE, f"{home}facade.py", 0, "is missing: others import this room")
    for path, line, target, inside in foreign:
        if target not in OPEN and inside not in DOORS:
            yield Finding(RULE, path, line, f"imports the inside of {target} ({inside}): use its facade or contracts")


def _has_door(tree: Tree, room: str) -> bool:
    return any(tree.has(f"src/linli/{room}/{door}.py") for door in DOORS)


def _imports_between_rooms(tree: Tree) -> Iterator[tuple[str, int, str, str]]:
    for path in tree.under("src/linli/", ".py"):
        own = tree.room_of(path)
        if path.startswith(COMPOSERS) or "/migrations/" in path:
            continue
        for node in ast.walk(tree.python(path)):
            for name in _modules(node):
                parts = name.split(".")
                if parts[0] == "linli" and len(parts) > 2 and parts[1] in tree.rooms and parts[1] != own:
                    yield path, node.lineno, parts[1], parts[2]  # type: ignore[attr-defined]


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        if node.module.count(".") >= 2:
            yield node.module
        else:
            yield from (f"{node.module}.{a.name}" for a in node.names)
