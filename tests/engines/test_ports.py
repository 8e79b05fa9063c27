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


def chosen(path: Path, **given: int) -> dict[str, int]:
    """What a district that starts here and ends at once would use."""
    return ports.choose(home(path), dict(given), "127.0.0.1").chosen


def test_the_same_home_has_the_same_ports(tmp_path: Path) -> None:
    first = chosen(tmp_path)
    assert first == chosen(tmp_path)
    assert len(set(first.values())) == len(first)
    assert all(port < 32768 for port in first.values())


def test_a_taken_port_is_replaced_unless_asked_for(tmp_path: Path) -> None:
    first = chosen(tmp_path)
    with socket.create_server(("127.0.0.1", first["web"])):
        second = chosen(tmp_path)
        assert second["web"] != first["web"]
        assert second["nats"] == first["nats"]
        with pytest.raises(EngineError, match=rf"port {first['web']} \(--port\) is in use"):
            chosen(tmp_path, http=first["web"])


def test_two_districts_that_start_in_the_same_moment_do_not_meet(tmp_path: Path) -> None:
    one = ports.choose(home(tmp_path / "one"), {}, "127.0.0.1")  # has opened none of its doors yet
    other = chosen(tmp_path / "other")
    assert not set(one.chosen.values()) & set(other.values())
    with pytest.raises(EngineError, match=rf"port {one['mqtt']} \(--mqtt-port\) is in use"):
        chosen(tmp_path / "third", mqtt=one["mqtt"])
    doors = one.chosen
    del one  # ended: its doors are free again
    assert chosen(tmp_path / "third", mqtt=doors["mqtt"])["mqtt"] == doors["mqtt"]


def test_an_address_of_another_machine_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        ports.choose(home(tmp_path), {"http": testing.some_port()}, "192.0.2.1")
