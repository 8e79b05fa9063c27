"""Addresses looked up by their first and last part and how many there are, so that a request is not held against every
route of the API in turn.

Django tries one pattern after another: with 130 routes that was a sixth of what reading one case costs.
"""

from __future__ import annotations

import re
from typing import Any

from django.urls import URLPattern, URLResolver
from django.urls.converters import PathConverter
from django.urls.exceptions import Resolver404
from django.urls.resolvers import RegexPattern, ResolverMatch

Group = tuple[str, int]  # the first part, and how many slashes there are
ANY = "*"  # in place of a last part that is not fixed


class Switch(URLResolver):
    """Patterns that begin with a fixed part, tried only for addresses of their shape; takes nothing from them."""

    def __init__(self, groups: dict[Group, dict[str, list[Any]]], patterns: list[Any]) -> None:
        super().__init__(RegexPattern(""), patterns)
        self._groups = {
            group: {last: URLResolver(RegexPattern(""), found) for last, found in by_last.items()}
            for group, by_last in groups.items()
        }

    def resolve(self, path: str) -> ResolverMatch:
        group = self._groups.get((path.partition("/")[0], path.count("/")))
        found = group and (group.get(path.rpartition("/")[2]) or group.get(ANY))
        if not found:
            raise Resolver404({"tried": [], "path": path})
        return found.resolve(path)


def _fixed(part: str) -> bool:
    return bool(part) and not re.search(r"[<^$(\\*]", part)


def _switched(pattern: Any) -> bool:
    """Whether it begins with a fixed part, and has as many parts as the addresses that it leads to."""
    if not isinstance(pattern, URLPattern) or not _fixed(str(pattern.pattern).partition("/")[0]):
        return False
    return not any(isinstance(c, PathConverter) for c in pattern.pattern.converters.values())


def by_first_part(patterns: list[Any]) -> list[Any]:
    """The same patterns in the same order within each shape; those without a fixed first part come last."""
    switched = [p for p in patterns if _switched(p)]
    groups: dict[Group, dict[str, list[Any]]] = {}
    for pattern in switched:
        first, *more = str(pattern.pattern).split("/")
        last = (more or [first])[-1]
        by_last = groups.setdefault((first, len(more)), {ANY: []})
        if _fixed(last):
            by_last.setdefault(last, list(by_last[ANY])).append(pattern)
            continue
        for found in by_last.values():  # it may lead there, too, after those that were named before it
            found.append(pattern)
    return [Switch(groups, switched), *(p for p in patterns if not _switched(p))]
