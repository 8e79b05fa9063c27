"""Reading, erasing and explaining personal fields. Called as `personal.read`, `personal.erase`, `personal.notice`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import psycopg
from django.apps import apps
from django.db import connection, models

from linli.kernel import clock, crypto, packs
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid, LinliError
from linli.kernel.masks import mask_text
from linli.kernel.personal_register import REGISTRY, PersonalSpec, clear, spec_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from linli.kernel.models import PersonalRead

log = logging.getLogger("linli.personal")
M = TypeVar("M", bound=models.Model)
LIST_LIMIT = 200
LOOK_UP_LIMIT = 50
# Whether the request being answered opened personal values: such an answer is kept nowhere.
OPENED: ContextVar[bool] = ContextVar("personal_values_opened", default=False)


def purposes() -> dict[str, dict[str, Any]]:
    """Purpose code → {zh, en, permission?, reason?} of the packs in force (`purposes.yaml`)."""
    return _vocabulary("purposes")


def _vocabulary(part: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in packs.files("purposes", (".yaml",)):
        found.update(packs.read_yaml(path).get(part) or {})
    return found


def read(
    *, actor: Actor, instance: models.Model, fields: Sequence[str], purpose: str, reason: str = ""
) -> dict[str, str | None]:
    """The clear values of `fields` of one record, for a purpose they are registered for. Logs one row."""
    return read_many(actor=actor, instances=[instance], fields=fields, purpose=purpose, reason=reason)[0]


def read_many(
    *, actor: Actor, instances: Sequence[models.Model], fields: Sequence[str], purpose: str, reason: str = ""
) -> list[dict[str, str | None]]:
    """The clear values of `fields` of records of one model, with one log row for the list."""
    if not instances:
        return []
    if len(instances) > LIST_LIMIT:
        raise Invalid("limit", f"at most {LIST_LIMIT} records are opened at once")
    try:
        for instance in instances:
            _allow(actor, instance, fields, purpose, reason)
    except LinliError as refusal:
        _refused(refusal, actor, _row(actor, type(instances[0]), instances, fields, purpose, reason))
        raise
    _row(actor, type(instances[0]), instances, fields, purpose, reason).save(force_insert=True)
    OPENED.set(True)
    return [{f: _open(instance, f) for f in fields} for instance in instances]


def look_up(
    *, actor: Actor, rows: QuerySet[M], field: str, value: str, sees: Callable[[M], bool], purpose: str, reason: str
) -> list[M]:
    """Those of `rows` whose `field` is exactly `value` and which `sees` lets through.

    Logged whether it finds anybody or not, with whom it found, never with the value.
    """
    found: list[M] = []
    try:
        _rules(actor, purpose, reason)
        found = [r for r in rows.filter(**{f"{field}__blind": value})[:LOOK_UP_LIMIT] if sees(r)]
        for instance in found:
            _allow(actor, instance, (field,), purpose, reason)
    except LinliError as refusal:
        _refused(refusal, actor, _row(actor, rows.model, found, (field,), purpose, reason))
        raise
    _row(actor, rows.model, found, (field,), purpose, reason).save(force_insert=True)
    OPENED.set(True)
    return found


def _rules(actor: Actor, purpose: str, reason: str, area: str | None = None) -> None:
    """What the packs ask for before anything is read for a purpose."""
    rules = purposes().get(purpose, {})
    if rules.get("reason") and not reason.strip():
        raise Invalid("reason", "say why you need it; the person concerned can see it")
    if permission := rules.get("permission"):
        actor.require(permission, area)


def _allow(actor: Actor, instance: models.Model, fields: Sequence[str], purpose: str, reason: str) -> None:
    _rules(actor, purpose, reason, getattr(instance, "area_path", None))
    for field in fields:
        spec = spec_of(instance, field)
        if purpose not in spec.purposes:
            raise Forbidden(f"{field} was not collected for the purpose {purpose}")
        if spec.basis_of(purpose) == "consent":
            given = getattr(instance, "personal_consent", None)
            if given is None or not given(purpose):
                raise Forbidden(f"there is no consent to use {field} for {purpose}")


def subject_of(instance: models.Model) -> tuple[str, str]:
    """Whom a record is about: its `personal_subject()`, else the record itself."""
    own = getattr(instance, "personal_subject", None)
    if own is not None:
        kind, ref = own()
        return str(kind), str(ref)
    return str(instance._meta.model_name), str(instance.pk)


def _row(
    actor: Actor, model: type[models.Model], instances: Sequence[models.Model], fields: Sequence[str], purpose: str,
    reason: str,
) -> PersonalRead:  # fmt: skip
    """The row of the log for a reading, not yet written."""
    from linli.kernel.models import PersonalRead

    subjects = [subject_of(i) for i in instances]
    return PersonalRead(
        actor=actor.label, account_id=actor.account_id,
        subject_kind=subjects[0][0] if subjects else str(model._meta.model_name),
        subjects=sorted({ref for _, ref in subjects}), fields=list(fields), purpose=purpose[:60],
        reason=mask_text(reason)[0][:500],
        area_path=(getattr(instances[0], "area_path", "") or "") if instances else "",
    )  # fmt: skip


def _refused(refusal: LinliError, actor: Actor, row: PersonalRead) -> None:
    """Note a refusal on a connection of its own: the refusal rolls the caller's transaction back.

    Not one of the pool's: a request that waits for a second connection while it holds one can wait for ever.
    """
    log.warning("personal read refused", extra={"purpose": row.purpose, "actor": actor.label, "why": refusal.detail})
    row.refused = True
    columns = {
        str(f.column): f.get_db_prep_save(getattr(row, f.attname), connection) for f in row._meta.concrete_fields
    }
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    try:
        with psycopg.connect(**connection.get_connection_params(), autocommit=True, connect_timeout=5) as own:
            own.execute(f"INSERT INTO {row._meta.db_table} ({names}) VALUES ({marks})", list(columns.values()))
    except psycopg.Error as error:  # the person is refused all the same
        log.error("refused read of personal data is not on record", extra={"why": type(error).__name__})


def _open(instance: models.Model, field: str) -> str | None:
    sealed = getattr(instance, field)
    return None if sealed is None else clear(sealed)


def reads_of(subject_kind: str, subject_id: UUID | str) -> QuerySet[PersonalRead]:
    """Who looked at a person's data, for paging by `("-at", "-id")`."""
    from linli.kernel.models import PersonalRead

    return PersonalRead.objects.filter(subject_kind=subject_kind, subjects__contains=[str(subject_id)])


def erase(instance: models.Model, fields: Sequence[str] | None = None) -> list[str]:
    """Empty the personal fields of a record (all, or the named ones) and save; returns the names that held a value."""
    names = [f for (label, f) in REGISTRY if label == instance._meta.label and (fields is None or f in fields)]
    held = [n for n in names if getattr(instance, n) is not None]
    for name in held:
        setattr(instance, name, None)
    if held:
        instance.save(update_fields=held)
    return held


def purge_expired(batch: int = 500) -> dict[str, int]:
    """Empty every personal field whose retention is over; returns counts by `model.field`."""
    done: dict[str, int] = {}
    for (label, field), spec in sorted(REGISTRY.items()):
        model = apps.get_model(label)
        since = getattr(model, "PERSONAL_SINCE", "created_at")
        if not any(f.name == since for f in model._meta.get_fields()):
            continue
        limit = clock.now() - timedelta(days=spec.retention_days)
        expired = model._default_manager.filter(**{f"{since}__lt": limit, f"{field}__isnull": False})
        while keys := list(expired.values_list("pk", flat=True)[:batch]):
            count = model._default_manager.filter(pk__in=keys).update(**{field: None})
            done[f"{label}.{field}"] = done.get(f"{label}.{field}", 0) + count
    return done


def rewrap_all(batch: int = 500) -> int:
    """Wrap every data key with the current key-encryption key; returns how many values changed."""
    changed = 0
    for label, field in sorted(REGISTRY):
        model = apps.get_model(label)
        rows = model._default_manager.filter(**{f"{field}__isnull": False}).only("pk", field)
        for row in rows.iterator(chunk_size=batch):
            sealed = getattr(row, field)
            blind, envelope = sealed.blob[: crypto.BLIND_SIZE], sealed.blob[crypto.BLIND_SIZE :]
            fresh = crypto.rewrap(envelope, sealed.context)
            if fresh != envelope:
                setattr(row, field, blind + fresh)
                row.save(update_fields=[field])
                changed += 1
    return changed


def notice(lang: str = "zh") -> list[dict[str, Any]]:
    """What the privacy notice says, from the same registry that `read` enforces: one entry per field."""
    words = {part: _vocabulary(part) for part in ("purposes", "categories", "bases", "holders")}

    def say(part: str, code: str) -> str:
        return str((words[part].get(code) or {}).get(lang, code))

    def entry(spec: PersonalSpec) -> dict[str, Any]:
        return {
            "field": f"{spec.model}.{spec.field}",
            "holder": say("holders", spec.model),
            "category": say("categories", spec.category),
            "purposes": [
                {"code": p, "text": say("purposes", p), "basis": say("bases", b)} for p, b in spec.bases
            ],
            "retention_days": spec.retention_days,
        }  # fmt: skip

    return [entry(REGISTRY[key]) for key in sorted(REGISTRY)]
