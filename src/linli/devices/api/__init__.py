"""Routes of devices, by topic; all share one router."""

from linli.devices.api import (  # noqa: F401
    alarms,
    campaign_more,
    credentials,
    desk,
    device_sheet,
    devices,
    drafting,
    explorer,
    figures,
    firmware,
    importing,
    incidents,
    joined,
    joining,
    maintenance,
    model_versions,
    rule_files,
    rules,
    talk,
    thing_models,
)
from linli.devices.api.base import router

__all__ = ["router"]
