"""How a rule asks the detector: a column of strengths that is compared as readings are, 1 at the edge of the range.

In sense (`sense/learnt.py`), for the series that a rule with a term `anomaly` looks at, in the judge's order:

    found = detector.take(detector.rows(keys), ts, value)   # keys: device id and property, one a reading
    value = strength(found, value, side)                     # NaN where nothing was judged: no reading for the rule

and then the rule compares (`value: 1`, `clear_value: 0.8`, any `duration_s`) as it compares readings.
"""

from __future__ import annotations

import numpy as np

from linli.telemetry.anomaly import formulas as f
from linli.telemetry.anomaly.detector import Floats, Verdicts

SIDES = ("any", "above", "below", "jump", "flat")


def strength(found: Verdicts, value: Floats, side: str = "any") -> Floats:
    """How far each reading is from what was expected, on the side that is asked for; NaN where it was not judged."""
    if side not in SIDES:
        raise ValueError(f"side: one of {', '.join(SIDES)}")
    if side == "any":
        return found.score
    if side in ("jump", "flat"):
        kind = f.JUMP if side == "jump" else f.FLAT
        return np.where(np.isnan(found.score), np.nan, np.where(found.kind == kind, found.score, 0.0))
    up = side == "above"
    over = (value - found.centre) if up else (found.centre - value)
    room = (found.high - found.centre) if up else (found.centre - found.low)
    lasting = found.kind == (f.LONG_ABOVE if up else f.LONG_BELOW)
    shown = np.maximum(np.maximum(over, 0.0) / room, np.where(lasting, found.score, 0.0))
    return np.where(np.isnan(found.low), np.where(np.isnan(found.score), np.nan, 0.0), shown)
