"""Who acts: ids, roles, area paths and centres. A plain value, made by `identity`, asked by every selector."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from linli.kernel.errors import Forbidden, Unauthenticated


def contains(area: str, path: str) -> bool:
    """Whether area path `area` contains `path`; the empty path contains all."""
    return not area or path == area or path.startswith(area + ".")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role held in an area subtree, optionally within one centre's workspace."""

    role: str
    area_path: str
    permissions: frozenset[str]
    centre_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is account, apikey, public or system."""

    kind: str
    account_id: UUID | None = None
    username: str = ""
    grants: tuple[Grant, ...] = ()
    team_ids: tuple[UUID, ...] = ()
    session_id: UUID | None = None
    demo: bool = field(default=False, compare=False)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(g.role for g in self.grants)

    @property
    def permissions(self) -> frozenset[str]:
        return frozenset(p for g in self.grants for p in g.permissions)

    def can(self, permission: str, area: str | None = None) -> bool:
        """Whether some grant gives `permission`; with `area`, one whose area contains it."""
        if self.kind == "system":
            return True
        return any(permission in g.permissions and (area is None or contains(g.area_path, area)) for g in self.grants)

    def areas(self, permission: str) -> tuple[str, ...]:
        """Area paths in which the actor has `permission`, outermost only; `('',)` means everywhere."""
        if self.kind == "system":
            return ("",)
        found = sorted({g.area_path for g in self.grants if permission in g.permissions})
        return tuple(a for a in found if not any(o != a and contains(o, a) for o in found))

    def require(self, permission: str, area: str | None = None) -> None:
        if not self.can(permission, area):
            if self.kind == "public":
                raise Unauthenticated()
            raise Forbidden(f"needs {permission}" + (f" in {area}" if area else ""))

    @property
    def label(self) -> str:
        """How the audit names the actor: never a person's name."""
        return f"{self.kind}:{self.account_id or '-'}"


SYSTEM = Actor(kind="system")
PUBLIC = Actor(kind="public")
