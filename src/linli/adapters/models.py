"""Tables of the adapters, where Django looks for them."""

from linli.adapters.intake.models import IntakeDelivery, IntakeHook, IntakeTalk
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.readings.models import ReadingDelivery, ReadingHook, UnknownNumber
from linli.adapters.sensorthings import models as sensorthings
from linli.adapters.webhooks.models import Delivery, Hook

__all__ = [
    "Delivery", "Endpoint", "Hook", "IntakeDelivery", "IntakeHook", "IntakeTalk", "Outgoing", "ReadingDelivery",
    "ReadingHook", "UnknownNumber", "sensorthings",
]  # fmt: skip
