"""What travels in and out. Names are always given in Chinese and English."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from linli.devices import certificates
from linli.devices.models import Credential, Device
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
    """A token, or with a `protocol` a station's number; `hint` is its end. Of a certificate (`x509`) `fingerprint` is
    its SHA-256 in hex and `subject` whose it says it is."""

    id: UUID
    hint: str
    protocol: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    fingerprint: str = ""
    subject: str = ""

    @classmethod
    def of(cls, c: Credential) -> CredentialOut:
        said = certificates.described(bytes(c.certificate)) if c.certificate else None
        return cls(id=c.pk, hint=c.hint, protocol=c.protocol, created_at=c.created_at, expires_at=c.expires_at,
                   revoked_at=c.revoked_at, fingerprint=said.fingerprint if said else "",
                   subject=said.subject if said else "")  # fmt: skip


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
