"""Centres, teams and invented staff of the demo pack."""

from __future__ import annotations

import secrets
from typing import Any

from linli.identity.models import Account
from linli.identity.services.accounts import create_account
from linli.identity.services.grants import grant_role
from linli.kernel.actor import SYSTEM
from linli.orgs.models import Centre, Team
from linli.orgs.services import create_centre, create_team, set_member
from linli.places import facade as places

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def password() -> str:
    """Easy to type from a terminal: ten characters without look-alikes."""
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


class Areas:
    """Area paths by the names that the pack uses."""

    def __init__(self) -> None:
        grids = places.grids()
        self.root = next((g.area_path for g in grids if g.level == 0), "")
        self.communities = [g for g in grids if g.level == 2]
        self.by_name = {g.name_zh: g.area_path for g in grids}

    def path(self, name: str) -> str:
        if name in ("everywhere", "district"):
            return self.root if name == "district" else ""
        for known, path in self.by_name.items():
            if known == name or known.startswith(name):
                return path
        raise ValueError(f"the demo pack names an unknown grid: {name}")


def load(pack: dict[str, Any]) -> dict[str, str]:
    """Creates what is missing; returns user name → password of accounts made now."""
    areas = Areas()
    centres, teams = _centres(pack, areas), {}
    for item in pack["teams"]:
        row = Team.objects.filter(code=item["code"]).first()
        teams[item["code"]] = row or create_team(
            actor=SYSTEM, code=item["code"], kind=item["kind"], name_zh=item["name"]["zh"], name_en=item["name"]["en"],
            area_path=areas.root, centre_id=centres[item["centre"]].id,
        )  # fmt: skip
    made: dict[str, str] = {}
    for item in [*pack["accounts"], *_community_members(pack, areas)]:
        if not Account.objects.filter(username=item["username"]).exists():
            made[item["username"]] = _account(item, areas, centres, teams)
    return made


def _centres(pack: dict[str, Any], areas: Areas) -> dict[str, Centre]:
    found = {}
    for item in pack["centres"]:
        row = Centre.objects.filter(code=item["code"]).first()
        kind = "sub_centre" if item["kind"] == "sub_centre" else "centre"
        area = areas.path(item["area"]) if item.get("area") else areas.root
        found[item["code"]] = row or create_centre(
            actor=SYSTEM, code=item["code"], kind=kind, name_zh=item["name"]["zh"], name_en=item["name"]["en"],
            area_path=area,
        )  # fmt: skip
    return found


def _community_members(pack: dict[str, Any], areas: Areas) -> list[dict[str, Any]]:
    names = pack["members_per_community"]["names"]
    return [
        {"username": f"member{i + 1:02}", "name": name, "roles": ["grid_member"], "area_path": grid.area_path,
         "teams": ["community"]}
        for i, (name, grid) in enumerate(zip(names, areas.communities, strict=False))
    ]  # fmt: skip


def _account(item: dict[str, Any], areas: Areas, centres: dict[str, Centre], teams: dict[str, Team]) -> str:
    area = item["area_path"] if "area_path" in item else areas.path(item["area"])
    secret = password()
    account, _ = create_account(
        actor=SYSTEM, username=item["username"], display_name=item["name"], area_path=area, password=secret, demo=True
    )
    centre = centres[item["centre"]].id if item.get("centre") else None
    for role in item["roles"]:
        grant_role(actor=SYSTEM, account=account, role=role, area_path=area, centre_id=centre)
    for code in item.get("teams", ()):
        set_member(actor=SYSTEM, team=teams[code], account_id=account.id, lead=code in item.get("lead", ()))
    return secret
