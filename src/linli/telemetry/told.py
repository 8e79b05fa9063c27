"""Readings that others tell of devices: checked and flagged as if the devices had sent them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from linli.devices.contracts import RegistryRow
from linli.kernel import clock
from linli.telemetry import tiers
from linli.telemetry.batch import CODED, LATE, OUT_OF_RANGE
from linli.telemetry.gateway import payload
from linli.telemetry.gateway.registry import Device, kind_of
from linli.telemetry.payloads import Row, Wrong

Reading = tuple[UUID, str, int, int, float, int]


def readings(spoken: Sequence[tuple[RegistryRow, list[Row]]]) -> list[Reading]:
    """As `facade.write` takes them. A time too far from now is refused, not replaced: a push that comes twice is known
    by it. Raises Wrong."""
    now = round(clock.now().timestamp() * 1000)
    found: list[Reading] = []
    for row, rows in spoken:
        found += _of(Device(row, kind_of(row.properties), 1), rows, now)
    return found


def _of(device: Device, rows: list[Row], now: int) -> list[Reading]:
    message: payload.Message = [(at, dict(values), where) for at, values, where in rows]
    try:
        if device.translate:
            payload.translate(device, message)
        payload.split(device, message)
    except payload.BadPayload as error:
        raise Wrong(error.field, f"不能存入, {error.reason}", f"cannot be stored, {error.reason}") from None
    least = max(now - payload.BEHIND_MS, tiers.now().raw)
    found = []
    for at, values, where in message:
        if at is None:
            raise Wrong(where or "body", "缺少时间", "the time is missing")
        if not least <= at <= now + payload.AHEAD_MS:
            raise Wrong(where or "body", "时间早于保存期或晚于现在 10 分钟以上",
                        "the time is before what is kept, or more than 10 minutes ahead")  # fmt: skip
        late = LATE if now - at > payload.LATE_MS else 0
        for name, value in values.items():
            limits = device.names.get(name)
            flags = device.flags | late | (CODED if type(value) is bool else 0)
            if limits is not None and not limits[0] <= value <= limits[1]:
                flags |= OUT_OF_RANGE
            found.append((device.uid, name, at, now, float(value), flags))
    return found
