"""What is refused of a thing model that somebody writes, field by field and in both languages; how two compare."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.devices import thing_diff, thing_files, thing_shape, thing_words, units
from linli.kernel import packs
from linli.kernel.errors import Invalid

NAMED = {"zh": "甲", "en": "a"}
LEVEL: dict[str, Any] = {"code": "level", "name": NAMED, "type": "number", "unit": "m", "range": [0, 10],
                         "precision": 2, "usual": [1, 3], "quality": {"stuck": 5, "jump": 0.5, "spike": 1}}  # fmt: skip
MODEL: dict[str, Any] = {
    "code": "my_gauge", "version": 1, "name": NAMED, "subject": "place", "category": "water", "icon": "water",
    "interval_s": 60, "properties": [LEVEL, {"code": "wet", "name": NAMED, "type": "bool"}],
    "attributes": [{"code": "depth", "name": NAMED}], "events": [{"code": "flood", "name": NAMED}],
    "commands": [{"code": "mode", "name": NAMED, "harmless": True, "parameters": [
        {"code": "to", "name": NAMED, "type": "text", "choices": [{"code": "a", "name": NAMED},
                                                                    {"code": "b", "name": NAMED}]}]}],
}  # fmt: skip


def put(path: str, value: Any) -> dict[str, Any]:
    """The model with one place of it set, or taken out (...)."""
    made = copy.deepcopy(MODEL)
    at: Any = made
    *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    for step in way:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return made


WRONG: list[tuple[str, Any, str]] = [
    ("code", "My Gauge", "code"), ("code", ..., "code"), ("name.en", "", "name.en"), ("name.zh", "甲" * 81, "name.zh"),
    ("name", "gauge", "name.zh"), ("subject", "crowd", "subject"), ("category", 5, "category"),
    ("icon", "x" * 41, "icon"), ("interval_s", 0, "interval_s"), ("interval_s", 1.5, "interval_s"),
    ("interval_s", True, "interval_s"), ("version", "1", "version"), ("colour", "red", "colour"),
    ("properties", [], "properties"), ("properties", {}, "properties"), ("properties.1", "wet", "properties.1"),
    ("properties", [LEVEL] * 151, "properties"), ("properties.1.code", "level", "properties.1.code"),
    ("properties.0.code", "Level", "properties.0.code"), ("properties.0.name.en", ..., "properties.0.name.en"),
    ("properties.0.type", "float", "properties.0.type"), ("properties.0.unit", "furlong", "properties.0.unit"),
    ("properties.0.unit", 5, "properties.0.unit"), ("properties.1.unit", "m", "properties.1.unit"),
    ("properties.0.range", [10, 0], "properties.0.range"), ("properties.0.range", [0], "properties.0.range"),
    ("properties.0.range", ["0", "1"], "properties.0.range"), ("properties.1.range", [0, 1], "properties.1.range"),
    ("properties.0.precision", 10, "properties.0.precision"), ("properties.0.usual", [1, 11], "properties.0.usual"),
    ("properties.0.quality", [], "properties.0.quality"),
    ("properties.0.quality.stuck", 2, "properties.0.quality.stuck"),
    ("properties.0.quality.jump", -1, "properties.0.quality.jump"),
    ("properties.0.quality.mood", 1, "properties.0.quality.mood"),
    ("properties.1.quality", {"jump": 1}, "properties.1.quality"),
    ("attributes.0.unit", "m", "attributes.0.unit"), ("events.0.harmless", True, "events.0.harmless"),
    ("events.0.code", ..., "events.0.code"), ("commands.0.harmless", "yes", "commands.0.harmless"),
    ("commands.0.parameters.0.type", "number", "commands.0.parameters.0.choices"),
    ("commands.0.parameters.0.choices", [{"code": "a", "name": NAMED}], "commands.0.parameters.0.choices"),
    ("migrate", [{"to": 1}], "migrate.0.to"), ("migrate", [{"to": 2, "rename": ["a"]}], "migrate.0.rename"),
    ("migrate", [{"to": 2, "rename": {"a": "c", "b": "c"}}], "migrate.0.rename"),
    ("migrate", [{"to": 2, "convert": {"level": {"factor": 0, "offset": 0}}}], "migrate.0.convert.level"),
    ("migrate", [{"to": 2, "convert": [1]}], "migrate.0.convert"),
    ("migrate", [{"to": 2, "rename": {"lvl": "level"}}], "migrate"),
]  # fmt: skip


def test_the_model_is_fine_and_so_is_every_model_of_the_packs() -> None:
    assert thing_shape.found(MODEL, units.table()) == []
    rows = [m for path in packs.files("thing-models") for m in packs.read_yaml(path)["thing_models"]]
    assert len(rows) > 80
    for row in rows:
        assert thing_shape.found(row, units.table()) == [], row["code"]


@pytest.mark.parametrize(("path", "value", "field"), WRONG)
def test_a_wrong_model_is_refused_by_place_in_both_languages(path: str, value: Any, field: str) -> None:
    found = thing_shape.found(put(path, value), units.table())
    assert field in {e.field for e in found}
    for error in found:
        said = thing_words.zh(error.reason)
        assert said != error.reason and any("\u4e00" <= c <= "\u9fff" for c in said), error.reason


def test_what_is_no_model_at_all_is_refused() -> None:
    assert [e.field for e in thing_shape.found([], {})] == ["body"]
    assert len(thing_shape.found({}, {})) >= 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
)  # fmt: skip
PLACES = ["name", "properties", "properties.0", "properties.0.range", "properties.0.quality", "properties.0.usual",
          "properties.0.code", "commands", "commands.0.parameters", "commands.0.parameters.0.choices", "events",
          "attributes", "migrate", "version", "subject", "properties.0.unit", "properties.0.type"]  # fmt: skip


@given(st.sampled_from(PLACES), JSON)
def test_nothing_that_json_holds_breaks_the_check(path: str, value: Any) -> None:
    thing_shape.found(put(path, value), units.table())


# --- compared -------------------------------------------------------------------------------------------------------

BEFORE = put("properties.0", LEVEL | {"code": "lvl", "unit": "cm", "range": [0, 1000], "usual": [1, 300]})
AFTER = MODEL | {"version": 2, "interval_s": 30, "events": [], "migrate": [
    {"to": 2, "rename": {"lvl": "level"}, "convert": {"level": {"factor": 0.01, "offset": 0}}}]}  # fmt: skip


def test_what_is_added_removed_renamed_and_changed() -> None:
    told = thing_diff.differences(BEFORE, AFTER)
    assert [(d["part"], d["change"], d["code"], d["was"]) for d in told] == [
        ("model", "changed", "", ""), ("properties", "renamed", "level", "lvl"), ("events", "removed", "flood", ""),
    ]  # fmt: skip
    assert told[0]["fields"] == [{"field": "interval_s", "before": 60, "after": 30}]
    assert {"field": "unit", "before": "cm", "after": "m"} in told[1]["fields"]
    assert thing_diff.differences(MODEL, MODEL) == []
    assert {d["change"] for d in thing_diff.differences(None, MODEL)} == {"added"}


def test_the_way_back_undoes_names_and_units() -> None:
    again = thing_diff.back(AFTER, BEFORE)
    assert again["version"] == 3 and again["properties"] == BEFORE["properties"] and again["events"]
    assert again["migrate"][-1] == {
        "to": 3, "rename": {"level": "lvl"}, "convert": {"lvl": {"factor": 100.0, "offset": 0.0}}
    }  # fmt: skip
    assert thing_shape.found(again, units.table()) == []
    steps = thing_diff.things.translations(again)
    assert steps["1"]["lvl"] == ("lvl", 1.0, 0.0) and steps["2"]["level"] == ("lvl", 100.0, 0.0)


def test_a_code_means_one_unit_and_one_type_for_good() -> None:
    metres = put("properties.0.unit", "cm")
    (error,) = thing_diff.lasting(metres, thing_diff.kept([MODEL]))
    assert error.field == "properties.0.unit" and "kept in m since version 1" in error.reason
    (error,) = thing_diff.lasting(put("properties.1.type", "number"), thing_diff.kept([MODEL]))
    assert error.field == "properties.1.type"
    assert thing_diff.lasting(AFTER, thing_diff.kept([BEFORE])) == []
    for one in (error, *thing_diff.lasting(metres, thing_diff.kept([MODEL]))):
        assert "换一个新编码" in thing_words.zh(one.reason)


@pytest.mark.parametrize("before", ["household", "person", "vehicle"])
def test_what_was_kept_apart_stays_so(before: str) -> None:
    (error,) = thing_diff.loosened(before, "place")
    assert "map" in error.reason and "地图" in thing_words.zh(error.reason)
    assert thing_diff.loosened("place", before) == [] and thing_diff.loosened(before, before) == []


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_of_a_pack_is_read_and_written() -> None:
    assert thing_files.read(thing_files.write([MODEL])) == [{k: v for k, v in MODEL.items() if v}]
    assert thing_files.read('{"code": "one"}') == [{"code": "one"}]


@pytest.mark.parametrize(("text", "why"), [
    ("a: [", "line 1"), ("", "must hold"), ("- 1", "must hold"), ("thing_models: 5", "must hold"),
    ("a: &x [1]\nb: [*x, *x]", "aliases"), ("!!python/object:os.system {}", "neither"), ("x" * 600_000, "larger"),
    ("thing_models:\n" + "  - {code: a}\n" * 101, "more than 100"), ("a: 99999999999999999999999999", "neither"),
    ("[" * 3000, "neither"),
])  # fmt: skip
def test_what_is_no_file_of_a_pack_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        thing_files.read(text)
    assert refused.value.errors[0].field == "text" and why in refused.value.errors[0].reason
