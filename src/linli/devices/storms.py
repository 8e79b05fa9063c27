"""How alarms are brought together, as data: the ways of `storms.yaml`, by which many alarms become one incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from linli.kernel import packs

SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to find a common root. `name` says what kind of root it is."""

    code: str
    by: str
    least: int
    window: timedelta
    later: timedelta
    name: dict[str, str]
    prefix: str = ""
    depth: int = 0

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Way:
        window, later = timedelta(seconds=raw["window_s"]), timedelta(seconds=raw["join_s"])
        return cls(raw["code"], raw["by"], raw["least"], window, later, raw["name"], raw.get("prefix", ""),
                   raw.get("depth", 0))  # fmt: skip


def ways() -> list[Way]:
    """Those in force, in the order in which they are tried."""
    found: dict[str, dict[str, Any]] = {}
    for path in packs.files("storms", (".yaml",)):
        for raw in packs.read_yaml(path)["storms"]:
            found[raw["code"]] = found.get(raw["code"], {}) | raw
    return [Way.of(raw) for raw in found.values() if raw["least"]]


def way_of(root: str, key: str) -> Way | None:
    """The way by which a root was found."""
    return next((w for w in ways() if w.by == root and key.startswith(w.prefix)), None)


def headline(name: dict[str, str], title: dict[str, str], devices: int) -> dict[str, str]:
    """How an incident is told in one line: `网关 3 号：设备无数据 (200 台设备)`."""
    return {
        "zh": f"{name['zh']}：{title['zh']} ({devices} 台设备)",
        "en": f"{name['en']}: {title['en']} ({devices} devices)",
    }
