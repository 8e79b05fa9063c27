"""What devices send, in ThingsBoard's forms, to points: `{k: v}`, `{"ts", "values"}`, or lists of these.

Numbers and bools are readings, also a number between quotes of what the thing model calls a number; other strings are
attributes, and so are objects and lists of what the model does not know; null is nothing. Anything else refuses the
whole message, naming the field and the reason: half a message is never stored.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import orjson

from linli.telemetry.batch import CLAMPED, CODED, DOUBTFUL, LATE, MAX_POINTS, NO_TIME, OUT_OF_RANGE
from linli.telemetry.gateway.batcher import Part
from linli.telemetry.gateway.registry import MAX_NAMES, Device
from linli.telemetry.payloads import Wrong
from linli.telemetry.payloads.reading import message as mapped

AHEAD_MS = 10 * 60_000
BEHIND_MS = 400 * 86_400_000
LATE_MS = 3_600_000
MAX_DEEP = 4_000  # bytes of an object or a list among readings
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,15}(\.[0-9]{0,15})?\s*")
_HUGE = 1e300
_NOWHERE = (1.0, 0.0)  # limits that nothing is within


class BadPayload(ValueError):
    """A message that is refused. `field` is a path such as `[2].values.level`."""

    def __init__(self, field: str, reason: str, code: str = "bad-value") -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.code = code


Message = list[tuple[int | None, dict[str, Any], str]]


def parse(payload: bytes) -> Message:
    """The message as a list of (own time or None, values, path). Values are not looked at yet."""
    return shape(decode(payload))


def decode(payload: bytes) -> Any:
    """Any JSON. What it says is written down, and PostgreSQL takes no U+0000: it would hold up everybody's notes."""
    try:
        doc = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload("body", f"is not JSON: {error}", "bad-json") from None
    if b"\\u0000" in payload:
        raise BadPayload("body", "holds U+0000", "bad-value")
    return doc


def answer_of(payload: bytes) -> Any:
    """What a device answers to a command: any JSON, or a text that is none."""
    if not payload:
        return None
    try:
        return decode(payload)
    except BadPayload as error:
        if error.code != "bad-json" or b"\0" in payload:
            raise
        try:
            return payload.decode()
        except UnicodeDecodeError:
            raise error from None


def shape(doc: Any) -> Message:
    """As `parse`, of JSON that is read already."""
    if type(doc) is dict:
        return [_one(doc, "")]
    if type(doc) is list:
        return [_one(item, f"[{i}]") for i, item in enumerate(doc)]
    raise BadPayload("body", "must be an object or a list of objects", "bad-shape")


def understood(device: Device, doc: Any) -> Message:
    """As `shape`, or by the payload mapping of the device's thing model. Codes that it has no line for are told at the
    device."""
    payload = device.kind.payload
    if payload is None:
        return shape(doc)
    try:
        found, unnamed = mapped(payload, doc, device.model)
    except Wrong as wrong:
        raise BadPayload(wrong.field, wrong.en) from None
    if unnamed:
        device.refuse(f"no mapping names {', '.join(dict.fromkeys(unnamed))}", bad=False)
    return found


def _one(doc: Any, path: str) -> tuple[int | None, dict[str, Any], str]:
    if type(doc) is not dict:
        raise BadPayload(path or "body", "must be an object", "bad-shape")
    if "values" not in doc or type(doc["values"]) is not dict:
        if "ts" in doc and "values" in doc:
            raise BadPayload(f"{path}.values".lstrip("."), "must be an object", "bad-shape")
        return None, doc, path
    ts = doc.get("ts")
    if type(ts) is str and _NUMBER.fullmatch(ts):
        ts = float(ts)
    if ts is not None and (type(ts) not in (int, float) or not -9e15 < ts < 9e15):
        raise BadPayload(f"{path}.ts".lstrip("."), "must be milliseconds since 1970", "bad-time")
    return None if ts is None else int(ts), doc["values"], f"{path}.values".lstrip(".")


def _at(path: str, name: str) -> str:
    return f"{path}.{name[:66] or repr(name)}".lstrip(".")


def check_name(name: str, path: str, known: int) -> None:
    """A property the thing model does not know is taken too, up to a number of them."""
    if known >= MAX_NAMES:
        raise BadPayload(_at(path, name), f"more than {MAX_NAMES} different names", "too-many-names")
    if not _NAME.fullmatch(name):
        raise BadPayload(_at(path, repr(name[:64])), "a name has 1 to 64 characters, none a control", "bad-name")


def flags_of(ts: int | None, now: int, backfill: bool) -> tuple[int, int]:
    """(time to store, flags) of a reading's own time."""
    if ts is None:
        return now, NO_TIME
    if ts > now + AHEAD_MS or (ts < now - BEHIND_MS and not backfill) or ts < 0:
        return now, NO_TIME | CLAMPED
    return ts, LATE if now - ts > LATE_MS else 0


def leave_out(message: Message, since: int, now: int, backfill: bool) -> int:
    """Take the readings out that are older than the district keeps any (`since`, ms); how many. A clock that is years
    behind is another matter (`flags_of`)."""
    least, left = 0 if backfill else now - BEHIND_MS, 0
    for own, values, _ in message:
        if own is not None and least <= own < since:
            left += len(values)
            values.clear()
    return left


def translate(device: Device, message: Message) -> None:
    """What a device of an older version of its model calls and counts otherwise, as today's properties, in place."""
    for _, values, _ in message:
        for old, (new, factor, offset) in device.translate.items():
            if old not in values:
                continue
            value = values.pop(old)
            if type(value) is str and new in device.numbers and _NUMBER.fullmatch(value):
                value = float(value)
            if type(value) in (int, float):
                value = round(value * factor + offset, 9)
            if old == new or new not in values:  # who sends both has said it in the new way
                values[new] = value


def _small(value: Any) -> bool:
    return len(orjson.dumps(value)) <= MAX_DEEP


def split(device: Device, message: Message) -> dict[str, Any]:
    """Check every value and take the strings out (they are attributes); the message keeps readings only."""
    attributes: dict[str, Any] = {}
    names = device.names
    fresh: dict[str, None] = {}
    total = 0
    for _, values, path in message:
        drop = []
        for name, value in values.items():
            kind = type(value)
            if kind is float or kind is int or kind is bool:
                if name not in names and name not in fresh:
                    check_name(name, path, len(names) + len(fresh))
                    fresh[name] = None
                if not -_HUGE < value < _HUGE:
                    raise BadPayload(_at(path, name), "is too large a number")
                total += 1
            elif value is None:
                drop.append(name)
            elif kind is str and name in device.numbers and _NUMBER.fullmatch(value):
                values[name] = float(value)  # many makers put their numbers between quotes
                total += 1
            elif kind is str:
                attributes[name[:64]] = value[:1000]
                drop.append(name)
            elif name not in names and name not in fresh and _NAME.fullmatch(name) and _small(value):
                attributes[name] = value  # an object or a list: no reading, and as good as a text
                drop.append(name)
            else:
                raise BadPayload(_at(path, name), "must be a number, a bool or a text")
        for name in drop:
            del values[name]
    if total > MAX_POINTS:
        raise BadPayload("body", f"more than {MAX_POINTS} values in one message", "too-many-points")
    if fresh:
        device.learn(fresh)
    return attributes


def fill(
    part: Part, device: Device, message: Message, now: int, *, backfill: bool = False, doubtful: Collection[int] = ()
) -> tuple[int, int]:  # fmt: skip
    """Add the readings to the partition's columns; returns (points, clamped). Call after `split`. `doubtful` are the
    places of those rows that the device itself calls no measurements."""
    if len(part.value) + sum(len(values) for _, values, _ in message) > MAX_POINTS:
        part.seal()
    index = part.device_index(device)
    names, props = device.names, part.props
    prop_add, value_add = part.prop.append, part.value.append
    points = clamped = 0
    base = device.flags
    for number, (own, values, _) in enumerate(message):
        if not values:
            continue
        ts, flags = flags_of(own, now, backfill)
        flags |= base
        if number in doubtful:
            flags |= DOUBTFUL
        if flags & CLAMPED:
            clamped += len(values)
        elif flags & LATE:
            device.late += 1
        for name, value in values.items():
            limits = names.get(name)  # the registry may have changed since `split`
            if value is True or value is False:
                part.mark(CODED)
            if limits is not None and not limits[0] <= value <= limits[1]:
                part.mark(OUT_OF_RANGE)
            at = props.get(name)
            if at is None:
                at = props[name] = len(props)
            prop_add(at)
            value_add(value)
        part.row(index, ts, now, len(values), flags)
        points += len(values)
    return points, clamped


def quick(part: Part, device: Device, doc: Any, now: int) -> int:
    """The short way of what nearly every message is: an object of numbers that the thing model knows, within their
    limits, of about now. Adds its readings as `split` and `fill` do and returns how many; 0: take the long way."""
    if type(doc) is not dict or device.long:
        return 0
    ts, flags, values = now, NO_TIME, doc
    if "values" in doc:
        ts, flags, values = doc.get("ts"), 0, doc["values"]
        if type(ts) is not int or type(values) is not dict or not now - LATE_MS <= ts <= now + AHEAD_MS:
            return 0
    if not values or len(part.value) + len(values) > MAX_POINTS:
        return 0
    names, props, at = device.names, part.props, []
    for name, value in values.items():
        if type(value) is not float and type(value) is not int:
            return 0
        limits = names.get(name, _NOWHERE)
        if not (-_HUGE < value < _HUGE if limits is None else limits[0] <= value <= limits[1]):
            return 0
        place = props.get(name)
        if place is None:
            place = props[name] = len(props)
        at.append(place)
    part.prop.extend(at)
    part.value.extend(values.values())
    part.row(part.device_index(device), ts, now, len(at), flags | device.flags)
    return len(at)


def checked(values: Any) -> dict[str, Any]:
    """Attributes, at most 100 in 64 KiB; names are cut at 64 characters."""
    if type(values) is not dict:
        raise BadPayload("body", "must be an object", "bad-shape")
    if len(values) > 100 or len(orjson.dumps(values)) > 65_536:
        raise BadPayload("body", "more than 100 attributes or 64 KiB", "too-many-names")
    return {str(k)[:64]: v for k, v in values.items()}
