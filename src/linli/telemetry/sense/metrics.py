"""What sense tells Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from linli.kernel.ops_server import Beat

if TYPE_CHECKING:
    from linli.telemetry.sense.judge import Judge

MESSAGES = Counter("linli_sense_batches_total", "Micro-batches judged")
POINTS = Gauge("linli_sense_points", "Readings judged since start")
LATE = Gauge("linli_sense_late_points", "Readings older than the newest of their series, since start")
BAD = Counter("linli_sense_bad_batches_total", "Messages of the stream that are not batches")
OPERATIONS = Counter("linli_sense_operations_total", "Alarm operations sent to the database")
CHANGED = Counter("linli_sense_alarms_changed_total", "Alarm operations that changed something")
PENDING = Gauge("linli_sense_pending", "Messages of the stream not yet read")
RESETS = Gauge("linli_sense_reader_resets", "Times the stream reader began anew")
OWNED = Gauge("linli_sense_partitions", "Partitions owned")
SILENT = Gauge("linli_sense_line_silent", "1 while nothing comes from anybody")
TICK = Histogram("linli_sense_tick_seconds", "From readings received to alarms written",
                 buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5))  # fmt: skip
APPLY = Histogram("linli_sense_apply_seconds", "Writing alarms",
                  buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5))  # fmt: skip
BEAT = Beat()


def note(judge: Judge, now: int) -> None:
    """`now` in ms, by the clock that the judge goes by."""
    POINTS.set(judge.points)
    LATE.set(judge.late)
    OWNED.set(int(np.count_nonzero(judge.owned)))
    SILENT.set(judge.line_silent(now))
