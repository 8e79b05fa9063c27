"""Background work of telemetry."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import jobs
from linli.telemetry import bench_services, correction_services


@jobs.task("telemetry.bench", attempts=1, lock="telemetry.bench")
def run_bench(run_id: str) -> None:
    """A draft rule over the past; one at a time, for it takes a core."""
    bench_services.run(run_id=UUID(run_id))


@jobs.periodic("*/10 * * * *", "telemetry.forget_benches")
def forget_benches() -> None:
    bench_services.forget()


@jobs.task("telemetry.correct")
def correct(correction_id: str) -> None:
    """Readings of the past as a correction says."""
    correction_services.finish(correction_id=UUID(correction_id))


@jobs.periodic("*/5 * * * *", "telemetry.sweep_corrections")
def sweep_corrections() -> None:
    correction_services.sweep()
