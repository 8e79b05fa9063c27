"""Writing the district's own thing models: one draft of a code at a time, kept until it is published or given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction

from linli.devices import drafting_selectors as selectors
from linli.devices import selectors as devices
from linli.devices import thing_diff, thing_files
from linli.devices.models import ModelDraft, ThingModel
from linli.devices.thing_shape import CODE
from linli.kernel import audit, clock, events, ids, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid

SOURCES = ("blank", "copy", "next", "back")
MAX_BYTES = 512 * 1024
NOTE = 400


def create_draft(
    *, actor: Actor, source: str, code: str = "", of: str = "", version: int | None = None, note: str = ""
) -> ModelDraft:
    """A draft: `blank` (a new model `code`), `copy` (a new model `code` like `of`), `next` (the version of `of` after
    the one in force) or `back` (the same, but as its `version` was, with the way back for devices and rules)."""
    if source not in SOURCES:
        raise Invalid("source", f"must be one of {', '.join(SOURCES)}")
    selectors.require(actor)
    if source == "blank":
        body = _blank(code)
    elif source == "copy":
        body = _copy(devices.thing_model(of), code)
    else:
        model = devices.thing_model(of)
        _require_own(model)
        body = selectors.body_of(model)
        if source == "back":
            body = thing_diff.back(body, _former(model, version))
        body, code = body | {"version": model.version + 1}, of
    with services.unit(actor):
        return _add(actor, code, body, note, source=source)


def _blank(code: str) -> dict[str, Any]:
    return {"code": code, "version": 1, "name": {"zh": "", "en": ""}, "subject": "place", "category": "", "icon":
            "sensor", "interval_s": 300, "properties": []}  # fmt: skip


def _copy(model: ThingModel, code: str) -> dict[str, Any]:
    body = {k: v for k, v in selectors.body_of(model).items() if k != "migrate"}
    return body | {"code": code, "version": 1}


def _former(model: ThingModel, version: int | None) -> dict[str, Any]:
    if version is None or not 0 < version < model.version:
        raise Invalid("version", f"must be one before {model.version}, the version in force")
    found: dict[str, Any] = selectors.model_version(model.code, version).body
    return found


def _require_own(model: ThingModel) -> None:
    if model.origin != "local":
        raise Conflict(f"{model.code} is a {model.origin} model and read-only here; copy it under a code of your own",
                       code="model-read-only")  # fmt: skip
    if model.retired_at is not None:
        raise Conflict(f"{model.code} is retired; bring it back first", code="model-retired")


def import_drafts(*, actor: Actor, text: str, note: str = "") -> list[ModelDraft]:
    """A draft for each thing model of a pack's file (YAML or JSON), all or none; one of a known code becomes the next
    version of it, whatever version the file says."""
    selectors.require(actor)
    made = []
    with services.unit(actor):
        for at, raw in enumerate(thing_files.read(text)):
            code = raw.get("code")
            if not isinstance(code, str) or not CODE.fullmatch(code):
                raise Invalid(f"thing_models.{at}.code", "is missing or no code")
            model = ThingModel.objects.filter(pk=code).first()
            if model is not None and model.origin != "local":
                raise Invalid(f"thing_models.{at}.code", f"{code} is a {model.origin} model and read-only here")
            if model is not None:
                raw = _onto(model, raw)
            made.append(_add(actor, code, raw | {"version": model.version + 1 if model else 1}, note, source="file"))
    return made


def _onto(model: ThingModel, raw: dict[str, Any]) -> dict[str, Any]:
    """The file's own steps belong to the versions that it counts; those of here stay."""
    steps = selectors.body_of(model).get("migrate")
    return {k: v for k, v in raw.items() if k != "migrate"} | ({"migrate": steps} if steps else {})


def _add(actor: Actor, code: str, body: dict[str, Any], note: str, *, source: str) -> ModelDraft:
    if not CODE.fullmatch(code):
        raise Invalid("code", "must begin with a small letter; then small letters, digits, _ and -, at most 60")
    model = ThingModel.objects.filter(pk=code).first()
    if model is not None and source in ("blank", "copy"):
        raise Conflict(f"there is a thing model {code}", code="code-taken")
    row = ModelDraft(id=ids.new_id(), code=code, base=model.version if model else 0, body=plain(body),
                     note=_noted(note), author=actor.label)  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"there is a draft of {code}", code="draft-exists") from error
    note_draft(actor, row, "create", source=source)
    return row


def save_draft(
    *, actor: Actor, draft_id: UUID, revision: int, body: Mapping[str, Any], note: str | None = None
) -> ModelDraft:
    """Keep what was written, whole or not; `revision` is the one that the writer saw. The same again is no change."""
    fresh = plain(body)
    with services.unit(actor):
        row = selectors.draft_for_update(actor, draft_id)
        said = row.note if note is None else _noted(note)
        if (row.body, row.note) == (fresh, said):
            return row
        require_revision(row, revision)
        row.body, row.note, row.author = fresh, said, actor.label
        row.revision, row.updated_at = row.revision + 1, clock.now()
        row.save()
        note_draft(actor, row, "save")
    return row


def require_revision(row: ModelDraft, revision: int) -> None:
    if row.revision != revision:
        raise Conflict(f"the draft is at revision {row.revision} by now, saved at {row.updated_at.isoformat()};"
                       f" yours began at {revision}. Load it again, or copy what you wrote", code="stale")  # fmt: skip


def discard_draft(*, actor: Actor, draft_id: UUID) -> None:
    """Give a draft up; what is published stays as it is."""
    with services.unit(actor):
        row = selectors.draft_for_update(actor, draft_id)
        row.delete()
        row.pk = draft_id
        note_draft(actor, row, "discard")


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON keeps it; refuses what PostgreSQL does not keep."""
    try:
        data = orjson.dumps(dict(body))
    except (orjson.JSONEncodeError, TypeError, RecursionError):
        raise Invalid("body", "holds what JSON cannot") from None
    if len(data) > MAX_BYTES:
        raise Invalid("body", f"is larger than {MAX_BYTES // 1024} KiB")
    if b"\\u0000" in data:
        raise Invalid("body", "holds U+0000")
    found: dict[str, Any] = orjson.loads(data)
    return found


def _noted(note: str) -> str:
    if len(note) > NOTE:
        raise Invalid(errors=[FieldError("note", f"is longer than {NOTE} characters")])
    return note.strip()


def note_draft(actor: Actor, row: ModelDraft, act: str, **detail: Any) -> None:
    """The audit row and the event of what happened to a draft."""
    area = selectors.district()
    audit.record(actor=actor, action=f"model_draft.{act}", kind="model_draft", ref=row.pk, area=area,
                 detail={"code": row.code, "revision": row.revision, **detail})  # fmt: skip
    events.emit(type="model_draft.changed", kind="model_draft", ref=row.pk, area=area, permission=selectors.MANAGE,
                data={"code": row.code, "change": act, "revision": row.revision})  # fmt: skip
