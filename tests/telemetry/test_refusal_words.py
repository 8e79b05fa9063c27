"""What doors refuse is told on the page of health: each reason has words in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from linli.telemetry.gateway import joining

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "src/linli/telemetry"
CODE = r'"([a-z][a-z-]*)"'


def codes() -> set[str]:
    text = "\n".join(path.read_text() for folder in ("gateway", "codecs") for path in (ROOM / folder).glob("*.py"))
    found = set(re.findall(rf"count_refusal\({CODE}\)", text))
    found |= set(re.findall(rf'count_refusal\({CODE} if .*? else "', text))
    found |= set(re.findall(rf"BadPayload\([^\n]*?, {CODE}\)", text))
    found |= {f"tcp-{code}" for code in re.findall(rf"Broken\({CODE}", text)}
    found |= {f"provision-{code}" for code in (*joining.REASONS, "not-found", "wrong-secret")}
    return found


@pytest.mark.parametrize("language", ("zh", "en"))
def test_each_reason_has_words(language: str) -> None:
    words = json.loads((ROOT / f"web/console/src/i18n/{language}.json").read_text())
    found = codes()
    assert {"bad-json", "unknown-token", "tcp-checksum", "model-retired", "provision-full"} <= found
    assert {code for code in found if f"health.why.{code}" not in words} == set()
