"""Which other devices are where: those of a model in the same place as a device, for rules that look at them.

What a place is: `devices/others.py`. Devices that are not in use are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from linli.devices.contracts import MAX_OTHERS, RuleRow, place_of

if TYPE_CHECKING:
    from linli.telemetry.sense.book import Book


class Places:
    def __init__(self, book: Book) -> None:
        self.book = book
        self._known: dict[tuple[str, int], dict[str, list[int]]] = {}  # (model, level) → place → devices
        self._watching: dict[str, set[str]] = {}  # model → models whose rules look at it
        self._changed: set[str] = set()

    @property
    def looking(self) -> bool:
        """Whether any rule looks at other devices."""
        return bool(self._watching)

    def watch(self, rules: Iterable[RuleRow]) -> None:
        self._watching = {}
        for rule in rules:
            for term in (rule.condition or {}).get("terms", ()):
                if "of" in term:
                    self._watching.setdefault(term["of"]["model"], set()).add(rule.model)

    def changed(self, *models: str) -> None:
        """Devices of these came, went or moved."""
        self._changed.update(models)
        for key in [key for key in self._known if key[0] in models]:
            del self._known[key]

    def stale(self) -> set[str]:
        """Models whose devices may have other neighbours than before; asked once."""
        found = {model for changed in self._changed for model in self._watching.get(changed, ())}
        self._changed = set()
        return found

    def others(self, number: int, of: Mapping[str, Any]) -> list[int]:
        """Devices of the model in the same place, without the device itself; of too many those with the lowest ids."""
        book, level = self.book, int(of["level"])
        key = (of["model"], level)
        if key not in self._known:
            found: dict[str, list[int]] = {}
            for other in book.by_model.get(of["model"], ()):
                if book.devices[other].judged:
                    found.setdefault(place_of(book.devices[other].area, level), []).append(other)
            for mine in found.values():
                mine.sort(key=lambda one: book.devices[one].text)
            self._known[key] = found
        near = self._known[key].get(place_of(book.devices[number].area, level), [])
        return [one for one in near if one != number][:MAX_OTHERS]
