"""Writes of run cards. Each locks the case's run first, so that two people's acts come one after the other.

The timeline's line, the audit row and the live event are the case's (`cases.facade.card_act`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from linli.cases import facade as cases
from linli.cases.facade import CardCase
from linli.command import card_selectors
from linli.command.models import CardRun, CardStep
from linli.command.playbooks import POSTS, Playbook, Step, fits, playbooks
from linli.devices import facade as devices
from linli.identity import facade as identity
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, NotFound
from linli.kernel.i18n import either, say
from linli.kernel.masks import mask_text
from linli.orgs import facade as orgs
from linli.orgs.contracts import TeamInfo
from linli.work import facade as work
from linli.work.contracts import DONE

MANAGE = "cases.dispatch"
MAX_STEPS, MAX_MINUTES, MAX_REASON, MAX_SUMMARY = 60, 7 * 24 * 60, 400, 2000


def start_card(*, actor: Actor, case_id: UUID, playbook: str) -> CardRun:
    """Begin a playbook for an open case: once. Who comes second is told who was first."""
    book = playbooks().get(playbook)
    if book is None:
        raise Invalid("playbook", "is not a known playbook")
    with services.unit(actor):
        case = cases.card_case(actor, case_id)
        _require(actor, case)
        if not case.open:
            raise Conflict(say("案件已结束, 不能启动处置卡", "The case has ended: no run card can be started"))
        run = _created(actor, case, book)
        if run is None:
            raise _second(CardRun.objects.get(case_id=case_id, playbook=playbook))
        _open_ready(actor, case, run)
        _told(actor, run, "card_start", "", {"auto": actor.account_id is None})
    return run


def start_by_trigger(*, case_id: UUID) -> int:
    """Begin every playbook whose trigger the case meets and that begins by itself; how many were new."""
    with services.unit(SYSTEM):
        try:
            case = cases.card_case(SYSTEM, case_id)
        except NotFound:  # the case is gone, which is no error
            return 0
        known = set(CardRun.objects.filter(case_id=case_id).values_list("playbook", flat=True))
        fresh = [b for b in fitting(case) if b.auto and b.code not in known] if case.open else []
        count = 0
        for book in fresh:
            if (run := _created(SYSTEM, case, book)) is not None:
                _open_ready(SYSTEM, case, run)
                _told(SYSTEM, run, "card_start", "", {"auto": True})
                count += 1
    return count


def fitting(case: CardCase) -> list[Playbook]:
    """Playbooks that have a trigger for this case."""
    alarm = devices.alarm(case.alarm_id) if case.alarm_id else None
    severity = alarm.severity if alarm else ""
    return [
        b for b in playbooks().values()
        if fits(b, class_code=case.class_code, urgent=case.urgent, severity=severity, area=case.area_path)
    ]  # fmt: skip


def team_of(teams: Sequence[TeamInfo], kind: str) -> TeamInfo | None:
    """The first team of a kind among those of a place, which come nearest first; None where the desk does it."""
    return next((t for t in teams if kind and t.kind == kind), None)


def tick(*, actor: Actor, run_id: UUID, key: str, check: int, done: bool) -> CardRun:
    """Tick a point of an open step, or take the tick back. Ticked already: nothing happens."""
    with services.unit(actor):
        run, _ = _locked(actor, run_id)
        step = _open_step(run, key)
        if not 0 <= check < len(step.checks):
            raise Invalid("check", f"must be a point of the list, 0 to {len(step.checks) - 1}")
        point = step.checks[check]
        if point["done"] != done:
            who = str(actor.account_id) if actor.account_id else None
            point |= {"done": done, "by": who if done else None, "at": clock.now().isoformat() if done else None}
            step.save(update_fields=["checks"])
            mark = "✓" if done else "✗"
            _told(actor, run, "card_tick", f"{mark} {either(point['zh'], point['en'])}", {"step": key, "done": done})
    return run


def finish_step(*, actor: Actor, run_id: UUID, key: str) -> CardRun:
    """The desk has it done. A picture is the team's to bring: such a step ends with the team's task."""
    with services.unit(actor):
        run, case = _locked(actor, run_id)
        step = _open_step(run, key)
        if step.photo and step.task_id:
            zh, en = (
                "此步骤需班组拍照办结; 不需要时请写明理由跳过",
                "The team ends this step with a picture, or skip it with a reason",
            )
            raise Conflict(say(zh, en))
        if not all(point["done"] for point in step.checks):
            raise Invalid("checks", "all points must be ticked")
        _end_step(actor, case, run, step, "done", "")
    return run


def skip_step(*, actor: Actor, run_id: UUID, key: str, reason: str) -> CardRun:
    """Leave a step out, also one that waits; its reason stands in the timeline."""
    words = _text("reason", reason, MAX_REASON)
    with services.unit(actor):
        run, case = _locked(actor, run_id)
        step = _step(run, key)
        if step.state not in ("waiting", "open"):
            raise _ended(step)
        _end_step(actor, case, run, step, "skipped", words)
    return run


def add_step(*, actor: Actor, run_id: UUID, title: str, minutes: int, team_id: UUID | None = None) -> CardRun:
    """One more step for this run only, open at once."""
    words = _text("title", title, 200)
    if not 1 <= minutes <= MAX_MINUTES:
        raise Invalid("minutes", f"must be 1 to {MAX_MINUTES}")
    with services.unit(actor):
        run, case = _locked(actor, run_id)
        count = run.steps.count()
        if count >= MAX_STEPS:
            raise Invalid("title", f"a run card has at most {MAX_STEPS} steps")
        CardStep.objects.create(run=run, key=f"added-{count + 1}", ordinal=count, zh=words, en=words, post="commander",
                                minutes=minutes, team_id=team_id)  # fmt: skip
        _open_ready(actor, case, run)
        _told(actor, run, "card_add", words, {"minutes": minutes})
    return run


def take_post(*, actor: Actor, run_id: UUID, post: str) -> CardRun:
    """Step into a post of the card; who held it before is relieved."""
    if post not in POSTS:
        raise NotFound()
    with services.unit(actor):
        run, _ = _locked(actor, run_id)
        if run.posts.get(post) != str(actor.account_id):
            run.posts[post] = str(actor.account_id)
            run.save(update_fields=["posts"])
            _told(actor, run, "card_post", either(*POSTS[post]), {"post": post})
    return run


def end_card(*, actor: Actor, run_id: UUID, summary: str) -> CardRun:
    """End the run when no step is left, with words that stay."""
    words = _text("summary", summary, MAX_SUMMARY)
    with services.unit(actor):
        run, _ = _locked(actor, run_id)
        if left := run.steps.filter(state__in=("waiting", "open")).count():
            raise Conflict(say(f"还有 {left} 个步骤未完成或跳过", f"{left} steps are neither done nor skipped"))
        run.summary, run.ended_at, run.ended_by = words, clock.now(), actor.account_id
        run.save(update_fields=["summary", "ended_at", "ended_by"])
        _told(actor, run, "card_end", words, {})
    return run


def follow_task(*, task_id: UUID) -> bool:
    """A team has ended its task: the step is done, and what waited for it opens. Heard twice, it counts once."""
    found = CardStep.objects.filter(task_id=task_id).values_list("run_id", flat=True).first()
    task = work.task(task_id)
    if found is None or task is None or task.state != DONE:
        return False
    with services.unit(SYSTEM):
        run = CardRun.objects.select_for_update().get(pk=found)
        step = run.steps.get(task_id=task_id)
        if step.state != "open" or run.ended_at is not None:
            return False
        who = str(task.done_by) if task.done_by else None
        at = (task.done_at or clock.now()).isoformat()
        step.checks = [p if p["done"] else {**p, "done": True, "by": who, "at": at} for p in step.checks]
        _end_step(SYSTEM, cases.card_case(SYSTEM, run.case_id), run, step, "done", "", by=task.done_by)
    return True


def _created(actor: Actor, case: CardCase, book: Playbook) -> CardRun | None:
    """The run with its steps; None when somebody was first, even in the same moment."""
    try:
        with transaction.atomic():
            run = CardRun.objects.create(
                case_id=case.id, playbook=book.code, version=book.version, zh=book.zh, en=book.en,
                illustrative=book.illustrative, by=actor.account_id,
            )  # fmt: skip
    except IntegrityError:
        return None
    teams = orgs.teams_in(case.area_path)
    CardStep.objects.bulk_create(_row(teams, run, n, step) for n, step in enumerate(book.steps))
    return run


def _row(teams: Sequence[TeamInfo], run: CardRun, ordinal: int, step: Step) -> CardStep:
    team = team_of(teams, step.team_kind)
    return CardStep(
        run=run, key=step.key, ordinal=ordinal, zh=step.zh, en=step.en, post=step.post, minutes=step.minutes,
        team_id=team.id if team else None, after=list(step.after), photo=step.photo,
        checks=[{"zh": zh, "en": en, "done": False, "by": None, "at": None} for zh, en in step.checks],
    )  # fmt: skip


def _open_ready(actor: Actor, case: CardCase, run: CardRun) -> None:
    """Steps whose earlier steps have ended begin now: their time runs, their team gets its task."""
    steps = list(run.steps.order_by("ordinal"))
    ended = {s.key for s in steps if s.state in ("done", "skipped")}
    for step in steps:
        if step.state != "waiting" or not ended.issuperset(step.after):
            continue
        step.state, step.due_at = "open", clock.now() + timedelta(minutes=step.minutes)
        if step.team_id:
            step.task_id = work.open_task(
                actor=actor, case_id=case.id, team_id=step.team_id, area_path=case.area_path,
                title=either(step.zh, step.en), due_at=step.due_at, illustrative=run.illustrative, place=case.place,
                kind="other", urgent=case.urgent, needs_photo=step.photo, note=either(run.zh, run.en),
                checklist=[either(p["zh"], p["en"]) for p in step.checks],
            )  # fmt: skip
        step.save(update_fields=["state", "due_at", "task_id"])


def _end_step(
    actor: Actor, case: CardCase, run: CardRun, step: CardStep, state: str, reason: str, by: UUID | None = None
) -> None:
    step.state, step.reason, step.by, step.at = state, reason, by or actor.account_id, clock.now()
    step.save(update_fields=["state", "reason", "by", "at", "checks"])
    if step.task_id:
        why = reason or say("值守席已记为完成", "The desk has it as done")
        work.cancel_task(actor=actor, task_id=step.task_id, reason=why)  # one that has ended stays as it is
    _open_ready(actor, case, run)
    note = either(step.zh, step.en) + (f": {reason}" if reason else "")
    _told(actor, run, "card_done" if state == "done" else "card_skip", note, {"step": step.key})


def _locked(actor: Actor, run_id: UUID) -> tuple[CardRun, CardCase]:
    seen = card_selectors.run(actor, run_id)
    case = cases.card_case(actor, seen.case_id)
    _require(actor, case)
    run = CardRun.objects.select_for_update().get(pk=run_id)
    if run.ended_at is not None:
        raise Conflict(say("处置卡已结束", "The run card has ended"))
    return run, case


def _require(actor: Actor, case: CardCase) -> None:
    actor.require(MANAGE, case.area_path)


def _step(run: CardRun, key: str) -> CardStep:
    step = run.steps.filter(key=key).first()
    if step is None:
        raise NotFound()
    return step


def _open_step(run: CardRun, key: str) -> CardStep:
    step = _step(run, key)
    if step.state == "waiting":
        raise Conflict(say("前面的步骤还没有完成", "An earlier step is not done yet"))
    if step.state != "open":
        raise _ended(step)
    return step


def _ended(step: CardStep) -> Conflict:
    who = identity.display_name({step.by}).get(step.by, "") if step.by else ""
    return Conflict(say(f"此步骤已由{who or '系统'}完成或跳过", f"{who or 'The system'} has done or skipped this step"))


def _second(run: CardRun) -> Conflict:
    who = identity.display_name({run.by}).get(run.by, "") if run.by else ""
    at = f"{run.started_at.astimezone(cases.zone()):%H:%M}"
    zh, en = f"{who or '系统'}已于 {at} 启动这张处置卡", f"{who or 'The system'} started this run card at {at}"
    return Conflict(say(zh, en), code="card-started")


def _text(field: str, value: str, most: int) -> str:
    clean = value.strip()
    if not clean:
        raise Invalid(field, "must not be empty")
    if len(clean) > most:
        raise Invalid(field, f"must have at most {most} characters")
    return mask_text(clean)[0]


def _told(actor: Actor, run: CardRun, act: str, note: str, detail: dict[str, object]) -> None:
    named = either(run.zh, run.en)
    cases.card_act(actor=actor, case_id=run.case_id, act=act, note=f"{named}: {note}" if note else named,
                   detail={"run": str(run.id), "playbook": run.playbook, **detail})  # fmt: skip
