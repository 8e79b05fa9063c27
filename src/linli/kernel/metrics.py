"""Counters of this process for Prometheus. Labels are names of routes, tasks and states, never of people."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

LATENCY = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
REQUESTS = Counter("linli_requests_total", "Requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("linli_request_seconds", "Time to answer", ["method", "route"], buckets=LATENCY)
JOBS = Counter("linli_jobs_total", "Background jobs run", ["task", "outcome"])
JOB_SECONDS = Histogram("linli_job_seconds", "Time a job took", ["task"], buckets=LATENCY)
EVENTS = Counter("linli_consumed_events_total", "Events had by consumers", ["consumer", "outcome"])
OUTBOX_LAG = Gauge("linli_outbox_lag_seconds", "Age of the oldest event not yet published")
OUTBOX_WAITING = Gauge("linli_outbox_waiting", "Events not yet published")
PARKED = Gauge("linli_parked_events", "Events set aside after failing again and again")
JOBS_WAITING = Gauge("linli_jobs_waiting", "Jobs that wait or are late")
