"""Routes of playbooks and run cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.cases import facade as cases
from linli.command import card_selectors, card_services
from linli.command.models import CardRun, CardStep
from linli.command.playbooks import POSTS, Playbook, playbooks
from linli.command.router import router
from linli.identity import facade as identity
from linli.kernel.http import actor_of
from linli.orgs import facade as orgs
from linli.orgs.contracts import TeamInfo
from linli.work import facade as work


class PlaybookOut(Schema):
    """`steps`: {key, zh, en, post, minutes, team_kind, after, photo, checks: [{zh, en}], team: {zh, en} or null}.

    `team` stands only in a case's preview: who would get the task.
    """

    code: str
    version: int
    zh: str
    en: str
    auto: bool
    illustrative: bool
    triggers: list[dict[str, Any]]
    steps: list[dict[str, Any]]


class RunOut(Schema):
    """`posts`: {post, zh, en, name}; `steps`: {key, zh, en, post, state, due_at, team, task_state, checks, …}."""

    id: UUID
    case_id: UUID
    playbook: str
    version: int
    zh: str
    en: str
    illustrative: bool
    by_name: str
    started_at: datetime
    ended_at: datetime | None
    ended_by_name: str
    summary: str
    posts: list[dict[str, Any]]
    steps: list[dict[str, Any]]


class CaseCards(Schema):
    """`fitting`: playbooks with a trigger for this case that were not begun; `others`: all the rest."""

    runs: list[RunOut]
    fitting: list[PlaybookOut]
    others: list[PlaybookOut]


class StartIn(Schema):
    playbook: str


class StepAct(Schema):
    """`check`: the point's place in the list, from 0, with `tick` and `untick`; `reason` with `skip`."""

    act: Literal["tick", "untick", "done", "skip"]
    check: int = -1
    reason: str = ""


class StepIn(Schema):
    """`minutes`: until it is due; without `team_id` the desk does it."""

    title: str
    minutes: int = 30
    team_id: UUID | None = None


class EndIn(Schema):
    summary: str


def _book(book: Playbook, teams: Sequence[TeamInfo] = ()) -> PlaybookOut:
    steps = [
        {"key": s.key, "zh": s.zh, "en": s.en, "post": s.post, "minutes": s.minutes, "team_kind": s.team_kind,
         "after": s.after, "photo": s.photo, "checks": [{"zh": zh, "en": en} for zh, en in s.checks],
         "team": _team(card_services.team_of(teams, s.team_kind))}
        for s in book.steps
    ]  # fmt: skip
    triggers = [{"class": t.class_prefix, "urgent": t.urgent, "severity": t.severity, "area": t.area,
                 "name": cases.class_names([t.class_prefix]).get(t.class_prefix)} for t in book.triggers]  # fmt: skip
    return PlaybookOut(code=book.code, version=book.version, zh=book.zh, en=book.en, auto=book.auto,
                       illustrative=book.illustrative, triggers=triggers, steps=steps)  # fmt: skip


def _team(found: TeamInfo | None) -> dict[str, str] | None:
    return {"zh": found.name_zh, "en": found.name_en or found.name_zh} if found else None


def _people(rows: list[CardRun], steps: list[CardStep]) -> dict[UUID, str]:
    ids = {w for r in rows for w in (r.by, r.ended_by, *map(UUID, r.posts.values())) if w}
    ids |= {s.by for s in steps if s.by} | {UUID(p["by"]) for s in steps for p in s.checks if p["by"]}
    return identity.display_name(ids)


def _out(rows: list[CardRun]) -> list[RunOut]:
    steps = [s for r in rows for s in r.steps.all()]
    names, teams = _people(rows, steps), orgs.teams([s.team_id for s in steps if s.team_id])
    states = {t.id: t.state for case_id in {r.case_id for r in rows} for t in work.tasks_of(case_id)}

    def name(who: Any) -> str:
        return names.get(UUID(str(who)), "") if who else ""

    def one(s: CardStep) -> dict[str, Any]:
        return {
            "key": s.key, "zh": s.zh, "en": s.en, "post": s.post, "state": s.state, "due_at": s.due_at,
            "minutes": s.minutes, "after": s.after, "photo": s.photo, "reason": s.reason, "by_name": name(s.by),
            "at": s.at, "team": _team(teams.get(s.team_id)) if s.team_id else None,
            "task_state": states.get(s.task_id, "") if s.task_id else "",
            "checks": [{**p, "by": None, "by_name": name(p["by"])} for p in s.checks],
        }  # fmt: skip

    return [
        RunOut(
            id=r.id, case_id=r.case_id, playbook=r.playbook, version=r.version, zh=r.zh, en=r.en,
            illustrative=r.illustrative, by_name=name(r.by), started_at=r.started_at, ended_at=r.ended_at,
            ended_by_name=name(r.ended_by), summary=r.summary,
            posts=[{"post": p, "zh": zh, "en": en, "name": name(r.posts.get(p))} for p, (zh, en) in POSTS.items()],
            steps=[one(s) for s in sorted(r.steps.all(), key=lambda s: s.ordinal)],
        )
        for r in rows
    ]  # fmt: skip


@router.get("/playbooks", permission="cases.view", response=list[PlaybookOut])
def list_playbooks(request: HttpRequest) -> list[PlaybookOut]:
    """The playbooks of the packs in force: a dozen, so in one piece."""
    return [_book(b) for b in playbooks().values()]


@router.get("/cases/{uuid:case_id}/playbooks", permission="cases.view", response=CaseCards)
def case_playbooks(request: HttpRequest, case_id: UUID) -> CaseCards:
    """The case's run cards, and what each playbook would create if it were begun now."""
    actor = actor_of(request)
    case = cases.card_case(actor, case_id)
    rows = card_selectors.runs_of(actor, case_id)
    begun = {r.playbook for r in rows}
    fit = {b.code for b in card_services.fitting(case)}
    teams = orgs.teams_in(case.area_path)
    books = [b for b in playbooks().values() if b.code not in begun] if case.open else []
    return CaseCards(runs=_out(rows), fitting=[_book(b, teams) for b in books if b.code in fit],
                     others=[_book(b, teams) for b in books if b.code not in fit])  # fmt: skip


@router.post("/cases/{uuid:case_id}/playbooks", permission="cases.dispatch", response={201: RunOut})
def start_playbook(request: HttpRequest, case_id: UUID, payload: StartIn) -> Status[RunOut]:
    """Once a case and playbook: begun already, 409 says by whom."""
    run = card_services.start_card(actor=actor_of(request), case_id=case_id, playbook=payload.playbook)
    return Status(201, _out([run])[0])


@router.post("/playbook-runs/{uuid:run_id}/steps/{step_key}", permission="cases.dispatch", response=RunOut)
def act_on_step(request: HttpRequest, run_id: UUID, step_key: str, payload: StepAct) -> RunOut:
    actor = actor_of(request)
    if payload.act == "done":
        run = card_services.finish_step(actor=actor, run_id=run_id, key=step_key)
    elif payload.act == "skip":
        run = card_services.skip_step(actor=actor, run_id=run_id, key=step_key, reason=payload.reason)
    else:
        run = card_services.tick(actor=actor, run_id=run_id, key=step_key, check=payload.check,
                                 done=payload.act == "tick")  # fmt: skip
    return _out([run])[0]


@router.post("/playbook-runs/{uuid:run_id}/steps", permission="cases.dispatch", response=RunOut)
def add_step(request: HttpRequest, run_id: UUID, payload: StepIn) -> RunOut:
    run = card_services.add_step(actor=actor_of(request), run_id=run_id, title=payload.title, minutes=payload.minutes,
                                 team_id=payload.team_id)  # fmt: skip
    return _out([run])[0]


@router.post("/playbook-runs/{uuid:run_id}/posts/{post}", permission="cases.dispatch", response=RunOut)
def take_post(request: HttpRequest, run_id: UUID, post: str) -> RunOut:
    return _out([card_services.take_post(actor=actor_of(request), run_id=run_id, post=post)])[0]


@router.post("/playbook-runs/{uuid:run_id}/end", permission="cases.dispatch", response=RunOut)
def end_card(request: HttpRequest, run_id: UUID, payload: EndIn) -> RunOut:
    return _out([card_services.end_card(actor=actor_of(request), run_id=run_id, summary=payload.summary)])[0]
