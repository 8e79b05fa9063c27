"""Thing models in the list, their versions, their file, and devices that move to a version."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.devices import drafting_selectors as selectors
from linli.devices import selectors as devices
from linli.devices import thing_diff, thing_files
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import Label
from linli.devices.api.thing_models import ModelOut
from linli.devices.models import ModelMigration, ModelVersion, ThingModel
from linli.devices.services import model_migrations, publishing
from linli.kernel import paging
from linli.kernel.http import SIGNED_IN, actor_of


class ModelRow(Schema):
    """`devices` in use that the caller may count; `draft_id`: its next version is being written."""

    code: str
    version: int
    name: Label
    subject: str
    category: str
    icon: str
    origin: str
    retired_at: datetime | None
    updated_at: datetime
    properties: int
    devices: int
    rules: int
    draft_id: UUID | None


class VersionRow(Schema):
    version: int
    note: str
    author: str
    at: datetime


class VersionOut(VersionRow):
    """`body`: an entry of a pack's file."""

    body: dict[str, Any]


class SampleOut(Schema):
    """A message as a device of this kind may send it."""

    sample: dict[str, Any]


class MigrationIn(Schema):
    """`only_same`: none of those whose readings the gateway translates."""

    area_path: str = ""
    only_same: bool = False
    note: str = ""


class MigrationOut(Schema):
    """waiting → running → done or cancelled; these → undoing → undone. `seen` of `total` are gone through."""

    id: UUID
    model: str
    to: int
    only_same: bool
    area_path: str
    state: str
    total: int
    seen: int
    changed: int
    note: str
    author: str
    created_at: datetime
    ended_at: datetime | None


_ROW = ("code", "version", "subject", "category", "icon", "origin", "retired_at", "updated_at", "devices", "rules",
        "draft_id")  # fmt: skip
_MIGRATION = ("to", "only_same", "area_path", "state", "total", "seen", "changed", "note", "author", "created_at",
              "ended_at")  # fmt: skip


def model_row(m: ThingModel) -> dict[str, Any]:
    return {"name": {"zh": m.name_zh, "en": m.name_en}, "properties": len(m.properties),
            **{n: getattr(m, n) for n in _ROW}}  # fmt: skip


def version_row(row: ModelVersion) -> dict[str, Any]:
    return {n: getattr(row, n) for n in ("version", "note", "author", "at")}


def migration_out(row: ModelMigration) -> dict[str, Any]:
    return {"id": row.pk, "model": row.model_id, **{n: getattr(row, n) for n in _MIGRATION}}


@router.get("/thing-model-rows", permission="devices.view", response=paging.Page[ModelRow])
def list_model_rows(
    request: HttpRequest, q: str = "", subject: str = "", origin: str = "", category: str = "", retired: bool = False,
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Thing models by category and code, with how many devices and rules each has; `retired`: those too."""
    rows, after = selectors.model_rows(
        actor_of(request), q=q, subject=subject, origin=origin, category=category, retired=retired, cursor=cursor,
        limit=limit,
    )  # fmt: skip
    return reply({"items": [model_row(r) for r in rows], "next": after})


@router.get("/thing-models/{code}/versions", permission=SIGNED_IN, response=paging.Page[VersionRow])
def list_model_versions(
    request: HttpRequest, code: str, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> HttpResponse:
    """Published versions of one of the district's own, newest first. Models of packs keep none."""
    rows, after = selectors.model_versions(code, cursor=cursor, limit=limit)
    return reply({"items": [version_row(r) for r in rows], "next": after})


@router.get("/thing-models/{code}/versions/{int:version}", permission=SIGNED_IN, response=VersionOut)
def get_model_version(request: HttpRequest, code: str, version: int) -> dict[str, Any]:
    row = selectors.model_version(code, version)
    return {**version_row(row), "body": row.body}


@router.get("/thing-models/{code}/sample", permission=SIGNED_IN, response=SampleOut)
def model_sample(request: HttpRequest, code: str) -> dict[str, Any]:
    """In the middle of an ordinary day, else of what is plausible."""
    return {"sample": thing_diff.sample(selectors.body_of(devices.thing_model(code)))}


@router.get("/thing-models/{code}/pack.yaml", permission=SIGNED_IN)
def model_pack_file(request: HttpRequest, code: str) -> HttpResponse:
    """The version in force as a file of a pack."""
    text = thing_files.write([selectors.body_of(devices.thing_model(code))])
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{code}.yaml"'
    return answer


@router.post("/thing-models/{code}/retire", permission="devices.manage", response=ModelOut)
def retire_model(request: HttpRequest, code: str) -> ModelOut:
    """No new device is of it; those that are there go on."""
    return ModelOut.of(publishing.retire_model(actor=actor_of(request), code=code))


@router.post("/thing-models/{code}/restore", permission="devices.manage", response=ModelOut)
def restore_model(request: HttpRequest, code: str) -> ModelOut:
    """It takes new devices again."""
    return ModelOut.of(publishing.restore_model(actor=actor_of(request), code=code))


@router.get("/thing-models/{code}/migrations", permission="devices.view", response=paging.Page[MigrationOut])
def list_model_migrations(
    request: HttpRequest, code: str, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> HttpResponse:
    """Newest first, with how far each is."""
    rows, after = selectors.migrations(actor_of(request), code, cursor=cursor, limit=limit)
    return reply({"items": [migration_out(r) for r in rows], "next": after})


@router.post("/thing-models/{code}/migrations", permission="devices.manage", response={201: MigrationOut})
def start_model_migration(request: HttpRequest, code: str, body: MigrationIn) -> Status[Any]:
    """Devices of an area speak the version in force from now on, by a job."""
    row = model_migrations.start_migration(actor=actor_of(request), code=code, **body.dict())
    return Status(201, migration_out(row))


@router.get("/thing-model-migrations/{uuid:migration_id}", permission="devices.view", response=MigrationOut)
def get_model_migration(request: HttpRequest, migration_id: UUID) -> dict[str, Any]:
    return migration_out(selectors.migration(actor_of(request), migration_id))


@router.post("/thing-model-migrations/{uuid:migration_id}/cancel", permission="devices.manage", response=MigrationOut)
def cancel_model_migration(request: HttpRequest, migration_id: UUID) -> dict[str, Any]:
    """What is done stays done."""
    return migration_out(model_migrations.cancel_migration(actor=actor_of(request), migration_id=migration_id))


@router.post("/thing-model-migrations/{uuid:migration_id}/undo", permission="devices.manage", response=MigrationOut)
def undo_model_migration(request: HttpRequest, migration_id: UUID) -> dict[str, Any]:
    """Every device that it changed speaks again what it spoke before."""
    return migration_out(model_migrations.undo_migration(actor=actor_of(request), migration_id=migration_id))
