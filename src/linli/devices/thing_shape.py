"""Whether a thing model that somebody wrote has the shape of an entry of `packs/*/thing-models`: pure, field by field.

Fields are paths by place, `properties.2.range`, so that a form can mark them. What a well-formed entry still has wrong
is `things.problems`; `found` asks both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from linli.devices import things
from linli.kernel.errors import FieldError

CODE = re.compile(r"[a-z][a-z0-9_-]{0,59}")
NAME = 80
MOST = {"properties": 150, "attributes": 100, "events": 50, "commands": 50, "parameters": 30, "choices": 100,
        "migrate": 500}  # fmt: skip
MODEL = ("code", "version", "name", "subject", "category", "icon", "interval_s", "properties", "attributes", "events",
         "commands", "migrate")  # fmt: skip
QUANTITY = ("code", "name", "type", "unit", "range", "precision")
MONTH_S = 31 * 86_400
Check = Iterator[FieldError]


def found(raw: Any, units: Collection[str]) -> list[FieldError]:
    """All that is wrong with an entry. `units` are the UCUM codes in use."""
    if not isinstance(raw, Mapping):
        return [FieldError("body", "must be an object")]
    wrong = [*_model(raw)]
    if wrong:
        return wrong
    return things.problems(raw, units, by_place=True)


def _model(raw: Mapping[str, Any]) -> Check:
    yield from _known("", raw, MODEL)
    yield from _code("code", raw.get("code"))
    yield from _words("name", raw.get("name"))
    if raw.get("subject") not in things.SUBJECTS:
        yield FieldError("subject", f"must be one of {', '.join(things.SUBJECTS)}")
    yield from _text("category", raw.get("category"))
    yield from _text("icon", raw.get("icon", "sensor"))
    for name, most in (("version", 100_000), ("interval_s", MONTH_S)):
        if not _whole(raw.get(name), 1, most):
            yield FieldError(name, f"must be a whole number, 1 to {most}")
    yield from _each("", raw, "properties", _property)
    yield from _each("", raw, "attributes", _attribute)
    yield from _each("", raw, "events", _act)
    yield from _each("", raw, "commands", _act)
    yield from _each("", raw, "migrate", _step)
    if not raw.get("properties"):
        yield FieldError("properties", "needs at least one")


def _each(where: str, raw: Mapping[str, Any], name: str, judge: Callable[[str, Mapping[str, Any]], Check]) -> Check:
    rows = raw.get(name, [])
    place = f"{where}.{name}".lstrip(".")
    if not isinstance(rows, list):
        yield FieldError(place, "must be a list")
    elif len(rows) > MOST[name]:
        yield FieldError(place, f"has more than {MOST[name]}")
    else:
        for at, row in enumerate(rows):
            if isinstance(row, Mapping):
                yield from judge(f"{place}.{at}", row)
            else:
                yield FieldError(f"{place}.{at}", "must be an object")


def _property(where: str, raw: Mapping[str, Any]) -> Check:
    yield from _known(where, raw, (*QUANTITY, "quality", "usual"))
    yield from _quantity(where, raw)
    yield from _span(f"{where}.usual", raw.get("usual"))
    rules = raw.get("quality")
    if rules is None:
        return
    if not isinstance(rules, Mapping):
        yield FieldError(f"{where}.quality", "must be an object")
        return
    yield from _known(f"{where}.quality", rules, ("stuck", "jump", "spike"))
    if "stuck" in rules and not _whole(rules["stuck"], 3, 10_000):
        yield FieldError(f"{where}.quality.stuck", "must be a whole number, 3 to 10000")
    for name in ("jump", "spike"):
        if name in rules and not (_number(rules[name]) and rules[name] > 0):
            yield FieldError(f"{where}.quality.{name}", "must be a number above 0")


def _quantity(where: str, raw: Mapping[str, Any]) -> Check:
    yield from _code(f"{where}.code", raw.get("code"))
    yield from _words(f"{where}.name", raw.get("name"))
    if raw.get("type") not in things.TYPES:
        yield FieldError(f"{where}.type", f"must be one of {', '.join(things.TYPES)}")
    if not isinstance(raw.get("unit", ""), str):
        yield FieldError(f"{where}.unit", "must be a UCUM code")
    yield from _span(f"{where}.range", raw.get("range"))
    if "precision" in raw and not _whole(raw["precision"], 0, 9):
        yield FieldError(f"{where}.precision", "must be a whole number, 0 to 9")


def _attribute(where: str, raw: Mapping[str, Any]) -> Check:
    yield from _known(where, raw, ("code", "name"))
    yield from _code(f"{where}.code", raw.get("code"))
    yield from _words(f"{where}.name", raw.get("name"))


def _act(where: str, raw: Mapping[str, Any]) -> Check:
    kind = where.split(".", 1)[0]
    yield from _known(where, raw, ("code", "name", "parameters", *(("harmless",) if kind == "commands" else ())))
    yield from _code(f"{where}.code", raw.get("code"))
    yield from _words(f"{where}.name", raw.get("name"))
    if not isinstance(raw.get("harmless", False), bool):
        yield FieldError(f"{where}.harmless", "must be true or false")
    yield from _each(where, raw, "parameters", _parameter)


def _parameter(where: str, raw: Mapping[str, Any]) -> Check:
    yield from _known(where, raw, (*QUANTITY, "choices"))
    yield from _quantity(where, raw)
    yield from _each(where, raw, "choices", _attribute)
    if isinstance(raw.get("choices"), list) and len(raw["choices"]) == 1:
        yield FieldError(f"{where}.choices", "needs at least two, or none")


def _step(where: str, raw: Mapping[str, Any]) -> Check:
    yield from _known(where, raw, ("to", "rename", "convert"))
    if not _whole(raw.get("to"), 2, 100_000):
        yield FieldError(f"{where}.to", "must be a version, 2 or more")
    rename, convert = raw.get("rename", {}), raw.get("convert", {})
    if not isinstance(rename, Mapping) or not all(isinstance(v, str) and CODE.fullmatch(v) for v in rename.values()):
        yield FieldError(f"{where}.rename", "must map codes of before to codes of now")
    elif len(set(rename.values())) < len(rename):
        yield FieldError(f"{where}.rename", "makes one property of two")
    if not isinstance(convert, Mapping):
        yield FieldError(f"{where}.convert", "must map codes to a factor and an offset")
        return
    for code, rule in convert.items():
        fine = isinstance(rule, Mapping) and set(rule) == {"factor", "offset"} and all(map(_number, rule.values()))
        if not fine or not rule["factor"] > 0:
            yield FieldError(f"{where}.convert.{code}", "needs a factor above 0 and an offset")


def _known(where: str, raw: Mapping[str, Any], names: Collection[str]) -> Check:
    for name in raw:
        if name not in names:
            yield FieldError(f"{where}.{str(name)[:60]}".lstrip("."), "is not a word of thing models")


def _code(where: str, value: Any) -> Check:
    if value in (None, ""):
        yield FieldError(where, "is missing")
    elif not isinstance(value, str) or not CODE.fullmatch(value):
        yield FieldError(where, "must begin with a small letter; then small letters, digits, _ and -, at most 60")


def _words(where: str, value: Any) -> Check:
    if not isinstance(value, Mapping):
        value = {}
    yield from _known(where, value, ("zh", "en"))
    for language in ("zh", "en"):
        yield from _text(f"{where}.{language}", value.get(language), NAME)


def _text(where: str, value: Any, most: int = 40) -> Check:
    if not isinstance(value, str) or not value.strip():
        yield FieldError(where, "is missing")
    elif len(value) > most:
        yield FieldError(where, f"is longer than {most} characters")
    elif "\x00" in value:
        yield FieldError(where, "holds U+0000")


def _span(where: str, value: Any) -> Check:
    if value is None:
        return
    if not isinstance(value, list) or len(value) != 2 or not all(map(_number, value)):
        yield FieldError(where, "needs two numbers, the lower and the higher")
    elif not value[0] < value[1]:
        yield FieldError(where, "goes from the lower to the higher number")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
