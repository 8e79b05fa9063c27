"""Benchmarks: `make bench`. Each part has `run(district) -> dict`; they are measurements, not timed tests."""
