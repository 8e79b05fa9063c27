"""What the hot path reads from and writes to `devices`: SQL, dataclasses and the token hash. Knows no Django.

gateway, history and sense use nothing of `devices` but this file. Every statement takes `%s` parameters (psycopg).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.devices import certificates, conditions, formulas, others, text, thing_diff, things

model_problems = things.problems
"""What is wrong with a thing model of a pack, given the UCUM codes in use: a list of FieldError."""
kept_problems = thing_diff.lasting
"""What a thing model may not take back of what was ever in force under its codes: a list of FieldError."""

# --- the registry ---------------------------------------------------------------------------------------------------

_REGISTRY_COLUMNS = (
    "device_id, code, model, subject, area_path, enabled, credential_hashes, interval_s, properties, created_at, "
    "state, translate, gateway, parent_id, parent_name"
)
REGISTRY_SQL = f"SELECT {_REGISTRY_COLUMNS} FROM devices_registry_v2"
"""All devices that may speak. Columns as in `RegistryRow`."""
REGISTRY_ONE_SQL = REGISTRY_SQL + " WHERE device_id = %s"
REGISTRY_SPEAKING_SQL = (
    REGISTRY_SQL
    + """ WHERE device_id IN (
    SELECT d.id FROM devices_device d WHERE d.code = ANY(%s::text[])
    UNION ALL
    SELECT c.device_id FROM devices_credential c WHERE c.token_hash = ANY(%s::bytea[])
      AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > now()))"""
)
"""(codes, credential hashes) → as REGISTRY_SQL."""
_STAMPS = """
WITH kinds AS MATERIALIZED (
    SELECT m.code, hash_record_extended(ROW(m.subject, m.interval_s, m.properties, m.translations), 0) AS stamp
    FROM devices_thing_model m
)
SELECT d.id, hash_record_extended(ROW(
    d.code, d.model_version, d.state, d.area_path, d.gateway, d.parent_id, d.parent_name, k.stamp, ARRAY(
        SELECT c.token_hash FROM devices_credential c
        WHERE c.device_id = d.id AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > now())
        ORDER BY c.created_at
    )), 0) AS stamp
FROM devices_device d JOIN kinds k ON k.code = d.model_id
WHERE d.id = ANY"""
REGISTRY_STAMPS_SQL = (
    _STAMPS + "(ARRAY(SELECT id FROM devices_device WHERE id > %s::uuid ORDER BY id LIMIT %s)) ORDER BY d.id"
)
"""(device id, stamp of its row) of those after an id, so many: a stamp is another one when anything of the row is."""
REGISTRY_STAMPED_SQL = (
    f"SELECT {_REGISTRY_COLUMNS}, s.stamp FROM devices_registry_v2 r JOIN ({_STAMPS}(%s::uuid[])) s"
    " ON s.id = r.device_id WHERE r.device_id = ANY(%s::uuid[])"
)
"""(ids, the same ids) → as REGISTRY_SQL for these devices, with the stamp of each row as its last column; an id
without a row was retired."""

OPEN_SUBJECTS = frozenset({"place"})
"""Subjects whose devices appear in lists, maps, live values and rules. Household, person and vehicle ones never do."""


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """One row of REGISTRY_SQL: `RegistryRow(*row)`.

    `properties` maps a property's code to {"type": "number"|"bool"|"text", "unit": ..., "min": ..., "max": ...}.
    `translate` maps what a device of an older version sends to (property of today, factor, offset). `stamp` comes with
    REGISTRY_STAMPED_SQL only.
    """

    device_id: UUID
    code: str
    model: str
    subject: str
    area_path: str
    enabled: bool
    credential_hashes: list[bytes]
    interval_s: int
    properties: dict[str, dict[str, Any]]
    created_at: Any = None
    state: str = "active"
    translate: dict[str, tuple[str, float, float]] = field(default_factory=dict)
    gateway: bool = False
    parent_id: UUID | None = None
    parent_name: str = ""
    stamp: int = 0


TOKEN_KEY = "device-tokens"
"""Name of the district's secret: `Home.current().secret(TOKEN_KEY)`."""


def token_hash(key: bytes, token: str) -> bytes:
    """How a device's token is stored and looked up: HMAC-SHA256 of the token under the district's key."""
    return hmac.new(key, token.encode(), hashlib.sha256).digest()


PROTOCOLS = {
    "hj212": re.compile(r"[0-9A-Za-z_-]{1,40}"),
    "sl651": re.compile(r"[0-9A-F]{10}"),
    "jtt808": re.compile(r"[1-9][0-9]{0,19}"),
    "gbt26875": re.compile(r"[0-9a-f]{12}(/[0-9a-f]{8})?"),
    "outside": re.compile(r"[0-9a-z_.:-]{1,64}"),
}
"""Protocols over TCP, in which a device is known by a number: MN, station address, phone number, source address; and
platforms of others (`outside`), by IMEI, serial number or EUI."""
OUTSIDE = "outside"


def station_number(protocol: str, number: str) -> str:
    """The number as its codec tells it."""
    found = number.strip()
    return {"sl651": found.upper(), "jtt808": found.lstrip("0"), "gbt26875": found.lower(), OUTSIDE: found.lower()}.get(
        protocol, found
    )


def station_hash(key: bytes, protocol: str, number: str, secret: str = "") -> bytes:
    """How a station's number, with its password where it has one, is stored and looked up. FF stands in no UTF-8: no
    token is ever the same, so that a number that everybody can read on the box opens no other door."""
    text = "\0".join((protocol, number, secret))
    return hmac.new(key, b"\xff" + text.encode("utf-8", "replace"), hashlib.sha256).digest()


def station_code(key: bytes, number: str, secret: str) -> str:
    """The code that a vehicle's terminal gets when it registers, and enters with: its own id, a dot, a mark of ours."""
    text = "\0".join((number, secret)).encode("utf-8", "replace")
    return f"{secret}.{hmac.new(key, bytes((0xFE,)) + text, hashlib.sha256).hexdigest()[:20]}"


def basic_hash(key: bytes, client_id: str, user: str, password: str) -> bytes:
    """How a client id, user name and password of MQTT are stored and looked up together. '' as the id: any."""
    text = "\0".join((client_id, user, password)).encode("utf-8", "replace")
    return hmac.new(key, b"\xfd" + text, hashlib.sha256).digest()


def certificate_hash(key: bytes, der: bytes) -> bytes:
    """How a device's certificate is looked up."""
    return hmac.new(key, b"\xfb" + hashlib.sha256(der).digest(), hashlib.sha256).digest()


parse_certificate = certificates.parse
"""A certificate in PEM → (DER, fingerprint, when it ends); ValueError says what is wrong with it."""


def secret_hash(key: bytes, whose: str, secret: str) -> bytes:
    """How the secret of a provisioning profile (`whose`: its key) or of a claim (the device's id) is stored."""
    return hmac.new(key, b"\xfc" + f"{whose}\0{secret}".encode("utf-8", "replace"), hashlib.sha256).digest()


MQTT_BASIC, X509 = "mqtt-basic", "x509"
"""`protocol` of a credential that is a client id, user name and password; or a certificate."""


def new_token() -> str:
    """A device token: 160 random bits, URL-safe."""
    return secrets.token_urlsafe(20)


# --- what the gateway reports about devices -------------------------------------------------------------------------

NOTE_GATEWAY_SQL = "SELECT devices_note_gateway(%s::jsonb)"
"""Takes a JSON list of {device_id, last_seen (ms)} with connected, messages, points, bad, refused, late, clamped, error
and attributes where known. Counters are increments; attributes are merged, at most 64 KiB a device. Returns how many
devices it touched.
"""

# --- what devices and the district tell each other besides readings --------------------------------------------------

ATTRIBUTES_SQL = "SELECT id, attributes_client, attributes_shared FROM devices_device WHERE id = ANY(%s::uuid[])"
"""(device id, what the device told of itself, what the district tells it)."""
COMMANDS_TAKE_SQL = "SELECT number, device_id, method, params, one_way FROM devices_commands_take(%s::uuid[], %s)"
"""Commands to send to these devices now; the second parameter: also those sent over a connection that was lost."""
COMMANDS_SETTLE_SQL = "SELECT devices_commands_settle(%s::jsonb)"
"""Takes a JSON list of {number, device_id, state: delivered|answered|failed, result}; returns how many changed."""
CHILD_SQL = "SELECT child, why FROM devices_child_told(%s, %s, %s, %s, %s)"
"""(gateway id, the child's name, thing model or '', id for a new one, search words) → (the child's id or NULL, field
and reason where it is the thing model that takes none, else '')."""
MODEL_RETIRED = "LL002"
"""SQLSTATE of who would make a device of a retired thing model."""
search_words = text.terms
PROVISION_SQL = "SELECT status, device FROM devices_provision_noted(%s::jsonb, %s::bytea, %s::bytea, %s::text[])"
"""(JSON {key, name, new_id, protocol, hint, gateway, heard, certificate, expires_at}, hash of the secret, hash of the
credential, search words) → (made | again | known | why not, the device's id). A refusal is noted at the profile."""
WHOSE_SQL = (
    "SELECT DISTINCT device_id FROM devices_credential WHERE token_hash = ANY(%s::bytea[]) AND revoked_at IS NULL"
    " AND (expires_at IS NULL OR expires_at > now())"
)
"""(hashes of credentials) → whose they are, as far as they hold."""
FIRMWARE_SQL = (
    "SELECT f.id, f.key, f.size, f.title, f.version FROM devices_update u JOIN devices_device d ON d.id = u.device_id"
    " JOIN devices_campaign c ON c.id = u.campaign_id JOIN devices_firmware f ON f.id = c.firmware_id"
    " WHERE u.device_id = %s AND u.kind = %s AND u.open AND u.state <> 'waiting' AND c.state = 'running'"
    " AND f.withdrawn_at IS NULL AND d.state <> 'retired'"
)
"""(device id, firmware | software) → what this device is to load: (id, key of the store, size, title, version)."""
CERTIFICATES_SQL = (
    "SELECT certificate FROM devices_credential WHERE protocol = 'x509' AND revoked_at IS NULL AND expires_at > now()"
    " AND (%s::uuid[] IS NULL OR device_id = ANY(%s::uuid[]))"
)
"""(device ids or NULL for all, twice) → certificates of devices, as they go over the line."""
CLAIM_SQL = "SELECT devices_claim_ask(%s::uuid, %s::bytea, %s::bigint)"
"""(device id, hash of the secret, milliseconds that it holds) → whether this device may be claimed."""


# --- rules, leases, alarms: sense -----------------------------------------------------------------------------------

RULES_SQL = (
    "SELECT rule_id, code, version, model, property, kind, op, value, clear_value, duration_s, no_data_s,"
    " reraise_s, severity, area_path, device_ids, condition FROM devices_rules_v3"
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One row of RULES_SQL: `RuleRow(*row)`. Only enabled rules are in the view. `condition` (`conditions.py`) is that
    of the kind `terms`; other kinds stand in the plain fields."""

    rule_id: UUID
    code: str
    version: int
    model: str
    property: str
    kind: str
    op: str
    value: float | None
    clear_value: float | None
    duration_s: int
    no_data_s: int
    reraise_s: int
    severity: str
    area_path: str = ""
    device_ids: list[UUID] | None = field(default=None)
    condition: dict[str, Any] | None = field(default=None)


Formula, formula = formulas.Formula, formulas.parse
"""The formula of a calculated figure of a condition, as steps for a stack; see `formulas`."""
place_of, looks, MAX_OTHERS = others.place_of, others.looks, others.MAX_OTHERS
"""The place of a device for a rule that looks at others there, what it looks at, at how many of them at most."""


def read_properties(condition: Mapping[str, Any] | None) -> list[str]:
    """Every property of its own device that a condition reads, behind formulas too; none without a condition."""
    return conditions.properties_of(condition) if condition is not None else []


LEASES_SQL = "SELECT partition, epoch, surplus FROM devices_sense_leases(%s, %s::float8, %s::integer, %s::text[])"
"""(owner, ttl seconds, partition count, owners known to be dead): renews, takes and shares out; what the owner holds.

Rows marked `surplus` are more than the owner's fair share: save their state, then release them."""
RELEASE_SQL = "SELECT devices_sense_release(%s, %s::integer)"
"""(owner, partition)"""
LEASE_OWNERS_SQL = "SELECT DISTINCT owner FROM devices_sense_lease UNION SELECT owner FROM devices_sense_member"
ACTIVE_ALARMS_SQL = "SELECT device_id, rule_id, started_ms FROM devices_active_alarms_v1"
SNAPSHOT_SQL = "SELECT sequence, state FROM devices_sense_lease WHERE partition = %s"
SNAPSHOT_SAVE_SQL = "SELECT devices_sense_snapshot(%s::integer, %s::bigint, %s::bigint, %s::bytea)"
"""(partition, epoch, sequence, bytes) → whether the epoch still holds."""

ALARMS_APPLY_SQL = (
    "SELECT op, alarm_id, device_id, rule_id, changed FROM devices_alarms_apply(%s::bigint, %s::integer, %s::jsonb)"
)
"""(epoch, partition, JSON list of operations) → one row an operation. Raises SQLSTATE `FENCED` under an old epoch.

raise: {op: "raise", alarm_id, event_id, device_id, rule_id, rule_version, started_at, raised_at (ms), property, value}
       and severity, where it is not the rule's
level: {op: "level", event_id, note_id, device_id, rule_id, started_at, at (ms), severity}: its severity from `at` on
clear: {op: "clear", event_id, device_id, rule_id, started_at, cleared_at (ms), value, reason}
All are idempotent by (device_id, rule_id, started_at), level by `at` too: replaying the stream neither doubles nor
reopens an alarm.
"""
FENCED = "LL001"
CLEAR_CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What other modules may know of a device."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    model: str
    area_path: str
    grid_id: UUID | None
    lon: float | None
    lat: float | None
    state: str
    owner_team_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A device with what its thing model says, and the attributes that people gave it."""

    device: DeviceInfo
    interval_s: int
    properties: list[dict[str, Any]]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who evaluates a partition of the stream, up to which message it saved its state, and until when it is its."""

    partition: int
    owner: str
    epoch: int
    sequence: int
    expires_at: datetime
    saved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A device in use, when it was last heard and what the gateway counted of it since it is registered."""

    id: UUID
    code: str
    name: Mapping[str, str]
    model: str
    model_name: Mapping[str, str]
    owner: str
    area_path: str
    last_seen: datetime | None
    online_until: datetime | None
    bad: int
    refused: int
    last_error: str
    last_error_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standings:
    """Devices in use as numpy columns of equal length: ids as 16 bytes, codes; `groups`: of model, owner and area the
    texts and each device's number of its own; when heard, on line until, last error (seconds since 1970, 0 never);
    frames that could not be read and messages that were refused since it is registered."""

    ids: Any
    codes: Any
    groups: Mapping[str, tuple[list[str], Any]]
    seen: Any
    until: Any
    error: Any
    bad: Any
    refused: Any

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class AlarmInfo:
    """What other modules may know of an alarm."""

    id: UUID
    device_id: UUID
    rule_id: UUID
    severity: str
    state: str
    area_path: str
    raised_at: Any
    cleared_at: Any = None
