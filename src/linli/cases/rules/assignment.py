"""Whether rules of routing do what they say: no rule behind a broader one, no unknown name, no gap. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linli.cases.rules import routing
from linli.cases.rules.routing import Rule


@dataclass(frozen=True, slots=True)
class Names:
    """What a district has: codes of all classes, of teams with their kinds, of centres, and names of members.
    An empty collection is not looked into."""

    classes: Collection[str] = ()
    teams: Mapping[str, str] = field(default_factory=dict)
    centres: Collection[str] = ()
    people: Collection[str] = ()
    channels: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is a key of the console's words; `rule` counts from 1, 0 for the whole. `text` says it in English."""

    code: str
    rule: int
    value: str
    text: str
    other: int = 0

    @property
    def grave(self) -> bool:
        """Whether such rules must not be put in force; a kind of team that is still missing only falls through."""
        return self.code != "kind"


def check(data: Mapping[str, Any], classes: Collection[str]) -> list[str]:
    """Sentences about what is wrong with the rules of one file, none when they are sound. `classes`: all codes."""
    return [f.text for f in findings(data.get("rules") or (), Names(classes))]


def findings(rows: Sequence[Mapping[str, Any]], names: Names) -> list[Finding]:
    """What is wrong with rules as packs and versions write them, none when they are sound."""
    rules: list[Rule] = []
    for number, row in enumerate(rows, 1):
        try:
            rules.append(routing.parse({"zh": "", "en": "", **row}))
        except ValueError as why:
            return [Finding("hours", number, str(why), f"rule {number}: {why}")]
    return [*_names(rules, names), *_hidden(rules), *_gap(rules)]


def _names(rules: Sequence[Rule], names: Names) -> Iterator[Finding]:
    for number, rule in enumerate(rules, 1):
        prefix = rule.class_prefix
        if names.classes and not any(code.startswith(prefix) for code in names.classes):
            yield Finding("class", number, prefix, f"rule {number}: no class begins with {prefix}")
        if not (rule.team_kind or rule.team_code or rule.centre_code or rule.person):
            yield Finding("target", number, "", f"rule {number}: names neither a kind of team nor a team")
        for channel in rule.channels:
            if names.channels and channel not in names.channels:
                yield Finding("channel", number, channel, f"rule {number}: no channel is {channel}")
        yield from _targets(number, rule, names)


def _targets(number: int, rule: Rule, names: Names) -> Iterator[Finding]:
    if names.teams and rule.team_code and rule.team_code not in names.teams:
        yield Finding("team", number, rule.team_code, f"rule {number}: no team is {rule.team_code}")
    if names.teams and rule.team_kind and rule.team_kind not in names.teams.values():
        yield Finding("kind", number, rule.team_kind, f"rule {number}: no team is of the kind {rule.team_kind}")
    if names.centres and rule.centre_code and rule.centre_code not in names.centres:
        yield Finding("centre", number, rule.centre_code, f"rule {number}: no centre is {rule.centre_code}")
    if rule.person and rule.automatic:
        yield Finding("person_automatic", number, rule.person, f"rule {number}: work is given to a person by a person")
    if rule.person and not rule.team_code:
        yield Finding("person_team", number, rule.person, f"rule {number}: a person is named with their team")
    elif names.people and rule.person and rule.person not in names.people:
        yield Finding("person", number, rule.person, f"rule {number}: {rule.person} is no member of the team")


def _condition(rule: Rule) -> tuple[object, ...]:
    return rule.events, rule.channels, rule.days, rule.hours


def _hidden(rules: Sequence[Rule]) -> Iterator[Finding]:
    """The same class twice is a fallback and may be meant; a narrower class behind a broader one is not."""
    for number, rule in enumerate(rules, 1):
        target = rule.team_kind, rule.team_code, rule.centre_code, rule.person
        for earlier, first in enumerate(rules[: number - 1], 1):
            if first.area_prefix != rule.area_prefix or not rule.class_prefix.startswith(first.class_prefix):
                continue
            if any(_condition(first)) and _condition(first) != _condition(rule):
                continue  # the earlier one holds at some times or for some events only
            if first.class_prefix != rule.class_prefix:
                wide = first.class_prefix or "all"
                yield Finding("hidden", number, rule.class_prefix, f"rule {number} ({rule.class_prefix}) never comes "
                              f"first: rule {earlier} ({wide}) has its classes", earlier)  # fmt: skip
                break
            if (first.team_kind, first.team_code, first.centre_code, first.person) == target:
                yield Finding("repeated", number, rule.class_prefix,
                              f"rule {number} ({rule.class_prefix}) repeats rule {earlier}", earlier)  # fmt: skip
                break


def _gap(rules: Sequence[Rule]) -> Iterator[Finding]:
    if not any(not r.class_prefix and not r.area_prefix and not any(_condition(r)) for r in rules):
        yield Finding("gap", 0, "", "no rule is for every class and area: some cases would have no team to suggest")
