"""Anomalies over recordings: the NAB score of the detector and of others, and events of rivers and tanks.

python -m tests.bench.nab [--data FOLDER] [--json] [--only nab,events,speed]

The folder of recordings is `--data`, else LINLI_RECORDINGS; it holds `nab/`, `lro_river/` and `batadal_tanks/`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench import machine, nab_events, nab_others, nab_score

from linli.telemetry.anomaly import Detector, of_packs

DATA = Path(os.environ.get("LINLI_RECORDINGS", "../shared/data"))


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def read(folder: Path) -> dict[str, tuple[Any, Any, list[tuple[int, int]]]]:
    """{file: (times in ms, values, windows as first and last row)}; times are taken for local ones."""
    windows = json.loads((folder / "windows.json").read_text())
    found = {}
    for name, spans in windows.items():
        with (folder / name.replace("/", "__")).open(encoding="utf-8", newline="") as source:
            rows = [(moment(r["timestamp"]), float(r["value"])) for r in csv.DictReader(source)]
        t = np.array([r[0] for r in rows], np.int64)
        cut = [(int(np.searchsorted(t, moment(a))), int(np.searchsorted(t, moment(b), "right")) - 1) for a, b in spans]
        found[name] = (t, np.array([r[1] for r in rows]), cut)
    return found


def run_nab(folder: Path) -> dict[str, Any]:
    series = read(folder)
    weighed = {n: nab_score.weigh(len(t), cut) for n, (t, _, cut) in series.items()}
    days = sum((int(t[-1]) - int(t[0])) * (1 - nab_score.probation(len(t)) / len(t)) for t, *_ in series.values())
    ours = {n: nab_others.ours(t, x) for n, (t, x, _) in series.items()}
    scores = {"default detector": {n: v.told for n, v in ours.items()},
              "default detector, every reading": {n: np.nan_to_num(v.score) for n, v in ours.items()}}  # fmt: skip
    others = {"windowed Gaussian": nab_others.gaussian, "weighted mean": nab_others.average,
              "median of the half hour": nab_others.median, "half-space trees": nab_others.trees}  # fmt: skip
    for name, other in others.items():
        scores[name] = {n: other(t, x) for n, (t, x, _) in series.items()}
        scores[f"{name}, told once"] = {n: nab_others.once(series[n][0], s) for n, s in scores[name].items()}
    out: dict[str, Any] = {
        "files": len(series), "rows": sum(len(t) for t, *_ in series.values()),
        "windows": sum(w.windows for w in weighed.values()), "days": round(days / 86_400_000),
    }  # fmt: skip
    out["detectors"] = {name: _told(weighed, found) for name, found in scores.items()}
    at = nab_score.score(weighed, scores["default detector"], 1.0)
    out["default detector at its own edge"] = {"score": round(at.score, 1), "found": at.found, "false": at.false}
    out["by file"] = {
        name: {file: vars(told) | {"score": round(told.score, 2)}
               for file, told in nab_score.score(weighed, scores[name]).files.items()}
        for name in ("default detector", "windowed Gaussian")
    }  # fmt: skip
    return out


def _told(weighed: dict[str, nab_score.Weighed], scores: dict[str, Any]) -> dict[str, Any]:
    best = nab_score.score(weighed, scores)
    return {"score": round(best.score, 1), "left_out": round(nab_score.left_out(weighed, scores), 1),
            "threshold": round(best.threshold, 6), "found": best.found, "false": best.false}  # fmt: skip


def run_speed(series: int = 1_000, rounds: int = 300) -> dict[str, Any]:
    """CPU of a reading over many series at once and over one, and bytes a series."""
    rng = np.random.default_rng(1)
    detector = Detector(of_packs())
    rows = detector.rows(range(series))
    began = time.process_time()
    for i in range(rounds):
        t = np.full(series, 1_790_000_000_000 + i * 300_000)
        detector.take(rows, t, np.sin(t / 1.4e7) + rng.normal(0, 0.1, series))
    many = (time.process_time() - began) / rounds / series
    alone = Detector(of_packs())
    t = 1_790_000_000_000 + np.arange(8_000) * 300_000
    began = time.process_time()
    alone.take(np.repeat(alone.rows([0]), len(t)), t, np.sin(t / 1.4e7) + rng.normal(0, 0.1, len(t)))
    one = (time.process_time() - began) / len(t)
    return {"series": series, "us_a_reading": round(many * 1e6, 2), "us_a_reading_alone": round(one * 1e6, 1),
            "bytes_a_series": detector.bytes_a_series,
            "snapshot_bytes_a_series": round(len(detector.save()) / series) if series else 0}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nab", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of recordings (LINLI_RECORDINGS)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="nab,events,speed")
    args = parser.parse_args()
    wanted = set(args.only.split(","))
    out: dict[str, Any] = {"machine": machine.describe()}
    if "speed" in wanted:
        out["speed"] = run_speed()
    for name, folder, run in (("nab", "nab", run_nab), ("events", ".", nab_events.run)):
        if name not in wanted:
            continue
        if not (args.data / folder).is_dir() or not (args.data / "nab").is_dir():
            print(f"skipped {name}: no recordings in {args.data} (--data, LINLI_RECORDINGS)", file=sys.stderr)
            continue
        out[name] = run(args.data / folder)
    if args.json:
        print(json.dumps(out))
    else:
        from tests.bench.__main__ import show

        for name, value in out.items():
            show(name, value)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
