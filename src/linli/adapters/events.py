"""What the adapters do when other rooms tell something."""

from linli.adapters.open311 import events

__all__ = ["events"]
