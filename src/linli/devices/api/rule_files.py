"""Rules as files of a pack: out of the list, and in with a look at what would be done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from linli.devices import rule_files, selectors
from linli.devices.api.base import router
from linli.devices.api.rule_schemas import ProblemOut, rule_words
from linli.devices.api.schemas import Label
from linli.devices.services import rule_imports as services
from linli.kernel.http import actor_of


class RuleFileIn(Schema):
    """`text`: a pack's file of rules, YAML or JSON. `mark`: that of the look whose steps are to be done; without it the
    answer is that look."""

    text: str
    mark: str = ""


class StepOut(Schema):
    """What an entry does, in the order of the file. `act`: new, version, same or refused. `version`: the one that is in
    force then. `changed`: fields as the file names them. `errors` name a place in the file, such as
    `rules.2.when.property`."""

    code: str
    act: str
    version: int
    title: Label | None
    sentence: Label | None
    changed: list[str]
    errors: list[ProblemOut]


class RuleImportOut(Schema):
    """`done`: it was done, not only looked at."""

    mark: str
    done: bool
    steps: list[StepOut]


@router.get("/rules.yaml", permission="rules.view")
def rules_file(request: HttpRequest, model: str = "", device_id: UUID | None = None) -> HttpResponse:
    """The rules of the list as a file of a pack. Rules for chosen devices are left out; its first lines name them."""
    rows = selectors.rule_list(actor_of(request), model=model, device_id=device_id)
    entries = [selectors.rule_entry(r) for r in rows if r.device_ids is None]
    text = rule_files.write(entries, [r.code for r in rows if r.device_ids is not None])
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{model or "rules"}.yaml"'
    return answer


@router.post("/rules/import", permission="rules.manage", response=RuleImportOut)
def import_rules(request: HttpRequest, body: RuleFileIn) -> dict[str, Any]:
    """Without `mark`: what the file would do. With it: done in one step, all or none; 409 `stale` when it would do
    something else by now. The same file again changes nothing."""
    actor = actor_of(request)
    if body.mark:
        found = services.import_rules(actor=actor, text=body.text, mark=body.mark)
    else:
        found = services.plan(actor=actor, text=body.text)
    return {"mark": found.mark, "done": found.done, "steps": [_step(s, found.done) for s in found.steps]}


def _step(step: services.Step, done: bool) -> dict[str, Any]:
    rule = step.rule
    plain = {"code": step.code, "act": step.act, "changed": list(step.changed),
             "errors": [{"field": e.field, "reason": e.reason} for e in step.errors]}  # fmt: skip
    if rule is None:
        return {**plain, "version": 0, "title": None, "sentence": None}
    version = rule.version if done or step.act == "same" else rule.version + 1
    return {**plain, "version": version, "title": {"zh": rule.title_zh, "en": rule.title_en},
            "sentence": rule_words(rule)["sentence"]}  # fmt: skip
