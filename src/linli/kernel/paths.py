"""Where something stands in a JSON document: `$.where.lng`, `$.pictures[0]`, `$.items[*].value`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

PATH = re.compile(r"\$(\.[^.\[\]\s]{1,60}|\[(\d{1,3}|\*)\]){1,12}")
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\*)\]")
Steps = tuple[str | int, ...]


def at(data: Any, path: str) -> list[Any]:
    """All values at a path, without null and empty texts."""
    found = [data]
    for name, number in STEP.findall(path):
        if name:
            found = [one[name] for one in found if isinstance(one, Mapping) and name in one]
        elif number == "*":
            found = [part for one in found if isinstance(one, list) for part in one]
        else:
            found = [one[int(number)] for one in found if isinstance(one, list) and len(one) > int(number)]
    return [one for one in found if one is not None and one != ""]


def steps(path: str) -> Steps:
    """A path in its parts; `*` is each of a list. A name is text, a place in a list a number."""
    return tuple(name or ("*" if number == "*" else int(number)) for name, number in STEP.findall(path))


def one(data: Any, way: Steps) -> Any:
    """The value there, or None. `way` has no `*`."""
    for step in way:
        if type(step) is str:
            data = data.get(step) if type(data) is dict else None
        else:
            data = data[step] if type(data) is list and len(data) > step else None  # type: ignore[operator,index]
        if data is None:
            return None
    return data


def walk(data: Any, way: Steps, where: str = "") -> Iterator[tuple[str, Any]]:
    """(place, value) of all that stand at a path with `*`; the place as a person would write it: `items[3].value`."""
    if not way:
        yield where, data
        return
    step, rest = way[0], way[1:]
    if step == "*":
        for n, part in enumerate(data if type(data) is list else ()):
            yield from walk(part, rest, f"{where}[{n}]")
    elif type(step) is str:
        if type(data) is dict and step in data:
            yield from walk(data[step], rest, f"{where}.{step}".lstrip("."))
    elif type(data) is list and len(data) > step:  # type: ignore[operator]
        yield from walk(data[step], rest, f"{where}[{step}]")  # type: ignore[index]


def words(way: Steps) -> str:
    """The path as it is told to people, without its `$`."""
    return "".join(f"[{s}]" if type(s) is int or s == "*" else f".{s}" for s in way).lstrip(".")
