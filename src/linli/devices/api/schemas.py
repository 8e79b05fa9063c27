"""What travels in and out. Names are always given in Chinese and English."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from linli.devices import rules, units
from linli.devices.models import Credential, Device, Rule
from linli.kernel import clock


class Label(Schema):
    zh: str
    en: str


class ModelRef(Schema):
    code: str
    name: Label
    category: str
    icon: str
    interval_s: int


class StatusOut(Schema):
    last_seen: datetime | None = None
    online: bool = False
    connected: bool = False
    messages: int = 0
    points: int = 0
    bad: int = 0
    refused: int = 0
    late: int = 0
    clamped: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None


class DeviceOut(Schema):
    id: UUID
    code: str
    name: Label
    model: ModelRef
    model_version: int
    state: str
    area_path: str
    grid_id: UUID | None
    lon: float | None
    lat: float | None
    compound_id: UUID | None
    unit_id: UUID | None
    owner_department: str
    owner_team_id: UUID | None
    tags: list[str]
    attributes_shared: dict[str, Any]
    attributes_client: dict[str, Any]
    gateway: bool
    parent_id: UUID | None
    parent_name: str
    status: StatusOut
    active_alarms: int
    worst_alarm: str | None
    created_at: datetime
    updated_at: datetime


def device_out(d: Device) -> dict[str, Any]:
    """A `DeviceOut` as a plain dict: pages of it go out without building 50 × 4 schema objects."""
    m = d.model
    return {
        "id": d.pk, "code": d.code, "name": {"zh": d.name_zh, "en": d.name_en or d.name_zh},
        "model": {"code": m.code, "name": {"zh": m.name_zh, "en": m.name_en}, "category": m.category, "icon": m.icon,
                  "interval_s": m.interval_s},
        "model_version": d.model_version, "state": d.state, "area_path": d.area_path, "grid_id": d.grid_id,
        "lon": d.lon, "lat": d.lat, "compound_id": d.compound_id, "unit_id": d.unit_id,
        "owner_department": d.owner_department, "owner_team_id": d.owner_team_id, "tags": d.tags,
        "attributes_shared": d.attributes_shared, "attributes_client": d.attributes_client, "gateway": d.gateway,
        "parent_id": d.parent_id, "parent_name": d.parent_name, "status": _status(d),
        "active_alarms": getattr(d, "active_alarms", 0), "worst_alarm": getattr(d, "worst", "") or None,
        "created_at": d.created_at, "updated_at": d.updated_at,
    }  # fmt: skip


_SILENT = {"last_seen": None, "online": False, "connected": False, "messages": 0, "points": 0, "bad": 0, "refused": 0,
           "late": 0, "clamped": 0, "last_error": "", "last_error_at": None}  # fmt: skip


def _status(d: Device) -> dict[str, Any]:
    s = getattr(d, "status", None)
    if s is None:
        return _SILENT
    online = s.online_until is not None and s.online_until > clock.now()
    return {"last_seen": s.last_seen, "online": online, "connected": s.connected, "messages": s.messages,
            "points": s.points, "bad": s.bad, "refused": s.refused, "late": s.late, "clamped": s.clamped,
            "last_error": s.last_error, "last_error_at": s.last_error_at}  # fmt: skip


class DeviceFields(Schema):
    """The place: lon and lat (WGS84), or unit_id, or area_path of a grid. `model_version`: which version of its model
    the device speaks; without it, the newest when it is made. `gateway`: it may speak for those whose `parent_id` it
    is, by their `parent_name`."""

    name_zh: str | None = None
    name_en: str | None = None
    lon: float | None = None
    lat: float | None = None
    unit_id: UUID | None = None
    area_path: str | None = None
    owner_department: str | None = None
    owner_team_id: UUID | None = None
    state: str | None = None
    model_version: int | None = None
    tags: list[str] | None = None
    attributes_shared: dict[str, Any] | None = None
    gateway: bool | None = None
    parent_id: UUID | None = None
    parent_name: str | None = None


class DeviceIn(DeviceFields):
    code: str
    model: str
    name_zh: str


class RetireIn(Schema):
    reason: str = ""


class CredentialOut(Schema):
    """A token, or with a `protocol` a station's number; `hint` is its end."""

    id: UUID
    hint: str
    protocol: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, c: Credential) -> CredentialOut:
        return cls(id=c.pk, hint=c.hint, protocol=c.protocol, created_at=c.created_at, expires_at=c.expires_at,
                   revoked_at=c.revoked_at)  # fmt: skip


class StationIn(Schema):
    """A protocol over TCP and the number by which it knows the device; `secret` is the password it sends, if any."""

    protocol: str
    number: str
    secret: str = ""


class CredentialMade(CredentialOut):
    """`token` is shown this once."""

    token: str


class RotateIn(Schema):
    grace_s: int = 0


class ImportRow(Schema):
    row: int
    code: str
    field: str
    reason: str


class ImportOut(Schema):
    """rows = created + existing + rows with a refusal. `tokens` are shown this once."""

    rows: int
    created: int
    existing: int
    rejected: list[ImportRow]
    tokens: dict[str, str]


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
    known = {p["code"]: rules.Property.of(units.for_people(p)) for p in r.model.properties}
    prop = known.get(r.property)
    return {"sentence": rules.sentence(when, prop, known), "clears": rules.clear_sentence(when, prop, known)}


_RULE_PLAIN = ("code", "version", "property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s",
               "reraise_s", "condition", "severity", "area_path", "device_ids", "case", "enabled", "illustrative",
               "origin", "updated_at")  # fmt: skip


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

    def body(self) -> dict[str, Any]:
        """Only what was sent, by the names of the table."""
        sent = self.dict(exclude_unset=True, by_alias=True)
        if title := sent.pop("title", None):
            sent |= {"title_zh": title["zh"], "title_en": title["en"]}
        nullable = ("value", "clear_value", "condition", "device_ids", "case")
        return {k: v for k, v in sent.items() if (v is not None or k in nullable) and k in _RULE_FIELDS}


_RULE_FIELDS = {"title_zh", "title_en", "property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s",
                "reraise_s", "condition", "severity", "area_path", "device_ids", "case", "enabled"}  # fmt: skip


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


class TextIn(Schema):
    text: str = ""


class ModelCount(Schema):
    model: str
    total: int
    online: int


class OwnerCount(Schema):
    owner: str
    total: int
    silent: int


class DeviceCounts(Schema):
    total: int
    online: int
    models: list[ModelCount]
    owners: list[OwnerCount]
