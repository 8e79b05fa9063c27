"""Events of two recordings through Linli's rules (the judge of sense) and through the detector: precision, recall, F1.

A labelled event is found when anything was told while it lasted; what was told is one event while it pauses for no more
than an hour (of the tanks, whose step is an hour: two hours). Rivers: the technicians' marks of each sensor. Tanks: the
disclosed attacks, told by any sensor of the town.
"""

from __future__ import annotations

import csv
import gzip
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from tests.bench import nab_others

from linli.devices.contracts import RegistryRow, RuleRow
from linli.kernel import packs
from linli.telemetry.sense.bench import Bench

HOUR = 3_600_000
Spans = list[tuple[int, int]]
RIVER = {"stage": ("stage", 0.01), "temp": ("temperature", 1.0), "cond": ("conductivity", 1.0), "ph": ("ph", 1.0),
         "do": ("dissolved_oxygen", 1.0), "turb": ("turbidity", 1.0)}  # fmt: skip
MISSING = {"", "NULL", "NaN", "-9999", "-9999.0"}
LEARN = 60 * 24 * HOUR  # limits of the drawn rules come from so much of the beginning, which is not counted
KEY = uuid.UUID(int=1)


def spans(t: Iterable[int], pause: int) -> Spans:
    """Times as spans; those no further apart than `pause` are one."""
    out: Spans = []
    for at in sorted(t):
        if out and at - out[-1][1] <= pause:
            out[-1] = (out[-1][0], at)
        else:
            out.append((at, at))
    return out


def merged(found: Spans, pause: int) -> Spans:
    out: Spans = []
    for a, b in sorted(found):
        if out and a - out[-1][1] <= pause:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out


def counted(told: Spans, real: Spans) -> dict[str, float]:
    """Events told and real, how many of each met one of the other."""
    hit = sum(1 for a, b in told if any(a <= d and c <= b for c, d in real))
    found = sum(1 for c, d in real if any(a <= d and c <= b for a, b in told))
    return {"told": len(told), "right": hit, "real": len(real), "found": found}


def figures(counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    told, right, real, found = (sum(c[k] for c in counts) for k in ("told", "right", "real", "found"))
    precision, recall = right / told if told else 0.0, found / real if real else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"told": told, "right": right, "real": real, "found": found, "precision": round(precision, 2),
            "recall": round(recall, 2), "f1": round(f1, 2)}  # fmt: skip


# --- rules ------------------------------------------------------------------------------------------------------------


def rule(prop: str, op: str, value: float, *, clear: float | None = None, duration_s: int = 0) -> RuleRow:
    return RuleRow(
        rule_id=uuid.uuid4(), code="r", version=1, model="m", property=prop, op=op, value=value, clear_value=clear,
        kind="duration" if duration_s else "threshold", duration_s=duration_s, no_data_s=0, reraise_s=0,
        severity="info",
    )  # fmt: skip


def judged(rules: Sequence[RuleRow], series: Mapping[str, tuple[Any, Any]]) -> dict[str, Spans]:
    """{property: alarms} of rules over series, by the judge of sense."""
    out: dict[str, Spans] = {name: [] for name in series}
    for one in rules:
        if one.property not in series:
            continue
        t, x = series[one.property]
        bench = Bench(one, [RegistryRow(KEY, "d", "m", "place", "d", True, [], 900, {})])
        bench.take(pa.table({
            "device": pa.array([KEY.bytes] * len(t), pa.binary(16)), "property": [one.property] * len(t), "t": t,
            "recv": t + 500, "value": x, "flags": np.zeros(len(t), np.uint8), "seq": np.arange(len(t)) + 1,
        }))  # fmt: skip
        out[one.property] += [(o.started_at, o.ended_at or int(t[-1])) for o in bench.finish()]
    return out


def shipped(model: str) -> Iterator[RuleRow]:
    """The rules of the standard pack for a kind of thing that compare readings."""
    for path in packs.files("rules"):
        for one in yaml.safe_load(path.read_text(encoding="utf-8"))["rules"]:
            when = one["when"]
            if when["model"] == model and when.get("value") is not None and when.get("property"):
                yield rule(when["property"], when["op"], when["value"], clear=when.get("clear_value"),
                           duration_s=when.get("duration_s", 0))  # fmt: skip


def drawn(series: Mapping[str, tuple[Any, Any]], share: float, *, duration_s: int) -> list[RuleRow]:
    """What somebody would set who looked at quiet readings: a limit above and one below all but `share` of them."""
    out = []
    for name, (_, x) in series.items():
        low, high = np.quantile(x, [share, 1 - share])
        out += [
            rule(name, "gt", float(high), duration_s=duration_s),
            rule(name, "lt", float(low), duration_s=duration_s),
        ]
    return out


# --- recordings -------------------------------------------------------------------------------------------------------


def river(path: Path) -> tuple[dict[str, tuple[Any, Any]], dict[str, Spans]]:
    """({property: (t, x)}, {property: labelled events that have readings})"""
    columns: dict[str, list[tuple[int, float, bool]]] = {p: [] for p, _ in RIVER.values()}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            at = round(datetime.fromisoformat(row["datetime"]).replace(tzinfo=UTC).timestamp() * 1000)
            for name, (prop, scale) in RIVER.items():
                if row[name] not in MISSING:
                    columns[prop].append((at, float(row[name]) * scale, row[f"{name}_qual"] not in MISSING))
    series = {
        p: (np.array([r[0] for r in rows], np.int64), np.array([r[1] for r in rows])) for p, rows in columns.items()
    }
    return series, {p: spans([r[0] for r in rows if r[2]], HOUR) for p, rows in columns.items()}


def tanks(folder: Path) -> tuple[dict[str, tuple[Any, Any]], dict[str, tuple[Any, Any]], Spans]:
    """(the year without attacks, the months with them, attacks) of every level, flow and pressure."""
    both: list[dict[str, tuple[Any, Any]]] = []
    attacked: list[int] = []
    for name in ("dataset03_no_attack.csv.gz", "dataset04_attacks.csv"):
        opened = gzip.open if name.endswith("gz") else open
        with opened(folder / name, "rt", encoding="utf-8", newline="") as source:  # type: ignore[operator]
            rows = list(csv.DictReader(source))
        t = np.array([_hour(r["DATETIME"]) for r in rows], np.int64)
        names = [n for n in rows[0] if n[:2] in ("L_", "F_", "P_")]
        both.append({n: (t, np.array([float(r[n]) for r in rows])) for n in names})
        attacked = [at for at, r in zip(t.tolist(), rows, strict=True) if r["ATT_FLAG"].strip() == "1"]
    return both[0], both[1], spans(attacked, HOUR)


def _hour(text: str) -> int:
    return round(datetime.strptime(text, "%d/%m/%y %H").replace(tzinfo=UTC).timestamp() * 1000)


# --- both -------------------------------------------------------------------------------------------------------------


def detected(t: Any, x: Any, since: int) -> tuple[list[int], list[int]]:
    """Times from `since` on at which the detector finds a reading odd, and at which it tells so as news."""
    found = nab_others.ours(t, x)
    return (t[(np.nan_to_num(found.score) >= 1) & (t >= since)].tolist(),
            t[(found.told >= 1) & (t >= since)].tolist())  # fmt: skip


def run_river(path: Path) -> dict[str, Any]:
    series, labels = river(path)
    since = min(int(t[0]) for t, _ in series.values() if len(t)) + LEARN
    series = {p: one for p, one in series.items() if len(one[0]) and len(np.unique(one[1])) > 1}
    real = {p: [(a, b) for a, b in labels[p] if b >= since] for p in series}
    quiet = {p: (t[t < since], x[t < since]) for p, (t, x) in series.items() if (t < since).any()}
    by_rules = judged(list(shipped("river_stage")), series)
    by_drawn = judged(drawn(quiet, 0.001, duration_s=1800), series)
    found = {p: detected(t, x, since) for p, (t, x) in series.items()}
    told = {
        "rules of the standard pack": by_rules, "limits of the first 60 days for 30 minutes": by_drawn,
        "default detector, every odd reading": {p: spans(odd, HOUR) for p, (odd, _) in found.items()},
        "default detector, what it tells": {p: spans(news, HOUR) for p, (_, news) in found.items()},
    }  # fmt: skip
    out: dict[str, Any] = {}
    for name, by_property in told.items():
        later = {p: merged([(a, b) for a, b in by_property[p] if b >= since], HOUR) for p in series}
        out[name] = figures([counted(later[p], real[p]) for p in series])
        out[name]["by property"] = {p: counted(later[p], real[p]) for p in series}
    return out


def run_tanks(folder: Path) -> dict[str, Any]:
    before, after, real = tanks(folder)
    since = min(int(t[0]) for t, _ in after.values())
    pause = 2 * HOUR
    steady = drawn(before, 0.0, duration_s=0)
    held = drawn(before, 0.01, duration_s=6 * 3600)
    told: dict[str, Spans] = {}
    for name, rules in (("limits of the quiet year", steady), ("1 % limits of the quiet year for 6 hours", held)):
        told[name] = [s for found in judged(rules, after).values() for s in found]
    odd = {n: detected(np.append(before[n][0], t), np.append(before[n][1], x), since) for n, (t, x) in after.items()}
    many = Counter(at for every, _ in odd.values() for at in every)
    told["default detector, every odd reading"] = spans(many, pause)
    told["default detector, what it tells"] = spans([at for _, news in odd.values() for at in news], pause)
    told["default detector, what it tells of tank levels"] = spans([at for n in odd if n[0] == "L" for at in odd[n][1]],
                                                                   pause)  # fmt: skip
    told["default detector, two sensors odd in the same hour"] = spans([at for at, n in many.items() if n >= 2], pause)
    return {name: figures([counted(merged(found, pause), real)]) for name, found in told.items()}


def run(folder: Path) -> dict[str, Any]:
    out: dict[str, Any] = {
        p.name.removesuffix(".csv.gz"): run_river(p) for p in sorted((folder / "lro_river").glob("*.csv.gz"))
    }
    if (folder / "batadal_tanks").is_dir():
        out["tanks"] = run_tanks(folder / "batadal_tanks")
    return out
