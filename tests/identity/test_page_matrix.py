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

from linli.cases.models import Case, Reporter
from linli.identity import resolver

pytestmark = pytest.mark.django_db
with (Path(__file__).parent / "pages.csv").open(encoding="utf-8") as source:
    TABLE = list(csv.DictReader(source))


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
GUESS = "0199a0b0-0000-7000-8000-000000000000"


def patterns(found: Any, before: str = "") -> Iterator[str]:
    """Every address outside the API, and the API's own root."""
    for item in found:
        path = before + str(item.pattern)
        if hasattr(item, "url_patterns"):
            yield from patterns(item.url_patterns, path)
        elif path == "api/v1/" or not path.startswith("api/v1/"):
            yield path


def places(world: World) -> dict[str, str]:
    """What stands in the addresses and forms of the table."""
    own, other = world.sides["own"].ids, world.sides["other"].ids
    return {**own, **{f"other_{name}": value for name, value in other.items()}, "guess": GUESS}


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    pages = set(patterns(get_resolver().url_patterns))
    rows = {row["pattern"] for row in TABLE}
    assert sorted(pages - rows) == [], "pages without a row in pages.csv"
    assert sorted(rows - pages) == [], "rows without a page"


def test_every_method_that_a_page_takes_has_a_row(world: World, django_db_blocker: Any) -> None:
    """Also what a page does not refuse by its method is a door."""
    known, missing = {(row["pattern"], row["method"]) for row in TABLE}, []
    with django_db_blocker.unblock():
        for row in {row["pattern"]: row for row in reversed(TABLE)}.values():
            for method in METHODS:
                with transaction.atomic():
                    answer = Client().generic(method, row["address"].format(**places(world)))
                    transaction.set_rollback(True)
                if answer.status_code not in (404, 405) and (row["pattern"], method) not in known:
                    missing.append(f"{method} {row['address']}: {answer.status_code}")
    assert not missing, missing


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with seeded(django_db_blocker) as made:
        yield made


def held() -> list[Any]:
    """What the pages could change."""
    cases = list(Case.objects.order_by("id").values_list("id", "version", "state", "me_too", "updated_at"))
    return cases + list(Reporter.objects.order_by("id").values_list("id", "withdrawn_at", "consent_at"))


def fault(row: dict[str, str], who: str, world: World) -> str:
    """What is wrong with the answer, or ''."""
    at, client = places(world), Client()
    if who == "staff":
        client.cookies[resolver.COOKIE] = world.tokens["duty_lead"]
    address, form = row["address"].format(**at), row["form"].format(**at)
    with transaction.atomic():
        Case.objects.filter(pk__in=(at["case_id"], at["private_id"])).update(unit_id=at["unit_id"])
        before = held()
        answer = client.generic(row["method"], address, form, content_type="application/x-www-form-urlencoded")
        changed = held() != before
        transaction.set_rollback(True)
    told = f"{who} {row['method']} {address} {form}"
    if row[who] not in ("any", str(answer.status_code)):
        return f"{told}: {answer.status_code} instead of {row[who]}"
    if changed != (row["method"] == "POST" and row[who] == "303"):
        return f"{told}: {'changed something' if changed else 'changed nothing'}"
    if answer.streaming or "{private_secret}" in row["address"]:
        return ""
    text = answer.content.decode(errors="replace")
    shown = [name for name in ("private_number", "private_id") if str(at[name]) in text]
    return f"{told}: shows {shown}" if shown else ""


def test_pages_answer_as_the_table_says(world: World, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        faults = [fault(row, who, world) for row in TABLE for who in ("public", "staff")]
    wrong = [f for f in faults if f]
    assert not wrong, wrong


def test_the_map_and_the_unit_show_open_cases_but_no_private_ones(world: World, django_db_blocker: Any) -> None:
    from linli.cases import facade as cases

    with django_db_blocker.unblock():
        shown = str(cases.public_pins())
        own = world.sides["own"]
        assert str(own["case_id"]) in shown or own["case_number"] in shown
        assert str(own["private_id"]) not in shown and own["private_number"] not in shown
