"""What is wrong with a payload mapping, by its own fields, before anything is read by it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from linli.telemetry.payloads import reading
from linli.telemetry.payloads.terms import WORDS, made
from linli.telemetry.payloads.values import CODINGS, FORMS, MOST_BYTES, ORDERS, Wrong

STEPS = r"(\.[^.\[\]\s*]{1,60}|\[\d{1,3}\])"
PATH = re.compile(rf"[$@]{STEPS}{{0,12}}")
EACH = re.compile(rf"\$({STEPS}|\[\*\]){{1,12}}")
PLAIN = re.compile(r"\$(\.[^.\[\]\s*]{1,60}){1,6}")
NAME = re.compile(r"[a-z0-9_{}-]{1,64}")
KEY = re.compile(r"[^.\[\]\s*]{1,60}")
MOST_LINES, MOST_ROWS, MOST_BIT = 100, 500, 63
LINE = {"path", "property", "code", "fields", "inner", "scale", "offset", "bit", "table", "bytes", "models"}
ENTRY = {"code", "property", "scale", "offset", "bit", "models", "raises"}
BYTES = {"coding", "at", "length", "order", "signed", "real"}
PATH_WORDS = "应为路径, 如 $.data.time 或 @.value", "must be a path such as $.data.time or @.value"


def problems(raw: Any, *, outside: bool = False) -> list[Wrong]:
    """`outside`: of a hook, where each item must say of which device and of when it is: a delivery that comes twice is
    known by these."""
    return list(_problems(raw, outside))


def _problems(raw: Any, outside: bool) -> Iterator[Wrong]:
    if not isinstance(raw, Mapping):
        yield Wrong("mapping", "应为对象", "must be an object")
        return
    for name in raw:
        if name not in WORDS:
            yield Wrong(f"mapping.{name}"[:100], "不是映射的字段", "is not a field of a mapping")
    if "unpack" in raw and not _fits(PLAIN, raw["unpack"]):
        yield Wrong("mapping.unpack", *PATH_WORDS)
    if "each" in raw and (not _fits(EACH, raw["each"]) or "[*]" not in raw["each"]):
        yield Wrong("mapping.each", "应为含 [*] 的路径, 如 $.items[*]", "must be a path with [*] such as $.items[*]")
    yield from _device(raw, outside)
    yield from _time(raw, outside)
    yield from _when(raw.get("when", []))
    yield from _lines(raw)
    if "codes" in raw:
        yield from _codes(raw["codes"])


def _fits(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _device(raw: Mapping[str, Any], outside: bool) -> Iterator[Wrong]:
    device = raw.get("device")
    if device is None:
        if outside:
            yield Wrong("mapping.device", "须写明设备标识的位置", "say where the device's identity stands")
        return
    if not isinstance(device, Mapping) or set(device) - {"path", "as"} or not _fits(PATH, device.get("path")):
        yield Wrong("mapping.device.path", *PATH_WORDS)
    elif device.get("as", "code") not in ("code", "number"):
        yield Wrong("mapping.device.as", "只能是 code, number", "must be one of code, number")


def _time(raw: Mapping[str, Any], outside: bool) -> Iterator[Wrong]:
    time = raw.get("time")
    if time is None:
        if outside:
            yield Wrong("mapping.time", "须写明时间的位置", "say where the time stands")
        return
    if not isinstance(time, Mapping) or set(time) - {"path", "form"} or not _fits(PATH, time.get("path")):
        yield Wrong("mapping.time.path", *PATH_WORDS)
    elif time.get("form", "ms") not in FORMS:
        yield Wrong("mapping.time.form", f"只能是 {', '.join(FORMS)}", f"must be one of {', '.join(FORMS)}")


def _when(found: Any) -> Iterator[Wrong]:
    good = isinstance(found, list) and len(found) <= 10 and all(
        isinstance(one, Mapping) and set(one) == {"path", "is"} and _fits(PATH, one["path"])
        and isinstance(one["is"], list) and 0 < len(one["is"]) <= 20 and all(isinstance(w, str) for w in one["is"])
        for one in found
    )  # fmt: skip
    if not good:
        yield Wrong(
            "mapping.when", "应为 path 与 is (文字列表) 的列表", "must be a list of path and is, a list of texts"
        )


def _lines(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    lines = raw.get("readings")
    if not isinstance(lines, list) or not 0 < len(lines) <= MOST_LINES:
        yield Wrong("mapping.readings", f"应为 1 至 {MOST_LINES} 行", f"must be a list of 1 to {MOST_LINES} lines")
        return
    for n, one in enumerate(lines):
        yield from _line(one, f"mapping.readings[{n}]")


def _line(one: Any, at: str) -> Iterator[Wrong]:
    if not isinstance(one, Mapping) or set(one) - LINE or not _fits(PATH, one.get("path")):
        yield Wrong(f"{at}.path", *PATH_WORDS)
        return
    ways = [name for name in ("property", "code", "fields") if one.get(name)]
    if len(ways) != 1:
        yield Wrong(at, "须有 property, code, fields 之一", "has one of property, code, fields")
    if "property" in one and not _fits(NAME, one["property"]):
        yield Wrong(f"{at}.property", "应为属性代码", "must be the code of a property")
    if "code" in one and not _fits(PATH, one["code"]):
        yield Wrong(f"{at}.code", *PATH_WORDS)
    if one.get("fields", True) is not True:
        yield Wrong(f"{at}.fields", "只能是 true", "must be true")
    inner = one.get("inner", {})
    if not isinstance(inner, Mapping) or set(inner) - {"value", "time"} or not all(
        _fits(KEY, name) for name in inner.values()
    ) or (inner and "fields" not in one):  # fmt: skip
        yield Wrong(f"{at}.inner", "为 fields 的 value 与 time", "names value and time of fields")
    if sum(name in one for name in ("bit", "table")) > 1:
        yield Wrong(at, "bit 与 table 只能用一个", "has one of bit and table")
    yield from _numbers(one, at)
    if "table" in one and not _table(one["table"]):
        why = (
            f"应为不超过 {MOST_ROWS} 行的对照表, 值为数字或真假",
            f"is a table of at most {MOST_ROWS} numbers or bools",
        )
        yield Wrong(f"{at}.table", *why)
    if "bytes" in one:
        yield from _bytes(one["bytes"], f"{at}.bytes")


def _table(table: Any) -> bool:
    return isinstance(table, Mapping) and 0 < len(table) <= MOST_ROWS and all(
        isinstance(k, str) and len(k) <= 60 and (isinstance(v, bool) or _number(v)) for k, v in table.items()
    )  # fmt: skip


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e15


def _numbers(one: Mapping[str, Any], at: str) -> Iterator[Wrong]:
    """What entries of codecs have, too."""
    for name in ("scale", "offset"):
        if name in one and not _number(one[name]):
            yield Wrong(f"{at}.{name}", "应为数字", "must be a number")
    if "bit" in one and (type(one["bit"]) is not int or not 0 <= one["bit"] <= MOST_BIT):
        yield Wrong(f"{at}.bit", f"应为 0 至 {MOST_BIT}", f"must be 0 to {MOST_BIT}")
    models = one.get("models", [])
    if not isinstance(models, list) or len(models) > 100 or not all(isinstance(m, str) and m for m in models):
        yield Wrong(f"{at}.models", "应为物模型代码列表", "must be a list of codes of thing models")


def _bytes(one: Any, at: str) -> Iterator[Wrong]:
    if not isinstance(one, Mapping) or set(one) - BYTES or one.get("coding") not in CODINGS:
        yield Wrong(f"{at}.coding", f"只能是 {', '.join(CODINGS)}", f"must be one of {', '.join(CODINGS)}")
        return
    place, length = one.get("at"), one.get("length")
    if type(place) is not int or not 0 <= place < MOST_BYTES:
        yield Wrong(f"{at}.at", f"应为 0 至 {MOST_BYTES - 1}", f"must be 0 to {MOST_BYTES - 1}")
    if type(length) is not int or not 1 <= length <= 8 or (one.get("real") and length not in (4, 8)):
        yield Wrong(f"{at}.length", "应为 1 至 8, 浮点数 4 或 8", "must be 1 to 8, of floats 4 or 8")
    if one.get("order", "big") not in ORDERS:
        yield Wrong(f"{at}.order", f"只能是 {', '.join(ORDERS)}", f"must be one of {', '.join(ORDERS)}")
    for name in ("signed", "real"):
        if type(one.get(name, False)) is not bool:
            yield Wrong(f"{at}.{name}", "应为真假值", "must be true or false")


def _codes(found: Any) -> Iterator[Wrong]:
    if not isinstance(found, list) or not 0 < len(found) <= MOST_ROWS:
        yield Wrong("mapping.codes", f"应为 1 至 {MOST_ROWS} 行", f"must be a list of 1 to {MOST_ROWS} entries")
        return
    for n, one in enumerate(found):
        at = f"mapping.codes[{n}]"
        if not isinstance(one, Mapping) or set(one) - ENTRY or not _fits(re.compile(r".{1,60}"), one.get("code")):
            yield Wrong(f"{at}.code", "应为代码, 可含 *", "must be a code, perhaps with *")
            continue
        if "property" in one and not _fits(NAME, one["property"]):
            yield Wrong(f"{at}.property", "应为属性代码", "must be the code of a property")
        yield from _numbers(one, at)


def unreadable(data: Mapping[str, Any], known: Mapping[str, set[str]]) -> Iterator[str]:
    """What is wrong with a pack's mapping. `known`: thing model → its properties. One without `models` is for hooks."""
    raw = {name: data[name] for name in WORDS if name in data}
    models = data.get("models") or []
    found = problems(raw, outside=not models)
    yield from (f"{one.field}: {one.en}" for one in found)
    for model in models:
        if model not in known:
            yield f"models: {model} is no thing model"
        for line in raw.get("readings", []):
            name = line.get("property")
            if name and model in known and name not in known[model] and model in line.get("models", models):
                yield f"readings: {model} has no property {name}"
    if not found and "sample" in data:
        yield from _sampled(made(raw, ZoneInfo("Asia/Shanghai")), data["sample"], models)


def _sampled(payload: Any, sample: Any, models: list[str]) -> Iterator[str]:
    try:
        for item in reading.items(payload, sample) or ():
            told = reading.rows(payload, item, models[0] if models else "")
            yield from (f"sample: {one.field}: {one.en}" for one in told.wrong)
            if not told.rows:
                yield "sample: nothing is read of it"
    except Wrong as wrong:
        yield f"sample: {wrong.field}: {wrong.en}"
