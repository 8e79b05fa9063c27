"""How long readings are kept is data, and data can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.telemetry.gatewaykit import gateway, row
from tests.telemetry.test_gateway import T, client, now

from linli.engines.nats import Nats
from linli.kernel import packs
from linli.telemetry import tiers
from linli.telemetry.tiers import Since, Tiers


def ms(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"raw": 30}, "retention.raw"), ({"raw": 100, "minute": 99}, "retention.raw"),
        ({"minute": 100}, "retention.raw"), ({"raw": 40, "hour": 400}, "retention.minute"),
        ({"raw": 40, "minute": 401, "hour": 400}, "retention.minute"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_by_name(said: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Tiers(**said)


def test_what_is_kept_begins_with_a_month_and_its_hours_with_a_year() -> None:
    assert Tiers().since(ms(2026, 11, 28)) == Since(0, 0, 0), "for good"
    assert Tiers(raw=40, minute=100, hour=400).since(ms(2026, 11, 28)) == Since(
        ms(2026, 10, 1), ms(2026, 8, 1), ms(2025, 1, 1)
    )
    assert Tiers(raw=31).since(ms(2026, 3, 31)) == Since(ms(2026, 2, 1), 0, 0)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forget() -> None:
        for known in (tiers.of_packs, tiers._at, packs.read_yaml):
            known.cache_clear()

    forget()
    yield
    monkeypatch.undo()
    forget()


def test_a_later_pack_changes_what_it_names(tmp_path: Path, said: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("one", "{raw: 100, minute: 200}"), ("two", "{raw: 60}")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "retention.yaml").write_text(f"retention: {text}")
    monkeypatch.setenv("LINLI_PACKS", f"{tmp_path / 'one'},{tmp_path / 'two'}")
    assert tiers.of_packs() == Tiers(raw=60, minute=200, hour=None)
    assert tiers.now().raw > 0 and tiers.now().hour == 0


@pytest.mark.engines
def test_what_is_older_than_the_district_keeps_is_left_out_and_told(
    broker: Nats, run: Callable[..., Any], tmp_path: Path, said: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "retention.yaml").write_text("retention: {raw: 60}")
    monkeypatch.setenv("LINLI_PACKS", str(tmp_path))

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            c = await client(kit)
            day = 86_400_000
            rows = [{"ts": now() - age * day, "values": {"level": age, "open": True}} for age in (1, 100, 50)]
            await c.publish(T, json.dumps(rows).encode())
            assert [v for _, p, _, v, _ in await kit.stored(4) if p == "level"] == [1, 50]
            assert kit.gateway.refusals["too-old"] == 2 and kit.gateway.clamped == 0
            assert "2 values left out" in next(iter(kit.gateway.registry.devices.values())).error
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{kit.http}", trust_env=False) as web:
                old = {"ts": 1_400_000_000_000, "values": {"level": 1}}
                answer = await web.post("/api/v1/token-a/telemetry?backfill=1", json=old)
                assert answer.status_code == 200 and "left out" in answer.json()["warnings"][0]["reason"]
            await c.publish(T, b'{"level": 7}')
            assert (await kit.stored(5))[-1][3] == 7
            await c.close()

    run(go())
