"""What a series is expected to be, learnt from itself while it streams, and how far a reading is from it.

    detector = Detector(settings.of_packs(), zone="Asia/Shanghai")
    rows = detector.rows(keys)               # a key a series
    found = detector.take(rows, t, x)        # columns: low, high, centre, score, kind, told
    WORDS[found.kind[0]]                     # {"zh": "高于预期", "en": "above the expected range"}

Streaming: a reading is judged by what came before it and then learnt from; 2.6 KB a series; no Django. How it works and
why: docs/decisions/anomaly.md.
"""

from __future__ import annotations

from linli.telemetry.anomaly.detector import Detector, Verdicts
from linli.telemetry.anomaly.formulas import ABOVE, BELOW, FLAT, JUMP, LONG_ABOVE, LONG_BELOW, NONE
from linli.telemetry.anomaly.settings import Settings, of_packs
from linli.telemetry.anomaly.term import SIDES, strength

__all__ = ["ABOVE", "BELOW", "CODES", "FLAT", "JUMP", "LONG_ABOVE", "LONG_BELOW", "NONE", "SIDES", "WORDS", "Detector",
           "Settings", "Verdicts", "of_packs", "strength"]  # fmt: skip
CODES = {NONE: "", ABOVE: "above", BELOW: "below", JUMP: "jump", LONG_ABOVE: "long_above", LONG_BELOW: "long_below",
         FLAT: "flat"}  # fmt: skip
WORDS = {
    NONE: {"zh": "", "en": ""},
    ABOVE: {"zh": "高于预期范围", "en": "above the expected range"},
    BELOW: {"zh": "低于预期范围", "en": "below the expected range"},
    JUMP: {"zh": "突变", "en": "a jump from the reading before"},
    LONG_ABOVE: {"zh": "长时间偏高", "en": "too high for long"},
    LONG_BELOW: {"zh": "长时间偏低", "en": "too low for long"},
    FLAT: {"zh": "数值卡住不变", "en": "stuck at one value"},
}
