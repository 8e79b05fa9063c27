"""Ports: asked for, kept, or free."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from linli.engines import ports, testing
from linli.engines.process import EngineError
from linli.home import Home


def home(path: Path) -> Home:
    made = Home(path)
    made.folder("run")
    return made


def test_the_same_home_has_the_same_ports(tmp_path: Path) -> None:
    first = ports.choose(home(tmp_path), {}, "127.0.0.1")
    again = ports.choose(home(tmp_path), {}, "127.0.0.1")
    assert first.chosen == again.chosen
    assert len(set(first.chosen.values())) == len(first.chosen)
    assert all(port < 32768 for port in first.chosen.values())


def test_a_taken_port_is_replaced_unless_asked_for(tmp_path: Path) -> None:
    first = ports.choose(home(tmp_path), {}, "127.0.0.1")
    with socket.create_server(("127.0.0.1", first["web"])):
        second = ports.choose(home(tmp_path), {}, "127.0.0.1")
        assert second["web"] != first["web"]
        assert second["nats"] == first["nats"]
        with pytest.raises(EngineError, match=rf"port {first['web']} \(--port\) is in use"):
            ports.choose(home(tmp_path), {"http": first["web"]}, "127.0.0.1")


def test_an_address_of_another_machine_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        ports.choose(home(tmp_path), {"http": testing.some_port()}, "192.0.2.1")
