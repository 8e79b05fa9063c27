"""`linli simulate` against a whole demo district: devices are heard, residents' reports are handled to their end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.district import District, demo_district

from linli.kernel import packs
from linli.sim.simulate import WORDS
from linli.sim.web import Client


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with demo_district() as running:
        yield running


def test_every_report_has_a_class_of_the_catalogue() -> None:
    known = {line.split(",")[0] for f in packs.files("catalogue", (".csv",)) if f.stem == "classes"
             for line in f.read_text(encoding="utf-8").splitlines()}  # fmt: skip
    assert {code for *_, code in WORDS} <= known and len({text for _, text, _ in WORDS}) == len(WORDS)


@pytest.mark.slow
def test_a_minute_of_the_district(district: District) -> None:
    words = ("--seconds", "60", "--devices", "50", "--report-every", "4", "--pace", "20", "--json")
    told = json.loads(district.run("simulate", *words, timeout=180).stdout.splitlines()[-1])
    assert told["simulated"] and told["acknowledged"] > 0
    assert {k: n for k, n in told.items() if "refused" in k} == {}
    assert told["reports"] >= 2 and told["filed"] >= 1 and told["dispatched"] >= 1
    desk = Client(district.origin).sign_in("dispatcher", district.passwords()["dispatcher"])
    reports = [c for c in desk.pages("cases", limit=100) if c["text"] in {t for _, t, _ in WORDS}]
    filed = [c for c in reports if c["class_code"]]
    assert filed and {c["state"] for c in filed} != {"filed"}
