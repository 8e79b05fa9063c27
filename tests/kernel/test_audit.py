"""Nobody changes the audit in silence: real rows are tampered with here, triggers off; each is found and named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction

from linli.cli import main
from linli.home import Home
from linli.kernel import audit, merkle, seals
from linli.kernel.actor import SYSTEM
from linli.kernel.models import AuditRow, AuditSeal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_heads_of_other_tests() -> None:
    """Their rows are gone, and with them the seals that the log knows."""
    seals.heads_log().unlink(missing_ok=True)


def act(count: int) -> list[int]:
    before = set(AuditRow.objects.values_list("seq", flat=True))
    for i in range(count):
        audit.record(
            actor=SYSTEM, action="test.act", kind="thing", ref=f"t{i}", area="D.1", detail={"字": "值", "n": i}
        )
    return sorted(set(AuditRow.objects.values_list("seq", flat=True)) - before)


@contextmanager
def as_an_attacker() -> Iterator[None]:
    """Someone with the database's password and the trigger switched off."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE kernel_audit DISABLE TRIGGER ALL")
        cursor.execute("ALTER TABLE kernel_audit_seal DISABLE TRIGGER ALL")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE kernel_audit ENABLE TRIGGER USER")
            cursor.execute("ALTER TABLE kernel_audit_seal ENABLE TRIGGER USER")
            for table in ("kernel_audit", "kernel_audit_seal"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER kernel_no_truncate")


def sealed(count: int) -> tuple[list[int], str]:
    numbers = act(count)
    made = seals.seal()
    assert made is not None
    return numbers, made.head


def found() -> list[dict[str, object]]:
    return seals.verify().problems


def test_an_untouched_audit_verifies_in_ranges() -> None:
    _, first = sealed(7)
    _, second = sealed(4)
    act(2)
    assert seals.seal(upto=0) is None
    report = seals.verify(first)
    assert (report.ok, report.rows, report.seals, report.unsealed, report.head) == (True, 11, 2, 2, second)


@pytest.mark.parametrize("statement", ["UPDATE {t} SET {c} = {c}", "DELETE FROM {t}", "TRUNCATE {t}"])
def test_the_database_refuses_changes(statement: str) -> None:
    sealed(2)
    for table, column in (("kernel_audit", "actor"), ("kernel_audit_seal", "root")):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER kernel_no_truncate")
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                cursor.execute(statement.format(t=table, c=column))
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER kernel_no_truncate")


def test_a_tampered_row_is_named() -> None:
    numbers, _ = sealed(5)
    with as_an_attacker():
        AuditRow.objects.filter(seq=numbers[2]).update(detail={"字": "改"})
    assert found() == [{"problem": "row tampered", "seal": AuditSeal.objects.get().number, "seq": numbers[2]}]


def test_a_missing_row_is_named() -> None:
    numbers, _ = sealed(5)
    with as_an_attacker():
        AuditRow.objects.filter(seq=numbers[0]).delete()
    assert [(p["problem"], p["seq"]) for p in found()] == [("row missing", numbers[0])]


def test_reordered_rows_are_named() -> None:
    numbers, _ = sealed(5)
    with as_an_attacker():
        AuditRow.objects.filter(seq=numbers[1]).update(seq=-1)
        AuditRow.objects.filter(seq=numbers[3]).update(seq=numbers[1])
        AuditRow.objects.filter(seq=-1).update(seq=numbers[3])
    assert [(p["problem"], p["seq"], p["sealed_as"]) for p in found()] == [
        ("row reordered", numbers[1], numbers[3]), ("row reordered", numbers[3], numbers[1]),
    ]  # fmt: skip


def test_a_row_slipped_in_is_named() -> None:
    numbers, _ = sealed(2)
    with transaction.atomic():
        gap = act(1)
        transaction.set_rollback(True)
    sealed(2)
    audit_row = {"actor": "account:x", "action": "never.happened", "kind": "thing", "ref": "x"}
    AuditRow.objects.create(seq=gap[0], **audit_row)
    assert [(p["problem"], p["seq"]) for p in found()] == [("row inserted", gap[0])]
    assert numbers[-1] < gap[0]


def test_a_seal_rewritten_to_fit_is_found_by_a_head_kept_outside() -> None:
    numbers, head = sealed(5)
    with as_an_attacker():
        AuditRow.objects.filter(seq=numbers[2]).update(actor="account:other")
        leaves = list(seals._leaves(numbers[0], numbers[-1]))
        made = AuditSeal.objects.get()
        root = merkle.root_of(leaves)
        forged = merkle.head_of(made.previous, made.first_seq, made.last_seq, made.count, root)
        AuditSeal.objects.update(root=root, leaves=merkle.pack(leaves), head=forged)
    assert seals.verify().ok, "a forger with all rights can make the tables agree with themselves"
    assert [p["problem"] for p in seals.verify(head).problems] == ["head unknown"]
    kept = [json.loads(line) for line in (Home.current().path / "audit-heads.log").read_text().splitlines()]
    assert kept[-1]["head"] == head, "the head had left the database"


def test_rows_taken_away_with_the_last_seal_are_missed_by_the_log_of_heads(capsys: pytest.CaptureFixture[str]) -> None:
    sealed(2)
    numbers, head = sealed(2)
    with as_an_attacker():
        AuditRow.objects.filter(seq__in=numbers).delete()
        AuditSeal.objects.order_by("-number")[0].delete()
    with seals.heads_log().open("a") as log:
        log.write('{"head": "cut')
    assert seals.verify().ok, "the tables agree with themselves"
    assert main(["audit", "verify", "--json"]) == 1
    assert [(p["problem"], p["head"]) for p in json.loads(capsys.readouterr().out)["problems"]] == [
        ("head unknown", head)
    ]


def test_a_removed_seal_breaks_the_chain() -> None:
    sealed(2)
    sealed(2)
    sealed(2)
    with as_an_attacker():
        AuditSeal.objects.order_by("number")[1].delete()
    assert {"chain broken", "range does not follow"} <= {str(p["problem"]) for p in found()}


def test_a_row_that_commits_late_is_never_left_out() -> None:
    """Sequence numbers commit out of order: a seal waits for the transaction that holds a lower one."""
    holding, release = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                act(1)
                holding.set()
                release.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    holding.wait(5)
    act(1)
    assert seals.settled_seq(patience=0.3) is None
    release.set()
    thread.join()
    made = seals.seal()
    assert made is not None and made.count == 2
    assert seals.verify().ok


def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    numbers, head = sealed(3)
    assert main(["audit", "head"]) == 0
    assert head in capsys.readouterr().out
    assert main(["audit", "verify", "--head", head, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    with as_an_attacker():
        AuditRow.objects.filter(seq=numbers[1]).update(action="test.other")
    assert main(["audit", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["seq"] == numbers[1]
    assert main(["audit", "verify", "--head", "f" * 64]) == 1
    assert "head unknown" in capsys.readouterr().out
