"""A draft rule tried on the past, on telemetry's router: at once, or as a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.kernel.http import actor_of
from linli.kernel.paging import DEFAULT_LIMIT, Page
from linli.telemetry import bench_selectors, bench_services
from linli.telemetry.models import BenchRun
from linli.telemetry.router import Label, router


class BenchRule(Schema):
    """Fields as of a rule; what is not sent stays as in the rule that is tried anew."""

    model: str = ""
    property: str | None = None
    kind: str | None = None
    op: str | None = None
    value: float | None = None
    clear_value: float | None = None
    duration_s: int | None = None
    no_data_s: int | None = None
    reraise_s: int | None = None
    condition: dict[str, Any] | None = None
    severity: str | None = None
    area_path: str | None = None
    device_ids: list[UUID] | None = None

    def body(self) -> dict[str, Any]:
        """Only what was sent."""
        sent = self.dict(exclude_unset=True, exclude={"model"})
        nullable = ("value", "clear_value", "condition", "device_ids")
        return {k: v for k, v in sent.items() if v is not None or k in nullable}


class BenchIn(Schema):
    """`rule` alone: a new rule. `rule_id`: one that exists, at `version` or as it is, with fields of `rule` changed.
    `start` and `end` need an offset; the end is left out and at most now."""

    rule: BenchRule | None = None
    rule_id: UUID | None = None
    version: int | None = None
    start: datetime
    end: datetime


class BenchDevice(Schema):
    id: UUID
    code: str
    name: Label


class BenchEpisode(Schema):
    """`ended_at` null: still on at the end of the span. `same`: the other list has it too."""

    device: BenchDevice
    started_at: datetime
    raised_at: datetime
    ended_at: datetime | None
    value: float | None
    same: bool


class BenchAlarm(BenchEpisode):
    """`peak`: the worst reading from `raised_at` on."""

    peak: float | None


class BenchOld(BenchEpisode):
    """An alarm that the rule raised when it happened; `reason` says how it ended."""

    version: int
    reason: str


class BenchCount(Schema):
    device: BenchDevice
    alarms: int
    seconds: float
    old: int


class BenchOut(Schema):
    """`alarms` and `old_alarms` are at most 2,000 each, `total`, `both`, `only_new` and `only_old` count all. `unfit`:
    readings out of range or doubtful, not judged; `late`: older than what was there; `silent_devices`: without any
    reading; `line_unknown`: whether everybody was silent is not known, so each silence is told."""

    start: datetime
    end: datetime
    read_from: datetime
    devices: int
    silent_devices: int
    points: int
    unfit: int
    late: int
    line_unknown: bool
    total: int
    seconds: float
    both: int
    only_new: int
    only_old: int
    by_device: list[BenchCount]
    alarms: list[BenchAlarm]
    old_alarms: list[BenchOld]


class BenchRunOut(Schema):
    """A span too long to be judged while the caller waits. `state`: queued, running, done, failed or cancelled;
    `reason` of a failure: a code of problems, error or lost. `judged` of about `total` readings."""

    id: UUID
    rule_id: UUID | None
    state: str
    total: int
    judged: int
    reason: str
    created_at: datetime
    ended_at: datetime | None
    kept_until: datetime


class BenchRunWhole(BenchRunOut):
    """`ask` as it was sent, with the rule's version and the span of then; `result` when it is done, for some days."""

    ask: dict[str, Any]
    result: dict[str, Any] | None


def run_out(row: BenchRun, *, whole: bool = True) -> dict[str, Any]:
    plain = ("id", "rule_id", "state", "total", "judged", "reason", "created_at", "ended_at")
    found = {n: getattr(row, n) for n in plain} | {"kept_until": row.created_at + bench_services.KEPT}
    return {**found, "ask": row.ask, "result": row.result} if whole else found


@router.post("/rules/bench", permission="rules.view", response={200: BenchOut, 202: BenchRunWhole})
def bench(request: HttpRequest, body: BenchIn) -> Status[Any]:
    """Which alarms a rule would have raised over a past span, beside those that were raised. Changes no rule. Up to
    200,000 readings are judged at once (200); more become a run (202), read again at `/rules/bench/runs/{id}`."""
    actor, rule = actor_of(request), body.rule or BenchRule()
    what = bench_selectors.asked(
        actor, rule_id=body.rule_id, version=body.version, body=rule.body(), model=rule.model,
        start=body.start, end=body.end,
    )  # fmt: skip
    if what.quick:
        return Status(200, bench_selectors.at_once(actor, what))
    row = bench_services.start_run(actor=actor, what=what, body=rule.body(), model=rule.model)
    return Status(202, run_out(row))


@router.get("/rules/bench/runs", permission="rules.view", response=Page[BenchRunOut])
def bench_runs(
    request: HttpRequest, rule_id: UUID | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> dict[str, Any]:
    """One's own runs of the last days, newest first."""
    rows, after = bench_selectors.runs(actor_of(request), rule_id=rule_id, cursor=cursor, limit=limit)
    return {"items": [run_out(r, whole=False) for r in rows], "next": after}


@router.get("/rules/bench/runs/{uuid:run_id}", permission="rules.view", response=BenchRunWhole)
def bench_run(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """How far it is; its result, as `POST /rules/bench` gives it, when it is done."""
    return run_out(bench_selectors.run(actor_of(request), run_id))


@router.post("/rules/bench/runs/{uuid:run_id}/cancel", permission="rules.view", response=BenchRunWhole)
def cancel_bench(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """End a run that is not over."""
    return run_out(bench_services.cancel_run(actor=actor_of(request), run_id=run_id))
