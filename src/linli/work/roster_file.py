"""A sheet of shifts as rows to take in, and each bad row with its field and reason. Pure.

Times are the district's own. One that the clocks leave out, or show twice, is an error that says so; what they show
twice may carry its offset (`2026-10-25 02:30 +01:00`), and exports write it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from linli.kernel import sheets
from linli.kernel.sheets import Judged

MAX_ROWS, MAX_BYTES, MOST_HOURS = 5000, 5_000_000, timedelta(hours=24)
NEEDED = ("account", "from")
DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T]+(.+)")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*(?:([+-])(\d{2}):?(\d{2}))?")
Error = dict[str, Any]
Spell = tuple[datetime, datetime]


class Wrong(Exception):
    """What is wrong with a value, by code."""


@dataclass
class World:
    """What the rows are judged by. `owners`: (`team` or `centre`, what it is called) → whose roster, of those that
    the planner plans; `people`: who may be planned there; `taken`: what stands in the roster already."""

    zone: tzinfo
    today: date
    most_days: int
    accounts: Mapping[str, Any]
    owners: Mapping[tuple[str, str], Hashable]
    people: Mapping[Hashable, Collection[Any]]
    taken: Mapping[Any, Sequence[tuple[datetime, datetime, Any]]] = field(default_factory=dict)


def moment(text: str, zone: tzinfo, after: datetime | None = None) -> tuple[datetime, datetime]:
    """(what the clocks show, in UTC). With `after`, hours alone are the next such hours after it."""
    found = DAY.fullmatch(text)
    if found is None and after is None:
        raise Wrong("time")
    hours = CLOCK.fullmatch(found[4].strip() if found else text)
    if hours is None:
        raise Wrong("time")
    try:
        first = date(*(int(n) for n in found.groups()[:3])) if found else after.date()  # type: ignore[union-attr]
        wall = datetime.combine(first, time()) + _since_midnight(hours)
        if found is None and after is not None and wall <= after:
            wall += timedelta(days=1)
        return wall, _in_utc(wall, zone, hours)
    except (ValueError, OverflowError) as error:
        raise Wrong("time") from error


def _since_midnight(hours: re.Match[str]) -> timedelta:
    """24:00 is the end of the day. Spreadsheets keep hours as fractions, so that a second may be missing to them."""
    spell = timedelta(hours=int(hours[1]), minutes=int(hours[2]), seconds=round(float(hours[3] or 0)))
    if int(hours[2]) > 59 or spell.seconds % 60 or spell > timedelta(days=1):
        raise Wrong("time")
    return spell


def _in_utc(wall: datetime, zone: tzinfo, hours: re.Match[str]) -> datetime:
    once, again = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
    if once.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise Wrong("gap")
    if hours[4]:
        said = timedelta(hours=int(hours[5]), minutes=int(hours[6])) * (-1 if hours[4] == "-" else 1)
        fits = [one for one in (once, again) if one.utcoffset() == said]
        if not fits:
            raise Wrong("offset")
        return fits[0].astimezone(UTC)
    if once.utcoffset() != again.utcoffset():
        raise Wrong("overlap_clock")
    return once.astimezone(UTC)


def written(at: datetime, zone: tzinfo) -> str:
    """A moment as an export writes it: with its offset where the clocks show that hour twice."""
    local = at.astimezone(zone)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%Y-%m-%d %H:%M}" + (f" {local.isoformat()[-6:]}" if twice else "")


def names(rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[set[str], dict[str, set[str]]]:
    """The accounts, teams and centres that the rows speak of."""
    called = {kind: {values[kind] for _, values in rows if kind in values} for kind in ("team", "centre")}
    return {_account(values) for _, values in rows}, called


def _account(values: Mapping[str, str]) -> str:
    return values.get("account", "").lower()


def spelled(rows: Sequence[tuple[int, Mapping[str, str]]], zone: tzinfo) -> list[datetime]:
    """The beginnings that can be read."""
    found = []
    for _, values in rows:
        try:
            found.append(moment(values.get("from", ""), zone)[1])
        except Wrong:
            continue
    return found


def judged(rows: Sequence[tuple[int, Mapping[str, str]]], world: World, said: Mapping[str, Any]) -> Judged:
    """Rows to take in; those that stand in the roster already are only counted."""
    made, seen = Judged(), {}
    planned: dict[Any, list[Spell]] = {}
    for number, values in rows:
        row, wrong = _row(values, world, said)
        if not wrong:
            key, spell = tuple(row.values()), (row["start"], row["end"])
            mine = planned.setdefault(row["account"], [])
            taken = world.taken.get(row["account"], ())
            if key in seen:
                wrong.append(("from", "twice"))
            elif (*spell, (row["owner"], row["trade"], row["lead"])) in taken:
                made.unchanged += 1
                seen[key] = number
                continue
            elif any(a < spell[1] and spell[0] < b for a, b, _ in taken):
                wrong.append(("from", "overlap"))
            elif _clashes(mine, spell):
                wrong.append(("from", "overlap_file"))
            else:
                seen[key] = number
                insort(mine, spell)
        made.errors += [{"row": number, "field": f, "reason": r} for f, r in wrong]
        if not wrong:
            made.rows.append({"row": number, **row})
    return made


def _clashes(spells: list[Spell], spell: Spell) -> bool:
    """Whether it shares a moment with one of these, which do not overlap each other."""
    at = bisect_left(spells, spell)
    return any(a < spell[1] and spell[0] < b for a, b in spells[max(at - 1, 0) : at + 1])


def _row(
    values: Mapping[str, str], world: World, said: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    wrong: list[tuple[str, str]] = []
    owner = _owner(values, world, wrong)
    account = world.accounts.get(_account(values))
    if not values.get("account"):
        wrong.append(("account", "needed"))
    elif owner is not None and account not in world.people[owner]:
        wrong.append(("account", "person"))  # one that is unknown is answered like one of another team
    start, end = _spell(values, world, wrong)
    trade, lead = sheets.armed(values.get("trade", "")), values.get("lead", "").lower()
    if len(trade) > 40:
        wrong.append(("trade", "long"))
    if lead not in (*said["true_words"], *said["false_words"]):
        wrong.append(("lead", "yes_no"))
    row = {"owner": owner, "account": account, "start": start, "end": end, "trade": trade,
           "lead": lead in said["true_words"]}  # fmt: skip
    return row, wrong


def _owner(values: Mapping[str, str], world: World, wrong: list[tuple[str, str]]) -> Hashable | None:
    given = [kind for kind in ("team", "centre") if kind in values]
    if len(given) != 1:
        wrong.append(("team", "both" if given else "needed"))
        return None
    found = world.owners.get((given[0], values[given[0]]))
    if found is None:
        wrong.append((given[0], "owner"))
    return found


def _spell(
    values: Mapping[str, str], world: World, wrong: list[tuple[str, str]]
) -> tuple[datetime | None, datetime | None]:
    walls: list[datetime] = []
    found: list[datetime | None] = []
    for name in ("from", "to"):
        try:
            if name not in values:
                raise Wrong("needed")
            wall, at = moment(values[name], world.zone, walls[0] if walls else None)
            walls.append(wall)
            found.append(at)
        except Wrong as why:
            if walls or name == "from" or not CLOCK.fullmatch(values.get(name, "")):  # hours alone need the other
                wrong.append((name, str(why)))
            found.append(None)
    if len(walls) == 2:
        if found[1] <= found[0]:  # type: ignore[operator]
            wrong.append(("to", "order"))
        elif walls[1] - walls[0] > MOST_HOURS:
            wrong.append(("to", "hours"))
    if walls and abs((walls[0].date() - world.today).days) > world.most_days:
        wrong.append(("from", "far"))
    return found[0], found[1]
