"""A document read by a mapping. Pure, and bounded however a document is made: so many items, so many values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from linli.kernel import paths
from linli.telemetry.payloads.terms import Line, Payload, Way
from linli.telemetry.payloads.values import Wrong, bit, looked_up, moment, number, scaled

MOST_ITEMS, MOST_VALUES, MOST_ID = 500, 5_000, 64

Row = tuple[int | None, dict[str, float | bool], str]
"""(own time in ms or None, property → value, where it stands)"""


@dataclass(slots=True)
class Item:
    """What one item of a document is about. `where`: its place, '' where the document is the item."""

    doc: Any
    here: Any
    where: str
    device: str = ""
    time: int | None = None
    left: list[int] = field(default_factory=lambda: [MOST_VALUES])  # shared by all items of a document


@dataclass(slots=True)
class Found:
    """Readings of an item, what of it could not be read, and codes that the mapping has no line for."""

    rows: list[Row] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)


def items(payload: Payload, doc: Any) -> list[Item] | None:
    """The items of a document; None when it is one that the mapping passes over (`when`)."""
    doc = _unpacked(payload, doc)
    if not isinstance(doc, dict | list):
        raise Wrong("body", "应为对象或列表", "must be an object or a list")
    for way, said in payload.when:
        if str(way.find(doc, doc)) not in said:
            return None
    if payload.each is None:
        return [Item(doc, doc, "")]
    found: list[Item] = []
    left = [MOST_VALUES]
    for where, one in paths.walk(doc, payload.each):
        if len(found) >= MOST_ITEMS:
            raise Wrong(paths.words(payload.each), f"超过 {MOST_ITEMS} 项", f"has more than {MOST_ITEMS} items")
        found.append(Item(doc, one, where, left=left))
    if not found:
        raise Wrong(paths.words(payload.each), "没有数据项", "has no items")
    return found


def _unpacked(payload: Payload, doc: Any) -> Any:
    """Where a platform puts JSON into a text, the text read; the document itself is not changed."""
    if not payload.unpack:
        return doc
    inner = paths.one(doc, payload.unpack)
    if type(inner) is not str:
        return doc
    try:
        inner = orjson.loads(inner)
    except orjson.JSONDecodeError:
        raise Wrong(paths.words(payload.unpack), "不是 JSON", "is not JSON") from None
    *before, last = payload.unpack
    made: Any = {last: inner}
    for step in reversed(before):
        made = {step: made}
    return _merged(doc, made)


def _merged(old: Any, new: Any) -> Any:
    if type(old) is dict and type(new) is dict:
        return {**old, **{k: _merged(old[k], v) if type(v) is dict and type(old.get(k)) is dict else v
                          for k, v in new.items()}}  # fmt: skip
    return new


def whose(payload: Payload, item: Item) -> str:
    """The device's code or number as the item says it. Raises Wrong."""
    assert payload.device is not None
    raw, where = payload.device.find(item.doc, item.here), _where(item, payload.device)
    if type(raw) is int:
        raw = str(raw)
    if type(raw) is not str or not raw.strip():
        raise Wrong(where, "没有设备标识", "does not say which device")
    if len(raw.strip()) > MOST_ID or not raw.isprintable():
        raise Wrong(where, "设备标识过长或含控制字符", "is too long for a device's number, or holds a control")
    return raw.strip()


def rows(payload: Payload, item: Item, model: str) -> Found:
    """The readings of an item for a device of a thing model."""
    found = Found()
    try:
        at = _time(payload, item)
    except Wrong as wrong:
        return Found(wrong=[wrong])
    by: dict[int | None, dict[str, float | bool]] = {}
    for line in payload.lines:
        if line.models and model not in line.models:
            continue
        try:
            for own, name, value in _line(payload, line, item, model, found):
                item.left[0] -= 1
                if item.left[0] < 0:
                    raise Wrong("body", f"超过 {MOST_VALUES} 个值", f"has more than {MOST_VALUES} values")
                by.setdefault(at if own is None else own, {})[name] = value
        except Wrong as wrong:
            found.wrong.append(wrong)
            if item.left[0] < 0:
                break
    found.rows = [(own, values, item.where) for own, values in by.items()]
    return found


def _time(payload: Payload, item: Item) -> int | None:
    if payload.time is None:
        return None
    raw, where = payload.time.find(item.doc, item.here), _where(item, payload.time)
    if raw is None or raw == "":
        if any(line.time for line in payload.lines):
            return None
        raise Wrong(where, "缺少时间", "the time is missing")
    return moment(raw, payload.form, payload.zone, where)


def _line(
    payload: Payload, line: Line, item: Item, model: str, found: Found
) -> Iterator[tuple[int | None, str, float | bool]]:
    raw, where = line.path.find(item.doc, item.here), _where(item, line.path)
    if raw is None or raw == "":
        return
    if line.property:
        yield None, line.property, _value(line, raw, where)
    elif line.code is not None:
        named = line.code.find(item.doc, item.here)
        if type(named) not in (str, int) or not str(named):
            raise Wrong(_where(item, line.code), "没有数据名", "does not name the reading")
        for name, value in _named(payload, line, str(named), raw, where, model, found):
            yield None, name, value
    elif type(raw) is dict:
        yield from _fields(payload, line, raw, where, model, found)
    else:
        raise Wrong(where, "应为对象", "must be an object")


def _fields(
    payload: Payload, line: Line, raw: dict[str, Any], where: str, model: str, found: Found
) -> Iterator[tuple[int | None, str, float | bool]]:
    """Each name of an object, with what is no number left out: texts stand beside readings everywhere."""
    for code, one in raw.items():
        place = f"{where}.{code[:60]}".lstrip(".")
        inner = paths.one(one, line.value) if line.value else one
        if inner is None or (line.table is None and line.bytes is None and not _numeric(inner)):
            continue
        own = paths.one(one, line.time) if line.time else None
        at = None if own is None else moment(own, line.form, payload.zone, place)
        for name, value in _named(payload, line, code, inner, place, model, found):
            yield at, name, value


def _numeric(raw: Any) -> bool:
    try:
        number(raw, "")
    except Wrong:
        return False
    return True


def _named(
    payload: Payload, line: Line, code: str, raw: Any, where: str, model: str, found: Found
) -> Iterator[tuple[str, float | bool]]:
    """A value by its code: through the codes of the mapping, or under its own name where there are none."""
    if payload.codes is None:
        yield _name(code, where), _value(line, raw, where)
        return
    entries = payload.codes.of(model, code)
    if not entries:
        found.unnamed.append(code[:60])
    for entry in entries:
        if entry.property:
            value = _value(line, raw, where)
            value = bit(value, entry.bit, where) if entry.bit is not None else scaled(
                value, entry.scale, entry.offset, where)  # fmt: skip
            yield _name(entry.property.replace("{code}", code), where), value


def _name(text: str, where: str) -> str:
    if not 0 < len(text) <= 64 or not text.isprintable():
        raise Wrong(where, "名称应为 1 至 64 个字符", "a name has 1 to 64 characters, none a control")
    return text


def _value(line: Line, raw: Any, where: str) -> float | bool:
    if line.bytes is not None:
        value: float | bool = line.bytes.read(raw, where)
    elif line.table is not None:
        return looked_up(line.table, raw, where)
    else:
        value = number(raw, where)
    if line.bit is not None:
        return bit(value, line.bit, where)
    if line.table is not None:
        return looked_up(line.table, int(value), where)
    return scaled(value, line.scale, line.offset, where)


def _where(item: Item, way: Way) -> str:
    text = paths.words(way.steps)
    if not way.here or not item.where:
        return text or item.where or "body"
    return item.where + (text if text.startswith("[") or not text else f".{text}")


def message(payload: Payload, doc: Any, model: str) -> tuple[list[Row], list[str]]:
    """What a device of the district published itself: (rows, codes that no line names). One that cannot be read refuses
    all of it. Raises Wrong."""
    found: list[Row] = []
    unnamed: list[str] = []
    every = items(payload, doc)
    for item in every or ():
        one = rows(payload, item, model)
        if one.wrong:
            raise one.wrong[0]
        found += one.rows
        unnamed += one.unnamed
    if every is not None and not found and not unnamed:
        raise Wrong("body", "没有读到映射所列的数据", "nothing that the mapping names was found")
    return found, unnamed
