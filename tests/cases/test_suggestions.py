"""Suggested classes: learnt in a child process from public closed cases, measured, never applied; else by words."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.cases.conftest import Desk
from tests.cases.test_flow import CASES, post, report

from linli.cases.importing import measure
from linli.cases.models import Case, ClassModel
from linli.cases.rules import classmodel
from linli.cases.selectors import classes
from linli.cases.services import learning
from linli.kernel import clock

DATA = Path(os.environ.get("LINLI_RECORDINGS", "../shared/data"))
SAID = {
    "200406": ("路面积水", "排水不畅污水外溢", "下水道堵塞冒水"),
    "202157": ("占道经营", "流动摊贩", "路边摆摊卖水果"),
}


def closed(desk: Desk, count: int = 240) -> None:
    """Closed public cases of two classes, and what must not be learnt from: private, alarms, open, unclassified."""
    rows, now = [], clock.now()
    for i in range(count):
        code = ("200406", "202157")[i % 2]
        text = f"{SAID[code][i % 3]}, 门口第{i}处"
        rows.append(Case(number=f"t-{i}", kind="problem", class_code=code, text=text, channel="qr", state="closed",
                         step=7, closed_at=now, created_at=now - timedelta(hours=count - i)))  # fmt: skip
    odd = ({"private": True}, {"kind": "device"}, {"state": "rejected"}, {"class_code": ""}, {"source": "sf311"})
    for i, more in enumerate(odd):
        given = {"kind": "problem", "class_code": "200406", "state": "closed", "source": "linli", **more}
        rows.append(Case(number=f"odd-{i}", text="不该学的词", channel="qr", step=7, closed_at=now, **given))
    Case.objects.bulk_create(rows)


@pytest.fixture(autouse=True)
def fresh() -> Any:
    classes.forget()
    yield
    classes.forget()


@pytest.mark.django_db
def test_a_district_learns_from_its_closed_cases_and_says_how_well(desk: Desk) -> None:
    closed(desk)
    assert not [t for t, _ in learning.examples() if "不该学" in t]
    told = learning.learn_all()
    assert "sklearn" not in sys.modules, "the libraries for learning stay out of this process"
    assert told["zh"]["older"] == 192 and told["zh"]["top1"] > 0.9 > told["zh"]["majority"] and "en" not in told
    held = post(desk.client("intake"), "/api/v1/catalogue/suggestions", {"text": "小区门口有流动摊贩占道"}).json()
    assert held["items"][0]["code"] == "202157" and held["items"][0]["by"] == "learnt"
    assert 0.5 < held["items"][0]["confidence"] <= 1
    assert held["model"]["cases"] == 240 and held["model"]["top1"] == told["zh"]["top1"]
    assert learning.learn_all() == {}, "nothing new, nothing to learn"
    for _ in range(3):
        ClassModel.objects.create(language="zh", cases=1, classes=1, weights=b"")
    learning.learn_all(force=True)
    assert ClassModel.objects.count() == learning.KEPT


@pytest.mark.django_db
def test_with_too_few_cases_words_suggest_and_nothing_is_applied(desk: Desk) -> None:
    assert learning.learn_all() == {}
    made = report(desk, text="路面积水很深", class_code="")["id"]
    client = desk.client("intake")
    told = client.get(f"{CASES}/{made}/class-suggestions").json()
    assert told["model"] is None and told["items"] and len(told["items"]) <= 3
    assert all(i["by"] == "words" and i["confidence"] is None for i in told["items"])
    assert any("积水" in i["zh"] for i in told["items"])
    assert Case.objects.get(pk=made).class_code == ""
    assert classes.suggestions("")["items"] == [] == classes.suggestions("zzzzqqq")["items"]


@pytest.mark.django_db
def test_a_suggestion_costs_one_look_a_minute_and_little_time(desk: Desk) -> None:
    closed(desk)
    learning.learn_all()
    classes.suggestions("积水")
    with CaptureQueriesContext(connection) as queries:
        began = time.process_time()
        for _ in range(50):
            classes.suggestions("小区门口有流动摊贩占道, 下雨天路面积水很深, 请尽快来处理" * 3)
        spent = (time.process_time() - began) / 50
    assert len(queries) == 0 and spent < 0.005, f"{spent * 1000:.1f} CPU-ms"


def test_a_model_is_plain_numbers_and_survives_writing() -> None:
    pairs = [(classmodel.grams(t, "en"), c) for t, c in [("pothole in road", "a"), ("graffiti on wall", "b")] * 6]
    from linli.cases.learning import train

    model = train.learn("en", [p for p, _ in pairs], [c for _, c in pairs])
    again = classmodel.read(classmodel.write(model))
    assert again.guess("a pothole")[0].class_code == "a" and again.guess("GRAFFITI!")[0].class_code == "b"
    for text in ("a pothole", "wall of graffiti and road"):  # in bulk and one by one: the same sums
        bulk = classmodel.softmax(train.scores(again, [classmodel.grams(text, "en")])[0])
        assert round(float(bulk.max()), 3) == again.guess(text)[0].confidence
    assert again.guess("") == [] and again.guess("ξ") == []
    with pytest.raises(ValueError):
        classmodel.read(b"\x80\x04not a model")


@pytest.mark.parametrize(
    ("text", "language"), [("漏水", "zh"), ("3号楼 lift", "zh"), ("broken lamp", "en"), ("12", "en")]
)
def test_language_of_a_text(text: str, language: str) -> None:
    assert classmodel.language(text) == language


def test_san_francisco_split_by_time_beats_the_commonest_class() -> None:
    path = DATA / "c311_sf/sf311.csv"
    if not path.exists():
        pytest.skip("the recordings folder (LINLI_RECORDINGS) is absent")
    told = measure.recording(path, "sf311")
    for figures in told.values():
        assert figures["older"] > figures["newer"] > 1500
        assert figures["top1"] > 0.94 and figures["top3"] >= figures["top1"] and figures["macro_f1"] > 0.8
        assert figures["majority"] < 0.5 and figures["majority_macro_f1"] < 0.1
