"""Rules as they travel in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from linli.devices import rules, selectors
from linli.devices.api.schemas import Label
from linli.devices.models import Rule


class CasePolicy(Schema):
    """What case an alarm opens, merged with an open one of the class within the radius."""

    class_code: str = Field(alias="class")
    merge_radius_m: int = 0
    urgent: bool = False


class RuleOut(Schema):
    id: UUID
    code: str
    version: int
    title: Label
    sentence: Label
    clears: Label | None
    model: str
    property: str
    kind: str
    op: str
    value: float | None
    clear_value: float | None
    duration_s: int
    no_data_s: int
    reraise_s: int
    condition: dict[str, Any] | None
    severity: str
    area_path: str
    device_ids: list[UUID] | None
    case: dict[str, Any] | None
    enabled: bool
    illustrative: bool
    owner_department: str
    origin: str
    updated_at: datetime


def rule_out(r: Rule) -> dict[str, Any]:
    """A `RuleOut` as a plain dict."""
    return {
        "id": r.pk, "title": {"zh": r.title_zh, "en": r.title_en}, "model": r.model_id, **rule_words(r),
        **{n: getattr(r, n) for n in _RULE_PLAIN},
    }  # fmt: skip


def rule_words(r: Rule) -> dict[str, Any]:
    """{sentence, clears} of a rule."""
    when = rules.Condition(r.kind, r.property, r.op, r.value, r.clear_value, r.duration_s, r.no_data_s, r.reraise_s,
                           r.condition)  # fmt: skip
    known = {p.code: p for p in selectors.rule_properties(r.model, r.condition, shown=True)}
    prop = known.get(r.property)
    return {"sentence": rules.sentence(when, prop, known), "clears": rules.clear_sentence(when, prop, known)}


_RULE_PLAIN = ("code", "version", "property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s",
               "reraise_s", "condition", "severity", "area_path", "device_ids", "case", "enabled", "illustrative",
               "owner_department", "origin", "updated_at")  # fmt: skip


class RuleFields(Schema):
    title: Label | None = None
    property: str | None = None
    kind: str | None = None
    op: str | None = None
    value: float | None = None
    clear_value: float | None = None
    duration_s: int | None = None
    no_data_s: int | None = None
    reraise_s: int | None = None
    condition: dict[str, Any] | None = None
    severity: str | None = None
    area_path: str | None = None
    device_ids: list[UUID] | None = None
    case: CasePolicy | None = None
    enabled: bool | None = None
    illustrative: bool | None = None
    owner_department: str | None = None

    def body(self) -> dict[str, Any]:
        """Only what was sent, by the names of the table."""
        sent = self.dict(exclude_unset=True, by_alias=True)
        if title := sent.pop("title", None):
            sent |= {"title_zh": title["zh"], "title_en": title["en"]}
        nullable = ("value", "clear_value", "condition", "device_ids", "case")
        return {k: v for k, v in sent.items() if (v is not None or k in nullable) and k in _RULE_FIELDS}


_RULE_FIELDS = {"title_zh", "title_en", "property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s",
                "reraise_s", "condition", "severity", "area_path", "device_ids", "case", "enabled",
                "illustrative", "owner_department"}  # fmt: skip


class RuleIn(RuleFields):
    code: str = ""
    model: str
    title: Label
    kind: str
    severity: str


class RulePatch(RuleFields):
    """`version` is the one you read; a newer one by someone else is refused with 409."""

    version: int


class SentenceIn(RuleFields):
    model: str


class ProblemOut(Schema):
    field: str
    reason: str


class SentenceOut(Schema):
    """`sentence` is there once nothing is wrong."""

    sentence: Label | None
    clears: Label | None
    problems: list[ProblemOut]


class RuleVersionOut(Schema):
    version: int
    body: dict[str, Any]
    actor: str
    at: datetime
