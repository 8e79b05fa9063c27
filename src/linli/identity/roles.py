"""Roles and permissions as the packs in force define them (`roles.yaml`; later packs add to or replace roles)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from linli.kernel import packs


@dataclass(frozen=True, slots=True)
class Role:
    code: str
    name: dict[str, str]
    permissions: frozenset[str]
    idle_minutes: int
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Roles:
    roles: dict[str, Role]
    permissions: dict[str, dict[str, str]]
    separated: tuple[frozenset[str], ...]
    absolute_hours: int


@cache
def load() -> Roles:
    """All packs' roles merged; a role that names an unknown permission is an error of the pack."""
    roles: dict[str, Role] = {}
    permissions: dict[str, dict[str, str]] = {}
    separated: list[frozenset[str]] = []
    sessions: dict[str, Any] = {"idle_minutes": 60, "absolute_hours": 12}
    for path in packs.files("roles"):
        content = packs.read_yaml(path)
        sessions |= content.get("sessions", {})
        permissions |= content.get("permissions", {})
        separated += [frozenset(s) for s in content.get("separated", [])]
        for code, row in content.get("roles", {}).items():
            unknown = set(row["permissions"]) - set(permissions)
            if unknown:
                raise ValueError(f"{path}: role {code} names unknown permissions {sorted(unknown)}")
            idle = int(row.get("idle_minutes", sessions["idle_minutes"]))
            required = row.get("second_factor") == "required"
            roles[code] = Role(code, row["name"], frozenset(row["permissions"]), idle, required)
    return Roles(roles, permissions, tuple(separated), int(sessions["absolute_hours"]))
