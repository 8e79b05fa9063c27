"""Thing models as pure functions: what is wrong with one, and how readings of an older version become today's.

A device speaks the version of its model that it was built for. `migrate` of a model says, step by step, what a new
version renames and re-units; the gateway turns what an old device sends into the properties of today.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from linli.kernel.errors import FieldError

SUBJECTS = ("place", "household", "person", "vehicle")
TYPES = ("number", "bool", "text")
Check = Iterator[FieldError]
Step = tuple[str, float, float]
"""(property of today, factor, offset): value · factor + offset."""


def problems(raw: Mapping[str, Any], units: Collection[str], *, by_place: bool = False) -> list[FieldError]:
    """What is wrong with a thing model, field by field. `units` are the UCUM codes in use. Fields are named by codes,
    `thing_models.C.properties.P.unit`, as a pack's reader looks for them; or `by_place`, `properties.2.unit`."""
    where = "" if by_place else f"thing_models.{raw.get('code')}."
    found = [FieldError(f"{where}{k}", "is missing") for k in ("code", "name", "subject", "category", "properties")
             if not raw.get(k)]  # fmt: skip
    if raw.get("subject") not in SUBJECTS:
        found.append(FieldError(f"{where}subject", f"must be one of {', '.join(SUBJECTS)}"))
    for at, prop in enumerate(raw.get("properties") or ()):
        place = f"{where}properties.{at if by_place else prop.get('code')}"
        found += [*_quantity(place, prop, units), *_quality(place, prop)]
    for kind in ("events", "commands"):
        for at, act in enumerate(raw.get(kind) or ()):
            place = f"{where}{kind}.{at if by_place else act.get('code')}"
            found += [*_named(place, act), *_parameters(place, act, units, by_place)]
    for kind in ("properties", "attributes", "events", "commands"):
        found += _twice(f"{where}{kind}", raw.get(kind) or (), by_place)
    return [*found, *_steps(where, raw)]


def _parameters(where: str, act: Mapping[str, Any], units: Collection[str], by_place: bool) -> Check:
    for at, part in enumerate(act.get("parameters") or ()):
        place = f"{where}.parameters.{at}" if by_place else f"{where}.{part.get('code')}"
        yield from _quantity(place, part, units)
        yield from _choices(place, part)
    yield from _twice(f"{where}.parameters", act.get("parameters") or (), by_place)


def _twice(where: str, rows: Sequence[Mapping[str, Any]], by_place: bool) -> Check:
    seen = set()
    for at, row in enumerate(rows):
        code = row.get("code")
        if code in seen:
            yield FieldError(f"{where}.{at}.code" if by_place else where, f"{code} stands there twice")
        seen.add(code)


def _named(where: str, raw: Mapping[str, Any]) -> Check:
    name = raw.get("name") or {}
    if not isinstance(raw.get("code"), str) or not name.get("zh") or not name.get("en"):
        yield FieldError(where, "needs a code and both names")


def _quantity(where: str, raw: Mapping[str, Any], units: Collection[str]) -> Check:
    yield from _named(where, raw)
    kind, unit, span = raw.get("type", "number"), raw.get("unit", ""), raw.get("range")
    if kind not in TYPES:
        yield FieldError(f"{where}.type", f"must be one of {', '.join(TYPES)}")
    if unit and (kind != "number" or unit not in units):
        yield FieldError(f"{where}.unit", f"{unit!r} is not among the UCUM codes of units.yaml, or no number has it")
    if span is not None and (kind != "number" or not span[0] < span[1]):
        yield FieldError(f"{where}.range", "goes from the lower to the higher number")
    usual = raw.get("usual")
    if usual is not None and (not usual[0] < usual[1] or (span and not span[0] <= usual[0] < usual[1] <= span[1])):
        yield FieldError(f"{where}.usual", "lies within the range")


def _choices(where: str, raw: Mapping[str, Any]) -> Check:
    codes = [c.get("code") for c in raw.get("choices") or ()]
    if codes and (raw.get("type") != "text" or len(set(codes)) < len(codes)):
        yield FieldError(f"{where}.choices", "are different codes of a text")


def wrong_parameters(command: Mapping[str, Any], params: Any) -> list[FieldError]:
    """What of `params` does not fit the parameters that a command declares: all of them and no others. A command that
    declares none takes what it is given."""
    declared = {p["code"]: p for p in command.get("parameters") or ()}
    if not declared:
        return []
    if not isinstance(params, dict):
        return [FieldError("params", f"must have {', '.join(declared)}")]
    found = [FieldError(f"params.{code}", "is no parameter of this command") for code in params if code not in declared]
    for code, part in declared.items():
        if reason := "is missing" if code not in params else _unfit(part, params[code]):
            found.append(FieldError(f"params.{code}", reason))
    return found


def _unfit(part: Mapping[str, Any], value: Any) -> str:
    """Why a value is none for a parameter; '' when it is."""
    kind = part.get("type", "number")
    if kind == "bool":
        return "" if isinstance(value, bool) else "must be true or false"
    if kind == "text":
        codes = [c["code"] for c in part.get("choices") or ()]
        if codes and value not in codes:
            return f"must be one of {', '.join(codes)}"
        return "" if isinstance(value, str) and value.strip() else "must be a text"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "must be a number"
    low, high = part.get("range") or (-math.inf, math.inf)
    return "" if low <= value <= high else f"must be {low} to {high}"


def _quality(where: str, raw: Mapping[str, Any]) -> Check:
    rules = raw.get("quality") or {}
    if rules and raw.get("type", "number") != "number":
        yield FieldError(f"{where}.quality", "is for numbers")
    for name, limit in rules.items():
        if name not in ("stuck", "jump", "spike") or not limit > (2 if name == "stuck" else 0):
            yield FieldError(f"{where}.quality.{name}", "must be stuck (at least 3), jump or spike (above 0)")


def _steps(where: str, raw: Mapping[str, Any]) -> Check:
    known = {p.get("code") for p in raw.get("properties") or ()}
    last = 1
    for step in raw.get("migrate") or ():
        if not last < step["to"] <= raw.get("version", 1):
            yield FieldError(f"{where}migrate", "goes up version by version, and not beyond the model's")
        last = step["to"]
        if any(not rule["factor"] > 0 for rule in (step.get("convert") or {}).values()):
            yield FieldError(f"{where}migrate", "a factor is above 0")
    for version, steps in translations(raw).items():
        for old, (new, _, _) in steps.items():
            if new not in known:
                yield FieldError(f"{where}migrate", f"{old} of version {version} becomes {new}, which is no property")
            if old != new and old in known:
                yield FieldError(f"{where}migrate", f"{old} of version {version} is still a property")


def translations(raw: Mapping[str, Any]) -> dict[str, dict[str, Step]]:
    """Version that a device speaks → its property → what it is today. Versions that need nothing are left out."""
    steps = sorted(raw.get("migrate") or (), key=lambda s: s["to"])
    found: dict[str, dict[str, Step]] = {}
    for version in range(1, raw.get("version", 1)):
        whole: dict[str, Step] = {}
        for step in steps:
            if step["to"] > version:
                whole = then(whole, step)
        if whole:
            found[str(version)] = whole
    return found


def then(before: Mapping[str, Step], step: Mapping[str, Any]) -> dict[str, Step]:
    """The step after what came before it. `convert` names properties as they are called after the step's `rename`."""
    rename, convert = step.get("rename") or {}, step.get("convert") or {}
    back = {new: old for old, new in rename.items()}
    whole = dict(before)
    came = {new for new, _, _ in before.values()}
    for code in {*rename, *(back.get(c, c) for c in convert)} - came:
        whole[code] = (code, 1.0, 0.0)
    found = {}
    for old, (code, factor, offset) in whole.items():
        new = rename.get(code, code)
        rule = convert.get(new) or {"factor": 1.0, "offset": 0.0}
        found[old] = (new, factor * rule["factor"], offset * rule["factor"] + rule["offset"])
    return found
