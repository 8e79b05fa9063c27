"""Writing the district's own thing models: drafts, what they change, and publishing them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.devices import drafting_selectors as selectors
from linli.devices import thing_diff, thing_words, units
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import Label
from linli.devices.api.thing_models import ModelOut
from linli.devices.models import ModelDraft
from linli.devices.services import drafts, publishing
from linli.kernel import paging
from linli.kernel.errors import FieldError
from linli.kernel.http import SIGNED_IN, actor_of


class UnitOut(Schema):
    """`code` is UCUM, `shown` what stands behind figures."""

    code: str
    shown: str
    name: Label


class DraftIn(Schema):
    """`source`: blank or copy (a new `code`; a copy is like `of`), next (the version of `of` after the one in force),
    back (the same, as its `version` was)."""

    source: str
    code: str = ""
    of: str = ""
    version: int | None = None
    note: str = ""


class DraftFileIn(Schema):
    """`text`: a pack's file of thing models, YAML or JSON, or a single model."""

    text: str
    note: str = ""


class DraftSaveIn(Schema):
    """`revision`: the one that was read; a draft that was saved since is a conflict, `stale`."""

    revision: int
    body: dict[str, Any]
    note: str | None = None


class BodyIn(Schema):
    """A thing model as a pack writes it, whole or not; `code` is that of the draft."""

    code: str
    body: dict[str, Any]


class PublishIn(Schema):
    """`migrate`: same (devices that need no translation become speakers of the version) or none. `stop_rules`: alarm
    rules that could not go on are switched off; without it they are a conflict, `breaks-rules`."""

    revision: int
    note: str | None = None
    stop_rules: bool = False
    migrate: str = "same"


class Wrong(Schema):
    """What is wrong with a field: a path such as `properties.2.range`, and why."""

    field: str
    reason: Label


class DraftRow(Schema):
    id: UUID
    code: str
    base: int
    name: Label
    note: str
    revision: int
    author: str
    created_at: datetime
    updated_at: datetime


class DraftOut(DraftRow):
    """`base`: the version in force when it was begun, 0 for a new model. `problems` are of now: none when it may be
    published. `sample`: a message as such a device may send it."""

    body: dict[str, Any]
    problems: list[Wrong]
    sample: dict[str, Any]


class CheckOut(Schema):
    problems: list[Wrong]


class FieldChange(Schema):
    field: str
    before: Any = None
    after: Any = None


class Difference(Schema):
    """`part`: model, properties, attributes, events or commands. `change`: added, removed, renamed or changed. `was`:
    its code of before."""

    part: str
    code: str
    change: str
    was: str
    fields: list[FieldChange]


class Spoken(Schema):
    version: int
    devices: int


class RuleEffect(Schema):
    """`effect`: same, follows (it reads `becomes` from then on, its limits converted) or breaks, for `errors`."""

    id: UUID
    code: str
    title: Label
    enabled: bool
    effect: str
    property: str
    becomes: str
    errors: list[Wrong]


class ComparisonOut(Schema):
    """A draft beside the version in force (`version`; 0: there is none). `devices` in use; `translated`: those whose
    readings the gateway turns into the new properties, since they speak an older version. `profiles` by which devices
    register themselves. While there are `problems` the rest is empty."""

    version: int
    problems: list[Wrong]
    differences: list[Difference]
    devices: int
    translated: int
    speaks: list[Spoken]
    rules: list[RuleEffect]
    profiles: int


def wrongs(found: list[FieldError]) -> list[dict[str, Any]]:
    return [{"field": e.field, "reason": {"zh": thing_words.zh(e.reason), "en": e.reason}} for e in found]


def draft_row(row: ModelDraft) -> dict[str, Any]:
    name = row.body.get("name") if isinstance(row.body.get("name"), dict) else {}
    plain = ("code", "base", "note", "revision", "author", "created_at", "updated_at")
    return {"id": row.pk, **{n: getattr(row, n) for n in plain},
            "name": {k: v if isinstance(v := name.get(k), str) else "" for k in ("zh", "en")}}  # fmt: skip


def draft_out(row: ModelDraft) -> dict[str, Any]:
    found = selectors.problems_of(row.code, row.body)
    sample = {} if found else thing_diff.sample(row.body)
    return {**draft_row(row), "body": row.body, "problems": wrongs(found), "sample": sample}


@router.get("/measurement-units", permission=SIGNED_IN, response=list[UnitOut])
def list_measurement_units(request: HttpRequest) -> HttpResponse:
    """The units that readings may have, of the packs in force."""
    return reply([{k: one[k] for k in ("code", "shown", "name")} for one in units.table().values()])


@router.get("/thing-model-drafts", permission="devices.manage", response=paging.Page[DraftRow])
def list_drafts(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> HttpResponse:  # fmt: skip
    """Last saved first."""
    rows, after = selectors.drafts(actor_of(request), cursor=cursor, limit=limit)
    return reply({"items": [draft_row(r) for r in rows], "next": after})


@router.post("/thing-model-drafts", permission="devices.manage", response={201: DraftOut})
def create_draft(request: HttpRequest, body: DraftIn) -> Status[Any]:
    """Begin a new model, or a version of one of the district's own. Models of packs are read-only: copy them."""
    return Status(201, draft_out(drafts.create_draft(actor=actor_of(request), **body.dict())))


@router.post("/thing-model-drafts/import", permission="devices.manage", response={201: list[DraftOut]})
def import_drafts(request: HttpRequest, body: DraftFileIn) -> Status[Any]:
    """A draft for each thing model of a file, all or none."""
    made = drafts.import_drafts(actor=actor_of(request), text=body.text, note=body.note)
    return Status(201, [draft_out(row) for row in made])


@router.post("/thing-model-drafts/check", permission="devices.manage", response=CheckOut)
def check_draft(request: HttpRequest, body: BodyIn) -> dict[str, Any]:
    """What is wrong with a draft that is being written. Changes nothing."""
    selectors.require(actor_of(request))
    return {"problems": wrongs(selectors.problems_of(body.code, drafts.plain(body.body)))}


@router.get("/thing-model-drafts/{uuid:draft_id}", permission="devices.manage", response=DraftOut)
def get_draft(request: HttpRequest, draft_id: UUID) -> dict[str, Any]:
    return draft_out(selectors.draft(actor_of(request), draft_id))


@router.put("/thing-model-drafts/{uuid:draft_id}", permission="devices.manage", response=DraftOut)
def save_draft(request: HttpRequest, draft_id: UUID, body: DraftSaveIn) -> dict[str, Any]:
    """Keep it, whole or not."""
    row = drafts.save_draft(
        actor=actor_of(request), draft_id=draft_id, revision=body.revision, body=body.body, note=body.note
    )
    return draft_out(row)


@router.delete("/thing-model-drafts/{uuid:draft_id}", permission="devices.manage", response={204: None})
def discard_draft(request: HttpRequest, draft_id: UUID) -> Status[None]:
    drafts.discard_draft(actor=actor_of(request), draft_id=draft_id)
    return Status(204, None)


@router.get("/thing-model-drafts/{uuid:draft_id}/comparison", permission="devices.manage", response=ComparisonOut)
def compare_draft(request: HttpRequest, draft_id: UUID) -> dict[str, Any]:
    """What publishing it would change, whom it touches and what would break."""
    row = selectors.draft(actor_of(request), draft_id)
    if found := selectors.problems_of(row.code, row.body):
        return {"version": row.base, "problems": wrongs(found), "differences": [], "devices": 0, "translated": 0,
                "speaks": [], "rules": [], "profiles": 0}  # fmt: skip
    told = selectors.comparison(row.code, row.body)
    return {**told, "problems": [], "rules": [{**r, "errors": wrongs(r["errors"])} for r in told["rules"]]}


@router.post("/thing-model-drafts/{uuid:draft_id}/publish", permission="devices.manage", response=ModelOut)
def publish_draft(request: HttpRequest, draft_id: UUID, body: PublishIn) -> ModelOut:
    """It is in force from now on: gateways, alarm rules, charts and open interfaces follow within seconds."""
    return ModelOut.of(publishing.publish_draft(actor=actor_of(request), draft_id=draft_id, **body.dict()))
