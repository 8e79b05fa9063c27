"""What operators and integrators get from `web`: figures of every process, the API described without a network."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from linli.engines.testing import some_port
from linli.kernel import ops_server


def test_a_process_that_does_not_answer_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    here, nobody = some_port(), some_port()
    close = ops_server.serve(here, lambda: {"ready": True}, name="relay")
    monkeypatch.setenv("LINLI_METRICS_PORTS", json.dumps({"relay": here, "sense": nobody}))
    try:
        told = Client().get("/metrics").content.decode()
    finally:
        close()
    up = dict(re.findall(r'^linli_process_up{process="(\w+)"} (\d)$', told, re.MULTILINE))
    assert up == {"web": "1", "relay": "1", "sense": "0"}
    assert 'process="sense"' not in told.replace('linli_process_up{process="sense"}', "")


def test_the_api_is_described_without_a_foreign_host() -> None:
    """The page and all that it loads come from here: the front door's policy allows nothing else."""
    page = Client().get("/api/v1/docs")
    text = page.content.decode()
    assert page.status_code == 200 and not re.search(r"(?:https?:)?//[a-z]", text), text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {path.rsplit(".", 1)[1] for path in loaded} >= {"js", "css"}
    for path in loaded:
        assert Client().get(path).status_code == 200, path
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", text), "no script in the page itself"
    assert Client().get(json.loads(re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S)[0])
                        ["url"]).status_code == 200  # fmt: skip
