"""Prevents the half-translated page: Chinese on an English screen, or a key where a word should be.

Texts live in catalogues (`i18n/*.json`, `.po`) or in packs, in both languages; code and templates hold none.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from linli.checks.tree import Finding, Tree, docstrings

RULE = "words"
CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
HOLE = re.compile(r"\{(\w+)\}")
TRANSLATED = re.compile(
    r"\{%\s*(?:trans|translate)\b.*?%\}|\{%\s*blocktrans(?:late)?\b.*?%\}.*?\{%\s*endblocktrans(?:late)?\s*%\}"
    r"|\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}|<!--.*?-->", re.DOTALL)  # fmt: skip
COMMENT = re.compile(r"/\*.*?\*/|<!--.*?-->|(?<![:\"'`])//[^\n]*", re.DOTALL)

# The validators themselves, and worlds that are made up: names of places and people are not interface.
INVENTED = ("src/linli/checks/", "src/linli/sim/", "src/linli/demo/", "src/linli/commands/scaffold/")


def check(tree: Tree) -> Iterator[Finding]:
    yield from _catalogues(tree)
    yield from _packs(tree)
    yield from _po(tree)
    yield from _python(tree)
    yield from _pages(tree)


def _catalogues(tree: Tree) -> Iterator[Finding]:
    for path in tree.under("web/", "/zh.json"):
        other = path.removesuffix("zh.json") + "en.json"
        if not tree.has(other):
            yield Finding(RULE, other, 0, "is missing beside zh.json")
            continue
        zh, en = (_flat(json.loads(tree.text(p))) for p in (path, other))
        for key in sorted(zh.keys() ^ en.keys()):
            yield Finding(RULE, path if key in en else other, 0, f"has no {key}")
        for key in sorted(zh.keys() & en.keys()):
            if not zh[key].strip() or not en[key].strip():
                yield Finding(RULE, path, 0, f"{key} is empty")
            elif CJK.search(en[key]) and not key.endswith((".zh", ".other", ".chinese")):
                yield Finding(RULE, other, 0, f"{key} is Chinese")
            elif set(HOLE.findall(zh[key])) != set(HOLE.findall(en[key])):
                yield Finding(RULE, other, 0, f"{key} has other placeholders than zh.json")


def _flat(data: Any, lead: str = "") -> dict[str, str]:
    if not isinstance(data, dict):
        return {lead: str(data)}
    found: dict[str, str] = {}
    for key, value in data.items():
        found |= _flat(value, f"{lead}.{key}" if lead else str(key))
    return found


def _packs(tree: Tree) -> Iterator[Finding]:
    for path in tree.under("packs/", ".yaml"):
        for where, words in _pairs(yaml.safe_load(tree.text(path)), ""):
            for lang in ("zh", "en"):
                if not str(words.get(lang) or "").strip():
                    yield Finding(RULE, path, 0, f"{where or 'top'} has no {lang}")
            if CJK.search(str(words.get("en") or "")):
                yield Finding(RULE, path, 0, f"{where}.en is Chinese")


def _pairs(data: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(data, dict):
        if "zh" in data or "en" in data:
            yield where, data
        for key, value in data.items():
            yield from _pairs(value, f"{where}.{key}".strip("."))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _pairs(value, f"{where}[{index}]")


def _po(tree: Tree) -> Iterator[Finding]:
    for path in tree.under("src/linli/", ".po"):
        import polib

        for entry in polib.pofile(str(tree.root / path)):
            if not entry.obsolete and (not entry.translated() or entry.fuzzy):
                yield Finding(RULE, path, entry.linenum, f"not translated: {entry.msgid[:60]}")


def _python(tree: Tree) -> Iterator[Finding]:
    for path in tree.under("src/linli/", ".py"):
        if path.startswith(INVENTED) or "/migrations/" in path or not CJK.search(tree.text(path)):
            continue
        module = tree.python(path)
        fine = docstrings(module) | _both_languages(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and _chinese(node) and id(node) not in fine:
                yield Finding(RULE, path, node.lineno, f"Chinese in code: {str(node.value)[:20]!r}")


def _chinese(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(_chinese(part) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(CJK.search(_unbranded(node.value)))


def _unbranded(text: str) -> str:
    """The platform's own name and the name of the language stand in both languages."""
    return re.sub("邻里|简体中文|中文", "", text)


def _english(node: ast.AST) -> bool:
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    stringy = isinstance(node, (ast.Constant, ast.JoinedStr))
    return stringy and any(re.search("[A-Za-z]", t) for t in texts) and not _chinese(node)


def _both_languages(module: ast.Module) -> set[int]:
    """Ids of constants whose English stands beside them.

    `{"zh": …, "en": …}`, `f(label_zh=…, label_en=…)`, `("值", "value")`, `say("值", "value")`, `zh = …` near `en = …`.
    """
    fine: set[int] = set()
    for node in ast.walk(module):
        for part in _paired(node):
            fine |= {id(c) for c in ast.walk(part)}
    return fine


def _paired(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Dict):
        if {"zh", "en"} <= {k.value for k in node.keys if isinstance(k, ast.Constant)}:
            yield node
    elif isinstance(node, (ast.Tuple, ast.List, ast.Call)):
        row = node.args if isinstance(node, ast.Call) else node.elts
        for one, other in itertools.pairwise(row):
            if _chinese(one) and _english(other):
                yield one
        if isinstance(node, ast.Call):
            names = {k.arg or "" for k in node.keywords}
            yield from (k for k in node.keywords if k.arg and k.arg.endswith("zh") and k.arg[:-2] + "en" in names)
    elif isinstance(node, (ast.FunctionDef, ast.Module, ast.ClassDef)):
        named = {
            t.id: a for a in ast.walk(node) if isinstance(a, ast.Assign) for t in a.targets if isinstance(t, ast.Name)
        }
        yield from (a for name, a in named.items() if name.endswith("zh") and name[:-2] + "en" in named)


def _pages(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if path.startswith(INVENTED):
            continue
        if path.startswith("src/linli/") and path.endswith((".html", ".txt")):
            text = TRANSLATED.sub(_blank, tree.text(path))
        elif (
            path.startswith("web/") and path.endswith((".ts", ".vue")) and ".test." not in path and "/i18n/" not in path
        ):
            text = COMMENT.sub(_blank, tree.text(path))
        else:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if CJK.search(_unbranded(line)):
                yield Finding(RULE, path, number, f"Chinese outside the catalogues: {line.strip()[:40]!r}")


def _blank(match: re.Match[str]) -> str:
    return "\n" * match.group().count("\n")
