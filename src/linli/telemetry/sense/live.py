"""Live values for screens: the latest of each series that changed, by partition, on core NATS (nothing is stored)."""

from __future__ import annotations

import numpy as np
import orjson

from linli.telemetry.sense.book import Book

CHUNK = 2000
SUBJECT = "live.value"


def collect(book: Book) -> list[tuple[str, bytes]]:
    """(subject, `{"items": [[device id, area path, property, ts ms, value], ...]}`) of what changed since last time."""
    t = book.series
    dirty = np.flatnonzero(t.column("dirty"))
    if not len(dirty):
        return []
    t.dirty[dirty] = False
    dirty = dirty[np.isfinite(t.value[dirty])]
    parts = book.dev.part[t.dev[dirty]]
    found = []
    for part in np.unique(parts).tolist():
        rows = dirty[parts == part]
        for start in range(0, len(rows), CHUNK):
            found.append((f"{SUBJECT}.{part}", _encode(book, rows[start : start + CHUNK])))
    return found


def _encode(book: Book, rows: np.ndarray) -> bytes:
    t, devices, properties = book.series, book.devices, book.properties
    items = [
        (d.text, d.area, properties[p], ts, value)
        for d, p, ts, value in zip(
            [devices[i] for i in t.dev[rows].tolist()], t.prop[rows].tolist(), t.ts[rows].tolist(),
            t.value[rows].tolist(), strict=True,
        )
    ]  # fmt: skip
    return orjson.dumps({"items": items})
