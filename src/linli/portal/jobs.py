"""Background work of the portal."""

from __future__ import annotations

from datetime import timedelta

from linli.kernel import clock, jobs
from linli.portal import alert_services
from linli.portal.models import Count, Submission


@jobs.periodic("17 * * * *", "portal.purge")
def purge() -> None:
    """Forget counts after two hours and sent forms after a day; wishes that have no ground any more."""
    Count.objects.filter(hour__lt=clock.now() - timedelta(hours=2)).delete()
    Submission.objects.filter(created_at__lt=clock.now() - timedelta(days=1)).delete()
    alert_services.purge(clock.now())


@jobs.periodic("*/10 * * * *", "portal.tell")
def tell() -> None:
    """Letters to all who asked for news and have some."""
    alert_services.tell()
