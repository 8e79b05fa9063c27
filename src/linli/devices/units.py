"""Units of readings: UCUM codes with what people read, from the packs (`units.yaml`). Others are refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from linli.kernel import packs


@cache
def table() -> dict[str, dict[str, Any]]:
    """UCUM code → {code, shown, name:{zh,en}} of the packs in force; later packs win. Read once a process."""
    return {unit["code"]: unit for path in packs.files("units", (".yaml",)) for unit in packs.read_yaml(path)["units"]}


def shown(code: str) -> str:
    """What stands behind a figure on screen: `ug/m3` → μg/m³. An unknown code stands for itself."""
    unit = table().get(code)
    return unit["shown"] if unit else code.strip("{}")


def for_people(prop: Mapping[str, Any]) -> dict[str, Any]:
    """A property as it stands in a pack, its unit as people read it, for sentences about it."""
    return {**prop, "unit": shown(prop.get("unit", ""))}
