"""Prevents the query that forgot who asks.

Rows are read in `selectors` (default deny, by actor) and written in `services`; `.objects` anywhere else is a read
that no permission guards. A facade answers trusted code of other rooms; models, migrations, jobs and event consumers
act for the system; the kernel has no rows of people's work. These may use it too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "queries"
PLACES = ("services", "selectors", "facade", "models", "migrations", "jobs", "events", "admin")
TOOLS = ("kernel", "checks", "demo", "commands")
MANAGERS = ("objects", "_default_manager", "_base_manager")


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.under("src/linli/", ".py"):
        room = tree.room_of(path)
        if room in TOOLS:
            continue
        words = path.removeprefix("src/linli/").removesuffix(".py").split("/")[1:]
        if any(word == place or word.endswith("_" + place) for word in words for place in PLACES):
            continue
        for node in ast.walk(tree.python(path)):
            if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
                yield Finding(RULE, path, node.lineno, "`.objects` outside services and selectors")
