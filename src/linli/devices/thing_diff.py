"""Two versions of a thing model compared, and the way from one to the next and back: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from linli.devices import things
from linli.kernel.errors import FieldError

PARTS = ("properties", "attributes", "events", "commands")
PLAIN = ("name", "subject", "category", "icon", "interval_s")
PRIVATE = ("household", "person", "vehicle")
Body = Mapping[str, Any]
Kept = Mapping[str, Sequence[Any]]


def differences(before: Body | None, after: Body) -> list[dict[str, Any]]:
    """{part, code, change: added | removed | renamed | changed, was, fields: [{field, before, after}]}, in the order of
    `after`; what is gone comes last of its part. `was`: the code of before, where a step of `after` renames it."""
    was = renamed(before, after)
    found = [_changed("model", "", "", before or {}, after, PLAIN)] if before else []
    for part in PARTS:
        old = {row["code"]: row for row in (before or {}).get(part) or ()}
        left = dict(old)
        for row in after.get(part) or ():
            code = row.get("code", "")
            former = was.get(code, code) if part == "properties" else code
            if former in old:
                left.pop(former, None)
                found.append(_changed(part, code, former if former != code else "", old[former], row))
            else:
                found.append({"part": part, "code": code, "change": "added", "was": "", "fields": []})
        found += [{"part": part, "code": c, "change": "removed", "was": "", "fields": []} for c in left]
    return [one for one in found if one["change"]]


def _changed(part: str, code: str, was: str, before: Body, after: Body, names: Iterable[str] = ()) -> dict[str, Any]:
    wanted = names or [n for n in dict.fromkeys([*before, *after]) if n != "code"]
    fields = [{"field": n, "before": before.get(n), "after": after.get(n)} for n in wanted
              if before.get(n) != after.get(n)]  # fmt: skip
    change = "renamed" if was else "changed" if fields else ""
    return {"part": part, "code": code, "change": change, "was": was, "fields": fields}


def renamed(before: Body | None, after: Body) -> dict[str, str]:
    """Property of `after` → what it is in `before`, where the steps between them rename it."""
    steps = steps_from(before, after)
    return {new: old for old, (new, _, _) in steps.items() if new != old}


def steps_from(before: Body | None, after: Body) -> dict[str, things.Step]:
    """What a reading of `before` is in `after`."""
    if before is None:
        return {}
    return things.translations(after).get(str(before.get("version", 1)), {})


def back(now: Body, former: Body) -> dict[str, Any]:
    """`former` as the version after `now`: its steps go the way back of what came between them."""
    version = now["version"] + 1
    made = {k: v for k, v in former.items() if k != "migrate"} | {"version": version}
    steps = list(now.get("migrate") or ())
    rename: dict[str, str] = {}
    convert: dict[str, dict[str, float]] = {}
    for old, (new, factor, offset) in steps_from(former, now).items():
        if new != old:
            rename[new] = old
        if (factor, offset) != (1.0, 0.0):
            convert[old] = {"factor": _short(1 / factor), "offset": _short(-offset / factor)}
    if rename or convert:
        steps.append({"to": version, **({"rename": rename} if rename else {}),
                      **({"convert": convert} if convert else {})})  # fmt: skip
    return made | ({"migrate": steps} if steps else {})


def _short(x: float) -> float:
    return float(f"{x:.12g}") + 0.0


def kept(bodies: Iterable[Body], before: Kept | None = None) -> dict[str, Sequence[Any]]:
    """Property → [version since, type, unit] of all that stood in `bodies`, the earliest first, on top of `before`."""
    known = dict(before or {})
    for body in bodies:
        for prop in body.get("properties") or ():
            known.setdefault(prop["code"], [body.get("version", 1), *_kind(prop)])
    return known


def lasting(body: Body, known: Kept, *, by_place: bool = True) -> list[FieldError]:
    """What `body` may not take back: a code that was ever in force means one type and one unit for good, since
    readings are kept under their code. Charts, rules and open interfaces would mix the two. `known` as `kept` makes it;
    `by_place` as in `things.problems`. The one rule for drafts, for packs as they are loaded, and for `linli check`."""
    found = []
    for at, prop in enumerate(body.get("properties") or ()):
        if prop["code"] not in known:
            continue
        version, kind, unit = known[prop["code"]]
        where = f"properties.{at}" if by_place else f"thing_models.{body.get('code')}.properties.{prop['code']}"
        if _kind(prop)[0] != kind:
            found.append(FieldError(f"{where}.type", f"readings of {prop['code']} are kept as {kind} since "
                                    f"version {version}; give the property a new code"))  # fmt: skip
        elif _kind(prop)[1] != unit:
            found.append(FieldError(f"{where}.unit", f"readings of {prop['code']} are kept in "
                                    f"{unit or 'no unit'} since version {version}; give the property a new code, and "
                                    "say by which factor the old one becomes it"))  # fmt: skip
    return found


def _kind(prop: Body) -> tuple[str, str]:
    return prop.get("type", "number"), prop.get("unit", "")


def loosened(before: str, after: str) -> list[FieldError]:
    """A subject may not open what is kept apart."""
    if before not in PRIVATE or after == before:
        return []
    why = f"stays {before}: devices of this model exist, and "
    if after == "place":
        why += f"what they told was kept apart as that of a {before}; as a place it would stand on the map, in queries"
        return [FieldError("subject", why + " and exports")]
    return [FieldError("subject", why + "who may read them is decided by it")]


def sample(body: Body) -> dict[str, float | bool | str]:
    """One message as a device of this kind may send it: in the middle of an ordinary day, else of the range."""
    made: dict[str, float | bool | str] = {}
    for prop in body.get("properties") or ():
        kind = prop.get("type", "number")
        span = prop.get("usual") or prop.get("range") or [0, 0]
        low, high = max(span[0], -1e6), min(span[1], 1e6)
        if kind == "number":
            made[prop["code"]] = round((low + high) / 2, prop.get("precision") or 0)
        else:
            made[prop["code"]] = False if kind == "bool" else "text"
    return made
