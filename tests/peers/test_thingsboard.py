"""ThingsBoard's own SDK and IoT gateway, from PyPI and unchanged, against a running district.

`make peers` installs them into an environment of their own: they bring a client library that would replace ours.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.district import District
from tests.stranger import Stranger, until

from linli.engines.testing import some_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
QUIET = {
    "https_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}  # it would ask its makers for updates


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    assert PYTHON.exists(), "make peers"
    with District() as one:
        yield one


@pytest.fixture(scope="module")
def api(district: District) -> Api:
    return Api(district)


class Api(Stranger):
    def __init__(self, district: District) -> None:
        super().__init__(district)
        ports = district.status()["ports"]
        self.mqtt, self.http_port = ports["mqtt"], ports["device"]

    def made(self, code: str, **more: Any) -> tuple[str, str]:
        """(id, token) of a new device."""
        device = self.device(code, "water_level", **more)
        return device, self.token(device)

    def command(self, device: str, **body: Any) -> dict[str, Any]:
        sent: dict[str, Any] = self.post(f"devices/{device}/commands", body)
        return sent

    def set(self, device: str, **attributes: Any) -> None:
        self.ask("PATCH", f"devices/{device}/attributes", {"attributes": attributes})

    def profile(self, **more: Any) -> dict[str, Any]:
        area = self.get("devices?limit=1")["items"][0]["area_path"]
        body = {"name_zh": "自注册", "model": "water_level", "area_path": area, "max_devices": 9}
        made: dict[str, Any] = self.post("provisioning-profiles", body | more)
        return made

    def coded(self, code: str) -> dict[str, Any] | None:
        return next((d for d in self.get(f"devices?q={code}")["items"] if d["code"] == code), None)

    def bring(self, device: str, title: str, version: str, data: bytes) -> str:
        """A campaign that brings a file to a device; its id."""
        form = {"model": "water_level", "title": title, "version": version}
        area = self.get(f"devices/{device}")["area_path"]
        answer = self.http.post("firmware", data=form | {"area_path": area}, files={"file": ("f.bin", data)})
        assert answer.status_code == 201, answer.text
        body = {"firmware_id": answer.json()["id"], "name": title, "area_path": area, "device_ids": [device]}
        campaign = self.post("campaigns", body)["id"]
        self.ask("POST", f"campaigns/{campaign}/start")
        return str(campaign)

    def updated(self, campaign: str) -> bool:
        return self.get(f"campaigns/{campaign}")["counts"]["updated"] == 1

    def child(self, gateway: str, name: str) -> dict[str, Any] | None:
        found = self.get(f"devices?q={name.split()[0]}")["items"]
        return next((d for d in found if d["parent_id"] == gateway and d["parent_name"] == name), None)

    def last(self, device: str, name: str) -> Any:
        found = self.get(f"devices/latest?ids={device}")["items"]
        return next((row["value"] for row in found if row["property"] == name), None)

    def outcome(self, command: str) -> tuple[str, Any]:
        def done() -> Any:
            row = self.get(f"commands/{command}")
            return row if row["ended_at"] else None

        row = until(done, PATIENCE_S)
        return row["state"], row["result"]


PATIENCE_S = 90


class Talk:
    """What the script of the other interpreter tells."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[list[Any]] = queue.Queue()
        self.kept: list[list[Any]] = []
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            with suppress(json.JSONDecodeError):
                self.lines.put(json.loads(line))

    def next(self, event: str) -> Any:
        """The next of that event; others are kept, whatever their order."""
        while True:
            for i, kept in enumerate(self.kept):
                if kept[0] == event:
                    return self.kept.pop(i)[1]
            self.kept.append(self.lines.get(timeout=60))


@contextmanager
def sdk(kind: str, port: int, token: str, folder: Path | None = None) -> Iterator[Talk]:
    process = subprocess.Popen(
        [PYTHON, HERE / "tb_sdk.py", kind, str(port), token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | QUIET, cwd=folder,
    )  # fmt: skip
    try:
        yield Talk(process)
    finally:
        process.kill()
        process.wait(10)


def test_the_device_sdk(api: Api) -> None:
    device, token = api.made("TB-1", attributes_shared={"rate": 5})
    with sdk("device", api.mqtt, token) as talk:
        assert talk.next("sent") == talk.next("sent") == 0
        assert talk.next("attributes") == {"client": {"serial": "x-1"}, "shared": {"rate": 5}}
        assert talk.next("limits")["maxPayloadSize"] == 262_144
        assert until(lambda: api.last(device, "level"), PATIENCE_S) == 1.5
        assert api.get(f"devices/{device}")["attributes_client"] == {"serial": "x-1"}
        sent = api.command(device, method="open", params={"gate": 2})
        assert talk.next("command") == {"method": "open", "params": {"gate": 2}}
        assert api.outcome(sent["id"]) == ("answered", {"done": {"gate": 2}})
        api.set(device, rate=6)
        assert talk.next("changed") == {"rate": 6}
    queued = api.command(device, method="open", params=1, expires_s=600)
    with sdk("device", api.mqtt, token) as talk:  # it comes back, and hears what was asked meanwhile
        assert talk.next("command") == {"method": "open", "params": 1}
        assert api.outcome(queued["id"]) == ("answered", {"done": 1})


def test_the_gateway_sdk(api: Api) -> None:
    gateway, token = api.made("TB-GW", gateway=True)
    with sdk("gateway", api.mqtt, token) as talk:
        assert talk.next("sent") == talk.next("sent") == 0
        child = until(lambda: api.child(gateway, "Meter one"), PATIENCE_S)
        assert child["model"]["code"] == "water_level" and child["status"]["connected"] is not None
        assert until(lambda: api.last(child["id"], "level"), PATIENCE_S) == 2.5
        told = [talk.next("attributes"), talk.next("attributes")]
        assert sorted(json.dumps(t.get("value")) for t in told) == ['"y-1"', "null"], "of one name its value or nothing"
        sent = api.command(child["id"], method="beep", params=3)
        assert talk.next("command") == {"device": "Meter one", "data": {"id": sent["number"], "method": "beep",
                                                                      "params": 3}}  # fmt: skip
        assert api.outcome(sent["id"]) == ("answered", {"done": 3})
        api.set(child["id"], rate=7)
        assert talk.next("changed") == {"device": "Meter one", "data": {"rate": 7}}


@contextmanager
def iot_gateway(
    folder: Path, port: int, token: str, listen: int, profile: dict[str, Any] | None = None
) -> Iterator[None]:
    """thingsboard-gateway with its TCP connector, in a process of its own."""
    shipped = next((PYTHON.parents[1] / "lib").glob("python3*/site-packages/thingsboard_gateway/config"))
    main = json.loads((shipped / "tb_gateway.json").read_text())
    main["thingsboard"] |= {"host": "127.0.0.1", "port": port, "remoteConfiguration": False,
                            "security": {"type": "accessToken", "accessToken": token}}  # fmt: skip
    if profile is not None:
        del main["thingsboard"]["security"]
        main["thingsboard"]["provisioning"] = profile
    main["connectors"] = [{"type": "socket", "name": "TCP", "configuration": "socket.json"}]
    line = json.loads((shipped / "socket.json").read_text())
    line["socket"]["port"] = listen
    line["devices"][0] |= {"deviceName": "Weir", "deviceType": "water_level", "attributes": [],
                           "telemetry": [{"key": "level", "byteFrom": 0, "byteTo": -1}]}  # fmt: skip
    (folder / "tb_gateway.json").write_text(json.dumps(main))
    (folder / "socket.json").write_text(json.dumps(line))
    (folder / "logs.json").write_text((shipped / "logs.json").read_text())
    with (folder / "out.log").open("w") as log:
        process = subprocess.Popen(
            [PYTHON, "-c", "from thingsboard_gateway.tb_gateway import main; main()"], cwd=folder, stdout=log,
            stderr=log, env=os.environ | QUIET | {"TB_GW_CONFIG_DIR": str(folder)},
        )  # fmt: skip
        try:
            yield
        finally:
            process.kill()
            process.wait(10)


def send(port: int, text: bytes) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as line:
        line.sendall(text)
        time.sleep(1)
        return True
    return False


def test_the_iot_gateway(api: Api, tmp_path: Path) -> None:
    """It forwards nothing until its limits are answered; what its TCP connector hears becomes a reading of a child."""
    gateway, token = api.made("TB-IOT", gateway=True)
    listen = some_port()
    with iot_gateway(tmp_path, api.mqtt, token, listen):
        until(lambda: send(listen, b"3.25"), PATIENCE_S)
        child = until(lambda: api.child(gateway, "Weir"), PATIENCE_S)
        level = until(lambda: api.last(child["id"], "level") or (send(listen, b"3.25") and None), PATIENCE_S)
        assert level == 3.25
    assert "Traceback" not in (tmp_path / "out.log").read_text()


def test_a_device_registers_itself_and_is_claimed(api: Api) -> None:
    profile = api.profile(claimable=True)
    with sdk("provision", api.mqtt, f"{profile['key']},{profile['secret']},TB-P1") as talk:
        made = talk.next("made")
        assert (made["status"], made["credentialsType"]) == ("SUCCESS", "ACCESS_TOKEN")
        assert talk.next("again") is None, "a wrong secret"
        assert talk.next("sent") == talk.next("sent") == 0
    device = until(lambda: api.coded("TB-P1"), PATIENCE_S)
    assert until(lambda: api.last(device["id"], "level"), PATIENCE_S) == 4.5 and device["state"] == "planned"
    body = {"code": "TB-P1", "owner_department": "水务", "area_path": device["area_path"]}
    api.ask("POST", "devices/claim", body | {"secret": "secret-2"}, 409)
    assert api.ask("POST", "devices/claim", body | {"secret": "secret-1"})["owner_department"] == "水务"


def test_a_device_over_http_registers_itself_and_loads(api: Api, tmp_path: Path) -> None:
    profile, data = api.profile(), os.urandom(10_000)
    with sdk("http", api.http_port, f"{profile['key']},{profile['secret']},TB-H1", tmp_path) as talk:
        assert talk.next("made")
        device = until(lambda: api.coded("TB-H1"), PATIENCE_S)["id"]
        assert until(lambda: api.last(device, "level"), PATIENCE_S) == 5.5
        campaign = api.bring(device, "gauge-http", "1.1", data)
        assert talk.process.stdin
        talk.process.stdin.write("go\n")
        talk.process.stdin.flush()
        assert bytes.fromhex(talk.next("loaded")) == data
        until(lambda: api.updated(campaign), PATIENCE_S)


def test_firmware_before_and_while_a_device_is_connected(api: Api, tmp_path: Path) -> None:
    device, token = api.made("TB-FW")
    first, second = os.urandom(50_000), os.urandom(3_000)
    campaign = api.bring(device, "gauge", "2.0", first)
    with sdk("firmware", api.mqtt, token, tmp_path) as talk:
        assert bytes.fromhex(talk.next("loaded")) == first
        until(lambda: api.updated(campaign), PATIENCE_S)
        campaign = api.bring(device, "gauge", "2.1", second)
        assert bytes.fromhex(talk.next("loaded")) == second
        until(lambda: api.updated(campaign), PATIENCE_S)


def test_the_iot_gateway_registers_itself(api: Api, tmp_path: Path) -> None:
    """By user name and password: it brings short ones of its own and takes what it is told."""
    profile = api.profile(gateways=True)
    listen = some_port()
    words = {"type": "MQTT_BASIC", "provisionDeviceKey": profile["key"], "provisionDeviceSecret": profile["secret"],
             "deviceName": "TB-IOT-P"}  # fmt: skip
    with iot_gateway(tmp_path, api.mqtt, "", listen, words):
        gateway = until(lambda: api.coded("TB-IOT-P"), PATIENCE_S)
        assert gateway["gateway"]
        until(lambda: send(listen, b"3.75"), PATIENCE_S)
        child = until(lambda: api.child(gateway["id"], "Weir"), PATIENCE_S)
        assert until(lambda: api.last(child["id"], "level") or (send(listen, b"3.75") and None), PATIENCE_S) == 3.75
    assert "Traceback" not in (tmp_path / "out.log").read_text()
