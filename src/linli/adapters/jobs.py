"""Background work of the adapters, and their consumers of events."""

from linli.adapters import events
from linli.adapters.intake import jobs as intake_jobs
from linli.adapters.open311 import jobs
from linli.adapters.readings import jobs as reading_jobs
from linli.adapters.sensorthings import jobs as sensorthings_jobs
from linli.adapters.webhooks import jobs as webhook_jobs

__all__ = ["events", "intake_jobs", "jobs", "reading_jobs", "sensorthings_jobs", "webhook_jobs"]
