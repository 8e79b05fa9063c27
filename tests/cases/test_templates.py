"""Words for answers: packs' templates by act and class, filled in for a case, in both languages."""

from __future__ import annotations

import re

import pytest
from tests.cases.conftest import Desk
from tests.cases.test_flow import CASES, act, report

from linli.cases import intake_tables
from linli.cases.models import TimelineEntry

pytestmark = pytest.mark.django_db


def test_templates_of_an_act_come_filled_in_and_the_more_precise_first(desk: Desk) -> None:
    made = report(desk)
    client = desk.client("intake")
    items = client.get(f"{CASES}/{made['id']}/templates?act=close").json()["items"]
    assert [i["key"] for i in items] == ["close-water", "close-thanks"]
    assert made["number"] in items[0]["text"]["zh"] and "道路积水" in items[0]["text"]["zh"]
    assert "第001网格" in items[1]["text"]["zh"] and "Grid 001" in items[1]["text"]["en"]
    assert not re.search(r"\{\w+\}", str([i["text"] for i in items]))
    other = report(desk, class_code="202157")["id"]
    keys = {i["key"] for i in client.get(f"{CASES}/{other}/templates?act=finish").json()["items"]}
    assert keys == {"finish-any"}
    unclassified = report(desk, class_code="")["id"]
    assert "“问题”" in client.get(f"{CASES}/{unclassified}/templates?act=reject").json()["items"][0]["text"]["zh"]
    assert client.get(f"{CASES}/{made['id']}/templates?act=nothing").json()["items"] == []


def test_a_template_is_only_words_that_a_person_sends(desk: Desk) -> None:
    made, client = report(desk), desk.client("intake")
    text = client.get(f"{CASES}/{made['id']}/templates?act=reject").json()["items"][0]["text"]["zh"]
    assert act(client, made["id"], "reject", reason=text + " 谢谢").status_code == 200
    assert TimelineEntry.objects.get(case_id=made["id"], act="reject").note == text + " 谢谢"


def test_the_list_has_every_template_with_its_fields(desk: Desk) -> None:
    items = desk.client("intake").get("/api/v1/catalogue/templates").json()["items"]
    assert len(items) == len(intake_tables.templates()) >= 12
    assert any("{number}" in i["text"]["zh"] and i["class"] == "" for i in items)
