"""Devices in bulk: a CSV by people, or rows by other modules. Every refused row is named with field and reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from linli.devices.models import Credential, Device, ThingModel
from linli.devices.services import credentials
from linli.devices.services.common import Spot, emit_device, entering, spot
from linli.devices.services.devices import build, check, ids_of_codes
from linli.kernel import audit, services
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid, LinliError
from linli.places import facade as places

MAX_ROWS = 20_000
COLUMNS = ("code", "model", "name_zh", "name_en", "lon", "lat", "area_path", "unit_id", "owner_department", "state",
           "tags", "token", "protocol", "number", "secret")  # fmt: skip


@dataclass(slots=True)
class Report:
    """What became of the rows. `tokens` maps codes to the tokens made here; shown this once."""

    rows: int = 0
    created: int = 0
    existing: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


def import_csv(*, actor: Actor, data: bytes, with_tokens: bool = False) -> Report:
    """A CSV in UTF-8 with a header of `COLUMNS` (code, model and name_zh are needed). A known code is left as it is."""
    try:
        source = io.StringIO(data.decode("utf-8-sig"))
        reader = csv.DictReader(source)
        unknown = set(reader.fieldnames or ()) - set(COLUMNS)
        missing = {"code", "model", "name_zh"} - set(reader.fieldnames or ())
        if unknown or missing:
            raise Invalid(errors=[FieldError(f"header.{c}", "is not a known column") for c in sorted(unknown)]
                          + [FieldError(f"header.{c}", "is missing") for c in sorted(missing)])  # fmt: skip
        rows = [_typed(r) for r in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid("body", f"is not a CSV in UTF-8: {error}") from error
    return import_rows(actor=actor, rows=rows, with_tokens=with_tokens)


def _typed(row: Mapping[str | None, Any]) -> dict[str, Any]:
    found = {str(k): v.strip() for k, v in row.items() if k and isinstance(v, str) and v.strip()}
    for name, kind in (("lon", float), ("lat", float), ("unit_id", UUID)):
        if name in found:
            try:
                found[name] = kind(found[name])
            except ValueError:
                found[f"!{name}"] = found.pop(name)
    if "tags" in found:
        found["tags"] = [t.strip() for t in found["tags"].split(";") if t.strip()]
    if None in row:
        found["!row"] = "more cells than columns"
    return found


def import_rows(*, actor: Actor, rows: Iterable[Mapping[str, Any]], with_tokens: bool = False) -> Report:
    """Rows with the names of `COLUMNS`. `token` (≥ 22 characters) sets a device's token; `with_tokens` makes one.
    `protocol` and `number` (with `secret`) make it known to a protocol over TCP."""
    wanted = list(rows)
    if len(wanted) > MAX_ROWS:
        raise Invalid("body", f"has more than {MAX_ROWS} rows")
    report = Report(rows=len(wanted))
    models = {m.code: m for m in ThingModel.objects.all()}
    known = ids_of_codes(r["code"] for r in wanted if r.get("code"))
    spots = _spots(wanted)
    taken = credentials.known_numbers(wanted)
    made: list[Device] = []
    keys: list[Credential] = []
    for number, row in enumerate(wanted, start=1):
        if row.get("code") in known:
            report.existing += 1
            continue
        try:
            device = _build(actor, models, row, spots[number - 1])
            key = _station(device, row, taken)
        except LinliError as error:
            found = error.errors or [FieldError("area_path", error.detail)]
            report.rejected += [{"row": number, "code": row.get("code", ""), "field": e.field, "reason": e.reason}
                                for e in found]  # fmt: skip
            continue
        known[device.code] = device.pk
        made.append(device)
        if key is not None:
            keys.append(key)
        elif row.get("token") or with_tokens:
            key, token = credentials.make(device, row.get("token"))
            keys.append(key)
            if not row.get("token"):
                report.tokens[device.code] = token
    _write(actor, made, keys)
    report.created, report.ids = len(made), known
    return report


def _spots(rows: list[Mapping[str, Any]]) -> list[Spot | None]:
    """Places of all rows with a point and nothing else, in one go."""

    def pointed(r: Mapping[str, Any]) -> bool:
        return isinstance(r.get("lon"), float) and isinstance(r.get("lat"), float) and not r.get("unit_id")

    plain = [i for i, r in enumerate(rows) if pointed(r)]
    found: list[Spot | None] = [None] * len(rows)
    if plain:
        located = places.locate_many([rows[i]["lon"] for i in plain], [rows[i]["lat"] for i in plain])
        for i, place in zip(plain, located, strict=True):
            if place is not None:
                found[i] = Spot(place.area_path, place.grid_id, rows[i]["lon"], rows[i]["lat"])
    return found


def _build(actor: Actor, models: Mapping[str, ThingModel], row: Mapping[str, Any], where: Spot | None) -> Device:
    found = [FieldError(k[1:], f"{v!r} is not valid") for k, v in row.items() if k.startswith("!")]
    found += check({"code": "", "name_zh": "", **row})
    if row.get("model") not in models:
        found.append(FieldError("model", "no pack in force has this thing model"))
    if row.get("token") and len(row["token"]) < 22:
        found.append(FieldError("token", "must have at least 22 characters"))
    if found:
        raise Invalid(errors=found)
    if where is None:
        where = spot(**{k: row[k] for k in ("lon", "lat", "unit_id", "area_path") if row.get(k) is not None})
    actor.require("devices.manage", where.area_path)
    return build(models[row["model"]], where, row)


def _station(device: Device, row: Mapping[str, Any], taken: set[bytes]) -> Credential | None:
    """The row's number in a protocol over TCP, which nobody else may have."""
    if not row.get("protocol") and not row.get("number"):
        return None
    found = credentials.station(device, row.get("protocol", ""), row.get("number", ""), row.get("secret", ""))
    if found.token_hash in taken:
        raise Invalid("number", "another device has this number")
    taken.add(found.token_hash)
    return found


def _write(actor: Actor, made: list[Device], keys: list[Credential]) -> None:
    with services.unit(actor), entering():
        Device.objects.bulk_create(made, batch_size=500)
        Credential.objects.bulk_create(keys, batch_size=500)
        if made:
            audit.record(actor=actor, action="device.import", kind="device", ref="*", detail={"count": len(made)})
        for device in made:
            emit_device(device, "created")


def as_dict(report: Report) -> dict[str, Any]:
    return asdict(report)
