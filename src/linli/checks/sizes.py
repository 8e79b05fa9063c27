"""Prevents the file nobody reads to its end: at most 400 lines a file and 40 lines a function (docstring aside)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "sizes"
FILE, FUNCTION = 400, 40
CODE = (".py", ".ts", ".vue", ".html", ".css", ".mjs")


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if not path.startswith(("src/", "tests/", "web/", "tools/")) or not path.endswith(CODE):
            continue
        if "/migrations/" in path or path.endswith(".d.ts"):
            continue
        lines = tree.text(path).count("\n")
        if lines > FILE:
            yield Finding(RULE, path, 0, f"has {lines} lines, {FILE} are the most")
        if path.endswith(".py"):
            yield from _functions(tree, path)


def _functions(tree: Tree, path: str) -> Iterator[Finding]:
    for node in ast.walk(tree.python(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            if length > FUNCTION:
                yield Finding(RULE, path, node.lineno, f"{node.name} has {length} lines, {FUNCTION} are the most")
