"""Payload mappings: JSON of others to readings, by data; whatever comes, the answer is readings or a named reason."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.telemetry.gatewaykit import row

from linli.telemetry import payloads
from linli.telemetry.gateway.batcher import Part
from linli.telemetry.gateway.payload import BadPayload, quick, understood
from linli.telemetry.gateway.registry import Device, kind_of
from linli.telemetry.payloads import checking, reading
from linli.telemetry.payloads.values import Wrong

ZONE = ZoneInfo("Asia/Shanghai")
T = 1_795_824_000_000  # 2026-11-28T00:00:00Z


def read(raw: dict[str, Any], doc: Any, model: str = "x") -> list[tuple[int | None, dict[str, Any]]]:
    assert payloads.problems(raw) == []
    found, _ = reading.message(payloads.made(raw, ZONE), doc, model)
    return [(at, values) for at, values, _ in found]


def wrong(raw: dict[str, Any], doc: Any) -> tuple[str, str]:
    with pytest.raises(Wrong) as error:
        read(raw, doc)
    assert error.value.zh
    return error.value.field, error.value.en


def test_a_plain_document_by_paths_with_scale_offset_table_and_bit() -> None:
    raw = {
        "time": {"path": "$.at", "form": "s"},
        "readings": [
            {"path": "$.d.t", "property": "temperature", "scale": 0.1, "offset": -40},
            {"path": "$.d.door", "property": "opened", "table": {"open": True, "shut": False}},
            {"path": "$.d.word", "property": "fault", "bit": 2},
            {"path": "$.d.quoted", "property": "level"},
            {"path": "$.d.gone", "property": "gone"},
        ],
    }
    doc = {"at": 1_795_824_000, "d": {"t": 615, "door": "open", "word": 6, "quoted": " 3.50 ", "gone": None}}
    assert read(raw, doc) == [(T, {"temperature": 21.5, "opened": True, "fault": True, "level": 3.5})]
    assert wrong(raw, {**doc, "d": {"door": "ajar"}}) == ("d.door", "the table has no such value")
    assert wrong(raw, {**doc, "d": {"word": 1.5}})[0] == "d.word"
    assert wrong(raw, {**doc, "d": {"t": "warm"}}) == ("d.t", "must be a number or a bool")
    assert wrong(raw, {"d": {"t": 1}}) == ("at", "the time is missing")
    assert wrong(raw, {"at": 1, "d": {}})[0] == "body"


@pytest.mark.parametrize(
    ("form", "said", "ms"),
    [
        ("ms", T, T), ("ms", str(T), T), ("s", 1_795_824_000.25, T + 250), ("iso", "2026-11-28T08:00:00+08:00", T),
        ("iso", "20261128T000000Z", T), ("iso", "2026-11-28T00:00:00.123456789Z", T + 123),
        ("compact", "20261128080000", T), ("compact", 20261128080000, T),
    ],
)  # fmt: skip
def test_times_in_each_form(form: str, said: Any, ms: int) -> None:
    raw = {"time": {"path": "$.t", "form": form}, "readings": [{"path": "$.v", "property": "level"}]}
    assert read(raw, {"t": said, "v": 1}) == [(ms, {"level": 1})]


@pytest.mark.parametrize(
    ("form", "said"),
    [("iso", "2026-11-28T08:00:00"), ("iso", "x"), ("iso", 5), ("compact", "20261328080000"), ("compact", "2026"),
     ("ms", True), ("ms", -1), ("ms", 1e300), ("s", "soon"), ("s", [])],
)  # fmt: skip
def test_a_time_that_cannot_be_read_is_named(form: str, said: Any) -> None:
    raw = {"time": {"path": "$.t", "form": form}, "readings": [{"path": "$.v", "property": "level"}]}
    field, reason = wrong(raw, {"t": said, "v": 1})
    assert field == "t" and reason.startswith("must be ")


def test_bytes_of_a_raw_payload_in_both_orders_and_codings() -> None:
    data = struct.pack(">hBH", -123, 88, 5) + struct.pack("<Hf", 513, 1.5)
    lines: list[dict[str, Any]] = [
        {"property": "a", "scale": 0.01, "bytes": {"at": 0, "length": 2, "signed": True}},
        {"property": "b", "bytes": {"at": 2, "length": 1}},
        {"property": "c", "bit": 0, "bytes": {"at": 3, "length": 2}},
        {"property": "d", "bytes": {"at": 5, "length": 2, "order": "little"}},
        {"property": "e", "bytes": {"at": 7, "length": 4, "order": "little", "real": True}},
        {"property": "f", "table": {"88": 1}, "bytes": {"at": 2, "length": 1}},
    ]
    for coding, text in (("hex", data.hex()), ("base64", base64.b64encode(data).decode())):
        raw = {"readings": [{"path": "$.p", **one, "bytes": {**one["bytes"], "coding": coding}} for one in lines]}
        assert read(raw, {"p": text}) == [(None, {"a": -1.23, "b": 88, "c": True, "d": 513, "e": 1.5, "f": 1})]
        assert wrong(raw, {"p": text[:4]})[0] == "p"
        assert wrong(raw, {"p": "é"}) == ("p", f"is not {coding}")
        assert wrong(raw, {"p": 5})[1] == "must be a text of bytes"


def test_lists_of_items_names_of_others_and_fields_with_their_own_time() -> None:
    raw = {
        "each": "$.data.items[*]",
        "time": {"path": "@.t", "form": "ms"},
        "readings": [{"path": "@.v", "code": "@.name"}],
        "codes": [{"code": "T*", "property": "temperature", "scale": 0.1}, {"code": "skip"}],
    }
    items = [{"t": T, "name": "T1", "v": 215}, {"t": T + 1, "name": "skip", "v": 1}, {"t": T + 2, "name": "H", "v": 9}]
    found, unnamed = reading.message(payloads.made(raw, ZONE), {"data": {"items": items}}, "x")
    assert found == [(T, {"temperature": 21.5}, "data.items[0]")] and unnamed == ["H"]
    bad = {"data": {"items": [*items, {"t": T, "name": "T2", "v": "hot"}]}}
    assert wrong(raw, bad) == ("data.items[3].v", "must be a number or a bool")
    assert wrong(raw, {"data": {"items": []}})[1] == "has no items"
    own = {"readings": [{"path": "$.p", "fields": True, "inner": {"value": "v", "time": "t"}}]}
    doc = {"p": {"a": {"v": 1, "t": T}, "b": {"v": 2, "t": T + 5}, "c": {"v": 3, "t": T}, "text": {"v": "x", "t": T}}}
    assert read(own, doc) == [(T, {"a": 1, "c": 3}), (T + 5, {"b": 2})]


def test_lines_and_codes_of_other_models_are_left_out() -> None:
    raw = {"readings": [{"path": "$.v", "property": "level", "models": ["well"]},
                        {"path": "$.v", "property": "temperature", "models": ["air"]}]}  # fmt: skip
    assert read(raw, {"v": 1}, "well") == [(None, {"level": 1})]
    assert read(raw, {"v": 1}, "air") == [(None, {"temperature": 1})]


def test_json_in_a_text_and_messages_of_another_kind() -> None:
    raw = {"unpack": "$.msg", "when": [{"path": "$.msg.kind", "is": ["data", "1"]}],
           "readings": [{"path": "$.msg.v", "property": "level"}]}  # fmt: skip
    assert read(raw, {"msg": '{"kind":"data","v":4}', "id": 1}) == [(None, {"level": 4})]
    assert read(raw, {"msg": {"kind": 1, "v": 5}}) == [(None, {"level": 5})]
    assert read(raw, {"msg": '{"kind":"online","v":4}'}) == []
    assert wrong(raw, {"msg": "{"}) == ("msg", "is not JSON")


def test_so_many_items_and_values_and_no_more() -> None:
    raw = {"each": "$.i[*]", "readings": [{"path": "@", "fields": True}]}
    assert len(read(raw, {"i": [{"a": 1}] * 500})) == 500
    assert wrong(raw, {"i": [{"a": 1}] * 501})[1] == "has more than 500 items"
    assert wrong(raw, {"i": [{f"k{n}": n for n in range(60)}] * 100})[1] == "has more than 5000 values"


BAD: list[tuple[Any, str]] = [
    ([], "mapping"), ({"readings": []}, "mapping.readings"), ({"x": 1}, "mapping.x"),
    ({"readings": [{"path": "v", "property": "a"}]}, "mapping.readings[0].path"),
    ({"readings": [{"path": "$.v[*]", "property": "a"}]}, "mapping.readings[0].path"),
    ({"readings": [{"path": "$.v"}]}, "mapping.readings[0]"),
    ({"readings": [{"path": "$.v", "property": "a", "bit": 64}]}, "mapping.readings[0].bit"),
    ({"readings": [{"path": "$.v", "property": "a", "scale": "2"}]}, "mapping.readings[0].scale"),
    ({"readings": [{"path": "$.v", "property": "a", "bytes": {"coding": "x"}}]}, "mapping.readings[0].bytes.coding"),
    ({"each": "$.items"}, "mapping.each"), ({"time": {"path": "$.t", "form": "week"}}, "mapping.time.form"),
    ({"device": {"path": "$.d", "as": "name"}}, "mapping.device.as"), ({"when": [{"path": "$.d"}]}, "mapping.when"),
    ({"codes": [{"code": ""}]}, "mapping.codes[0].code"), ({"unpack": "$.a[0]"}, "mapping.unpack"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "field"), BAD)
def test_what_a_mapping_may_not_say_is_named(raw: Any, field: str) -> None:
    assert field in [one.field for one in payloads.problems(raw)]


def test_a_hook_needs_whose_and_when() -> None:
    raw = {"readings": [{"path": "$.v", "property": "a"}]}
    assert payloads.problems(raw) == []
    assert [one.field for one in payloads.problems(raw, outside=True)] == ["mapping.device", "mapping.time"]


@pytest.mark.parametrize("code", sorted(payloads.presets()))
def test_each_preset_reads_its_sample(code: str) -> None:
    data = payloads.presets()[code]
    assert list(checking.unreadable(data, {})) == []
    made = payloads.made({k: v for k, v in data.items() if k in payloads.WORDS}, ZONE)
    items = reading.items(made, json.loads(json.dumps(data["sample"])))
    assert items and all(reading.whose(made, one) for one in items)
    rows = [row for one in items for row in reading.rows(made, one, "").rows]
    assert rows and all(at is not None and abs(at - T) < 1000 and values for at, values, _ in rows)


NAMES = st.sampled_from(["a", "b", "items", "t", "v", "msg", "id"]) | st.text(max_size=3)
WORDS = st.sampled_from(["AHtYAQ==", "00ff", "20261128080000", "2026-11-28T00:00:00Z", "1e308"])
NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=12) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)
PATHS = st.sampled_from(["$", "$.a", "$.a.b", "$.items[0].v", "@", "@.v", "@.t", "$.msg.v", "$.v"])
BYTES = st.fixed_dictionaries(
    {"coding": st.sampled_from(["hex", "base64"]), "at": st.integers(0, 3), "length": st.integers(1, 8)},
    optional={"order": st.just("little"), "signed": st.booleans()},
)  # fmt: skip
HOW = {"scale": st.sampled_from([0.1, 1e14, -1]), "offset": st.just(-40), "bytes": BYTES}
WAYS: list[dict[str, Any]] = [
    {"property": st.sampled_from(["level", "on"])}, {"code": PATHS}, {"fields": st.just(True)},
    {"fields": st.just(True), "inner": st.just({"value": "v", "time": "t"})},
]  # fmt: skip
MORE: list[dict[str, Any]] = [{}, {"bit": st.integers(0, 63)}, {"table": st.just({"1": 1, "true": False})}]
LINES = st.one_of(
    [st.fixed_dictionaries({"path": PATHS, **way, **more}, optional=HOW) for way in WAYS for more in MORE]
)
CODES = [{"code": "a", "property": "level", "bit": 1}, {"code": "*", "property": "{code}", "scale": 2}]
MAPPINGS = st.fixed_dictionaries(
    {"readings": st.lists(LINES, min_size=1, max_size=4)},
    optional={
        "each": st.sampled_from(["$[*]", "$.items[*]", "$.a[*].items[*]"]),
        "unpack": st.sampled_from(["$.msg", "$.a.b"]),
        "time": st.fixed_dictionaries({"path": PATHS, "form": st.sampled_from(["ms", "s", "iso", "compact"])}),
        "device": st.fixed_dictionaries({"path": PATHS, "as": st.sampled_from(["code", "number"])}),
        "when": st.lists(st.fixed_dictionaries({"path": PATHS, "is": st.just(["1", "a"])}), max_size=1),
        "codes": st.just(CODES),
    },
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(MAPPINGS, JSON)
def test_whatever_comes_is_readings_or_a_named_reason(raw: dict[str, Any], doc: Any) -> None:
    assert payloads.problems(raw) == []
    made, before = payloads.made(raw, ZONE), orjson.dumps(doc)
    try:
        found, unnamed = reading.message(made, doc, "x")
    except Wrong as error:
        assert error.field and error.en and error.zh
        return
    finally:
        assert orjson.dumps(doc) == before
    assert all(len(name) <= 60 for name in unnamed)
    for at, values, _ in found:
        assert at is None or 0 <= at < 1 << 43
        assert values
        for name, value in values.items():
            assert 0 < len(name) <= 64
            assert type(value) is bool or (value == value and abs(value) != float("inf"))
    again, _ = reading.message(made, doc, "x")
    assert again == found


@settings(max_examples=300, deadline=None)
@given(st.one_of(JSON, MAPPINGS, st.dictionaries(st.sampled_from(payloads.WORDS), JSON)))
def test_any_mapping_is_judged_without_falling_over(raw: Any) -> None:
    for one in payloads.problems(raw, outside=True):
        assert one.field.startswith("mapping") and one.en and one.zh


def test_the_gateway_reads_a_model_with_a_mapping_by_it_and_others_go_the_short_way() -> None:
    known = row("A", "t")
    raw = {"readings": [{"path": "$.d.cm", "property": "level", "scale": 0.01}], "models": [known.model]}
    found = payloads.of_models(ZONE, [raw])
    mapped = Device(known, kind_of(known.properties, found.get(known.model)), 4)
    plain = Device(known, kind_of(known.properties), 4)
    doc = {"d": {"cm": 150}}
    assert understood(mapped, doc) == [(None, {"level": 1.5}, "")]
    assert quick(Part(0), mapped, {"level": 1.5}, T) == 0 and quick(Part(0), plain, {"level": 1.5}, T) == 1
    assert understood(plain, {"level": 1}) == [(None, {"level": 1}, "")]
    with pytest.raises(BadPayload) as error:
        understood(mapped, {"d": {"cm": "deep"}})
    assert (error.value.field, error.value.reason) == ("d.cm", "must be a number or a bool")
