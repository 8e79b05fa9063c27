"""Many series at once: their state as columns, readings in, verdicts out. Knows neither database nor network."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import lz4.block
import msgspec
import numpy as np
import numpy.typing as npt

from linli.telemetry.anomaly import formulas as f
from linli.telemetry.anomaly.settings import Settings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
VERSION = 1
NARROW = 12  # so few series are quicker one by one than as columns
QUARTER = 900_000
_SEASONS = ("d", "a", "nd", "w", "nw")
_COUNTS = ("nd", "nw")
_WIDTH = {"d": f.HALF_HOURS, "a": f.HALF_HOURS, "nd": f.HALF_HOURS, "w": f.HOURS, "nw": f.HOURS}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One row a reading. `low` to `high` is the expected band, 1 the score at an edge. `told`: the score while it is
    news, else 0. NaN and kind NONE for a reading that was not judged (late, not a number, or the series still unknown).
    """

    low: Floats
    high: Floats
    centre: Floats
    score: Floats
    kind: npt.NDArray[np.int8]
    told: Floats


class Detector:
    """Rows are series; `rows(keys)` numbers them. A reading must be newer than the one before it of its series."""

    def __init__(self, settings: Settings | None = None, *, zone: str = "Asia/Shanghai") -> None:
        self.settings = settings or Settings()
        self.zone = zone
        self._tz = ZoneInfo(zone)
        self._offsets: dict[int, int] = {}
        self.keys: dict[Hashable, int] = {}
        self._start = np.array([f.START[name] for name in f.SCALARS])
        self._state = np.zeros((len(f.SCALARS), 0))
        self._season: dict[str, Any] = {n: np.zeros((0, _WIDTH[n]), _kind(n)) for n in _SEASONS}

    # --- series -----------------------------------------------------------------------------------------------------

    def rows(self, keys: Iterable[Hashable]) -> Ints:
        """The row of each key; unknown keys get one."""
        found = [self.keys.setdefault(key, len(self.keys)) for key in keys]
        if (missing := len(self.keys) - self._state.shape[1]) > 0:
            self._grow(max(missing, self._state.shape[1] // 2, 16))
        return np.array(found, np.int64)

    def _grow(self, more: int) -> None:
        self._state = np.hstack([self._state, np.repeat(self._start[:, None], more, axis=1)])
        for name, held in self._season.items():
            self._season[name] = np.vstack([held, np.zeros((more, held.shape[1]), held.dtype)])

    # --- readings ---------------------------------------------------------------------------------------------------

    def take(self, rows: Ints, t: Ints, x: Floats) -> Verdicts:
        """Readings in the order in which they count: those of one series from old to new. Times are ms UTC."""
        out = np.full((6, len(rows)), np.nan)
        out[4] = f.NONE
        out[5] = 0.0
        fit = np.flatnonzero(np.isfinite(x))
        if len(fit):
            rows, t, x = rows[fit], t[fit], x[fit].astype(np.float64)
            out[:, fit] = self._take(rows, t, x)
        return Verdicts(out[0], out[1], out[2], out[3], out[4].astype(np.int8), out[5])

    def _take(self, rows: Ints, t: Ints, x: Floats) -> Floats:
        local = t + self._offset(t)
        order = np.argsort(rows, kind="stable")
        starts = np.flatnonzero(np.append(True, np.diff(rows[order]) != 0))
        lengths = np.diff(np.append(starts, len(rows)))
        out = np.empty((6, len(rows)))
        longest = np.argsort(-lengths, kind="stable")
        starts, lengths = starts[longest], lengths[longest]
        done = 0
        while (wide := int(np.count_nonzero(lengths > done))) >= NARROW:
            at = order[starts[:wide] + done]
            out[:, at] = self._columns(rows[at], t[at], x[at], local[at])
            done += 1
        for start, length in zip(starts[:wide].tolist(), lengths[:wide].tolist(), strict=True):
            at = order[start + done : start + length]
            out[:, at] = self._single(int(rows[at[0]]), t[at], x[at], local[at])
        return out

    def _offset(self, t: Ints) -> Ints:
        """How far the clock of the zone is ahead of UTC, in ms; asked once a quarter of an hour."""
        quarters, place = np.unique(t // QUARTER, return_inverse=True)
        if len(self._offsets) > 100_000:
            self._offsets.clear()
        return np.array([self._offsets.get(q) or self._ask_offset(q) for q in quarters.tolist()], np.int64)[place]

    def _ask_offset(self, quarter: int) -> int:
        from datetime import UTC, datetime

        moment = datetime.fromtimestamp(quarter * QUARTER / 1000, UTC).astimezone(self._tz)
        ahead = moment.utcoffset()
        found = self._offsets[quarter] = 0 if ahead is None else round(ahead.total_seconds() * 1000)
        return found

    def _columns(self, rows: Ints, t: Ints, x: Floats, local: Ints) -> Floats:
        """One reading of each of these series."""
        out = np.full((6, len(rows)), np.nan)
        out[4:] = 0.0
        new = t > self._state[f.SCALARS.index("t"), rows]
        if not new.any():
            return out
        rows, half, hour = rows[new], local[new] // 1_800_000, local[new] // 3_600_000
        v = f.Values()
        held = self._state[:, rows]
        for i, name in enumerate(f.SCALARS):
            setattr(v, name, held[i])
        bins = {"d": half % f.HALF_HOURS, "w": hour % f.HOURS}
        bins |= {"a": bins["d"], "nd": bins["d"], "nw": bins["w"]}
        for name in _SEASONS:
            setattr(v, name, self._season[name][rows, bins[name]].astype(np.float64))
        told = f.judge(f.COLUMNS, v, t[new].astype(np.float64), x[new], half.astype(np.float64),
                       hour.astype(np.float64), self.settings)  # fmt: skip
        for i, name in enumerate(f.SCALARS):
            held[i] = getattr(v, name)
        self._state[:, rows] = held
        for name in _SEASONS:
            self._season[name][rows, bins[name]] = getattr(v, name)
        out[:, new] = np.vstack(told)
        return out

    def _single(self, row: int, t: Ints, x: Floats, local: Ints) -> Floats:
        """Readings of one series, one after the other."""
        v = f.Values()
        for name, value in zip(f.SCALARS, self._state[:, row].tolist(), strict=True):
            setattr(v, name, value)
        season = {name: held[row].astype(np.float64).tolist() for name, held in self._season.items()}
        d, a, nd, w, nw = (season[name] for name in _SEASONS)
        late = (np.nan, np.nan, np.nan, np.nan, 0.0, 0.0)
        said = []
        halves, hours = (local // 1_800_000).tolist(), (local // 3_600_000).tolist()
        for at, value, half, hour in zip(t.tolist(), x.tolist(), halves, hours, strict=True):
            if at <= v.t:
                said.append(late)
                continue
            i, j = half % f.HALF_HOURS, hour % f.HOURS
            v.d, v.a, v.nd, v.w, v.nw = d[i], a[i], nd[i], w[j], nw[j]
            said.append(f.judge(f.SINGLE, v, float(at), value, float(half), float(hour), self.settings))
            d[i], a[i], nd[i], w[j], nw[j] = v.d, v.a, v.nd, v.w, v.nw
        self._state[:, row] = [getattr(v, name) for name in f.SCALARS]
        for name, held in self._season.items():
            held[row] = season[name]
        return np.array(said, np.float64).T

    # --- state as bytes ---------------------------------------------------------------------------------------------

    def save(self, keys: Sequence[bytes] | None = None) -> bytes:
        """The state of these series (of all without); keys are bytes."""
        keys = [k for k in (list(self.keys) if keys is None else keys) if k in self.keys]
        rows = self.rows(keys)
        body = {
            "v": VERSION, "keys": keys, "scalars": list(f.SCALARS), "state": self._state[:, rows].tobytes(),
            **{name: held[rows].tobytes() for name, held in self._season.items()},
        }  # fmt: skip
        return bytes(lz4.block.compress(msgspec.msgpack.encode(body)))

    def load(self, data: bytes | None) -> int:
        """Take over series as `save` gave them; returns how many. Of another version: none, they learn anew."""
        if not data:
            return 0
        body = msgspec.msgpack.decode(lz4.block.decompress(data))
        if body.get("v") != VERSION or body["scalars"] != list(f.SCALARS):
            return 0
        rows = self.rows(body["keys"])
        self._state[:, rows] = np.frombuffer(body["state"]).reshape(len(f.SCALARS), len(rows))
        for name, held in self._season.items():
            held[rows] = np.frombuffer(body[name], held.dtype).reshape(len(rows), held.shape[1])
        return len(rows)

    def forget(self, keys: Iterable[Hashable]) -> None:
        """These series begin anew."""
        rows = [self.keys[k] for k in keys if k in self.keys]
        self._state[:, rows] = self._start[:, None]
        for held in self._season.values():
            held[rows] = 0

    @property
    def bytes_a_series(self) -> int:
        return len(f.SCALARS) * 8 + sum(_WIDTH[n] * np.dtype(_kind(n)).itemsize for n in _SEASONS)


def _kind(name: str) -> str:
    return "u1" if name in _COUNTS else "f8"
