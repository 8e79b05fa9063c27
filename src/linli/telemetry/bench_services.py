"""Trying a draft rule on a long past: queued by whoever asks, judged by the process `jobs`, kept for some days."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from linli.identity import facade as identity
from linli.kernel import audit, clock, jobs, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, LinliError, NotFound
from linli.telemetry import bench_selectors, selectors
from linli.telemetry.models import BenchRun

NEEDS = ("alarms.view", "devices.view", "rules.view")
OPEN = ("queued", "running")
MAX_OPEN = 3  # an account; they are judged one after the other
KEPT = timedelta(days=7)
LOST = timedelta(hours=1)  # without a sign of life: its worker died again and again
SIGN_S = 1.0


class Stopped(Exception):
    """The run was cancelled, or taken away, while it was judged."""


def start_run(*, actor: Actor, what: bench_selectors.Asked, body: Mapping[str, Any], model: str) -> BenchRun:
    """Queue what was asked. The same question again, while it is not answered, is the run there is."""
    pinned = None if what.rule_id is None else what.rule.version
    ask = {"rule_id": what.rule_id, "version": pinned, "body": dict(body), "model": model,
           "start": selectors.at(what.since), "end": selectors.at(what.until)}  # fmt: skip
    alike = {k: v for k, v in ask.items() if k != "end"}  # which is often "now"
    digest = hashlib.sha256(orjson.dumps(alike, option=orjson.OPT_SORT_KEYS)).hexdigest()
    with services.unit(actor):
        actor.require("rules.view")
        services.alone(f"bench:{actor.label}")
        mine = BenchRun.objects.filter(created_by=actor.account_id, state__in=OPEN)
        if (held := mine.filter(digest=digest).first()) is not None:
            return held
        if mine.count() >= MAX_OPEN:
            raise Conflict(f"{MAX_OPEN} of your rules are being tried already", code="too-many-runs")
        row = BenchRun.objects.create(
            created_by=actor.account_id, rule_id=what.rule_id, ask=orjson.loads(orjson.dumps(ask)), digest=digest,
            held=sorted(actor.permissions & set(NEEDS)), total=what.points,
        )  # fmt: skip
        audit.record(actor=actor, action="rule.bench", kind="rule", ref=what.rule_id or row.id,
                     area=what.rule.area_path, detail={"run": str(row.id), "readings": what.points})  # fmt: skip
        jobs.defer(_job(), run_id=str(row.id))
    return row


def _job() -> Any:
    from linli.telemetry import jobs as own

    return own.run_bench


def cancel_run(*, actor: Actor, run_id: UUID) -> BenchRun:
    """End a run that is not over; one that is over stays as it is."""
    with services.unit(actor):
        actor.require("rules.view")
        row = BenchRun.objects.select_for_update().filter(pk=run_id, created_by=actor.account_id).first()
        if row is None:
            raise NotFound()
        if row.state in OPEN:
            row.state, row.ended_at = "cancelled", clock.now()
            row.save(update_fields=["state", "ended_at"])
            audit.record(actor=actor, action="rule.bench_cancel", kind="rule", ref=row.rule_id or row.id,
                         detail={"run": str(row.id)})  # fmt: skip
    return row


def run(*, run_id: UUID) -> None:
    """Judge a run. After a crash of the worker it begins anew; what is over is left alone."""
    if not _change(run_id, state="running", judged=0):
        return
    row = BenchRun.objects.get(pk=run_id)
    try:
        actor = _actor(row)
        result = bench_selectors.answer(actor, _asked(actor, row), _Signs(run_id))
        _change(run_id, state="done", judged=row.total, ended_at=clock.now(), result=orjson.loads(orjson.dumps(result)))
    except Stopped:
        return
    except LinliError as error:
        _change(run_id, state="failed", ended_at=clock.now(), reason=error.code)
    except Exception:
        _change(run_id, state="failed", ended_at=clock.now(), reason="error")
        raise


def _change(run_id: UUID, **values: Any) -> bool:
    """False when the run is over."""
    found = BenchRun.objects.filter(pk=run_id, state__in=OPEN)
    return bool(found.update(**{"seen_at": clock.now(), **values}))


class _Signs:
    """Writes how far a run is, at most once a second, and stops it when it was cancelled."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id, self.due = run_id, time.monotonic() + SIGN_S

    def __call__(self, judged: int) -> None:
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + SIGN_S
        if not _change(self.run_id, judged=judged):
            raise Stopped


def _actor(row: BenchRun) -> Actor:
    """The account as it is now, with no more than its caller had."""
    actor = identity.actor_for(row.created_by)
    if actor is None:
        raise NotFound()
    held = frozenset(row.held)
    return replace(actor, grants=tuple(replace(g, permissions=g.permissions & held) for g in actor.grants))


def _asked(actor: Actor, row: BenchRun) -> bench_selectors.Asked:
    ask, body = row.ask, dict(row.ask["body"])
    if body.get("device_ids"):
        body["device_ids"] = [UUID(d) for d in body["device_ids"]]
    return bench_selectors.asked(
        actor, rule_id=UUID(ask["rule_id"]) if ask["rule_id"] else None, version=ask["version"], body=body,
        model=ask["model"], start=datetime.fromisoformat(ask["start"]), end=datetime.fromisoformat(ask["end"]),
    )  # fmt: skip


def forget() -> None:
    """Runs that are over their days go; those without a sign of life have failed."""
    now = clock.now()
    BenchRun.objects.filter(created_at__lt=now - KEPT).exclude(state__in=OPEN).delete()
    BenchRun.objects.filter(state__in=OPEN, seen_at__lt=now - LOST).update(state="failed", reason="lost", ended_at=now)
