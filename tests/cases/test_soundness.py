"""The table of acts that ships is sound, and each way of being unsound is found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from linli.cases.rules import soundness
from linli.cases.services.effects import EFFECTS
from linli.identity import roles
from linli.kernel import packs

Data = dict[str, Any]


@pytest.fixture(scope="module")
def shipped() -> Data:
    path = next(p for p in packs.files("transitions", (".yaml",)) if p.stem == "cases")
    return dict(packs.read_yaml(path))


@pytest.fixture(scope="module")
def granted() -> dict[str, frozenset[str]]:
    return {code: frozenset(role.permissions) for code, role in roles.load().roles.items()}


def test_the_table_that_ships_is_sound(shipped: Data, granted: dict[str, frozenset[str]]) -> None:
    assert soundness.check(shipped, granted) == []


def test_it_knows_the_effects_that_services_have() -> None:
    assert set(EFFECTS) == soundness.EFFECTS


def act(data: Data, name: str) -> Data:
    return next(t for t in data["transitions"] if t["act"] == name)


def without(name: str) -> Callable[[Data], None]:
    return lambda data: data["transitions"].remove(act(data, name))


def change(name: str, **values: Any) -> Callable[[Data], None]:
    return lambda data: act(data, name).update(values)


def trap(data: Data) -> None:
    """A state from which one only goes round."""
    data["states"]["limbo"] = {"step": 2, "zh": "甲", "en": "Limbo"}
    data["transitions"] += [
        {"act": "fall", "zh": "甲", "en": "Fall", "from": ["filed"], "to": "limbo", "who": "cases.triage"},
    ]


@pytest.mark.parametrize(
    ("plant", "word"),
    [
        (without("refer"), "referred: no way leads to it"),
        (trap, "limbo: has no way out and is no end"),
        (change("check", who="cases.seee"), "no role has the permission cases.seee"),
        (change("close", guards=[]), "close: a handler could verify"),
        (change("settle", do=["stamp_finished"]), "settle: whoever finishes is not kept"),
        (change("suspend", clock={}, to="suspended", do=["suspend"]), "resume: leads back, and no act remembers"),
        (change("reject", clock={}), "rejected: the clock"),
        (change("finish", clock={"stop": ["handle"]}), "handled: no clock runs"),
        (change("mediate", clock={"start": ["handle"]}), "mediation: two clocks run"),
        (change("take", do=["grab"]), "take: grab is no effect"),
        (change("take", guards=["nice"]), "take"),
    ],
)
def test_an_unsound_table_is_found_out(
    shipped: Data, granted: dict[str, frozenset[str]], plant: Callable[[Data], None], word: str
) -> None:
    data = copy.deepcopy(shipped)
    plant(data)
    found = soundness.check(data, granted)
    assert any(word in sentence for sentence in found), found
