"""The micro-batch of readings: the one thing that travels from gateway through the stream to sense and history.

Wire form, little-endian: `LLB` + version, then u32 counts (points, devices, properties, raw body length), then one lz4
block of: 16 bytes a device, u16 length + UTF-8 a property, and the columns device u32, prop u16, ts i64, recv i64,
value f64, flags u8. Columns are the last part, widest first, so that a decoded batch is views on one buffer.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import lz4.block
import numpy as np
import numpy.typing as npt

# What is known about a reading besides its value.
NO_TIME = 1  # the device sent no time of its own; `ts` is the gateway's, and a resend cannot be told from a new one
CLAMPED = 2  # the device's clock was years off; `ts` is the gateway's
OUT_OF_RANGE = 4  # outside the thing model's range
LATE = 8  # arrived more than an hour after its own time
CODED = 16  # a bool coded as 0 or 1
DOUBTFUL = 32  # the device itself says that it is no measurement: fault, calibration, maintenance
PRIVATE = 64  # about a household, person or vehicle: kept apart, for 30 days, and read by no open question
TOLD = 128  # an observation that is more than this reading is kept in full elsewhere
NOT_JUDGED = OUT_OF_RANGE | DOUBTFUL  # kept and shown, but no rule looks at it

MAX_POINTS = 5_000
SUBJECT = "readings"
STREAM = "READINGS"
_HEAD = struct.Struct("<3sBIIII")
_MAGIC, _VERSION = b"LLB", 1
_MAX_BODY = 64 << 20
_POINT = 8 + 8 + 8 + 4 + 2 + 1


class BadBatch(ValueError):
    """The bytes are not a batch."""


@dataclass(slots=True)
class Batch:
    """Columns of readings. `device` and `prop` index into `devices` and `properties`; times are ms UTC."""

    devices: list[bytes]
    properties: list[str]
    device: npt.NDArray[np.uint32]
    prop: npt.NDArray[np.uint16]
    ts: npt.NDArray[np.int64]
    recv: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    flags: npt.NDArray[np.uint8]
    sequence: int = field(default=0, compare=False)  # where in the stream it was read; not part of the wire form

    def __len__(self) -> int:
        return len(self.value)


def make(
    devices: Sequence[bytes],
    properties: Sequence[str],
    device: Sequence[int],
    prop: Sequence[int],
    ts: Sequence[int],
    recv: Sequence[int],
    value: Sequence[float],
    flags: Sequence[int],
) -> Batch:
    """A batch from plain sequences of equal length."""
    return Batch(
        list(devices), list(properties),
        np.asarray(device, np.uint32), np.asarray(prop, np.uint16), np.asarray(ts, np.int64),
        np.asarray(recv, np.int64), np.asarray(value, np.float64), np.asarray(flags, np.uint8),
    )  # fmt: skip


def encode(batch: Batch) -> bytes:
    names = [p.encode() for p in batch.properties]
    parts = [
        b"".join(batch.devices),
        b"".join(struct.pack("<H", len(n)) + n for n in names),
        batch.ts.astype("<i8", copy=False).tobytes(),
        batch.recv.astype("<i8", copy=False).tobytes(),
        batch.value.astype("<f8", copy=False).tobytes(),
        batch.device.astype("<u4", copy=False).tobytes(),
        batch.prop.astype("<u2", copy=False).tobytes(),
        batch.flags.astype("u1", copy=False).tobytes(),
    ]
    body = b"".join(parts)
    if len(body) != 16 * len(batch.devices) + len(parts[1]) + _POINT * len(batch):
        raise BadBatch("columns differ in length")
    head = _HEAD.pack(_MAGIC, _VERSION, len(batch), len(batch.devices), len(names), len(body))
    return head + lz4.block.compress(body, store_size=False)


def decode(data: bytes) -> Batch:
    """The batch of `data`; arrays are read-only views. Raises BadBatch."""
    try:
        magic, version, points, devices, properties, size = _HEAD.unpack_from(data)
        if magic != _MAGIC or version != _VERSION:
            raise BadBatch(f"not a batch of version {_VERSION}")
        if size > _MAX_BODY or size < points * _POINT + devices * 16 + properties * 2:
            raise BadBatch("sizes do not fit")
        body = lz4.block.decompress(memoryview(data)[_HEAD.size :], uncompressed_size=size)
        if len(body) != size:
            raise BadBatch("body is cut short")
        return _columns(body, points, devices, properties)
    except (struct.error, lz4.block.LZ4BlockError, UnicodeDecodeError, ValueError) as error:
        raise error if isinstance(error, BadBatch) else BadBatch(str(error)) from error


def _columns(body: bytes, points: int, devices: int, properties: int) -> Batch:
    at = 16 * devices
    ids = [body[i : i + 16] for i in range(0, at, 16)]
    names = []
    for _ in range(properties):
        (length,) = struct.unpack_from("<H", body, at)
        names.append(body[at + 2 : at + 2 + length].decode())
        at += 2 + length
    columns = []
    for kind, width in (("<i8", 8), ("<i8", 8), ("<f8", 8), ("<u4", 4), ("<u2", 2), ("u1", 1)):
        columns.append(np.frombuffer(body, kind, points, at))
        at += points * width
    ts, recv, value, device, prop, flags = columns
    if at != len(body):
        raise BadBatch("sizes do not fit")
    if points and (int(device.max()) >= devices or int(prop.max()) >= properties):
        raise BadBatch("an index points outside")
    return Batch(ids, names, device, prop, ts, recv, value, flags)


def partition_of(device_id: bytes, count: int) -> int:
    """Which of `count` partitions a device's readings travel in."""
    return zlib.crc32(device_id) % count


def subject_of(partition: int) -> str:
    return f"{SUBJECT}.{partition}"
