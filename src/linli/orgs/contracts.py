"""What other modules see of orgs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

TEAM_KINDS = ("patrol", "enforcement", "safety_environment", "community", "pump", "other")
CENTRE_KINDS = ("centre", "sub_centre")


@dataclass(frozen=True, slots=True)
class CentreInfo:
    id: UUID
    code: str
    kind: str
    name_zh: str
    name_en: str
    area_path: str

    def name(self, language: str = "zh-hans") -> str:
        return self.name_en if language.startswith("en") and self.name_en else self.name_zh


@dataclass(frozen=True, slots=True)
class TeamInfo:
    id: UUID
    code: str
    kind: str
    name_zh: str
    name_en: str
    area_path: str
    centre_id: UUID | None
    active: bool

    def name(self, language: str = "zh-hans") -> str:
        return self.name_en if language.startswith("en") and self.name_en else self.name_zh


@dataclass(frozen=True, slots=True)
class Member:
    account_id: UUID
    display_name: str
    lead: bool
