"""What a part of a batch says of parts before it: `$1/Datastreams`, `Things($1)`, `{"@iot.id": "$1"}`, `if`. Pure."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from linli.adapters.sensorthings.odata import grammar, paths
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import ENTITIES
from linli.kernel.errors import LinliError

_FIRST = re.compile(r"\$([^/?()]+)")
_KEY = re.compile(r"\(\$([^()/?']+)\)")
_FREE = {name for entity in ENTITIES.values() for name in entity.attributes}  # their values are the caller's own


class Depends(LinliError):
    """424: a part needs another one, which did not succeed."""

    status, code, title = 424, "failed-dependency", "Another request of the batch did not succeed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a part or group ended. `path` is that of the entity it made, changed or read, below the service's root;
    `body` what was answered. `early`: its group is not done yet."""

    good: bool
    path: str = ""
    body: bytes = b""
    early: bool = False

    @property
    def key(self) -> int | str:
        """The id of the entity, as a body names it."""
        last = paths.steps(self.path)[-1] if self.path else None
        if last is None or last.key is None:
            raise Wrong("names a request that made no entity")
        return int(last.key) if last.key.isascii() and last.key.isdigit() else last.key


@dataclass(slots=True)
class Known:
    """The outcomes so far, by the ids of parts and groups."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def needed(self, needs: tuple[str, ...], condition: grammar.Expr | None) -> None:
        """Raises Depends when a part is not to be done."""
        if condition is not None:
            if _value(condition, self.outcomes) is not True:
                raise Depends("if: the condition does not hold")
            return
        for name in needs:
            if name not in self.outcomes or not self.outcomes[name].good:
                raise Depends(f"dependsOn: {name!r} did not succeed")

    def entity(self, name: str) -> Outcome:
        found = self.outcomes[name]
        if not found.good:
            raise Depends(f"${name}: that request did not succeed")
        if not found.path:
            raise Wrong(f"${name}: that request made no entity")
        if found.early and found.path.startswith("Observations("):
            raise Wrong(f"${name}: an observation can be named once its group is done")
        return found

    def url(self, text: str) -> str:
        """With addresses and ids of entities in place of `$id`."""
        path, mark, query = text.partition("?")
        first = _FIRST.match(path)
        if first is not None:
            if first[1] not in self.outcomes:
                raise Wrong(f"url: no request before this one has the id {first[1]!r}")
            path = self.entity(first[1]).path + path[first.end() :]
        return _KEY.sub(self._key, path) + mark + query

    def _key(self, match: re.Match[str]) -> str:
        if match[1] not in self.outcomes:
            return match[0]
        key = self.entity(match[1]).key
        return f"({key})" if isinstance(key, int) else f"('{quote(key)}')"

    def body(self, data: bytes) -> bytes:
        """With ids in place of `{"@iot.id": "$id"}`, wherever an entity is named."""
        if b'"$' not in data or not self.outcomes:
            return data
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            return data  # whoever reads it says what is wrong
        return orjson.dumps(self._within(found, 0))

    def _within(self, value: Any, depth: int) -> Any:
        if depth > 100:
            raise Wrong("the body is nested too deeply")
        if isinstance(value, list):
            return [self._within(one, depth + 1) for one in value]
        if not isinstance(value, dict):
            return value
        made = {k: v if k in _FREE or k == "dataArray" else self._within(v, depth + 1) for k, v in value.items()}
        key = made.get("@iot.id")
        if isinstance(key, str) and key[:1] == "$" and key[1:] in self.outcomes:
            made["@iot.id"] = self.entity(key[1:]).key
        return made


# --- conditions -----------------------------------------------------------------------------------------------------

_COMPARE = {"eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt,
            "le": operator.le}  # fmt: skip


def condition(text: str) -> grammar.Expr:
    """`$1/$succeeded and $2/name eq 'x'`: not, and, or, comparisons of what was answered with texts, numbers, true,
    false and null. Raises Wrong."""
    found = grammar.expression(text)
    _check(found)
    return found


def _check(expr: grammar.Expr) -> None:
    kind = expr[0]
    if kind in ("and", "or", "not"):
        for part in expr[1:]:
            _check(part)
    elif kind == "cmp":
        _check(expr[2])
        _check(expr[3])
    elif kind == "path":
        if not expr[1][0].startswith("$"):
            raise Wrong(f"{'/'.join(expr[1])} must begin with $ and the id of a request")
    elif kind != "lit" or expr[1] not in ("num", "str", "bool", "null"):
        raise Wrong("takes not, and, or and comparisons of answers with texts, numbers, true, false and null")


def _value(expr: grammar.Expr, known: dict[str, Outcome]) -> Any:
    kind = expr[0]
    if kind == "lit":
        return expr[2]
    if kind == "path":
        return _told(expr[1], known)
    if kind == "not":
        return _value(expr[1], known) is not True
    if kind in ("and", "or"):
        both = (_value(part, known) is True for part in expr[1:])
        return all(both) if kind == "and" else any(both)
    a, b = _value(expr[2], known), _value(expr[3], known)
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    if expr[1] in ("eq", "ne"):
        same = (numbers or type(a) is type(b)) and a == b
        return same == (expr[1] == "eq")
    return bool((numbers or (isinstance(a, str) and isinstance(b, str))) and _COMPARE[expr[1]](a, b))


def _told(path: tuple[str, ...], known: dict[str, Outcome]) -> Any:
    found = known.get(path[0][1:])
    if path[1:] == ("$succeeded",):
        return found is not None and found.good
    if found is None or not found.good:
        return None
    try:
        value = orjson.loads(found.body)
    except orjson.JSONDecodeError:
        return None
    for name in path[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value
