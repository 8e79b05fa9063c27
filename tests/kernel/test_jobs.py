"""Background work: deferred with its transaction, run by a real worker, retried, measured."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.worker import work, worker

from linli.kernel import clock, i18n, jobs, logs, upkeep
from linli.kernel.models import IdempotencyRow, InboxEvent

pytestmark = pytest.mark.django_db(transaction=True)
ran: list[str] = []


@jobs.task("test.note")
def note(word: str) -> None:
    ran.append(word)
    if word == "fails":
        raise ValueError("no")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    ran.clear()
    yield


def test_a_job_runs_only_if_its_transaction_commits() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        jobs.defer(note, word="aborted")
        raise RuntimeError
    with transaction.atomic():
        jobs.defer(note, word="committed")
    jobs.defer(note, after=3600, word="later")
    assert jobs.defer(note, once="k", word="once") is not None
    assert jobs.defer(note, once="k", word="twice") is None
    work()
    assert sorted(ran) == ["committed", "once"]


def test_what_the_process_jobs_itself_defers_commits_with_its_transaction() -> None:
    """Its worker has given the app connections of its own, on which the row would stand at once."""

    def one_of_each() -> None:
        with contextlib.suppress(RuntimeError), transaction.atomic():
            jobs.defer(note, word="inside, aborted")
            raise RuntimeError
        with transaction.atomic():
            jobs.defer(note, word="inside, committed")
        connection.close()

    async def while_a_worker_runs() -> None:
        async with worker():
            await asyncio.to_thread(one_of_each)

    asyncio.run(while_a_worker_runs())
    queued = ProcrastinateJob.objects.filter(task_name="test.note", args__word__startswith="inside")
    assert [job.args["word"] for job in queued] == ["inside, committed"]


def test_a_failed_job_is_tried_again_later() -> None:
    jobs.defer(note, word="fails")
    work()
    job = ProcrastinateJob.objects.get(task_name="test.note", args={"word": "fails"})
    assert (job.status, job.attempts) == ("todo", 1) and job.scheduled_at is not None


def test_the_kernels_own_work_is_registered_and_runs() -> None:
    assert {"kernel.seal_audit", "kernel.retention", "kernel.gauges"} <= set(jobs.TASKS)
    old = clock.now() - timedelta(days=40)
    IdempotencyRow.objects.create(scope="x", key="k", request_hash="h", created_at=old)
    InboxEvent.objects.create(consumer="c", event_id="019382d0-0000-7000-8000-000000000000", at=old)
    InboxEvent.objects.create(consumer="c", event_id="019382d0-0000-7000-8000-000000000001")
    upkeep.retention()
    upkeep.gauges()
    assert (IdempotencyRow.objects.count(), InboxEvent.objects.count()) == (0, 1)


def test_duty_logs_are_kept_six_months_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LOG_DAYS", "90")
    with pytest.raises(ValueError, match="six months"):
        upkeep.log_retention_days()
    monkeypatch.setenv("LINLI_LOG_DAYS", "200")
    assert upkeep.log_retention_days() == 200


def test_duty_logs_hold_no_personal_data() -> None:
    formatter = logs.JsonFormatter("test")
    try:
        raise ValueError("caller 13800138000 gave 34012119900307123X")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "from %s", ("138-0013-8000",),
                                   (ValueError, error, error.__traceback__))  # fmt: skip
    record.mail = "zhang@example.com"
    line = formatter.format(record)
    for secret in ("13800138000", "138-0013-8000", "0013", "zhang@", "19900307"):
        assert secret not in line
    assert '"level": "error"' in line and '"process": "test"' in line


@pytest.mark.parametrize(
    ("header", "lang"),
    [("", "zh"), ("en-GB,en;q=0.9", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("fr,en;q=0.5", "en"), ("de;q=x", "zh"),
     ("en;q=0.3,zh-TW;q=0.4", "zh")],
)  # fmt: skip
def test_the_language_is_the_askers(header: str, lang: str) -> None:
    assert i18n.accepted(header) == lang
