"""Routes of devices, by topic; all share one router."""

from linli.devices.api import (  # noqa: F401
    alarms,
    credentials,
    devices,
    explorer,
    figures,
    firmware,
    incidents,
    joining,
    maintenance,
    rules,
    talk,
    thing_models,
)
from linli.devices.api.base import router

__all__ = ["router"]
