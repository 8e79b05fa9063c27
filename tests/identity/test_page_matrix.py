"""Every page outside the API stands in the reviewed table pages.csv, gives staff no more than anybody, and shows
nothing of private cases, guessed codes or other people's tickets."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from tests.identity.factories import World
from tests.identity.world import seeded

from linli.identity import resolver

pytestmark = pytest.mark.django_db
with (Path(__file__).parent / "pages.csv").open(encoding="utf-8") as source:
    TABLE = list(csv.DictReader(source))


def patterns(found: Any, before: str = "") -> Iterator[str]:
    for item in found:
        path = before + str(item.pattern)
        if path.startswith("api/"):
            continue
        if hasattr(item, "url_patterns"):
            yield from patterns(item.url_patterns, path)
        else:
            yield path


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    pages = set(patterns(get_resolver().url_patterns))
    rows = {row["pattern"] for row in TABLE}
    assert sorted(pages - rows) == [], "pages without a row in pages.csv"
    assert sorted(rows - pages) == [], "rows without a page"


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with seeded(django_db_blocker) as made:
        yield made


def test_pages_answer_as_the_table_says(world: World, django_db_blocker: Any) -> None:
    wrong = []
    with django_db_blocker.unblock():
        own = world.sides["own"]
        for row in TABLE:
            address = row["address"].format(**own.ids)
            for who in ("public", "staff"):
                client = Client()
                if who == "staff":
                    client.cookies[resolver.COOKIE] = world.tokens["duty_lead"]
                with transaction.atomic():
                    answer = client.get(address)
                    transaction.set_rollback(True)
                if row[who] not in ("any", str(answer.status_code)):
                    wrong.append(f"{who} {address}: {answer.status_code} instead of {row[who]}")
                if answer.streaming or "{private_secret}" in row["address"]:
                    continue
                text = answer.content.decode(errors="replace")
                for name in ("private_number", "private_id"):
                    if str(own[name]) in text:
                        wrong.append(f"{who} {address}: shows {name}")
    assert wrong == []


def test_the_map_and_the_unit_show_open_cases_but_no_private_ones(world: World, django_db_blocker: Any) -> None:
    from linli.cases import facade as cases

    with django_db_blocker.unblock():
        shown = str(cases.public_pins())
        own = world.sides["own"]
        assert str(own["case_id"]) in shown or own["case_number"] in shown
        assert str(own["private_id"]) not in shown and own["private_number"] not in shown
