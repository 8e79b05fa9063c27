"""A draft rule over a span too long for a request: queued, judged with progress, cancelled, kept, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.identity.accounts import actor_for, client_for, make_account
from tests.telemetry.historykit import HistoryProcess, filled

from linli.devices.models import Alarm, Device, Rule, ThingModel
from linli.engines.nats import Nats
from linli.identity.models import Account
from linli.kernel import clock, ids
from linli.kernel.errors import Unavailable
from linli.kernel.models import AuditRow
from linli.telemetry import batch, bench_selectors, bench_services, selectors
from linli.telemetry.models import BenchRun
from linli.telemetry.sense import bench as judge

pytestmark = [pytest.mark.engines, pytest.mark.django_db]
AREA = "340121403.001"
MINUTE = 60_000
N = 400
MINE, OTHERS = (UUID(int=(0x0190 << 112) + n) for n in (1, 2))


@pytest.fixture(scope="module")
def begin() -> int:
    return int(clock.now().timestamp() * 1000) // MINUTE * MINUTE - 5 * 86_400_000


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats, begin: int) -> Iterator[HistoryProcess]:
    """One reading a minute of two devices, forty to a message; the level is 4 for ten minutes of every hour, else 1."""

    def message(first: int) -> bytes:
        numbers = [i // 2 for i in range(2 * first, 2 * first + 40)]
        at = [begin + n * MINUTE for n in numbers]
        return batch.encode(batch.make(
            [MINE.bytes, OTHERS.bytes], ["level"], [i % 2 for i in range(40)], [0] * 40, at, [t + 500 for t in at],
            [4.0 if n % 60 < 10 else 1.0 for n in numbers], [0] * 40,
        ))  # fmt: skip

    with filled(Path(tmp_path_factory.mktemp("history")), broker, *map(message, range(0, N, 20))) as process:
        yield process


class Desk:
    """Somebody who may see the rule and one of the two devices, and asks for runs."""

    def __init__(self, begin: int) -> None:
        model = ThingModel.objects.create(
            code="gauge", name_zh="水位计", name_en="Gauge", subject="place", category="x", interval_s=60,
            properties=[{"code": "level", "name": {"zh": "水位", "en": "Level"}, "type": "number", "unit": "m"}],
        )  # fmt: skip
        for pk, area in ((MINE, f"{AREA}.001"), (OTHERS, "340121403.002")):
            Device.objects.create(id=pk, code=str(pk), name_zh="水位计", model=model, area_path=area)
        self.rule = Rule.objects.create(
            code="high", title_zh="高", title_en="High", model=model, property="level", kind="threshold", op="gt",
            value=9.0, severity="severe",
        )  # fmt: skip
        self.span = {
            "start": selectors.at(begin - MINUTE).isoformat(),
            "end": selectors.at(begin + N * MINUTE).isoformat(),
        }
        self.account = make_account(("dispatcher", AREA))
        self.client = client_for(self.account)

    def post(self, path: str, body: dict[str, Any] | None = None, client: Client | None = None) -> Any:
        return (client or self.client).post(f"/api/v1/rules/bench{path}", body or {}, content_type="application/json")

    def ask(self, client: Client | None = None, **rule: Any) -> Any:
        body = {"rule_id": str(self.rule.pk), "rule": {"value": 3.0, **rule}, **self.span}
        return self.post("", body, client)

    def get(self, run_id: str, client: Client | None = None) -> Any:
        return (client or self.client).get(f"/api/v1/rules/bench/runs/{run_id}")


@pytest.fixture
def desk(history: HistoryProcess, begin: int, db: None) -> Iterator[Desk]:
    with (
        mock.patch.object(selectors, "history", return_value=history.client),
        mock.patch.object(bench_selectors, "AT_ONCE", 10),
    ):
        yield Desk(begin)


def judged(run_id: str) -> BenchRun:
    bench_services.run(run_id=UUID(run_id))
    return BenchRun.objects.get(pk=run_id)


def queued(run_id: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'telemetry.bench' AND args->>'run_id' = %s",
            [run_id],
        )
        return int(cursor.fetchone()[0])


def test_a_run_tells_what_a_request_would(desk: Desk) -> None:
    answer = desk.ask()
    made = answer.json()
    assert (
        answer.status_code == 202 and made["state"] == "queued" and made["result"] is None and queued(made["id"]) == 1
    )
    assert N <= made["total"] <= 2 * N, "only the device that its caller sees is counted"
    judged(made["id"])
    done = desk.get(made["id"]).json()
    assert (done["state"], done["judged"]) == ("done", done["total"]) and done["ended_at"]
    with mock.patch.object(bench_selectors, "AT_ONCE", 10_000):
        answer = desk.ask()
    assert answer.status_code == 200 and answer.json() == done["result"]
    assert done["result"]["total"] == 7 and done["result"]["devices"] == 1
    assert AuditRow.objects.filter(action="rule.bench").count() == 1


def test_the_rule_is_tried_as_it_stood_when_it_was_asked(desk: Desk) -> None:
    """Changed while the run waits: what its caller saw counts."""
    from linli.devices.services import rules
    from linli.kernel.actor import SYSTEM

    rules.update_rule(actor=SYSTEM, rule_id=desk.rule.pk, version=1, body={"clear_value": 8.5})
    made = desk.ask(clear_value=None).json()
    rules.update_rule(
        actor=SYSTEM, rule_id=desk.rule.pk, version=2, body={"op": "lt", "value": 0.5, "clear_value": None}
    )
    assert made["ask"]["version"] == 2
    assert judged(made["id"]).result["total"] == 7, "as `gt`, not as the `lt` of by now"


def test_progress_is_told_and_a_cancelled_run_stops(desk: Desk) -> None:
    made = desk.ask().json()
    seen: list[int] = []
    change = bench_services._change

    def spied(run_id: UUID, **values: Any) -> bool:
        if values.get("judged") and "state" not in values:
            seen.append(values["judged"])
            if len(seen) == 3:
                assert desk.post(f"/runs/{run_id}/cancel").json()["state"] == "cancelled"
        return change(run_id, **values)

    with (
        mock.patch.object(judge, "SLICE", 20), mock.patch.object(bench_services, "SIGN_S", 0),
        mock.patch.object(bench_services, "_change", spied),
    ):  # fmt: skip
        row = judged(made["id"])
    assert (row.state, row.result, len(seen)) == ("cancelled", None, 3) and seen == sorted(seen) and seen[-1] < N
    assert judged(made["id"]).state == "cancelled", "a worker that comes late leaves it alone"
    assert desk.post(f"/runs/{made['id']}/cancel").json()["state"] == "cancelled"


def test_a_run_of_a_dead_worker_begins_anew(desk: Desk) -> None:
    made = desk.ask().json()
    BenchRun.objects.filter(pk=made["id"]).update(state="running", judged=300)
    assert judged(made["id"]).state == "done"
    before = BenchRun.objects.get(pk=made["id"]).ended_at
    assert judged(made["id"]).ended_at == before, "what is done is not done again"


def test_the_same_question_is_one_run_and_an_account_has_three(desk: Desk) -> None:
    first = desk.ask().json()["id"]
    assert desk.ask().json()["id"] == first and queued(first) == 1
    assert len({desk.ask(value=v).json()["id"] for v in (3.0, 3.1, 3.2)}) == 3
    refused = desk.ask(value=3.3)
    assert refused.status_code == 409 and refused.json()["type"].endswith("too-many-runs")
    other = client_for(make_account(("dispatcher", AREA)))
    assert desk.ask(other, value=3.3).status_code == 202
    judged(first)
    assert desk.ask(value=3.3).status_code == 202


def test_runs_are_ones_own(desk: Desk) -> None:
    made = desk.ask().json()["id"]
    other = client_for(make_account(("dispatcher", AREA)))
    assert desk.get(made, other).status_code == 404 == desk.post(f"/runs/{made}/cancel", client=other).status_code
    assert desk.get(str(ids.new_id())).status_code == 404
    assert other.get("/api/v1/rules/bench/runs").json()["items"] == []
    assert [r["id"] for r in desk.client.get(f"/api/v1/rules/bench/runs?rule_id={desk.rule.pk}").json()["items"]] == [
        made
    ]
    assert desk.client.get(f"/api/v1/rules/bench/runs?rule_id={ids.new_id()}").json()["items"] == []


@pytest.mark.parametrize("held", [["devices.view", "rules.view"], ["alarms.view", "devices.view", "rules.view"]])
def test_a_run_has_no_more_rights_than_its_caller(desk: Desk, begin: int, held: list[str]) -> None:
    """A key may have fewer permissions than its account: without `alarms.view` it hears of no alarm that was raised."""
    now = selectors.at(begin + 30 * MINUTE)
    Alarm.objects.create(device_id=MINE, rule=desk.rule, rule_version=1, severity="severe", title_zh="高",
                         title_en="High", started_at=now, raised_at=now, cleared_at=now + timedelta(minutes=5),
                         area_path=f"{AREA}.001")  # fmt: skip
    made = desk.ask().json()["id"]
    BenchRun.objects.filter(pk=made).update(held=held)
    assert len(judged(made).result["old_alarms"]) == ("alarms.view" in held)


def test_whose_account_is_gone_is_judged_no_more(desk: Desk) -> None:
    made = desk.ask().json()["id"]
    Account.objects.filter(pk=desk.account.pk).update(status="disabled")
    row = judged(made)
    assert (row.state, row.reason, row.result) == ("failed", "not-found", None)


def test_without_history_it_fails_and_says_so(desk: Desk) -> None:
    made = desk.ask().json()["id"]
    with mock.patch.object(selectors, "ask", side_effect=Unavailable("no history")):
        row = judged(made)
    assert (row.state, row.reason) == ("failed", "unavailable") and row.ended_at


def test_runs_are_kept_for_days_and_lost_ones_fail(desk: Desk) -> None:
    old, lost, alive = (desk.ask(value=v).json()["id"] for v in (3.0, 3.1, 3.2))
    judged(old)
    BenchRun.objects.filter(pk=old).update(created_at=clock.now() - bench_services.KEPT - timedelta(minutes=1))
    BenchRun.objects.filter(pk=lost).update(state="running", seen_at=clock.now() - timedelta(hours=2))
    bench_services.forget()
    assert not BenchRun.objects.filter(pk=old).exists()
    found = BenchRun.objects.get(pk=lost)
    assert (found.state, found.reason, bool(found.ended_at)) == ("failed", "lost", True)
    assert BenchRun.objects.get(pk=alive).state == "queued"


def test_the_list_costs_the_same_for_one_and_for_many(desk: Desk) -> None:
    actor = actor_for(desk.account.id)
    for _ in range(8):
        BenchRun.objects.create(
            created_by=actor.account_id, ask={}, digest="x", state="done", result={"much": "x" * 999}
        )
    desk.client.get("/api/v1/me")
    counts, seen = {}, []
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as queries:
            items = desk.client.get(f"/api/v1/rules/bench/runs?limit={limit}").json()["items"]
        counts[limit] = len(queries)
        seen = items
    assert counts[1] == counts[50] <= 3 and len(seen) == 8 and all("result" not in one for one in seen)
