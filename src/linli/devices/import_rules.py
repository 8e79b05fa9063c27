"""A sheet of devices as rows to make, and each bad row with its field and reason, by code. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from linli.kernel.sheets import Judged

MAX_ROWS, MAX_BYTES, MAX_UNPACKED = 100_000, 30_000_000, 400_000_000
MAX_ATTRIBUTES = 65_536  # as `services/commands.set_shared_attributes`
DEEPEST = 8  # gateways under gateways
NEEDED = ("code", "model")
CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,79}")
LONGEST = {"name_zh": 120, "name_en": 120, "owner_department": 120, "parent_name": 120}
Wrong = list[tuple[str, str]]
Values = Mapping[str, str]
Point = tuple[float, float]


@dataclass
class World:
    """What rows are judged by. `models`, `areas`, `teams`: what people call them → ours (None when two are called so);
    `known`: codes that stay as they are; `taken`: those of others, which this account may not even manage; `gateways`:
    codes of gateways in service that it manages; `names`: (gateway, what it calls a device) that are there;
    `locate`: the area path at each point, or None outside; `wgs84`: a point of another map; `may`: whether this
    account manages devices in an area."""

    models: Mapping[str, str | None]
    retired: Collection[str]
    areas: Mapping[str, str | None]
    teams: Mapping[str, str]
    known: Collection[str]
    taken: Collection[str]
    gateways: Collection[str]
    names: Collection[tuple[str, str]]
    locate: Callable[[list[Point]], Sequence[str | None]]
    wgs84: Callable[[float, float, str], Point]
    may: Callable[[str], bool]


@dataclass
class _Row:
    number: int
    body: dict[str, Any]
    wrong: Wrong = field(default_factory=list)
    at: str = ""


def judged(rows: Sequence[tuple[int, Values]], world: World, said: Mapping[str, Any]) -> Judged:
    """Rows to make, gateways before what they speak for; known codes are counted as unchanged and stand in `rows` as
    {row, code, known: True}."""
    made, fresh, seen = Judged(), [], set()
    for number, values in rows:
        code = values.get("code", "")
        if code in seen:
            made.errors.append(_error(number, "code", "twice", code))
            continue
        seen.add(code)
        if code in world.known:
            made.unchanged += 1
            made.rows.append({"row": number, "code": code, "known": True})
            continue
        fresh.append(_read(number, values, world, said))
    _place(fresh, world)
    good = _under_gateways(fresh, world)
    for row in fresh:
        made.errors += [_error(row.number, name, reason, row.body["code"]) for name, reason in row.wrong]
    made.errors.sort(key=lambda error: error["row"])
    made.rows += [row.body for row in good]
    return made


def _error(number: int, name: str, reason: str, code: str) -> dict[str, Any]:
    return {"row": number, "field": name, "reason": reason, "code": code[:80]}


def _read(number: int, values: Values, world: World, said: Mapping[str, Any]) -> _Row:
    """The row's own values, each by itself."""
    wrong: Wrong = []
    code = values.get("code", "")
    if not code:
        wrong.append(("code", "needed"))
    elif not CODE.fullmatch(code):
        wrong.append(("code", "code"))
    elif code in world.taken:
        wrong.append(("code", "taken"))
    body = {
        "row": number,
        "code": code,
        "model": _model(values, world, wrong),
        "state": _word(values, "state", said["states"], wrong),
    }
    if not values.get("name_zh"):
        wrong.append(("name_zh", "needed"))
    for name, limit in LONGEST.items():
        if len(values.get(name, "")) > limit:
            wrong.append((name, "long"))
        body[name] = values.get(name, "")
    body["state"] = body["state"] or "active"
    body["team"] = _team(values, world, wrong)
    body["gateway"] = _yes(values, said, wrong)
    body["parent"] = values.get("parent", "")
    body["tags"] = _tags(values, wrong)
    body["attributes"] = _attributes(values, wrong)
    body["area"] = _area(values, world, wrong)
    body["lon"], body["lat"] = _point(values, world, said, wrong)
    return _Row(number, body, wrong)


def _model(values: Values, world: World, wrong: Wrong) -> str:
    word = values.get("model", "")
    found = world.models.get(word.lower()) if word else None
    if found is None:
        wrong.append(("model", "needed" if not word else "two" if word.lower() in world.models else "model"))
    elif found in world.retired:
        wrong.append(("model", "retired"))
    return found or ""


def _word(values: Values, name: str, words: Mapping[str, str], wrong: Wrong) -> str:
    word = values.get(name, "").lower()
    if word and word not in words:
        wrong.append((name, name))
    return words.get(word, "")


def _team(values: Values, world: World, wrong: Wrong) -> str:
    word = values.get("team", "")
    if word and word not in world.teams:
        wrong.append(("team", "team"))
    return world.teams.get(word, "")


def _yes(values: Values, said: Mapping[str, Any], wrong: Wrong) -> bool:
    word = values.get("gateway", "").lower()
    if word not in (*said["true_words"], *said["false_words"]):
        wrong.append(("gateway", "yes_no"))
    return word in said["true_words"]


def _tags(values: Values, wrong: Wrong) -> list[str]:
    found = [one.strip() for one in re.split("[;；]", values.get("tags", "")) if one.strip()]
    if any(len(one) > 40 for one in found):
        wrong.append(("tags", "tags"))
    return found


def _attributes(values: Values, wrong: Wrong) -> dict[str, Any]:
    """A JSON object, or `name=value; name=value` with texts."""
    text = values.get("attributes", "")
    try:
        if text.startswith("{"):
            found = orjson.loads(text)
        else:
            pairs = [one.partition("=") for one in re.split("[;；]", text) if one.strip()]
            if any(not sign for _, sign, _ in pairs):
                raise ValueError
            found = {name.strip(): value.strip() for name, _, value in pairs}
        found = {name: value for name, value in found.items() if value is not None}
        if any(not 0 < len(name) <= 64 for name in found) or len(orjson.dumps(found)) > MAX_ATTRIBUTES:
            raise ValueError
    except (ValueError, TypeError):
        wrong.append(("attributes", "attributes"))
        return {}
    return found


def _area(values: Values, world: World, wrong: Wrong) -> str:
    word = values.get("area", "")
    found = world.areas.get(word.lower()) if word else None
    if word and found is None:
        wrong.append(("area", "two" if word.lower() in world.areas else "area"))
    return found or ""


def _point(
    values: Values, world: World, said: Mapping[str, Any], wrong: Wrong
) -> tuple[float, float] | tuple[None, None]:
    """In WGS84."""
    before = len(wrong)
    system, found = _word(values, "system", said["systems"], wrong) or "wgs84", []
    for name, most in (("lon", 180.0), ("lat", 90.0)):
        try:
            value = float(values.get(name, "nan"))
        except ValueError:
            wrong.append((name, "number"))
            continue
        if name in values and not (math.isfinite(value) and abs(value) <= most):
            wrong.append((name, "degrees"))
        found.append(value)
    if ("lon" in values) != ("lat" in values):
        wrong.append(("lat" if "lon" in values else "lon", "pair"))
    elif "lon" not in values and "area" not in values:
        wrong.append(("area", "place"))
    elif "lon" in values and not any(found):  # how others write that they do not know
        wrong.append(("lon", "degrees"))
    if "lon" not in values or len(wrong) > before:
        return None, None
    lon, lat = found if system == "wgs84" else world.wgs84(found[0], found[1], system)
    return lon, lat


def _place(rows: Sequence[_Row], world: World) -> None:
    """Where each row's device stands, and whether this account manages devices there."""
    pointed = [row for row in rows if row.body["lon"] is not None]
    found = world.locate([(row.body["lon"], row.body["lat"]) for row in pointed]) if pointed else []
    for row, path in zip(pointed, found, strict=True):
        said = row.body["area"]
        if path is None:
            row.wrong.append(("lon", "outside"))
        elif said and path != said and not path.startswith(said + "."):
            row.wrong.append(("area", "elsewhere"))
        row.at = path or ""
    for row in rows:
        row.at = row.at or row.body["area"]
        if row.at and not world.may(row.at):
            row.wrong.append(("area", "rights"))


def _under_gateways(rows: Sequence[_Row], world: World) -> list[_Row]:
    """The good rows in the order in which they can be made. A gateway is one of the registry or a good row itself."""
    own = {row.body["code"]: row for row in rows if not row.wrong}
    names, done, good = set(world.names), set(world.gateways), []
    waiting = [row for row in rows if not row.wrong]
    for _ in range(DEEPEST):
        ready = [row for row in waiting if not row.body["parent"] or row.body["parent"] in done]
        for row in ready:
            if _named(row, names):
                good.append(row)
        done |= {row.body["code"] for row in good if row.body["gateway"]}
        chosen = {row.number for row in ready}
        waiting = [row for row in waiting if row.number not in chosen]
    for row in waiting:
        parent = own.get(row.body["parent"])
        row.wrong.append(("parent", "parent" if parent is None or not parent.body["gateway"] else "parent_row"))
    return good


def _named(row: _Row, names: set[tuple[str, str]]) -> bool:
    """What its gateway calls a device, no other may be called there."""
    if not row.body["parent"]:
        return True
    key = row.body["parent"], row.body["parent_name"] or row.body["code"]
    if key in names:
        row.wrong.append(("parent_name", "name_taken"))
        return False
    names.add(key)
    return True
