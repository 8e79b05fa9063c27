"""`$batch`: what is no batch is refused whole, with the field and the reason, and nothing of it is done."""

from __future__ import annotations

from typing import Any
from unittest import mock

import orjson
import pytest
from django.test import override_settings
from tests.adapters.sensorthings.conftest import ROOT, Program
from tests.adapters.sensorthings.test_batch import PLAIN_THING, part, run, statuses

from linli.adapters.sensorthings.odata import batches

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
ONE = part("1", "GET", "Things")
MALFORMED = [
    (b"{", "body"), (b"[]", "requests"), (b'{"requests": {}}', "requests"), (b'{"requests": [1]}', "requests[0]"),
    ([{"method": "get", "url": "Things"}], "requests[0].id"), ([{**ONE, "id": 1}], "requests[0].id"),
    ([{**ONE, "id": ""}], "requests[0].id"), ([{**ONE, "id": "a\nb"}], "requests[0].id"),
    ([ONE, ONE], "requests[1].id"),
    ([{**ONE, "method": "HEAD"}], "requests[0].method"), ([{**ONE, "method": None}], "requests[0].method"),
    ([{**ONE, "url": ""}], "requests[0].url"), ([{**ONE, "url": "x" * 40_000}], "requests[0].url"),
    ([{**ONE, "body": {}}], "requests[0].body"), ([{**ONE, "headers": []}], "requests[0].headers"),
    ([{**ONE, "headers": {"a": 1}}], "requests[0].headers"), ([{**ONE, "dependsOn": "1"}], "requests[0].dependsOn"),
    ([{**ONE, "dependsOn": ["2"]}, {**ONE, "id": "2"}], "requests[0].dependsOn"),
    ([{**ONE, "if": "$x/$succeeded and"}], "requests[0].if"), ([{**ONE, "if": "name eq 'x'"}], "requests[0].if"),
    ([{**ONE, "if": "length($1) gt 2"}], "requests[0].if"), ([{**ONE, "if": 3}], "requests[0].if"),
    ([{**ONE, "atomicityGroup": "g"}], "requests[0].method"),
    ([part("1", "POST", "Things", PLAIN_THING, "2"), part("2", "GET", "Things")], "atomicityGroup"),
    ([part("1", "POST", "Things", {}, "g"), ONE | {"id": "2"}, part("3", "POST", "Things", {}, "g")],
     "requests[2].atomicityGroup"),
    ([part("1", "POST", "Things", "text", headers={"content-type": "text/plain"})], "requests[0].headers.content-type"),
    ([part("1", "POST", "$batch", {"requests": []})], "requests[0].url: a batch does not go into a batch"),
    ([part("1", "POST", "/sta/v1.1/%24batch?x=1", {"requests": []})], "requests[0].url"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "word"), MALFORMED)
def test_what_is_wrong_with_a_batch_is_named_and_nothing_is_done(program: Program, body: Any, word: str) -> None:
    first = part("first", "POST", "Things", PLAIN_THING)
    if isinstance(body, list):
        body = orjson.dumps({"requests": [*body, first]})
    answer = program.web.generic("POST", f"{ROOT}/$batch", body, "application/json")
    assert answer.status_code == answer.json()["code"] == 400 and answer.json()["message"].startswith(word)
    assert program.get("/Things/$count") == "0"


def test_a_batch_is_bounded(program: Program) -> None:
    many = [part(str(n), "POST", "Things", PLAIN_THING) for n in range(batches.MAX_PARTS + 1)]
    assert "requests: a batch has at most 500" in run(program, *many, status=413)["message"]
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=5_000):
        assert run(program, *many[:100], status=413)["message"].startswith("body: ")
    with mock.patch("linli.adapters.sensorthings.batch_views.MAX_ANSWERED", 100):
        answers = run(program, *many[:1], *(part(n, "GET", "Things") for n in "ab"))
    assert statuses(answers) == [201, 413, 413] and program.get("/Things/$count") == "1"
    answer = program.ask("POST", "/$batch", {"requests": []}, content_type="text/plain")
    assert answer.status_code == 415 and "multipart/mixed" in answer.json()["message"]
    assert run(program) == []
