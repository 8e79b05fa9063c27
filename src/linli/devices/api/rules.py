"""Rules as data: read, written, and every version kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Status

from linli.devices import bench_selectors, selectors
from linli.devices.api.base import reply, router
from linli.devices.api.rule_schemas import (
    RuleIn,
    RuleOut,
    RulePatch,
    RuleVersionOut,
    SentenceIn,
    SentenceOut,
    rule_out,
    rule_words,
)
from linli.devices.services import rules as services
from linli.kernel.http import actor_of


@router.get("/rules", permission="rules.view", response=list[RuleOut])
def list_rules(request: HttpRequest, model: str = "", device_id: UUID | None = None) -> HttpResponse:
    """All rules that touch the caller's areas, with each rule as a sentence; `device_id`: those that judge it."""
    return reply([rule_out(r) for r in selectors.rule_list(actor_of(request), model=model, device_id=device_id)])


@router.post("/rules", permission="rules.manage", response={201: RuleOut})
def create_rule(request: HttpRequest, body: RuleIn) -> Status[Any]:
    made = services.create_rule(actor=actor_of(request), model=body.model, body=body.body(), code=body.code)
    return Status(201, rule_out(made))


@router.post("/rules/sentence", permission="rules.view", response=SentenceOut)
def rule_sentence(request: HttpRequest, body: SentenceIn) -> dict[str, Any]:
    """How a rule that is being written would read, and what is still wrong with it. Changes nothing."""
    draft, found = bench_selectors.writing(actor_of(request), body.model, body.body())
    words = {"sentence": None, "clears": None} if found else rule_words(draft)
    return {**words, "problems": [{"field": e.field, "reason": e.reason} for e in found]}


@router.get("/rules/{uuid:rule_id}", permission="rules.view", response=RuleOut)
def get_rule(request: HttpRequest, rule_id: UUID) -> dict[str, Any]:
    return rule_out(selectors.rule(actor_of(request), rule_id))


@router.patch("/rules/{uuid:rule_id}", permission="rules.manage", response=RuleOut)
def update_rule(request: HttpRequest, rule_id: UUID, body: RulePatch) -> dict[str, Any]:
    found = services.update_rule(
        actor=actor_of(request), rule_id=rule_id, version=body.version, body=body.body()
    )  # fmt: skip
    return rule_out(found)


@router.get("/rules/{uuid:rule_id}/versions", permission="rules.view", response=list[RuleVersionOut])
def rule_versions(request: HttpRequest, rule_id: UUID) -> list[RuleVersionOut]:
    found = selectors.rule_versions(actor_of(request), rule_id)
    return [RuleVersionOut(version=v.version, body=v.body, actor=v.actor, at=v.at) for v in found]
