"""Writing rules of routing: a draft, a dry run over cases of the past, and the moment from which they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max

from linli.cases import ports
from linli.cases.models import RoutingVersion
from linli.cases.selectors import drytrial, versions
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid
from linli.kernel.i18n import say

MAX_RULES = 2000


def create_draft(*, actor: Actor, start: UUID | None, rules: Sequence[Mapping[str, Any]] | None, note: str = ""
                 ) -> RoutingVersion:  # fmt: skip
    """A draft of given rules, of an earlier version's, or else of those in force."""
    with services.unit(actor):
        versions.require_writer(actor)
        services.alone("routing")
        rows = _rows(rules) if rules is not None else versions.get(actor, start).rules if start else (
            versions.rows_in_force())  # fmt: skip
        number = (RoutingVersion.objects.aggregate(n=Max("number"))["n"] or 0) + 1
        row = RoutingVersion.objects.create(number=number, rules=rows, note=note[:400], created_by=actor.account_id)
        return _kept(actor, row, "create")


def _rows(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if len(rules) > MAX_RULES:
        raise Invalid("rules", f"has more than {MAX_RULES}")
    return [{k: v for k, v in rule.items() if v not in ("", None, [], False)} | {
        k: rule.get(k, "") for k in ("class", "zh", "en")} for rule in rules]  # fmt: skip


def _kept(actor: Actor, row: RoutingVersion, act: str, **detail: Any) -> RoutingVersion:
    ports.forget("routing")
    audit.record(actor=actor, action=f"routing.{act}", kind="routing", ref=row.id,
                 detail={"number": row.number, "rules": len(row.rules), **detail})  # fmt: skip
    events.emit(type="routing.changed", kind="routing", ref=row.id, permission="routing.view",
                data={"number": row.number, "act": act})  # fmt: skip
    return row


def _locked(actor: Actor, version_id: UUID) -> RoutingVersion:
    versions.require_writer(actor)
    return versions.get(actor, version_id, lock=True)


def _draft(actor: Actor, version_id: UUID, edition: int | None) -> RoutingVersion:
    row = _locked(actor, version_id)
    if row.valid_from is not None:
        raise Conflict(say("已发布的版本不能更改, 请另存为新草稿", "A published version cannot be changed: copy it"),
                       code="published")  # fmt: skip
    if edition is not None and edition != row.edition:
        raise Conflict(
            say("他人已更改此草稿, 请刷新", "Somebody else has changed this draft; reload it"), code="changed"
        )
    return row


def change_draft(*, actor: Actor, version_id: UUID, edition: int, rules: Sequence[Mapping[str, Any]] | None,
                 note: str | None) -> RoutingVersion:  # fmt: skip
    """Other rules or another note, if the draft still is as the caller saw it."""
    with services.unit(actor):
        row = _draft(actor, version_id, edition)
        row.rules = _rows(rules) if rules is not None else row.rules
        row.note = row.note if note is None else note[:400]
        row.edition += 1
        row.save()
        return _kept(actor, row, "change")


def discard_draft(*, actor: Actor, version_id: UUID) -> None:
    with services.unit(actor):
        row = _draft(actor, version_id, None)
        _kept(actor, row, "discard")
        row.delete()


def try_out(*, actor: Actor, version_id: UUID, days: int) -> RoutingVersion:
    """What the rules would have done with the cases of the last days, beside those in force. Keeps the result."""
    with services.unit(actor):
        versions.require_writer(actor)
        rules = versions.get(actor, version_id).rules
        found = drytrial.run(rules, days)
        row = _locked(actor, version_id)
        if row.rules != rules:
            raise Conflict(say("试算期间草稿已更改", "The draft was changed during the dry run"), code="changed")
        row.tried = {**found, "digest": versions.digest(rules), "at": clock.now().isoformat()}
        row.save(update_fields=["tried"])
        return _kept(actor, row, "try", days=days, cases=found["cases"], changed=found["changed"])


def publish(*, actor: Actor, version_id: UUID, edition: int, at: datetime | None) -> RoutingVersion:
    """From `at` on (now) these rules hold. They must be sound and have had a dry run as they are."""
    with services.unit(actor):
        row, now = _draft(actor, version_id, edition), clock.now()
        if at is not None and not now - timedelta(minutes=5) <= at <= now + timedelta(days=366):
            raise Invalid("at", "must lie within the next year")
        if wrong := [f for f in versions.findings(row.rules) if f["grave"]]:
            raise Invalid("rules", "; ".join(f["text"] for f in wrong[:5]))
        if not row.tried or row.tried.get("digest") != versions.digest(row.rules):
            raise Conflict(say("请先对这些规则试算", "Try these rules in a dry run first"), code="dry-run-first")
        services.alone("routing")
        row.valid_from, row.published_by = max(at or now, now), actor.account_id
        row.save(update_fields=["valid_from", "published_by"])
        return _kept(actor, row, "publish", at=row.valid_from.isoformat())


def withdraw(*, actor: Actor, version_id: UUID) -> RoutingVersion:
    """A version whose time has not come becomes a draft again."""
    with services.unit(actor):
        row = _locked(actor, version_id)
        if row.valid_from is None or row.valid_from <= clock.now():
            raise Conflict(say("只有尚未生效的版本可以撤回", "Only a version that does not hold yet is withdrawn"))
        row.valid_from = row.published_by = None
        row.save(update_fields=["valid_from", "published_by"])
        return _kept(actor, row, "withdraw")
