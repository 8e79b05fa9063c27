"""The source tree as validators see it: files of the checkout, parsed once."""

from __future__ import annotations

import ast
import csv
import io
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SKIP = {"node_modules", "__pycache__", "dist", "build", "shots", "bench-out"}
# Packages that are no rooms of a feature: tools, tests' worlds and the composition of the web process.
TOOLS = {"commands", "checks", "sim", "demo", "locale", "dist"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place. `rule` is the validator's name."""

    rule: str
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: [{self.rule}] {self.message}"


class Tree:
    """A checkout. Paths are relative, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._texts: dict[str, str] = {}
        self._modules: dict[str, ast.Module] = {}

    @cached_property
    def files(self) -> list[str]:
        """Files under version control (and new ones not ignored); without git, all but the usual build folders."""
        if (self.root / ".git").exists():
            words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
            done = subprocess.run(words, cwd=self.root, capture_output=True, text=True)
            if done.returncode == 0:
                return sorted(p for p in set(done.stdout.split("\0")) if p and (self.root / p).is_file())
        return sorted(
            p.relative_to(self.root).as_posix()
            for p in self.root.rglob("*")
            if p.is_file() and not any(part in SKIP or part.startswith(".") for part in p.relative_to(self.root).parts)
        )

    def under(self, prefix: str, *suffixes: str) -> Iterator[str]:
        for path in self.files:
            if path.startswith(prefix) and (not suffixes or path.endswith(suffixes)):
                yield path

    def has(self, path: str) -> bool:
        return (self.root / path).exists()

    def text(self, path: str) -> str:
        """The file's text; empty for a binary one."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                self._texts[path] = ""
        return self._texts[path]

    def rows(self, path: str) -> list[dict[str, str]]:
        """The rows of a CSV file by its columns."""
        return list(csv.DictReader(io.StringIO(self.text(path).removeprefix("\ufeff"))))

    def python(self, path: str) -> ast.Module:
        if path not in self._modules:
            self._modules[path] = ast.parse(self.text(path), filename=path)
        return self._modules[path]

    @cached_property
    def rooms(self) -> list[str]:
        """The packages directly under linli that are rooms of the house."""
        found = {p.split("/")[2] for p in self.under("src/linli/", ".py") if p.count("/") >= 3}
        return sorted(found - TOOLS)

    def room_of(self, path: str) -> str:
        parts = path.split("/")
        return parts[2] if path.startswith("src/linli/") and len(parts) > 3 else ""


def docstrings(tree: ast.AST) -> set[int]:
    """Ids of the constants that are docstrings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found
