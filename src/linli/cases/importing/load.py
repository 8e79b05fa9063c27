"""Loading recorded requests in bulk: every row is imported or rejected with its reason; a second run adds nothing."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.db import connection

from linli.cases import geo, tables
from linli.cases.importing import maps
from linli.cases.importing.maps import CaseMap, Rejected, Row
from linli.cases.rules import words
from linli.kernel import audit, events, ids, packs, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.masks import mask_text

BATCH = 2000
SAMPLES = 20
COLUMNS = (
    "id", "number", "kind", "class_code", "text", "address", "lon", "lat", "x", "y", "grid_id", "area_path",
    "private", "channel", "source", "external_id", "priority", "urgent", "supervised", "state", "step", "version",
    "handler_ids", "clocks", "me_too", "signal_count", "rework_count", "return_count", "reopen_count", "flags",
    "tokens", "created_at", "closed_at", "updated_at",
)  # fmt: skip


@dataclass
class Report:
    """What became of a file: `rows` = `imported` + `rejected`."""

    source: str
    rows: int = 0
    imported: int = 0
    rejected: int = 0
    no_place: int = 0
    closed_before_opened: int = 0
    open: int = 0
    masked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, line: int, reason: str, name: str, external_id: str = "") -> None:
        self.rejected += 1
        self.reasons[reason] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append({"line": line, "reason": reason, "field": name, "id": external_id[:64]})

    def plain(self) -> dict[str, Any]:
        return {**self.__dict__, "reasons": dict(self.reasons)}


def find_map(name: str) -> CaseMap:
    """The case map of this name in the packs in force."""
    known = {}
    for path in packs.files("maps", (".yaml",)):
        data = packs.read_yaml(path)
        if data.get("kind") == "cases":
            known[path.stem] = data
    if name not in known:
        raise Invalid("map", f"is not known; there are: {', '.join(sorted(known)) or 'none'}")
    return maps.parse(known[name])


def import_cases(*, actor: Actor, path: Path, name: str) -> Report:
    """Read `path` by the map `name`; one transaction, one audit row, one event."""
    found, report = find_map(name), Report(source="")
    report.source = found.source
    with services.unit(actor):
        services.alone(f"case-import:{found.source}")
        with connection.cursor() as db:
            db.execute("SELECT external_id FROM cases_case WHERE source = %s", [found.source])
            known = {r[0] for r in db.fetchall()}
        batch: list[tuple[Any, ...]] = []
        for row in _rows(path, found, known, report):
            batch.append(_columns(row, found, report))
            if len(batch) >= BATCH:
                _copy(batch)
                batch = []
        _copy(batch)
        summary = {k: v for k, v in report.plain().items() if k != "samples"}
        ref = ids.new_id()
        audit.record(actor=actor, action="case.import", kind="import", ref=ref, detail=summary)
        events.emit(type="case.changed", kind="import", ref=ref, permission="cases.view",
                    data={"act": "import", "source": found.source, "imported": report.imported})  # fmt: skip
    _analyse(report)
    return report


def _analyse(report: Report) -> None:
    if report.imported >= BATCH:
        with connection.cursor() as db:
            db.execute("ANALYZE cases_case")


def _rows(path: Path, found: CaseMap, known: set[str], report: Report) -> Iterator[Row]:
    csv.field_size_limit(1_000_000)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as source:
        reader = csv.DictReader(line.replace("\0", "") for line in source)
        missing = [names for key, names in found.columns.items() if key in ("external_id", "created")
                   and not set(names) & set(reader.fieldnames or [])]  # fmt: skip
        if missing:
            raise Invalid("file", f"has no column {' or '.join(missing[0])}: is it the right map?")
        for row in reader:
            report.rows += 1
            try:
                item = maps.read(row, found)
            except Rejected as why:
                report.reject(reader.line_num, why.reason, why.field)
                continue
            report.no_place += "no_place" in item.flags
            report.closed_before_opened += "closed_before_opened" in item.flags
            report.open += item.open
            if item.external_id in known:
                report.reject(reader.line_num, "already_there", "external_id", item.external_id)
                continue
            known.add(item.external_id)
            yield item


def _columns(row: Row, found: CaseMap, report: Report) -> tuple[Any, ...]:
    from linli.places import facade as places

    (text, in_text), (address, in_address) = mask_text(row.text), mask_text(row.address)
    report.imported += 1
    report.masked += bool(in_text or in_address)
    place = places.locate(row.lon, row.lat) if row.lon is not None and row.lat is not None else None
    known = tables.catalogue().classes.get(row.class_code)
    x, y = geo.to_metres(row.lon, row.lat) if row.lon is not None and row.lat is not None else (None, None)
    state = "accepted" if row.open else "closed"
    names = (known.zh, known.en) if known else ()
    return (
        ids.new_id(), _number(found.source, row.external_id), "problem", row.class_code if known else "", text,
        address[:240], row.lon, row.lat, x, y, place.grid_id if place else None,
        place.area_path if place else _root(), bool(known and known.private), row.channel, found.source,
        row.external_id, 0, False, False, state, tables.transitions().states[state].step, 1, [], "{}", 0, 1, 0, 0, 0,
        list(row.flags), words.tokens(text, address, *names), row.created_at, row.closed_at, row.created_at,
    )  # fmt: skip


def _number(source: str, external_id: str) -> str:
    """`sf311-6078653`; an id that is long or holds other signs goes in as its fingerprint."""
    if re.fullmatch(r"[0-9A-Za-z]+", external_id) and len(source) + len(external_id) < 24:
        return f"{source}-{external_id}"
    return f"{source[:8]}-{hashlib.sha256(external_id.encode()).hexdigest()[:15]}"


def _root() -> str:
    """Recorded data from elsewhere lies in the district as a whole."""
    from linli.places import facade as places

    roots = places.grids(level=0)
    return roots[0].area_path if roots else ""


def _copy(batch: list[tuple[Any, ...]]) -> None:
    if not batch:
        return
    with connection.cursor() as db, db.copy(f"COPY cases_case ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for row in batch:
            copy.write_row(row)


def as_json(report: Report) -> str:
    return orjson.dumps(report.plain()).decode()
