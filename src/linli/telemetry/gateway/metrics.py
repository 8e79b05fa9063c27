"""The gateway's counters for Prometheus, read from plain integers when somebody asks. Nothing is labelled by device."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from linli.telemetry.gateway.hub import Gateway


class _Collector:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def collect(self) -> Iterator[Metric]:
        gateway, batcher = self.gateway, self.gateway.batcher
        for name, text, value in (
            ("messages", "device messages taken", gateway.messages),
            ("points", "readings taken", gateway.points),
            ("stored_points", "readings the stream has on disk", batcher.stored_points),
            ("batches", "micro-batches sent", batcher.batches),
            ("clamped", "readings whose clock was years off", gateway.clamped),
            ("publish_retries", "batches sent again", batcher.publisher.retries),
            ("note_failures", "notes that Postgres did not take at once", gateway.notes.failures),
            ("told", "observations that programs listen to", gateway.programs.feed.told),
        ):
            yield CounterMetricFamily(f"linli_gateway_{name}", text, value)
        refused = CounterMetricFamily("linli_gateway_refused", "refusals by reason", labels=["reason"])
        for reason, count in list(gateway.refusals.items()):
            refused.add_metric([reason], count)
        yield refused
        if gateway.doors:
            yield from _doors(gateway)
        waits = sorted(batcher.waits) or [0.0]
        for name, text, value in (
            ("connections", "open device connections", len(gateway.connections)),
            ("devices", "devices that may speak", len(gateway.registry.devices)),
            ("programs", "open connections of programs", len(gateway.programs.sessions)),
            ("subscriptions", "topics that programs listen to", len(gateway.programs.feed.subscriptions)),
            ("pending_points", "readings taken and not yet durable", batcher.pending),
            ("store_seconds_p95", "from cutting a batch to durable", waits[int(len(waits) * 0.95)]),
        ):
            yield GaugeMetricFamily(f"linli_gateway_{name}", text, value)


def _doors(gateway: Gateway) -> Iterator[Metric]:
    frames = CounterMetricFamily("linli_gateway_tcp_frames", "whole frames by protocol", labels=["protocol"])
    open_ = GaugeMetricFamily("linli_gateway_tcp_connections", "open connections by protocol", labels=["protocol"])
    for door in gateway.doors:
        frames.add_metric([door.protocol], door.frames)
        open_.add_metric([door.protocol], door.connections)
    yield from (frames, open_)


def registry(gateway: Gateway) -> CollectorRegistry:
    found = CollectorRegistry()
    ProcessCollector(registry=found)
    found.register(_Collector(gateway))  # type: ignore[arg-type]
    return found
