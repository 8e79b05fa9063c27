"""Playbooks: what is to be done, by whom and by when, as data of the packs. A run keeps the version it began with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from linli.kernel import packs

POSTS = {"commander": ("指挥", "Commander"), "liaison": ("联络", "Liaison"), "recorder": ("记录", "Recorder")}


@dataclass(frozen=True, slots=True)
class Step:
    """`after`: keys of steps it waits for; `minutes`: from when it may begin until due; no `team_kind`: the desk.

    `checks`: ((zh, en), …).
    """

    key: str
    zh: str
    en: str
    post: str
    minutes: int
    team_kind: str = ""
    after: tuple[str, ...] = ()
    photo: bool = False
    checks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    class_prefix: str
    urgent: bool = False
    severity: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class Playbook:
    code: str
    version: int
    zh: str
    en: str
    steps: tuple[Step, ...]
    triggers: tuple[Trigger, ...] = ()
    auto: bool = False
    illustrative: bool = False


SEVERITIES = ("info", "warning", "severe", "urgent")


def playbooks() -> dict[str, Playbook]:
    """By code; a later pack's playbook takes the place of an earlier one's."""
    return _read(tuple(packs.files("playbooks")))


@lru_cache(maxsize=8)
def _read(paths: tuple[Path, ...]) -> dict[str, Playbook]:
    found: dict[str, Playbook] = {}
    for path in paths:
        for raw in packs.read_yaml(path)["playbooks"]:
            found[raw["code"]] = _playbook(raw)
    return found


def _playbook(raw: dict[str, Any]) -> Playbook:
    steps = tuple(
        Step(s["key"], s["title"]["zh"], s["title"]["en"], s["post"], s["minutes"], s.get("team_kind", ""),
             tuple(s.get("after", ())), s.get("photo", False), tuple((c["zh"], c["en"]) for c in s.get("checks", ())))
        for s in raw["steps"]
    )  # fmt: skip
    known: set[str] = set()
    for step in steps:
        if step.key in known or not known.issuperset(step.after):
            raise ValueError(
                f"playbook {raw['code']}: {step.key} stands twice or waits for a step that is not before it"
            )
        known.add(step.key)
    triggers = tuple(
        Trigger(t["class"], t.get("urgent", False), t.get("severity", ""), t.get("area", "")) for t in raw["triggers"]
    )
    return Playbook(raw["code"], raw["version"], raw["name"]["zh"], raw["name"]["en"], steps, triggers,
                    raw.get("auto", False), raw.get("illustrative", False))  # fmt: skip


def fits(book: Playbook, *, class_code: str, urgent: bool, severity: str, area: str) -> bool:
    """Whether one of the playbook's triggers holds; all parts of a trigger must. `severity`: '' without an alarm."""
    return any(
        class_code.startswith(t.class_prefix)
        and (urgent or not t.urgent)
        and (not t.severity or (severity in SEVERITIES and SEVERITIES.index(severity) >= SEVERITIES.index(t.severity)))
        and (not t.area or area == t.area or area.startswith(t.area + "."))
        for t in book.triggers
    )
