"""Every thing model's sample stream, through the gateway's columns and the judge: its alarms fire and clear in time."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest

from linli.devices import contracts
from linli.devices.contracts import RegistryRow, RuleRow
from linli.kernel import packs
from linli.telemetry import batch
from linli.telemetry.gateway.batcher import Part
from linli.telemetry.gateway.payload import fill, split
from linli.telemetry.gateway.registry import Device, kind_of
from linli.telemetry.sense import live
from linli.telemetry.sense.book import Book
from linli.telemetry.sense.judge import Judge

T = 1_780_000_000_000
ID = uuid.UUID(int=77)


def entries(kind: str, key: str) -> list[dict[str, Any]]:
    return [entry for path in packs.files(kind) for entry in packs.read_yaml(path)[key]]


MODELS = {m["code"]: m for m in entries("thing-models", "thing_models")}
RULES = entries("rules", "rules")
SAMPLES = entries("sample-streams", "sample_streams")
NUMBER = itertools.count()


def row(model: dict[str, Any], device_id: uuid.UUID = ID) -> RegistryRow:
    """As the view `devices_registry_v1` tells a device of the model."""
    properties = {p["code"]: dict(zip(("min", "max"), p["range"], strict=True)) if "range" in p else {}
                  for p in model["properties"]}  # fmt: skip
    return RegistryRow(
        device_id, "X-1", model["code"], model["subject"], "d.1", True, [], model["interval_s"], properties
    )


def rules_of(code: str) -> list[RuleRow]:
    found = []
    for number, rule in enumerate(RULES):
        w = rule["when"]
        if w["model"] == code:
            found.append(RuleRow(
                uuid.UUID(int=number + 1), rule["code"], 1, code, w.get("property", ""), w["kind"], w.get("op", ""),
                w.get("value"), w.get("clear_value"), w.get("duration_s", 0), w.get("no_data_s", 0), rule["reraise_s"],
                rule["severity"], condition=w.get("condition"),
            ))  # fmt: skip
    return found


def gate(device: Device, ts: int, values: dict[str, Any]) -> batch.Batch:
    """What the gateway makes of one message, as it travels."""
    message = [(ts, dict(values), "values")]
    split(device, message)
    part = Part(0)
    fill(part, device, message, ts)
    part.seal()
    return batch.decode(batch.encode(part.sealed[0][0]))


def run(sample: dict[str, Any], wait_s: int = 0) -> tuple[list[tuple[str, str, int]], list[batch.Batch], Book]:
    """(what was raised and cleared, or became of which severity: op, rule, seconds; the batches; the book)."""
    model = MODELS[sample["model"]]
    here = row(model)
    device = Device(here, kind_of(here.properties), 1)
    known = {str(r.rule_id): r.code for r in rules_of(model["code"])}
    book = Book(1)
    book.put_rules(rules_of(model["code"]))
    beside = [row(MODELS[o["model"]], uuid.UUID(int=78 + n)) for n, o in enumerate(sample.get("others", ()))]
    near = [
        (Device(other, kind_of(other.properties), 1), o["readings"])
        for other, o in zip(beside, sample.get("others", ()), strict=True)
    ]
    book.put_devices([here, *beside], whole=True)
    judge = Judge(book)
    judge.owned[:] = judge.ready[:] = True
    said, travelled = [], []

    def hear() -> None:
        for op in itertools.chain(*judge.drain().values()):
            at = op[{"raise": "raised_at", "clear": "cleared_at", "level": "at"}[op["op"]]]
            said.append((op.get("severity", op["op"]), known[op["rule_id"]], (at - T) // 1000))

    for i, t in enumerate(sample["t"]):
        for other, readings in near:
            judge.take([gate(other, T + t * 1000, {name: v[i] for name, v in readings.items()})])
        travelled.append(gate(device, T + t * 1000, {name: v[i] for name, v in sample["readings"].items()}))
        judge.take(travelled[-1:])
        hear()
    if wait_s:
        for late in range(0, wait_s + 2, 1 + wait_s // 50):
            judge.advance(T + (sample["t"][-1] + late) * 1000, clock=True)
        judge.advance(T + (sample["t"][-1] + wait_s + 2) * 1000, clock=True)
        hear()
    return said, travelled, book


def names(sample: dict[str, Any]) -> str:
    return f"{sample['model']}-{'-'.join(sample['readings']) if sample['alarms'] else 'private'}-{next(NUMBER)}"


@pytest.mark.parametrize("sample", [s for s in SAMPLES if MODELS[s["model"]]["subject"] == "place"], ids=names)
def test_its_alarms_fire_and_clear_when_the_pack_says(sample: dict[str, Any]) -> None:
    said, travelled, _ = run(sample)
    wanted = [("raise", a["rule"], a["raised_s"]) for a in sample["alarms"]]
    wanted += [("clear", a["rule"], a["cleared_s"]) for a in sample["alarms"]]
    wanted += [(severity, a["rule"], at) for a in sample["alarms"] for at, severity in a.get("levels", ())]
    assert sorted(said) == sorted(wanted) and wanted
    assert not any((b.flags & (batch.OUT_OF_RANGE | batch.PRIVATE)).any() for b in travelled), "plausible, and open"


@pytest.mark.parametrize("sample", [s for s in SAMPLES if MODELS[s["model"]]["subject"] != "place"], ids=names)
def test_a_private_thing_is_received_and_shown_to_nobody(sample: dict[str, Any]) -> None:
    """Its readings arrive, with the mark by which history keeps them apart; no rule, alarm or live value has them."""
    said, travelled, book = run(sample, wait_s=86_400)
    assert len(travelled) == len(sample["t"])
    for i, one in enumerate(travelled):
        got = dict(zip((one.properties[p] for p in one.prop), one.value.tolist(), strict=True))
        assert got == {name: float(values[i]) for name, values in sample["readings"].items()}
        assert (one.flags & batch.PRIVATE).all() and not (one.flags & batch.OUT_OF_RANGE).any()
    assert said == [] == sample["alarms"] and live.collect(book) == [] and not book.devices
    assert MODELS[sample["model"]]["subject"] not in contracts.OPEN_SUBJECTS and not rules_of(sample["model"])


@pytest.mark.parametrize("rule", [r for r in RULES if r["when"]["kind"] == "no_data"], ids=lambda r: r["code"])
def test_silence_is_told_and_ends(rule: dict[str, Any]) -> None:
    code, wait = rule["when"]["model"], rule["when"]["no_data_s"]
    calm = next(s for s in SAMPLES if s["model"] == code)
    first = {"model": code, "t": [0], "readings": {n: v[:1] for n, v in calm["readings"].items()}, "alarms": []}
    said, _, _ = run(first, wait_s=wait - 3)
    assert said == []
    said, _, _ = run(first, wait_s=wait)
    assert said == [("raise", rule["code"], wait)]


def test_every_model_has_its_sample_and_every_rule_its_alarm() -> None:
    places = {code for code, m in MODELS.items() if m["subject"] == "place"}
    assert len(MODELS) >= 50 and {s["model"] for s in SAMPLES} == set(MODELS)
    assert places == {r["when"]["model"] for r in RULES}
    fired = {a["rule"] for s in SAMPLES for a in s["alarms"]}
    assert fired == {r["code"] for r in RULES if r["when"]["kind"] != "no_data"}
