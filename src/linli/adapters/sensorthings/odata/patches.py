"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) on plain values. Pure."""

from __future__ import annotations

import copy
from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong

MOST = 1_000


def merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def patched(document: Any, operations: Any) -> Any:
    """A copy of `document` after all operations. Raises Wrong, naming the one that does not go."""
    if not isinstance(operations, list) or len(operations) > MOST:
        raise Wrong(f"a JSON patch is a list of at most {MOST} operations")
    made = copy.deepcopy(document)
    for number, one in enumerate(operations):
        if not isinstance(one, dict) or not isinstance(one.get("path"), str):
            raise Wrong(f"operation {number} needs op and path")
        try:
            made = _apply(made, one)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise Wrong(f"operation {number} ({one.get('op')} {one['path'][:80]}) does not fit") from error
    return made


def _apply(document: Any, one: dict[str, Any]) -> Any:
    op, path = one.get("op"), _parts(one["path"])
    if op == "test":
        if _get(document, path) != one["value"]:
            raise ValueError
        return document
    if op == "remove":
        _take(document, path)
        return document
    if op in ("move", "copy"):
        source = _parts(one["from"])
        value = _take(document, source) if op == "move" else copy.deepcopy(_get(document, source))
        return _put(document, path, value, insert=True)
    if op not in ("add", "replace"):
        raise ValueError
    if op == "replace":
        _get(document, path)
    return _put(document, path, one["value"], insert=op == "add")


def _parts(pointer: str) -> list[str]:
    if not pointer:
        return []
    if pointer[0] != "/":
        raise ValueError
    return [p.replace("~1", "/").replace("~0", "~") for p in pointer[1:].split("/")]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_index(part, len(document) - 1)] if isinstance(document, list) else document[part]
    return document


def _index(part: str, most: int) -> int:
    if not part.isdigit() or int(part) > most:
        raise IndexError
    return int(part)


def _take(document: Any, path: list[str]) -> Any:
    holder = _get(document, path[:-1])
    return holder.pop(_index(path[-1], len(holder) - 1) if isinstance(holder, list) else path[-1])


def _put(document: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    holder = _get(document, path[:-1])
    if not isinstance(holder, list):
        holder[path[-1]] = value
    elif insert:
        holder.insert(len(holder) if path[-1] == "-" else _index(path[-1], len(holder)), value)
    else:
        holder[_index(path[-1], len(holder) - 1)] = value
    return document
