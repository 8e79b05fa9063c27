"""Whether rules of assignment do what they say: no rule behind a broader one, no unknown class, no gap. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

Rule = tuple[str, str, str, str]  # class prefix, area prefix, kind of team, code of a team


def check(data: Mapping[str, Any], classes: Collection[str]) -> list[str]:
    """Sentences about what is wrong with the rules of one file, none when they are sound. `classes`: all codes."""
    rules: list[Rule] = [
        (str(r.get("class", "")), str(r.get("area", "")), str(r.get("team_kind", "")), str(r.get("team", "")))
        for r in data.get("rules") or ()
    ]
    return [*_names(rules, classes), *_hidden(rules), *_gap(rules)]


def _names(rules: Sequence[Rule], classes: Collection[str]) -> Iterator[str]:
    for number, (prefix, _, kind, team) in enumerate(rules, 1):
        if classes and not any(code.startswith(prefix) for code in classes):
            yield f"rule {number}: no class begins with {prefix}"
        if not kind and not team:
            yield f"rule {number}: names neither a kind of team nor a team"


def _hidden(rules: Sequence[Rule]) -> Iterator[str]:
    """The same class twice is a fallback and may be meant; a narrower class behind a broader one is not."""
    for number, (prefix, area, *target) in enumerate(rules, 1):
        for earlier, (wide, where, *first) in enumerate(rules[: number - 1], 1):
            if where != area or not prefix.startswith(wide):
                continue
            if wide != prefix:
                yield f"rule {number} ({prefix}) never comes first: rule {earlier} ({wide or 'all'}) has its classes"
                break
            if first == target:
                yield f"rule {number} ({prefix}) repeats rule {earlier}"
                break


def _gap(rules: Sequence[Rule]) -> Iterator[str]:
    if not any(not prefix and not area for prefix, area, *_ in rules):
        yield "no rule is for every class and area: some cases would have no team to suggest"
