"""Which other devices are where: those of a model in the same place as a device, for rules that look at them.

What a place is: `devices/others.py`. Devices that are not in use are not there. Kept only for models and levels that
rules look at: without such rules nothing is.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from linli.devices.contracts import MAX_OTHERS, RuleRow, looks, place_of

if TYPE_CHECKING:
    from linli.telemetry.sense.book import Book

Key = tuple[str, int]
"""model, level"""


class Places:
    def __init__(self, book: Book) -> None:
        self.book = book
        self._watching: dict[Key, set[str]] = {}  # what is looked at → models whose rules look there
        self._there: dict[Key, dict[str, list[int]]] = {}  # what is looked at → place → devices, by their ids
        self._changed: dict[Key, set[str]] = {}  # what is looked at → places where devices came or went

    @property
    def looking(self) -> bool:
        """Whether any rule looks at other devices."""
        return bool(self._watching)

    def watch(self, rules: Iterable[RuleRow]) -> None:
        """These are all rules in force."""
        self._watching = {}
        for rule in rules:
            for model, level, _ in looks(rule.condition):
                self._watching.setdefault((model, int(level)), set()).add(rule.model)
        self._there = {key: self._there[key] if key in self._there else self._find(key) for key in self._watching}
        self._changed = {key: places for key, places in self._changed.items() if key in self._watching}

    def came(self, number: int) -> None:
        """A device is in use from now on, here."""
        for key, place in self._places(number):
            here = self._there[key].setdefault(place, [])
            at = bisect.bisect(here, self._name(number), key=self._name)
            if here[at - 1 : at] != [number]:
                here.insert(at, number)
                self._changed.setdefault(key, set()).add(place)

    def went(self, number: int) -> None:
        """A device is in use no longer, or no longer where the book has it still."""
        for key, place in self._places(number):
            here = self._there[key].get(place, [])
            if number in here:
                here.remove(number)
                self._changed.setdefault(key, set()).add(place)

    def neighbours(self) -> set[int]:
        """Devices with rules that look where something changed; told once."""
        found, self._changed = self._changed, {}
        book = self.book
        return {
            number for (model, level), places in found.items() for watcher in self._watching[model, level]
            for number in book.by_model.get(watcher, ()) if place_of(book.devices[number].area, level) in places
        }  # fmt: skip

    def others(self, number: int, of: Mapping[str, Any]) -> list[int]:
        """Devices of the model in the same place, without the device itself; of too many those with the lowest ids."""
        key = of["model"], int(of["level"])
        near = self._there[key].get(place_of(self.book.devices[number].area, key[1]), [])
        return [one for one in near[: MAX_OTHERS + 1] if one != number][:MAX_OTHERS]

    def _places(self, number: int) -> Iterator[tuple[Key, str]]:
        device = self.book.devices[number]
        for key in self._watching:
            if key[0] == device.model:
                yield key, place_of(device.area, key[1])

    def _name(self, number: int) -> str:
        return self.book.devices[number].text

    def _find(self, key: Key) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number in sorted(self.book.by_model.get(key[0], ()), key=self._name):
            if self.book.devices[number].judged:
                found.setdefault(place_of(self.book.devices[number].area, key[1]), []).append(number)
        return found
