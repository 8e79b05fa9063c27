"""Rosters of this week and notes on the boards of the demo pack."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from linli.command.board_services import write_note
from linli.command.models import BoardNote
from linli.identity import facade as identity
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.orgs.models import Centre, Team
from linli.work import roster_rules, roster_selectors, roster_services
from linli.work.patrol_selectors import district_zone


def load(pack: dict[str, Any]) -> int:
    """Plans and publishes what this week has not yet; returns how many shifts were planned now."""
    monday = roster_rules.monday(clock.now().astimezone(district_zone()).date())
    planned = {_owner(item): False for item in pack["shifts"]}
    for key in planned:
        owner = roster_selectors.owner(SYSTEM, "rosters.manage", **dict(key))
        planned[key] = roster_selectors.of_week(owner, monday).exists()
    made = 0
    for item in pack["shifts"]:
        who = identity.account_by_name(item["who"])
        if who is None or planned[_owner(item)]:
            continue
        first = monday + timedelta(days=min(item["days"]) - 1)
        rows = roster_services.plan_shifts(
            actor=SYSTEM, account_id=who.id, day=first, begins=time.fromisoformat(item["begins"]),
            ends=time.fromisoformat(item["ends"]), trade=item.get("trade", ""), lead=item.get("lead", False),
            weekdays=item["days"], **dict(_owner(item)),
        )  # fmt: skip
        made += len(rows)
    for key in planned:
        roster_services.publish_week(actor=SYSTEM, day=monday, **dict(key))
    _board(pack["board"])
    return made


def _owner(item: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    if "team" in item:
        return (("team_id", Team.objects.get(code=item["team"]).id), ("centre_id", None))
    return (("team_id", None), ("centre_id", Centre.objects.get(code=item["centre"]).id))


def _board(notes: list[dict[str, Any]]) -> None:
    for item in notes:
        centre, writer = Centre.objects.get(code=item["centre"]), identity.account_by_name(item["by"])
        actor = identity.actor_for(writer.id) if writer else None
        if actor and not BoardNote.objects.filter(centre_id=centre.id, title=item["title"]).exists():
            write_note(
                actor=actor, centre_id=centre.id, title=item["title"], text=item["text"],
                pinned=item.get("pinned", False),
            )  # fmt: skip
