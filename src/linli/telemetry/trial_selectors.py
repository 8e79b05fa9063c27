"""One message tried on a thing model: what the gateway would store of it, what is doubtful, which alarms would rise.

The same code decides as for real: the gateway's reading of payloads, the quality rules, the judge of sense.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from linli.devices import facade as devices
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.telemetry import batch, payloads, quality, selectors
from linli.telemetry.gateway import payload
from linli.telemetry.gateway.batcher import Part
from linli.telemetry.gateway.registry import Device, kind_of
from linli.telemetry.sense.bench import Bench
from linli.telemetry.sense.schedule import district

MAX_BYTES, MAX_READINGS, MAX_RULES = 64 * 1024, 2_000, 100
FLAGS = {batch.NO_TIME: "no_time", batch.CLAMPED: "clamped", batch.OUT_OF_RANGE: "out_of_range", batch.LATE: "late",
         batch.CODED: "coded", batch.PRIVATE: "private"}  # fmt: skip
QUALITY = {quality.STUCK: "stuck", quality.JUMP: "jump", quality.SPIKE: "spike"}


def answer(
    actor: Actor, *, code: str, body: Mapping[str, Any] | None, speaks: int | None, message: str
) -> dict[str, Any]:
    """What `POST /thing-model-trials` answers."""
    actor.require("devices.view")
    if len(message.encode("utf-8", "replace")) > MAX_BYTES:
        raise Invalid("message", f"is larger than {MAX_BYTES // 1024} KiB")
    trial = devices.trial(actor, code=code, body=body, speaks=speaks)
    kind = kind_of(trial.row.properties, payloads.of_models(district().zone).get(trial.row.model))
    device = Device(trial.row, kind, 1)
    known = {p["code"]: p for p in trial.properties}
    try:
        attributes, taken = _read(device, message)
    except payload.BadPayload as error:
        refused = {"field": error.field, "reason": error.reason, "code": error.code}
        return {"refused": refused, "attributes": {}, "readings": [], "alarms": [], "private": bool(device.flags)}
    return {
        "refused": None, "attributes": attributes, "readings": [*_told(taken, known)],
        "alarms": _alarms(trial, taken), "private": bool(device.flags),
    }  # fmt: skip


def _read(device: Device, text: str) -> tuple[dict[str, Any], batch.Batch]:
    """As the gateway does: (texts that become attributes, the readings)."""
    message = payload.understood(device, payload.decode(text.encode("utf-8", "replace")))
    if device.translate:
        payload.translate(device, message)
    attributes = payload.split(device, message)
    if sum(len(values) for _, values, _ in message) > MAX_READINGS:
        raise Invalid("message", f"has more than {MAX_READINGS} readings")
    part = Part(0)
    payload.fill(part, device, message, round(clock.now().timestamp() * 1000))
    part.seal()
    empty = np.zeros(0, np.int64)
    nothing = batch.Batch([], [], empty.astype(np.uint32), empty.astype(np.uint16), empty, empty,
                          empty.astype(np.float64), empty.astype(np.uint8))  # fmt: skip
    return attributes, part.sealed[0][0] if part.sealed else nothing


def _told(taken: batch.Batch, known: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The readings in the order of the message, each with what is known about it."""
    doubts = _doubts(taken, known)
    for at in range(len(taken)):
        name, flags = taken.properties[taken.prop[at]], int(taken.flags[at])
        prop = known.get(name)
        yield {
            "property": name, "known": prop is not None, "name": prop["name"] if prop else None,
            "unit": prop.get("unit", "") if prop else "", "shown_unit": prop["shown_unit"] if prop else "",
            "type": prop.get("type", "number") if prop else "bool" if flags & batch.CODED else "number",
            "value": float(taken.value[at]), "at": selectors.at(int(taken.ts[at])),
            "flags": [word for bit, word in FLAGS.items() if flags & bit],
            "quality": [word for bit, word in QUALITY.items() if doubts[at] & bit],
        }  # fmt: skip


def _doubts(taken: batch.Batch, known: Mapping[str, Mapping[str, Any]]) -> quality.Marks:
    found = np.zeros(len(taken), np.uint8)
    for number, name in enumerate(taken.properties):
        if rules := (known.get(name) or {}).get("quality"):
            rows = np.flatnonzero(taken.prop == number)
            rows = rows[np.argsort(taken.ts[rows], kind="stable")]
            found[rows] = quality.marks(taken.ts[rows], taken.value[rows], rules)
    return found


def _alarms(trial: Any, taken: batch.Batch) -> list[dict[str, Any]]:
    """What the model's rules would raise, as if each row had come at its own time and no other after the last."""
    if not len(taken) or taken.flags[0] & batch.PRIVATE:
        return []
    order = np.argsort(taken.ts, kind="stable")
    t = taken.ts[order]
    table = pa.table({
        "device": pa.array([trial.row.device_id.bytes] * len(t), pa.binary(16)).dictionary_encode(),
        "property": pa.array([taken.properties[p] for p in taken.prop[order]]).dictionary_encode(),
        "t": t, "recv": t, "value": taken.value[order], "flags": taken.flags[order],
        "seq": np.cumsum(np.append(0, np.diff(t) != 0)),
    })  # fmt: skip
    found = []
    for rule, title in trial.rules[:MAX_RULES]:
        bench = Bench(rule, [trial.row])
        bench.take(table)
        for one in bench.finish():
            found.append({
                "rule_id": rule.rule_id, "code": rule.code, "title": title,
                "severity": one.levels[-1][1] if one.levels else rule.severity, "value": one.value,
                "started_at": selectors.at(one.started_at), "raised_at": selectors.at(one.raised_at),
                "waits_s": max(0, (one.raised_at - int(t[-1])) // 1000),
            })  # fmt: skip
    return found
