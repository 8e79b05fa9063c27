"""Tables of the adapters, where Django looks for them."""

from linli.adapters.open311.models import Endpoint, Outgoing

__all__ = ["Endpoint", "Outgoing"]
