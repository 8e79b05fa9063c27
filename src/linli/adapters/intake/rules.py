"""Pure rules of intake hooks: what a mapping may say, how a message is read by it, and who signed it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from linli.adapters.webhooks.rules import sign
from linli.kernel import packs
from linli.kernel.errors import FieldError
from linli.kernel.i18n import say
from linli.kernel.paths import PATH, at

KINDS, CHANNELS = ("json", "wechat"), ("webhook", "wechat")
OUTCOMES = ("case", "again", "talk", "verified", "refused", "signature", "limited")
WINDOW = 300  # seconds that a message's time may differ from ours
DATUMS = ("wgs84", "gcj02", "bd09")
ONE, MANY = ("class_code", "lon", "lat", "phone", "name", "consent", "outside_id", "photos"), ("text", "address")
MOST_PHOTOS, MOST_ROWS = 6, 500


@dataclass
class Read:
    """What a message says, and what of it was refused, each by the path at which the sender wrote it."""

    text: str = ""
    class_code: str = ""
    lon: float | None = None
    lat: float | None = None
    address: str = ""
    phone: str = ""
    name: str = ""
    consent: bool = False
    outside_id: str = ""
    photos: list[bytes] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)


@dataclass(frozen=True)
class Words:
    """The packs' words: a yes, orders to the official account, and its replies."""

    yes: frozenset[str]
    cancel: frozenset[str]
    submit: frozenset[str]
    replies: Mapping[str, str]


@lru_cache(maxsize=1)
def words() -> Words:
    lists: dict[str, list[str]] = {"yes": [], "cancel": [], "submit": []}
    replies: dict[str, str] = {}
    for path in packs.files("intake_replies", (".yaml",)):
        data = packs.read_yaml(path)
        lists |= {name: data[name] for name in lists if name in data}
        replies |= data.get("replies", {})
    yes, cancel, submit = (frozenset(found) for found in lists.values())
    return Words(yes, cancel, submit, replies)


def signed(secrets: list[str], name: str, stamp: str, given: str, body: bytes, now: float) -> str:
    """'' when a signature of the header is by one of the secrets and the time is near; else which header is bad."""
    if not name or len(name) > 200:
        return "webhook-id"
    if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(now - int(stamp)) > WINDOW:
        return "webhook-timestamp"
    wanted = [sign(key, name, int(stamp), body) for key in secrets]
    found = [hmac.compare_digest(one.encode(), w.encode()) for one in given.split(" ")[:4] for w in wanted]
    return "" if any(found) else "webhook-signature"


def wechat_signed(tokens: list[str], stamp: str, nonce: str, given: str, now: float) -> str:
    """As `signed`, by WeChat's scheme: SHA-1 of the sorted token, timestamp and nonce. It does not cover the body."""
    if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(now - int(stamp)) > WINDOW:
        return "timestamp"
    wanted = [hashlib.sha1("".join(sorted([t, stamp, nonce])).encode()).hexdigest() for t in tokens]
    return "" if any(hmac.compare_digest(given.encode(), w.encode()) for w in wanted) else "signature"


def wrong_mapping(kind: str, mapping: Any, classes: frozenset[str]) -> list[FieldError]:
    """What is wrong with a mapping, by its own fields."""
    if not isinstance(mapping, dict):
        return [FieldError("mapping", say("应为对象", "must be an object"))]
    if kind == "wechat":
        return [FieldError(f"mapping.{k}", say("微信接入无需映射", "WeChat needs no mapping")) for k in mapping]
    known, errors = {*ONE, *MANY, "datum", "category"}, []
    for name, value in mapping.items():
        if name not in known:
            errors.append(FieldError(f"mapping.{name}", say("不是可映射的字段", "is not a field that can be mapped")))
        elif name in ONE and not _path(value):
            errors.append(FieldError(f"mapping.{name}", _bad_path()))
        elif name in MANY and not (isinstance(value, list) and 0 < len(value) <= 20 and all(map(_path, value))):
            errors.append(FieldError(f"mapping.{name}", say("应为路径列表: ", "must be a list; each ") + _bad_path()))
    if mapping.get("datum", "wgs84") not in DATUMS:
        errors.append(FieldError("mapping.datum", say("只能是 ", "must be one of ") + ", ".join(DATUMS)))
    if not {"text", "category", "class_code"} & set(mapping):
        errors.append(FieldError("mapping.text", say("须映射描述或分类", "map the words, or a class")))
    if ("lon" in mapping) != ("lat" in mapping):
        errors.append(FieldError("mapping.lon", say("经度纬度须成对", "longitude and latitude come together")))
    if "phone" in mapping and "consent" not in mapping:
        errors.append(FieldError("mapping.consent", say("有电话须有同意标志", "a phone needs a flag of consent")))
    return errors + (_wrong_table(mapping["category"], classes) if "category" in mapping else [])


def _wrong_table(given: Any, classes: frozenset[str]) -> list[FieldError]:
    if not isinstance(given, dict) or set(given) - {"path", "table", "default"} or not _path(given.get("path")):
        why = say("应含 path, table, 可含 default", "has path and table, and perhaps default")
        return [FieldError("mapping.category", why)]
    table = given.get("table", {})
    if not isinstance(table, dict) or len(table) > MOST_ROWS:
        return [
            FieldError("mapping.category.table", say("应为不超过 500 行的对照表", "is a table of at most 500 rows"))
        ]
    named = {f"table.{k}": v for k, v in table.items()}
    if given.get("default"):
        named["default"] = given["default"]
    return [
        FieldError(f"mapping.category.{name}", say("目录中没有此类", "is not a class of the catalogue"))
        for name, code in named.items() if code not in classes
    ]  # fmt: skip


def _path(value: Any) -> bool:
    return isinstance(value, str) and PATH.fullmatch(value) is not None


def _bad_path() -> str:
    return say("应为路径, 如 $.place.lng", "must be a path such as $.place.lng")


def read(mapping: Mapping[str, Any], data: Any) -> Read:
    """A message by a mapping. Numbers stay in the mapping's datum."""
    made = Read()
    for name in MANY:
        parts = [_text(made, path, one) for path in mapping.get(name, ()) for one in at(data, path)]
        setattr(made, name, "\n".join(filter(None, parts)) if name == "text" else " ".join(filter(None, parts)))
    for name in ("class_code", "phone", "name", "outside_id"):
        path = mapping.get(name, "")
        setattr(made, name, _text(made, path, next(iter(at(data, path)), "")) if path else "")
    if len(made.outside_id) > 200:
        _refuse(made, mapping["outside_id"], "超过 200 个字符", "has more than 200 characters")
    made.consent = any(_yes(one) for one in at(data, mapping["consent"])) if "consent" in mapping else False
    made.lon, made.lat = (_number(made, mapping.get(name, ""), data) for name in ("lon", "lat"))
    _category(made, mapping.get("category"), data)
    _photos(made, mapping.get("photos", ""), data)
    return made


def _refuse(made: Read, path: str, zh: str, en: str) -> None:
    made.errors.append(FieldError(path.removeprefix("$."), say(zh, en)))


def _yes(one: Any) -> bool:
    return one is True or (isinstance(one, str | int) and str(one).strip().lower() in words().yes)


def _text(made: Read, path: str, one: Any) -> str:
    if isinstance(one, bool) or not isinstance(one, str | int | float):
        _refuse(made, path, "应为文字", "must be text")
        return ""
    return str(one).strip()


def _number(made: Read, path: str, data: Any) -> float | None:
    found = at(data, path) if path else []
    if not found:
        return None
    try:
        number = float(found[0]) if isinstance(found[0], str | int | float) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(found[0], bool) or not math.isfinite(number) or abs(number) > 180:
        _refuse(made, path, "应为度数, 如 117.25", "must be degrees such as 117.25")
        return None
    return number


def _category(made: Read, given: Mapping[str, Any] | None, data: Any) -> None:
    """The class for what the other system calls it; where a table has no default, an unknown word is refused."""
    if not given or made.class_code:
        return
    said = _text(made, given["path"], next(iter(at(data, given["path"])), ""))
    found = given.get("table", {}).get(said, given.get("default"))
    if found is None:
        _refuse(made, given["path"], "对照表中没有此分类", "the table has no class for this category")
    made.class_code = found or ""


def _photos(made: Read, path: str, data: Any) -> None:
    found = at(data, path) if path else []
    if len(found) > MOST_PHOTOS:
        _refuse(made, path, f"最多 {MOST_PHOTOS} 张", f"at most {MOST_PHOTOS} pictures")
        return
    for one in found:
        try:
            text = one.partition("base64,")[2] if one.startswith("data:") else one
            made.photos.append(base64.b64decode("".join(text.split()), validate=True))
        except (AttributeError, ValueError, binascii.Error):
            _refuse(made, path, "应为 base64 图片", "must be a picture in base64")
