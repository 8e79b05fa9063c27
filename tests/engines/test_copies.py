"""Several of a process: names, ports, order of stopping, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from linli.commands import up
from linli.engines import district, ports
from linli.engines.process import EngineError
from linli.home import Home
from linli.kernel import ops_server


def test_each_copy_has_a_name_a_port_and_a_door_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINLI_DATABASE_URL", raising=False)
    monkeypatch.delenv("LINLI_NATS_URL", raising=False)
    home, copies = Home(tmp_path), up._copies("gateway=3,sense=2")
    doors = [f"ops-{name}" for kind in copies for name in district.named(kind, copies)[1:]]
    chosen = ports.choose(home, {}, "127.0.0.1", (*ports.INTERNAL, *doors))
    made = district.plan(home, chosen, district.Options(copies=copies))
    names = set(made.services)
    assert {"gateway", "gateway-2", "gateway-3", "sense", "sense-2"} <= names and "sense-3" not in names
    seen = [service.port for service in made.services.values() if service.port]
    assert len(seen) == len(set(seen))
    assert made.env["LINLI_GATEWAY_SHARE"] == "1"
    assert all(any(district.kind_of(name) in group for group in district.STOP_ORDER) for name in names)
    for name in ("gateway", "gateway-2"):
        monkeypatch.setenv("LINLI_METRICS_PORTS", made.env["LINLI_METRICS_PORTS"])
        monkeypatch.setenv("LINLI_PROCESS", name)
        assert ops_server.port_of("gateway") == made.services[name].port
    for mark in chosen.claims.values():
        mark.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [("web=2", "'web' is none of"), ("gateway=0", "gateway must be 1 to 16"), ("sense", "sense must be 1 to 16"),
     ("jobs=99", "jobs must be")],
)  # fmt: skip
def test_what_cannot_be_several_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        up._copies(text)


def test_the_option_reaches_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    up.register(parser.add_subparsers())
    args = parser.parse_args(["up", "--copies", "jobs=2"])
    monkeypatch.delenv("LINLI_COPIES", raising=False)
    assert up._options(args).copies == {"jobs": 2}
    monkeypatch.setenv("LINLI_COPIES", "jobs=4")
    assert up._options(args).copies == {"jobs": 4}
