"""Resource paths: `Things(1)/Datastreams(2)/Observations/$ref`, as steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from linli.kernel.errors import NotFound

_STEP = re.compile(r"([A-Za-z@$_][\w.@$-]*(?:\[\d{1,9}\])*)(?:\((.*)\))?", re.DOTALL)
MAX_STEPS = 12


@dataclass(frozen=True, slots=True)
class Step:
    """A name, with the text of an id in brackets where there was one."""

    name: str
    key: str | None = None


def steps(path: str) -> tuple[Step, ...]:
    """The steps of a decoded path; an id may stand in quotes or without. Raises NotFound for what is no path."""
    found = []
    for part in split(path.strip("/"), "/"):
        match = _STEP.fullmatch(part)
        if match is None:
            raise NotFound(f"{part[:60]!r} is not a part of a path")
        name, key = match.groups()
        if key is not None:
            key = unquote(key.strip())
            if len(key) > 1 and key[0] == key[-1] == "'":
                key = key[1:-1].replace("''", "'")
            if not key:
                raise NotFound(f"{name}() names no entity")
        found.append(Step(name, key))
    if len(found) > MAX_STEPS:
        raise NotFound(f"a path has at most {MAX_STEPS} parts")
    return tuple(found)


def split(text: str, mark: str) -> list[str]:
    """Cut at `mark` where no bracket is open and no quote."""
    found, depth, quoted, begun = [], 0, False, 0
    for at, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted and char == "(":
            depth += 1
        elif not quoted and char == ")":
            depth -= 1
        elif char == mark and not quoted and depth <= 0:
            found.append(text[begun:at])
            begun = at + 1
    return [*found, text[begun:]]
