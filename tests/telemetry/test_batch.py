"""The wire form of a micro-batch."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.telemetry import batch


def sample(points: int = 4_000, devices: int = 500) -> batch.Batch:
    rng = np.random.default_rng(7)
    return batch.make(
        [os.urandom(16) for _ in range(devices)], ["level", "水温", "battery"],
        rng.integers(0, devices, points), rng.integers(0, 3, points), 1_700_000_000_000 + np.arange(points),
        np.full(points, 1_700_000_000_500), rng.normal(size=points), rng.integers(0, 32, points),
    )  # fmt: skip


def assert_same(a: batch.Batch, b: batch.Batch) -> None:
    assert a.devices == b.devices and a.properties == b.properties
    for name in ("device", "prop", "ts", "recv", "value", "flags"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype


def test_comes_back_as_it_went() -> None:
    for points in (0, 1, 4_000):
        one = sample(points)
        assert_same(one, batch.decode(batch.encode(one)))


def test_empty() -> None:
    empty = batch.make([], [], [], [], [], [], [], [])
    assert len(batch.decode(batch.encode(empty))) == 0


def test_infinite_and_nan_survive() -> None:
    one = batch.make([b"x" * 16], ["a"], [0, 0, 0], [0, 0, 0], [1, 2, 3], [1, 2, 3], [np.nan, np.inf, -0.0], [0, 0, 0])
    assert_same(one, batch.decode(batch.encode(one)))


def test_columns_of_different_length_are_refused() -> None:
    bad = batch.make([b"x" * 16], ["a"], [0, 0], [0], [1], [1], [1.0], [0])
    with pytest.raises(batch.BadBatch):
        batch.encode(bad)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(batch.BadBatch):
        batch.decode(data)


GOOD = batch.encode(sample(50, 5))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_never_crashes(at: int, byte: int) -> None:
    data = bytearray(GOOD)
    data[at] = byte
    try:
        batch.decode(bytes(data))
    except batch.BadBatch:
        pass


@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_batch_is_refused(size: int) -> None:
    with pytest.raises(batch.BadBatch):
        batch.decode(GOOD[:size])


def test_partitions_are_stable_and_even() -> None:
    assert batch.partition_of(b"\x00" * 16, 8) == batch.partition_of(b"\x00" * 16, 8)
    counts = np.bincount([batch.partition_of(os.urandom(16), 8) for _ in range(8_000)], minlength=8)
    assert counts.min() > 700
