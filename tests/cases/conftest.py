"""A small district for the tests of cases: a grid tree, two teams, a desk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from shapely.geometry import box, mapping
from tests.identity import accounts

from linli.cases import numbers, ports, tables
from linli.identity.models import Account
from linli.kernel.actor import Actor
from linli.orgs import facade as orgs
from linli.places import index
from linli.places.models import Grid

D, NORTH, SOUTH = "340121400", "340121400.001", "340121400.002"
IN_NORTH, IN_SOUTH = (117.25, 31.99), (117.25, 31.96)


@dataclass
class Desk:
    """Actors of the roles, made when first asked for, and the two teams."""

    pump: UUID
    patrol: UUID
    made: dict[str, Account] = field(default_factory=dict)

    def account(self, role: str, area: str = D, team: UUID | None = None) -> Account:
        key = f"{role}@{area}@{team}"
        if key not in self.made:
            self.made[key] = accounts.make_account((role, area))
            if team:
                orgs.ensure_member(team_id=team, account_id=self.made[key].id)
        return self.made[key]

    def actor(self, role: str, area: str = D, team: UUID | None = None) -> Actor:
        return accounts.actor_for(self.account(role, area, team).id)

    def client(self, role: str, area: str = D, team: UUID | None = None) -> Any:
        return accounts.client_for(self.account(role, area, team))


def make_district() -> Desk:
    root = Grid.objects.create(code=D, segment=D, name_zh="双凤", name_en="Shuangfeng", level=0, area_path=D,
                               polygon=mapping(box(117.2, 31.94, 117.34, 32.04)), lon=117.27, lat=31.99)  # fmt: skip
    for code, south, north in (("001", 31.98, 32.04), ("002", 31.94, 31.98)):
        Grid.objects.create(code=f"{D}{code}", segment=code, name_zh=f"第{code}网格", name_en=f"Grid {code}", level=1,
                            parent=root, area_path=f"{D}.{code}", lon=117.27, lat=(south + north) / 2,
                            polygon=mapping(box(117.2, south, 117.34, north)))  # fmt: skip
    index.invalidate()
    ports.forget()
    numbers._known.clear()
    return Desk(
        pump=orgs.ensure_team(code="pump", name_zh="泵站二组", name_en="Pump crew", kind="pump", area_path=D),
        patrol=orgs.ensure_team(code="patrol", name_zh="巡查一队", name_en="Patrol", kind="patrol", area_path=NORTH),
    )


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()


def soon(days: int = 7) -> str:
    """A day to come, as forms send it."""
    return (tables.today() + timedelta(days=days)).isoformat()


def jpeg(size: tuple[int, int] = (64, 48), color: str = "teal", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "JPEG", **options)
    return out.getvalue()
