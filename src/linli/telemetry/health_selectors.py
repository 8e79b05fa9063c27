"""How the way of readings does, from what its processes tell Prometheus and from the leases of sense. For those who
configure devices. Counters are told as they are: whoever asks twice knows the pace."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from linli.devices import facade as devices
from linli.kernel import clock, ops
from linli.kernel.actor import Actor
from linli.kernel.ops import ProcessState
from linli.telemetry import tiers

GATEWAY = {
    "messages": "messages_total", "points": "points_total", "stored": "stored_points_total",
    "retries": "publish_retries_total", "note_failures": "note_failures_total", "connections": "connections",
    "pending": "pending_points",
}  # fmt: skip
HISTORY = {"lag_s": "lag_s", "stored": "stored", "rows": "rows_total", "duplicates": "duplicates_total",
           "bad_batches": "bad_batches_total", "too_old": "too_old_total"}  # fmt: skip
SENSE = {"pending": "pending", "partitions": "partitions", "points": "points", "late": "late_points",
         "line_silent": "line_silent", "bad_batches": "bad_batches_total"}  # fmt: skip


def health(actor: Actor) -> dict[str, Any]:
    """Processes, doors, gateway, sense with its leases, history, and what waits; null where nothing tells it."""
    leases = devices.leases(actor)
    found, now = ops.processes(), clock.now()
    gateways, senses = _named(found, "gateway"), _named(found, "sense")
    return {
        "at": now, "processes": [_process(one) for one in found], "doors": _doors(gateways),
        "gateway": {**_figures(gateways, "linli_gateway_", GATEWAY),
                    "devices": _most(gateways, "linli_gateway_devices"),  # each knows all of them
                    "store_p95_s": _most(gateways, "linli_gateway_store_seconds_p95"),
                    "refused": _by_label(gateways, "linli_gateway_refused_total", "reason")},
        "sense": {**_figures(senses, "linli_sense_", SENSE),
                  "catching_up": sorted({int(p) for one in senses for p in one.state.get("catching_up") or ()})},
        "leases": [{"partition": one.partition, "owner": one.owner, "epoch": one.epoch, "sequence": one.sequence,
                    "held": bool(one.owner) and one.expires_at > now, "expires_at": one.expires_at,
                    "saved_at": one.saved_at} for one in leases],
        "history": {**_figures(_named(found, "history"), "linli_history_", HISTORY),
                    "caught_up": next((one.state.get("caught_up") for one in _named(found, "history")), None)},
        "kept_days": asdict(tiers.of_packs()),
        "events": {"waiting": _most(found, "linli_outbox_waiting"), "lag_s": _most(found, "linli_outbox_lag_seconds"),
                   "parked": _most(found, "linli_parked_events"), "jobs": _most(found, "linli_jobs_waiting")},
    }  # fmt: skip


def _named(found: Iterable[ProcessState], name: str) -> list[ProcessState]:
    """Those of a kind: `gateway`, and `gateway-2` when several share its port."""
    return [one for one in found if one.name == name or one.name.rpartition("-")[0] == name]


def _process(one: ProcessState) -> dict[str, Any]:
    return {"name": one.name, "up": one.up, "ready": one.ready, "since": _most([one], "process_start_time_seconds"),
            "memory": _most([one], "process_resident_memory_bytes")}  # fmt: skip


def _values(found: Iterable[ProcessState], name: str) -> list[float]:
    return [value for one in found for _, value in one.samples.get(name, ())]


def _most(found: Iterable[ProcessState], name: str) -> float | None:
    return max(_values(found, name), default=None)


def _figures(found: list[ProcessState], prefix: str, names: dict[str, str]) -> dict[str, float | None]:
    """Sums over the processes of a kind."""
    told = {ours: _values(found, prefix + theirs) for ours, theirs in names.items()}
    return {name: sum(values) if values else None for name, values in told.items()}


def _by_label(found: Iterable[ProcessState], name: str, label: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for one in found:
        for labels, value in one.samples.get(name, ()):
            sums[labels.get(label, "")] = sums.get(labels.get(label, ""), 0) + value
    return sums


def _doors(gateways: list[ProcessState]) -> list[dict[str, Any]]:
    """The ports that devices speak to, by what this process was told of them; TCP protocols with their own counts."""
    told = {"mqtt": "LINLI_MQTT_PORT", "mqtts": "LINLI_MQTTS_PORT", "http": "LINLI_DEVICE_PORT"}
    up = any(one.up and one.ready for one in gateways)
    doors = [{"name": name, "port": int(port), "up": up, "connections": None, "frames": None}
             for name, variable in told.items() if (port := os.environ.get(variable))]  # fmt: skip
    frames = _by_label(gateways, "linli_gateway_tcp_frames_total", "protocol")
    open_ = _by_label(gateways, "linli_gateway_tcp_connections", "protocol")
    for part in (os.environ.get("LINLI_TCP_PORTS") or "").split(","):
        name, _, port = part.partition("=")
        if port:
            doors.append({"name": name, "port": int(port), "up": up and name in open_,
                          "connections": open_.get(name), "frames": frames.get(name)})  # fmt: skip
    return doors
