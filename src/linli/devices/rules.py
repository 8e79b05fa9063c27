"""Rules as data, as pure functions: what is valid, and how a rule reads as a sentence in Chinese and English."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from linli.devices import calculated, conditions, wording
from linli.devices.wording import OPS, Label, Property, span, value_words
from linli.kernel.errors import FieldError

__all__ = ["Condition", "Property", "clear_sentence", "problems", "sentence", "span"]

KINDS = ("threshold", "duration", "no_data", "terms")
SEVERITIES = conditions.SEVERITIES
_CLASS = re.compile(r"[0-9A-Za-z_-]{1,20}")
MAX_SECONDS = 30 * 86400


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule holds. All kinds but `terms` are told by the plain fields alone."""

    kind: str
    property: str = ""
    op: str = ""
    value: float | None = None
    clear_value: float | None = None
    duration_s: int = 0
    no_data_s: int = 0
    reraise_s: int = 60
    condition: Mapping[str, Any] | None = None  # of the kind terms: see `conditions`


Check = Iterator[FieldError]


def problems(
    when: Condition, *, severity: str, subject: str, properties: list[Property], case: Any = None
) -> list[FieldError]:
    """What is wrong with a rule, field by field; an empty list when nothing is."""
    found = [*_model(subject), *_kind(when), *_case(case)]
    if severity not in SEVERITIES:
        found.append(FieldError("severity", f"must be one of {', '.join(SEVERITIES)}"))
    if not 0 <= when.reraise_s <= MAX_SECONDS:
        found.append(FieldError("reraise_s", "must be 0 to 2592000 seconds"))
    if when.kind in ("threshold", "duration"):
        found += _compare(when, {p.code: p for p in properties})
    elif when.kind == "terms":
        found += conditions.problems(when.condition, {p.code: p for p in properties}, severity)
    elif when.property and when.property not in {p.code for p in properties}:
        found.append(FieldError("property", "is not a property of this model"))
    return found


def _model(subject: str) -> Check:
    if subject != "place":
        yield FieldError("model", "describes a household, person or vehicle; rules judge places only")


def _kind(when: Condition) -> Check:
    if when.kind not in KINDS:
        yield FieldError("kind", f"must be one of {', '.join(KINDS)}")
    elif when.kind == "duration" and not 1 <= when.duration_s <= MAX_SECONDS:
        yield FieldError("duration_s", "must be 1 to 2592000 seconds")
    elif when.kind == "terms" and not 0 <= when.duration_s <= MAX_SECONDS:
        yield FieldError("duration_s", "must be 0 to 2592000 seconds")
    elif when.kind not in ("duration", "terms") and when.duration_s:
        yield FieldError("duration_s", "is only for the kinds duration and terms")
    if when.kind == "no_data" and not 10 <= when.no_data_s <= MAX_SECONDS:
        yield FieldError("no_data_s", "must be 10 to 2592000 seconds")
    elif when.kind != "no_data" and when.no_data_s:
        yield FieldError("no_data_s", "is only for the kind no_data")
    if when.kind == "terms":
        for name in ("op", "value", "clear_value"):
            if getattr(when, name) not in (None, ""):
                yield FieldError(name, "stands in the terms of the condition")
    elif when.condition is not None:
        yield FieldError("condition", "is only for the kind terms")


def _compare(when: Condition, known: Mapping[str, Property]) -> Check:
    prop = known.get(when.property)
    if prop is None:
        yield FieldError("property", "is not a property of this model")
        return
    if prop.type not in ("number", "bool"):
        yield FieldError("property", "is neither a number nor a yes or no")
    if when.op not in OPS:
        yield FieldError("op", f"must be one of {', '.join(OPS)}")
        return
    if when.value is None or not math.isfinite(when.value):
        yield FieldError("value", "must be a number")
        return
    if prop.type == "bool" and (when.op not in ("eq", "ne") or when.value not in (0, 1)):
        yield FieldError("value", "of a yes or no takes eq or ne with 1 (yes) or 0 (no)")
    if prop.low is not None and prop.high is not None and not prop.low <= when.value <= prop.high:
        yield FieldError("value", f"must lie within {prop.low:g} and {prop.high:g}, the range of {prop.code}")
    yield from _clear(when)


def _clear(when: Condition) -> Check:
    clear, value = when.clear_value, when.value
    if clear is None or value is None:
        return
    if not math.isfinite(clear):
        yield FieldError("clear_value", "must be a number")
    elif when.op in ("eq", "ne"):
        yield FieldError("clear_value", "has no meaning with eq and ne")
    elif (when.op == "gt" and clear > value) or (when.op == "ge" and clear >= value):
        yield FieldError("clear_value", "must lie below value")
    elif (when.op == "lt" and clear < value) or (when.op == "le" and clear <= value):
        yield FieldError("clear_value", "must lie above value")


def _case(case: Any) -> Check:
    if case is None:
        return
    if not isinstance(case, dict) or set(case) - {"class", "merge_radius_m", "urgent"}:
        yield FieldError("case", "takes class, merge_radius_m and urgent")
        return
    if not isinstance(case.get("class"), str) or not _CLASS.fullmatch(case["class"]):
        yield FieldError("case.class", "must be a code of the catalogue")
    radius = case.get("merge_radius_m", 0)
    if isinstance(radius, bool) or not isinstance(radius, int) or not 0 <= radius <= 5000:
        yield FieldError("case.merge_radius_m", "must be 0 to 5000 metres")
    if not isinstance(case.get("urgent", False), bool):
        yield FieldError("case.urgent", "must be true or false")


# --- sentences ------------------------------------------------------------------------------------------------------


def sentence(when: Condition, prop: Property | None, properties: Mapping[str, Property] | None = None) -> Label:
    """`当 水位 高于 3 m 持续 10 分钟` / `when water level is above 3 m for 10 minutes`."""
    if when.kind == "terms" and when.condition:
        known = {**(properties or {}), **calculated.known(when.condition)}
        told = wording.condition_sentence(when.condition, known, when.duration_s)
        more = calculated.words(when.condition, known) or ("", "")
        return {"zh": told["zh"] + more[0], "en": told["en"] + more[1]}
    if when.kind == "no_data":
        zh, en = span(when.no_data_s)
        what_zh, what_en = (f"{prop.zh} ", f"{prop.en} ") if prop else ("", "anything ")
        return {"zh": f"当 {what_zh}{zh} 没有数据", "en": f"when {what_en}has not come for {en}"}
    zh_value, en_value = value_words(when.value, prop)
    zh_op, en_op = OPS.get(when.op, (when.op, when.op))
    name_zh, name_en = (prop.zh, prop.en) if prop else (when.property, when.property)
    zh, en = f"当 {name_zh} {zh_op} {zh_value}", f"when {name_en} is {en_op} {en_value}"
    if when.duration_s:
        span_zh, span_en = span(when.duration_s)
        zh, en = f"{zh} 持续 {span_zh}", f"{en} for {span_en}"
    return {"zh": zh, "en": en}


def clear_sentence(
    when: Condition, prop: Property | None, properties: Mapping[str, Property] | None = None
) -> Label | None:
    """How the alarm ends, where that differs from the condition's opposite."""
    if when.kind == "terms" and when.condition:
        return wording.clears_sentence(when.condition, {**(properties or {}), **calculated.known(when.condition)})
    if when.clear_value is None:
        return None
    zh_value, en_value = value_words(when.clear_value, prop)
    up = when.op in ("gt", "ge")
    return {"zh": f"{'不高于' if up else '不低于'} {zh_value} 时解除",
            "en": f"ends at {en_value} or {'below' if up else 'above'}"}  # fmt: skip
