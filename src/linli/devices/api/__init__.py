"""Routes of devices, by topic; all share one router."""

from linli.devices.api import alarms, credentials, devices, figures, incidents, maintenance, rules, talk, thing_models  # noqa: F401
from linli.devices.api.base import router

__all__ = ["router"]
