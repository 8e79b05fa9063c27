"""One value of a document of others as a reading: numbers between quotes, bytes, bits, words of a table. Pure."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

NUMBER = re.compile(r"\s*[-+]?[0-9]{1,15}(\.[0-9]{0,15})?([eE][-+]?[0-9]{1,3})?\s*")
FORMS = ("ms", "s", "iso", "compact")
CODINGS, ORDERS = ("base64", "hex"), ("big", "little")
MOST_BYTES = 4096
LATEST_MS = 1 << 43


class Wrong(ValueError):
    """What cannot be read. `field`: where, as the sender wrote it; the reason in both languages, without the value."""

    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(f"{field}: {en}")
        self.field, self.zh, self.en = field, zh, en


@dataclass(frozen=True, slots=True)
class Bytes:
    """A number in a text of bytes: from byte `at` on, `length` of them."""

    coding: str
    at: int
    length: int
    order: str = "big"
    signed: bool = False
    real: bool = False

    def read(self, raw: Any, where: str) -> float:
        if type(raw) is not str:
            raise Wrong(where, "应为字节文本", "must be a text of bytes")
        if len(raw) > 2 * MOST_BYTES:
            raise Wrong(where, f"超过 {MOST_BYTES} 字节", f"has more than {MOST_BYTES} bytes")
        try:
            data = bytes.fromhex(raw) if self.coding == "hex" else base64.b64decode(raw, validate=True)
        except (ValueError, binascii.Error):
            raise Wrong(where, f"不是 {self.coding} 字节", f"is not {self.coding}") from None
        part = data[self.at : self.at + self.length]
        if len(part) < self.length:
            least = self.at + self.length
            raise Wrong(where, f"少于 {least} 个字节", f"has fewer than {least} bytes")
        if self.real:
            form = (">" if self.order == "big" else "<") + ("f" if self.length == 4 else "d")
            return float(struct.unpack(form, part)[0])
        return int.from_bytes(part, "little" if self.order == "little" else "big", signed=self.signed)


def number(raw: Any, where: str) -> float | bool:
    """A number or a bool; also a number between quotes."""
    kind = type(raw)
    if kind is bool or kind is int or kind is float:
        return raw  # type: ignore[no-any-return]
    if kind is str and NUMBER.fullmatch(raw):
        return float(raw)
    raise Wrong(where, "应为数字或真假值", "must be a number or a bool")


def looked_up(table: Mapping[str, float | bool], raw: Any, where: str) -> float | bool:
    """The value of a word; a bool is looked up as true or false, a number as it is written."""
    key = str(raw).lower() if type(raw) is bool else str(raw) if type(raw) in (str, int) else ""
    if key not in table:
        raise Wrong(where, "对照表中没有此值", "the table has no such value")
    return table[key]


def bit(raw: float | bool, place: int, where: str) -> bool:
    if type(raw) is bool or raw != math.floor(raw) or not -(1 << 63) <= raw < 1 << 64:
        raise Wrong(where, "应为整数状态字", "must be a word of bits, a whole number")
    return bool(int(raw) >> place & 1)


def scaled(raw: float | bool, scale: float, offset: float, where: str) -> float | bool:
    """As entries of codecs say it. Bools stay."""
    if type(raw) is bool or (scale == 1.0 and not offset):
        value: float | bool = raw
    else:
        value = round(float(raw) * scale + offset, 9)
    if type(value) is float and not math.isfinite(value):
        raise Wrong(where, "不是有限的数", "is not a finite number")
    return value


def moment(raw: Any, form: str, zone: ZoneInfo, where: str) -> int:
    """A time as ms UTC."""
    try:
        found = _moment(raw, form, zone)
    except (ValueError, OverflowError):
        found = -1
    if not 0 <= found < LATEST_MS:
        words = {
            "ms": (" 1970 年以来的毫秒数", "milliseconds since 1970"),
            "s": (" 1970 年以来的秒数", "seconds since 1970"),
            "iso": ("带时区的 ISO 8601 时间", "ISO 8601 with a zone"),
            "compact": (" yyyyMMddHHmmss, 按本区时区", "yyyyMMddHHmmss, in the district's zone"),
        }[form]  # fmt: skip
        raise Wrong(where, f"应为{words[0]}", f"must be {words[1]}")
    return found


def _moment(raw: Any, form: str, zone: ZoneInfo) -> int:
    if form in ("ms", "s"):
        if type(raw) is bool or type(raw) not in (int, float, str):
            return -1
        if type(raw) is str and not NUMBER.fullmatch(raw):
            return -1
        return int(raw) if form == "ms" and type(raw) is int else round(float(raw) * (1 if form == "ms" else 1000))
    if form == "compact":
        text = str(raw) if type(raw) in (int, str) else ""
        if not re.fullmatch(r"[0-9]{14}", text):
            return -1
        return round(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=zone).timestamp() * 1000)
    if type(raw) is not str or len(raw) > 40:
        return -1
    at = datetime.fromisoformat(raw.strip())
    return -1 if at.tzinfo is None else round(at.astimezone(UTC).timestamp() * 1000)
