"""Seals over the audit: made every few minutes, checked by anyone who kept an earlier head.

A seal covers the rows `first_seq..last_seq`. Sequence numbers commit out of order, so a seal is cut only at a number
below which every transaction has ended. Heads leave the database: to `HOME/audit-heads.log`, to the log, and to
LINLI_AUDIT_HEADS_URL if set.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from django.db import connection, transaction

from linli.home import Home
from linli.kernel import clock, merkle
from linli.kernel.models import AuditRow, AuditSeal

log = logging.getLogger("linli.audit")
MAX_ROWS = 50_000
LOCK = 7_310_551


def settled_seq(patience: float = 20.0) -> int | None:
    """A sequence number such that every row up to it is committed or never will be; None when one still runs.

    A writer draws its number after it took its lock on the table and keeps the lock to its end. So whoever may still
    commit a number up to the highest visible one holds the lock now, and the rest is waiting for them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM kernel_audit")
        last = int(cursor.fetchone()[0])
        waiting = _writers(cursor)
        deadline = time.monotonic() + patience
        while waiting:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)
            waiting &= _writers(cursor)
    return last


def _writers(cursor: Any) -> set[str]:
    """Transactions that have written to the audit and have not ended."""
    cursor.execute(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted AND mode = 'RowExclusiveLock'"
        " AND relation = 'kernel_audit'::regclass AND pid IS DISTINCT FROM pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return {row[0] for row in cursor.fetchall()}


def seal(upto: int | None = None) -> AuditSeal | None:
    """Seal the settled rows that have no seal yet; None if there are none."""
    last = settled_seq() if upto is None else upto
    if last is None:
        return None
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before = AuditSeal.objects.order_by("-number").first()
        first = before.last_seq + 1 if before else 1
        leaves = list(_leaves(first, last, MAX_ROWS))
        if not leaves:
            return None
        last = leaves[-1].seq if len(leaves) == MAX_ROWS else last
        root, previous = merkle.root_of(leaves), before.head if before else merkle.GENESIS
        made = AuditSeal.objects.create(
            first_seq=first, last_seq=last, count=len(leaves), root=root, leaves=merkle.pack(leaves), previous=previous,
            head=merkle.head_of(previous, first, last, len(leaves), root),
        )  # fmt: skip
    publish(made)
    return made


def _leaves(first: int, last: int, limit: int | None = None) -> Iterator[merkle.Leaf]:
    rows = AuditRow.objects.filter(seq__gte=first, seq__lte=last).order_by("seq").values_list(*merkle.COLUMNS)
    yield from (merkle.leaf_of(row) for row in (rows[:limit] if limit else rows.iterator(chunk_size=5000)))


def heads_log() -> Path:
    return Home.current().path / "audit-heads.log"


def kept_heads() -> list[str]:
    """The heads in HOME/audit-heads.log. A line that was cut by a power loss is left out."""
    found = []
    if heads_log().exists():
        for line in heads_log().read_text(errors="replace").splitlines():
            try:
                found.append(str(json.loads(line)["head"]).lower())
            except (ValueError, KeyError, TypeError):
                continue
    return found


def publish(made: AuditSeal) -> None:
    """Take a head out of the database, to places that its administrator cannot change in silence."""
    line = {"at": made.at.isoformat(), "number": made.number, "last_seq": made.last_seq, "head": made.head}
    path = heads_log()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as out:
        out.write(json.dumps(line) + "\n")
        out.flush()
        os.fsync(out.fileno())
    log.info("audit sealed", extra={"seal": made.number, "head": made.head})
    if url := os.environ.get("LINLI_AUDIT_HEADS_URL"):
        try:
            httpx.post(url, json=line, timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            log.error("audit head was not taken by its receiver", extra={"why": type(error).__name__})


def latest() -> AuditSeal | None:
    return AuditSeal.objects.defer("leaves").order_by("-number").first()


@dataclass
class Report:
    """What a check of the audit found. `problems` is empty for an untouched audit."""

    rows: int = 0
    seals: int = 0
    unsealed: int = 0
    kept: int = 0
    head: str = merkle.GENESIS
    at: str = ""
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, problem: str, **where: Any) -> None:
        if len(self.problems) < 1000:
            self.problems.append({"problem": problem, **where})

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def verify(*kept: str) -> Report:
    """Recompute every seal from the rows; each head that was `kept` elsewhere must still be in the chain.

    Without such a head, somebody who takes away the newest rows with their seal leaves no trace.
    """
    report = Report(at=clock.now().isoformat(), kept=len(kept))
    heads, last, number = {merkle.GENESIS}, 0, None
    for made in AuditSeal.objects.order_by("number").iterator(chunk_size=50):
        if number is not None and made.number != number + 1 and made.previous != report.head:
            report.add("seal missing", seal=number + 1)
        _check_seal(report, made, last)
        last, number = made.last_seq, made.number
        report.head, report.seals = made.head, report.seals + 1
        heads.add(made.head)
    report.unsealed = AuditRow.objects.filter(seq__gt=last).count()
    for head in kept:
        if head.lower() not in heads:
            report.add("head unknown", head=head, meaning="seals or rows were taken away or rewritten since that head")
    return report


def _check_seal(report: Report, made: AuditSeal, last: int) -> None:
    where = {"seal": made.number}
    if made.previous != report.head:
        report.add("chain broken", **where)
    if made.head != merkle.head_of(made.previous, made.first_seq, made.last_seq, made.count, made.root):
        report.add("seal altered", **where)
    if made.first_seq != last + 1:
        report.add("range does not follow", **where, first_seq=made.first_seq)
    kept = merkle.unpack(bytes(made.leaves))
    if merkle.root_of(kept) != made.root or len(kept) != made.count:
        report.add("leaves altered", **where)
    now = list(_leaves(made.first_seq, made.last_seq))
    report.rows += len(now)
    if merkle.root_of(now) != made.root:
        _name(report, made.number, kept, now)


def _name(report: Report, number: int, kept: list[merkle.Leaf], now: list[merkle.Leaf]) -> None:
    """Say which rows differ, and how."""
    before = {leaf.seq: leaf.content for leaf in kept}
    after = {leaf.seq: leaf.content for leaf in now}
    place_of = {content: seq for seq, content in before.items()}
    for seq in sorted(before.keys() | after.keys()):
        was, is_ = before.get(seq), after.get(seq)
        if was == is_:
            continue
        if is_ is None:
            report.add("row missing", seal=number, seq=seq)
        elif is_ in place_of:
            report.add("row reordered", seal=number, seq=seq, sealed_as=place_of[is_])
        elif was is None:
            report.add("row inserted", seal=number, seq=seq)
        else:
            report.add("row tampered", seal=number, seq=seq)
