"""Background work of telemetry."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import jobs
from linli.telemetry import bench_services


@jobs.task("telemetry.bench", attempts=1, lock="telemetry.bench")
def run_bench(run_id: str) -> None:
    """A draft rule over the past; one at a time, for it takes a core."""
    bench_services.run(run_id=UUID(run_id))


@jobs.periodic("*/10 * * * *", "telemetry.forget_benches")
def forget_benches() -> None:
    bench_services.forget()
