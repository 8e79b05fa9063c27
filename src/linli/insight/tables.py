"""What packs say about indicators. Read once, kept as plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from linli.cases import facade as cases
from linli.insight.rules.facts import MEASURES, Meaning
from linli.insight.rules.indicators import Indicator, Place
from linli.kernel import packs


def _files(stem: str) -> list[dict[str, Any]]:
    return [packs.read_yaml(p) for p in packs.files("indicators", (".yaml",)) if p.stem == stem]


@lru_cache(maxsize=1)
def measures() -> dict[str, Any]:
    """The last pack's table of measures."""
    return _files("measures")[-1]


@lru_cache(maxsize=1)
def meaning() -> Meaning:
    data = measures()
    return Meaning(
        acts={k: frozenset(v) for k, v in data["acts"].items()},
        undone={k: frozenset(v) for k, v in data["undone"].items()},
        wrong={k: frozenset(v) for k, v in data["wrong"].items()},
        stages={k: tuple(v) for k, v in data["stages"].items()},
        public_channels=frozenset(data["public_channels"]), satisfaction=dict(data["satisfaction"]),
        zone=cases.zone(),
    )  # fmt: skip


@lru_cache(maxsize=1)
def axes() -> dict[str, str]:
    """The axis of each measure; a measure of a pack that no rule counts is a mistake of the pack."""
    found = {name: row["axis"] for name, row in measures()["measures"].items()}
    if wrong := set(found) ^ set(MEASURES):
        raise ValueError(f"indicators: measures that no rule counts or no pack names: {sorted(wrong)}")
    return found


def axis_names() -> dict[str, dict[str, str]]:
    return dict(measures()["axes"])


def missing() -> frozenset[str]:
    """Measures for which the table of acts in force has no act at all."""
    known, acts = cases.acts_known(), meaning().acts
    return frozenset(
        name for name, row in measures()["measures"].items() if (kind := row.get("needs")) and not acts[kind] & known
    )


@dataclass(frozen=True, slots=True)
class Table:
    groups: tuple[dict[str, str], ...]
    indicators: dict[str, Indicator]


@lru_cache(maxsize=1)
def table() -> Table:
    """The indicators of all packs; a later pack's row of the same code replaces what it names."""
    groups: dict[str, dict[str, str]] = {}
    found: dict[str, Indicator] = {}
    for content in _files("indicators"):
        groups |= {g["code"]: g for g in content.get("groups", ())}
        for row in content["indicators"]:
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            known = found.get(row["code"])
            found[row["code"]] = replace(known, **values) if known else Indicator(**values)
    for item in found.values():
        if wrong := {m for m in (item.value, item.base, *item.bases) if m} - set(MEASURES):
            raise ValueError(f"indicators: {item.code} names unknown measures {sorted(wrong)}")
    return Table(tuple(groups.values()), found)


@lru_cache(maxsize=1)
def settings() -> dict[str, Any]:
    found: dict[str, Any] = {"places": {}, "league": {}}
    for content in _files("settings"):
        found["places"] |= content.get("places", {})
        found["league"] |= content.get("league", {})
    return found


def confidence() -> float:
    return float(settings()["league"].get("confidence", 0.95))


def place(area: str) -> Place | None:
    row = settings()["places"].get(area)
    return Place(float(row["km2"]), float(row["population"])) if row else None


@lru_cache(maxsize=1)
def reports() -> dict[str, Any]:
    """Templates of reports by their code."""
    found: dict[str, Any] = {}
    for content in _files("reports"):
        found |= {row["code"]: row for row in content.get("reports", ())}
    return found


@lru_cache(maxsize=1)
def report_words() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for content in _files("reports"):
        found |= content.get("words", {})
    return found


@lru_cache(maxsize=1)
def papers() -> dict[str, Any]:
    """Words of supervision letters and bulletins: the last pack's."""
    return [packs.read_yaml(p) for p in packs.files("supervision", (".yaml",)) if p.stem == "papers"][-1]


def forget() -> None:
    """Read the packs again at the next use."""
    for cached in (measures, meaning, axes, table, settings, reports, report_words, papers):
        cached.cache_clear()
