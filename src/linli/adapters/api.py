"""Routes of the adapters below /api/v1; the protocols themselves have addresses of their own (`urls`)."""

from linli.adapters.open311.api import router
from linli.adapters.webhooks.api import router as webhooks

router.inner.add_router("", webhooks.inner)

__all__ = ["router"]
