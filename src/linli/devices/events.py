"""Hooks into lower rooms: devices and their active alarms follow when a grid is split or merged."""

from __future__ import annotations

from linli.places import facade as places


def register() -> None:
    """Called once when Django is ready."""
    places.rehome_table(
        places.RehomedTable(
            name="devices.device", label_zh="设备", label_en="Devices", table="devices_device",
            where="t.state <> 'retired'",
        )
    )  # fmt: skip
    places.rehome_table(
        places.RehomedTable(
            name="devices.alarm", label_zh="告警", label_en="Alarms", table="devices_alarm",
            where="t.cleared_at IS NULL",
        )
    )  # fmt: skip
