"""The short way of a message says what the long one says, or nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from tests.telemetry.gatewaykit import row

from linli.telemetry.gateway.batcher import Part
from linli.telemetry.gateway.payload import BadPayload, decode, fill, quick, shape, split
from linli.telemetry.gateway.registry import Device, kind_of

NOW = 1_800_000_000_000
NUMBERS = st.integers(-(1 << 63), 1 << 63) | st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 5)
VALUES = st.dictionaries(
    st.sampled_from(["level", "battery", "signal", "unheard", "ts", "values"]),
    NUMBERS | st.booleans() | st.none() | st.just("3.5"), max_size=4,
)  # fmt: skip
TIMES = st.sampled_from([NOW, NOW - 3_600_000, NOW - 3_600_001, NOW + 600_000, NOW + 600_001, -1, None, "x", 1.5])


@given(VALUES | st.fixed_dictionaries({"ts": TIMES, "values": VALUES | st.none()}) | st.lists(VALUES, max_size=2))
@example({"level": 1.5, "battery": 80})
@example({"ts": NOW - 5, "values": {"level": 1.5, "battery": 80}})
@example({"level": 1e305})
@example({"level": -1e6})
def test_the_short_way_equals_the_long_one(doc: Any) -> None:
    short, long = Part(0), Part(0)
    device = a_device()
    body = json.dumps(doc).encode()
    points = quick(short, device, decode(body), NOW)
    try:
        message = shape(decode(body))
        attributes = split(device, message)
        expected, _ = fill(long, device, message, NOW)
    except BadPayload:
        assert points == 0
        return
    if points:
        assert (points, attributes) == (expected, {})
        assert columns(short) == columns(long)
    else:
        assert columns(short)[1:] == columns(Part(0))[1:]


def test_usual_messages_go_the_short_way() -> None:
    part, device = Part(0), a_device()
    assert quick(part, device, {"level": 1.5}, NOW) == 1
    assert quick(part, device, {"ts": NOW - 1_000, "values": {"level": 1}}, NOW) == 1
    assert quick(part, device, {"level": 1.5, "nobody knows": 1}, NOW) == 0


def a_device() -> Device:
    known = row("A", "t")
    return Device(known, kind_of(known.properties), 4)


def columns(part: Part) -> list[Any]:
    kept = (part.rows, part.ns, part.ts, part.recv, part.flags, part.prop, part.value)
    return [list(part.props), part.devices, part.marks, *(column.tolist() for column in kept)]
