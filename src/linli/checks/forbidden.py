"""Prevents the field that must not exist: belief, ethnicity, politics, watch lists, the search for a person.

What the platform may never know about people must not have a name in it: no column, route, key, code or property.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "forbidden"
ENGLISH = re.compile(
    r"""(?:^|_)(?:
      ethnic(?:ity|_group)?|religio(?:n|us)|belief|faith|political(?:_\w+)?|politics|party_member(?:ship)?|union_member
    | sexual_orientation|watch_?list(?:s|ed)?|black_?list(?:ed)?_person|person_?search
    | people_?search|search_(?:person|people)    | find_person|track_person|person_track|face_?search|face_match
    | emotion(?:s|_\w+)?|stranger(?:s|_\w+)?
    | person_score|credit_score|social_credit|cross_camera|person_trail|petitioner
    )(?:$|_)""",
    re.IGNORECASE | re.VERBOSE,
)
CHINESE = re.compile(
    "民族|宗教信仰|信仰|政治面貌|政治倾向|党员|黑名单|布控|重点人员|重点人群|人员搜索|搜人|找人|人脸检索|以图搜人|陌生人"
    "|情绪识别|人员轨迹|跨镜追踪|信用评分|上访人员|涉稳人员"
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Lists of what is not loaded, and why, must be able to name it.
TEXTS = (
    ("packs/", (".yaml", ".json", ".csv", ".geojson")),
    ("src/linli/", (".sql", ".html", ".po")),
    ("web/", (".ts", ".vue", ".json")),
)
NAMES_THE_FORBIDDEN = ("src/linli/checks/", "packs/standard/catalogue/not_loaded.csv")


def check(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        if path.startswith(NAMES_THE_FORBIDDEN):
            continue
        if path.startswith("src/linli/") and path.endswith(".py"):
            yield from _python(tree, path)
        elif "package" not in path and any(path.startswith(p) and path.endswith(s) for p, s in TEXTS):
            yield from _lines(tree, path)


def bad(word: str) -> bool:
    snake = CAMEL.sub("_", word).replace("-", "_")
    return bool(ENGLISH.search(snake) or CHINESE.search(word))


def _python(tree: Tree, path: str) -> Iterator[Finding]:
    for node in ast.walk(tree.python(path)):
        names: list[str] = []
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [node.name]
        elif isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, (ast.arg, ast.keyword)):
            names = [node.arg or ""]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80:
            names = WORD.findall(node.value) if " " not in node.value else []
            names += [node.value] if CHINESE.search(node.value) else []
        for name in names:
            if bad(name):
                yield Finding(RULE, path, getattr(node, "lineno", 0), f"{name!r} must not exist")


def _lines(tree: Tree, path: str) -> Iterator[Finding]:
    for number, line in enumerate(tree.text(path).splitlines(), 1):
        words = [w for w in WORD.findall(line) if bad(w)] + CHINESE.findall(line)
        for word in words:
            yield Finding(RULE, path, number, f"{word!r} must not exist")
