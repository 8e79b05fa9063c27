"""The form of an event on its way. Knows no Django."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels. Never holds personal data: `data` has ids, states and counts only.

    `audience`: staff, public or `account:<uuid>`. A listener gets a staff event only if it has `permission`
    in an area that contains `area`.
    """

    id: str
    type: str
    at: str
    kind: str
    ref: str
    area: str = ""
    centre: str | None = None
    audience: str = "staff"
    permission: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Its fields by name; `data` is the same object."""
        return {name: getattr(self, name) for name in self.__slots__}
