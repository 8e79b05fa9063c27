"""Routes of the adapters below /api/v1; the protocols themselves have addresses of their own (`urls`)."""

from linli.adapters.open311.api import router

__all__ = ["router"]
