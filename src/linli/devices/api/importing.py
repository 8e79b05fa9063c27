"""Devices in bulk: a sheet is checked, taken in by a job, looked at meanwhile, its tokens taken along, undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Schema, Status
from ninja.files import UploadedFile

from linli.devices import import_rules, importing_selectors
from linli.devices.api import device_sheet
from linli.devices.api.base import router
from linli.devices.api.sheet_words import IMPORT_REASONS, spoken
from linli.devices.services import importing, unimport
from linli.kernel import paging
from linli.kernel.errors import Invalid, TooLarge
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import say

STATES = ("refused", "known", "kept")


class RowOut(Schema):
    """`field` and `reason` by code; `field` may be empty."""

    row: int
    code: str
    field: str
    reason: str


class PreviewOut(Schema):
    row: int
    code: str
    model: str
    name_zh: str
    name_en: str
    owner_department: str
    area: str
    lon: float | None
    lat: float | None
    parent: str
    gateway: bool


class DeviceImportShort(Schema):
    """`state`: checked, running, done, stopped, undoing, undone; `unchanged`: codes the registry had; `left`: rows that
    wait; `withdrawn`, `kept`: what an undo retired and left."""

    id: UUID
    name: str
    state: str
    at: datetime
    rows: int
    made: int
    unchanged: int
    refused: int
    left: int
    withdrawn: int
    kept: int
    tokens_at: datetime | None


class DeviceImportOut(DeviceImportShort):
    """The first 500 mistakes and rows that an undo left, the first 100 codes that were known, of a check the first 100
    rows to make. All of them: `/device-imports/{id}/rows.csv`."""

    errors: list[RowOut]
    kept_rows: list[RowOut]
    known: list[str]
    preview: list[PreviewOut]
    can_undo: bool
    can_take_tokens: bool


@router.post("/device-imports", permission="devices.manage", response={200: DeviceImportOut, 202: DeviceImportOut})
def import_device_sheet(
    request: HttpRequest, file: UploadedFile = File(...), check: bool = False
) -> Status[dict[str, Any]]:
    """Take in a CSV or XLSX of at most 100,000 devices and 30 MB; columns as `/device-imports/template.csv` has them.
    With `check`, only say how it is understood and what is wrong. Each error has the row, the field and a reason by
    code; good rows are taken in all the same. Known codes stay as they are; the same file again changes nothing."""
    if (file.size or 0) > import_rules.MAX_BYTES:
        raise TooLarge("a sheet has at most 30 MB", field="file")
    actor, name, data = actor_of(request), file.name or "", file.read()
    if check:
        row, found = importing.check(actor=actor, name=name, data=data)
        return Status(200, importing_selectors.shown(row, found))
    row, unkept = importing.take_in(actor=actor, name=name, data=data)
    return Status(202 if row.state == "running" else 200, importing_selectors.shown(row, unkept))


@router.get("/device-imports", permission="devices.manage", response=paging.Page[DeviceImportShort])
def list_device_imports(request: HttpRequest, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    """One's own imports, newest first."""
    return importing_selectors.page(actor_of(request), cursor=cursor, limit=limit)


@router.get("/device-imports/template.{form}", permission="devices.manage", response={200: str})
def device_template(request: HttpRequest, form: str) -> HttpResponse:
    """An empty sheet for an import, `csv` or `xlsx`; the workbook explains its columns."""
    return sheet(form, "devices-template", [device_sheet.head()], (say("说明", "Notes"), device_sheet.notes()))


@router.get("/device-imports/{uuid:batch_id}", permission="devices.manage", response=DeviceImportOut)
def get_device_import(request: HttpRequest, batch_id: UUID) -> dict[str, Any]:
    """How far it is, and the rows that were refused."""
    return importing_selectors.shown(importing_selectors.own(actor_of(request), batch_id))


@router.get("/device-imports/{uuid:batch_id}/rows.{form}", permission="devices.manage", response={200: str})
def device_import_rows(request: HttpRequest, batch_id: UUID, form: str, state: str = "refused") -> HttpResponse:
    """All rows that were refused, known or kept by an undo, with field and reason in words; `csv` or `xlsx`."""
    if state not in STATES:
        raise Invalid("state", f"must be one of {', '.join(STATES)}")
    row = importing_selectors.own(actor_of(request), batch_id)
    table = [[say("行", "Row"), say("编码", "Code"), say("列", "Column"), say("原因", "Reason")]]
    for one in importing_selectors.told_rows(row, state):
        reason = spoken(IMPORT_REASONS, one["reason"] or state)
        table.append([str(one["row"]), one["code"], device_sheet.column(one["field"]), reason])
    return sheet(form, f"device-import-{state}", table)


@router.post("/device-imports/{uuid:batch_id}/tokens", permission="devices.credentials", response={200: str})
def device_import_tokens(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """A CSV with a new token for each of its devices that has no credential: once, to who imported them. A second time
    is 409 `tokens-taken`."""
    made = importing.take_tokens(actor=actor_of(request), batch_id=batch_id)
    head = [say("编码", "Code"), say("名称", "Name"), say("密钥", "Token")]
    return sheet("csv", "device-tokens", [head, *(list(one) for one in made)])


@router.post("/device-imports/{uuid:batch_id}/undo", permission="devices.manage", response={202: DeviceImportOut})
def undo_device_import(request: HttpRequest, batch_id: UUID) -> Status[dict[str, Any]]:
    """Retire its devices, by a job; those that have spoken, have alarms, commands or credentials, or were changed since
    stay and are named."""
    return Status(202, importing_selectors.shown(unimport.undo(actor=actor_of(request), batch_id=batch_id)))
