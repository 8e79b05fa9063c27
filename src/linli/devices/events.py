"""Hooks into lower rooms: devices and active alarms follow when a grid is split or merged. And the watch for storms."""

from __future__ import annotations

from collections.abc import Callable

from linli.devices.services import incidents
from linli.kernel.events import Envelope, consumer
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
    places.rehome_table(
        places.RehomedTable(
            name="devices.provisioning_profile", label_zh="设备自注册配置", label_en="Provisioning profiles",
            table="devices_provisioning_profile", where="t.ended_at IS NULL", lon_column="", lat_column="",
        )
    )  # fmt: skip
    places.rehome_table(
        places.RehomedTable(
            name="devices.incident", label_zh="群障", label_en="Incidents", table="devices_incident",
            where="t.ended_at IS NULL", grid_column="", lon_column="", lat_column="",
        )
    )  # fmt: skip
    for name, zh, en, where in (
        ("firmware", "设备固件", "Firmware", "t.withdrawn_at IS NULL"),
        ("campaign", "固件升级计划", "Firmware campaigns", "t.state IN ('draft', 'running', 'paused')"),
    ):
        places.rehome_table(
            places.RehomedTable(
                name=f"devices.{name}", label_zh=zh, label_en=en, table=f"devices_{name}", where=where,
                grid_column="", lon_column="", lat_column="",
            )
        )  # fmt: skip


def _due() -> Callable[[Envelope], bool]:
    """The first alarm of a storm brings in all that are there; the news of the others finds nothing left to do."""
    found = incidents.due()
    return lambda envelope: found


@consumer("devices.incidents", "alarm.raised", "alarm.changed", interest=_due)
def on_alarm(envelope: Envelope) -> None:
    incidents.gather()
