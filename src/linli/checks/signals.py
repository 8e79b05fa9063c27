"""Prevents effects at a distance: a Django signal runs code that no reader of the caller can see.

A service calls what it needs; other rooms hear of it by an outbox event.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "signals"
MODULES = ("django.db.models.signals", "django.dispatch", "django.core.signals", "django.test.signals",
           "django.contrib.auth.signals")  # fmt: skip


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.under("src/linli/", ".py"):
        for node in ast.walk(tree.python(path)):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            elif isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            if any(n.startswith(MODULES) for n in names):
                yield Finding(RULE, path, node.lineno, "uses Django signals: call it, or emit an event")  # type: ignore[attr-defined]
