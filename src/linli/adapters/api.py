"""Routes of the adapters below /api/v1; the protocols themselves have addresses of their own (`urls`)."""

from linli.adapters.intake.api import router as intake
from linli.adapters.open311.api import router
from linli.adapters.readings.api import router as readings
from linli.adapters.webhooks.api import router as webhooks

router.inner.add_router("", webhooks.inner)
router.inner.add_router("", intake.inner)
router.inner.add_router("", readings.inner)

__all__ = ["router"]
