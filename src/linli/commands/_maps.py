"""The maps of recorded files in the packs: `packs/<pack>/maps/NAME.yaml`, found by name or by one of its `aliases`."""

from __future__ import annotations

from typing import Any

from linli.kernel import packs


def known() -> dict[str, dict[str, Any]]:
    """Name → content; a later pack's map replaces an earlier one of its name."""
    return {path.stem: packs.read_yaml(path) for path in packs.files("maps", (".yaml",))}


def own_name(name: str) -> str:
    """The name of the map that `name` or an alias means; a name that nobody has stays as it is."""
    found = known()
    if name in found:
        return name
    return next((own for own, raw in found.items() if name in raw.get("aliases", ())), name)
