"""Small validators of the house rules: `linli check`. Each file's docstring tells the bug that it prevents.

A validator is a module with `check(tree) -> Iterator[Finding]`. Exceptions stand in `allowed.yaml` with their number,
and may only become fewer. Nothing here imports Django: the source is read, not run.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from linli.checks.tree import Finding, Tree

ALLOWED = Path(__file__).with_name("allowed.yaml")


def names() -> list[str]:
    """All validators by name."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "tree")


def run(root: Path, only: Iterable[str] = ()) -> list[Finding]:
    """Findings of the named validators (default all), exceptions not yet taken off."""
    tree = Tree(root)
    found: list[Finding] = []
    for name in only or names():
        found += importlib.import_module(f"linli.checks.{name}").check(tree)
    return sorted(found, key=lambda f: (f.rule, f.path, f.line))


def read_allowed(path: Path = ALLOWED) -> dict[str, dict[str, int]]:
    """Rule → path → how many findings are tolerated there. The file's `total` must be their sum."""
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    rules: dict[str, dict[str, int]] = data.get("rules") or {}
    total = sum(n for paths in rules.values() for n in paths.values())
    if total != data.get("total"):
        raise ValueError(f"{path.name}: total says {data.get('total')}, the entries sum up to {total}")
    return rules


def judge(found: list[Finding], allowed: dict[str, dict[str, int]], rules: Iterable[str]) -> list[Finding]:
    """What is wrong: findings beyond the tolerated number, and tolerance that is no longer needed."""
    counts = Counter((f.rule, f.path) for f in found)
    wrong = [f for f in found if counts[f.rule, f.path] > allowed.get(f.rule, {}).get(f.path, 0)]
    for rule in rules:
        for path, number in allowed.get(rule, {}).items():
            have = counts[rule, path]
            if have < number:
                wrong.append(Finding(rule, path, 0, f"allowed.yaml tolerates {number}, only {have} are left: lower it"))
    return wrong
