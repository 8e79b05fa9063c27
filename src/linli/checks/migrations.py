"""Prevents the upgrade that breaks the version still serving: a migration that takes away, renames or demands what old
code does not know, or locks a table against it while it builds an index. Take such steps in two releases."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from linli.checks.tree import Finding, Tree

RULE = "migrations"
GONE = {"RemoveField", "RenameField", "RenameModel", "DeleteModel", "AlterModelTable"}
LOCKS = {"AddIndex": "use AddIndexConcurrently", "AddConstraint": "add it NOT VALID, or by an index built CONCURRENTLY"}
SQL = re.compile(r"\b(?:DROP\s+(?:TABLE|COLUMN)|RENAME\s+(?:TO|COLUMN)|SET\s+NOT\s+NULL)\b", re.IGNORECASE)
State = dict[tuple[str, str], bool]  # (model, field) → may be NULL


def check(tree: Tree) -> Iterator[Finding]:
    states: dict[str, State] = {}
    for path in sorted(tree.under("src/linli/", ".py")):
        if re.fullmatch(r"src/linli/\w+/migrations/\d+\w*\.py", path):
            yield from _file(tree, path, states.setdefault(tree.room_of(path), {}))


def _file(tree: Tree, path: str, state: State) -> Iterator[Finding]:
    """Findings of one migration; `state` goes from one to the next of a room."""
    made: set[str] = set()  # by this migration: nobody uses it yet
    names = _constants(tree.python(path))
    for call in _operations(tree.python(path)):
        kind, given = _name(call), _given(call, names)
        model = _text(given.get("model_name") or given.get("name")).lower()
        if kind == "CreateModel":
            made.add(model)
            for field in ast.walk(given.get("fields") or ast.Constant(None)):
                if isinstance(field, ast.Tuple) and len(field.elts) == 2 and isinstance(field.elts[1], ast.Call):
                    state[model, _text(field.elts[0])] = _nullable(field.elts[1])
        elif model not in made and (why := _judge(kind, call, given, state, model)):
            yield Finding(RULE, path, call.lineno, why)
        if kind in ("AddField", "AlterField"):
            state[model, _text(given.get("name"))] = _nullable(given.get("field"))


def _judge(kind: str, call: ast.Call, given: dict[str, ast.expr], state: State, model: str) -> str:
    what = f"{kind} {model}.{_text(given.get('name'))}".rstrip(".")
    if kind in GONE:
        return f"{what}: the version still serving uses it; stop using it one release earlier"
    if kind in LOCKS:
        return f"{kind} on {model} locks its table while it is built: {LOCKS[kind]} (atomic = False)"
    field = given.get("field")
    if kind == "AddField" and not _nullable(field) and not _has(field, "db_default"):
        return f"{what} is NOT NULL without db_default: rows of the version still serving lack it"
    if kind == "AlterField" and not _nullable(field) and state.get((model, _text(given.get("name"))), True):
        return f"{what} becomes NOT NULL: the version still serving may write NULL"
    if kind == "RunSQL" and (found := SQL.search(_text(given.get("sql")))):
        return f"RunSQL says {found[0]}: the version still serving uses it"
    return ""


def _operations(module: ast.Module) -> Iterator[ast.Call]:
    """The calls in `operations`, those that only change Django's state left out."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "operations":
            yield from _calls(node.value)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword) and child.arg == "state_operations":
            continue
        if isinstance(child, ast.Call) and _name(child)[:1].isupper() and _name(child) != "SeparateDatabaseAndState":
            yield child
        else:
            yield from _calls(child)


def _constants(module: ast.Module) -> dict[str, ast.expr]:
    return {n.targets[0].id: n.value for n in module.body
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)}  # fmt: skip


ORDER = {"CreateModel": ("name", "fields"), "DeleteModel": ("name",), "RunSQL": ("sql", "reverse_sql"),
         "RenameModel": ("name", "new_name"), "AddIndex": ("model_name", "index"),
         "AddConstraint": ("model_name", "constraint"), "AlterModelTable": ("name", "table")}  # fmt: skip


def _given(call: ast.Call, names: dict[str, ast.expr]) -> dict[str, ast.expr]:
    """The arguments by name, however they were given; a constant of the file stands for its value."""
    order = ORDER.get(_name(call), ("model_name", "name", "field"))
    found = dict(zip(order, call.args, strict=False))
    found.update({k.arg: k.value for k in call.keywords if k.arg})
    if "old_name" in found:
        found.setdefault("name", found["old_name"])
    return {key: names.get(getattr(value, "id", ""), value) for key, value in found.items()}


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _has(field: ast.AST | None, name: str) -> bool:
    return isinstance(field, ast.Call) and any(k.arg == name for k in field.keywords)


def _nullable(field: ast.AST | None) -> bool:
    """Whether old code may leave the column out: NULL, no column at all, or a personal field, which is always NULL."""
    if not isinstance(field, ast.Call):
        return False
    if _name(field) in ("ManyToManyField", "PersonalField"):
        return True
    return any(k.arg == "null" and getattr(k.value, "value", False) is True for k in field.keywords)
