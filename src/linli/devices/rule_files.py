"""Rules of alarms as files of a pack: read from YAML or JSON that somebody chose, and written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from linli.devices import thing_files
from linli.kernel.errors import FieldError, Invalid

MAX_BYTES = 1024 * 1024
MAX_RULES = 1_000
WHEN = ("property", "op", "value", "clear_value", "duration_s", "no_data_s", "condition")
PLAIN: dict[str, Any] = {"case": None, "illustrative": False, "enabled": True, "area_path": "", "owner_department": ""}
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Title = Annotated[StrictStr, Field(min_length=1, max_length=120)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Title(_Part):
    zh: Title
    en: Title


class _When(_Part):
    """What stands in it beyond its shape is judged by `rules.problems`."""

    model: StrictStr
    kind: Literal["threshold", "duration", "no_data", "terms"]
    property: StrictStr = ""
    op: StrictStr = ""
    value: Number | None = None
    clear_value: Number | None = None
    duration_s: StrictInt = 0
    no_data_s: StrictInt = 0
    condition: dict[str, Any] | None = None


class _Case(_Part):
    class_code: StrictStr = Field(alias="class")
    merge_radius_m: StrictInt
    urgent: StrictBool


class _Entry(_Part):
    code: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
    title: _Title
    when: _When
    severity: StrictStr
    reraise_s: StrictInt
    case: _Case | None = None
    illustrative: StrictBool = False
    enabled: StrictBool = True
    area_path: Annotated[StrictStr, Field(max_length=120)] = ""
    owner_department: Annotated[StrictStr, Field(max_length=120)] = ""


def read(text: str) -> list[dict[str, Any]]:
    """The entries of a pack's file `rules/*.yaml`, as they stand there. Invalid names `text` and says why."""
    doc = thing_files.parsed(text, MAX_BYTES)
    rows = doc.get("rules") if isinstance(doc, dict) and set(doc) == {"rules"} else None
    if not isinstance(rows, list) or not rows or not all(isinstance(r, dict) for r in rows):
        raise Invalid("text", "must hold `rules`, a list of rules, and nothing else")
    if len(rows) > MAX_RULES:
        raise Invalid("text", f"holds more than {MAX_RULES:,} rules")
    return rows


def wrong(entry: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the shape of an entry, field by field; nothing of what it means."""
    if "\0" in orjson.dumps(entry).decode().replace("\\u0000", "\0"):
        return [FieldError("code", "U+0000 stands somewhere in the rule")]
    try:
        _Entry.model_validate(entry)
    except ValidationError as error:
        return [FieldError(".".join(map(str, e["loc"])), _reason(e["type"], e["msg"])) for e in error.errors()]
    return []


def _reason(kind: str, words: str) -> str:
    return {"missing": "is missing", "extra_forbidden": "is no field of a rule"}.get(kind) or words[:1].lower() + words[
        1:
    ]


def body(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the table of an entry whose shape is right; what it does not say is as a new rule has it."""
    when = entry["when"]
    blank: dict[str, Any] = {"property": "", "op": "", "value": None, "clear_value": None, "duration_s": 0,
                             "no_data_s": 0, "condition": None}  # fmt: skip
    return {
        **blank, **{name: when[name] for name in WHEN if name in when}, "kind": when["kind"],
        "title_zh": entry["title"]["zh"], "title_en": entry["title"]["en"], "severity": entry["severity"],
        "reraise_s": entry["reraise_s"], **{name: entry.get(name, usual) for name, usual in PLAIN.items()},
    }  # fmt: skip


def entry(code: str, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as a pack writes it: without what is as usual. `body`: the fields of the table."""
    when = {name: _number(body[name]) for name in WHEN if body[name] not in ("", None, 0) or _zero(name, body[name])}
    if body["kind"] == "terms":
        when.pop("property", None)  # that of its first term
    found = {
        "code": code, "title": {"zh": body["title_zh"], "en": body["title_en"]},
        "when": {"model": model, "kind": body["kind"], **when},
        "severity": body["severity"], "reraise_s": body["reraise_s"],
    }  # fmt: skip
    if body["case"] is not None:
        found["case"] = {"class": "", "merge_radius_m": 0, "urgent": False} | body["case"]
    return found | {n: body[n] for n, usual in PLAIN.items() if n != "case" and body[n] != usual}


def _zero(name: str, value: Any) -> bool:
    """0 is a limit, but no span."""
    return name in ("value", "clear_value") and value == 0 and value != ""


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def write(entries: list[dict[str, Any]], left_out: list[str]) -> str:
    """A file `rules/*.yaml` of a pack. `left_out`: codes of rules for chosen devices, which a pack does not know."""
    plain = orjson.loads(orjson.dumps(entries))  # what stands there twice is written twice, not as an alias
    note = "".join(f"# left out, since it is for chosen devices: {code}\n" for code in left_out)
    return note + yaml.safe_dump({"rules": plain}, allow_unicode=True, sort_keys=False, width=120)
