"""Run by an interpreter that has ThingsBoard's SDK, unchanged: `tb_sdk.py WHAT PORT TOKEN`.

Does what a device or a gateway does with it, and tells each thing that came as a line of JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from tb_device_http import TBHTTPDevice
from tb_device_mqtt import TBDeviceMqttClient
from tb_gateway_mqtt import TBGatewayMqttClient


def tell(event: str, *what: Any) -> None:
    print(json.dumps([event, *what]), flush=True)


def device(port: int, token: str) -> None:
    client = TBDeviceMqttClient("127.0.0.1", port=port, username=token)

    def asked(number: str, body: dict[str, Any]) -> None:
        tell("command", body)
        client.send_rpc_reply(number, {"done": body["params"]})

    client.set_server_side_rpc_request_handler(asked)
    client.connect()
    client.subscribe_to_all_attributes(lambda values, _: tell("changed", values))
    tell("sent", client.send_telemetry({"ts": int(time.time() * 1000), "values": {"level": 1.5}}).get())
    tell("sent", client.send_attributes({"serial": "x-1"}).get())
    client.request_attributes(["serial"], ["rate"], callback=lambda values, _: tell("attributes", values))
    client.send_rpc_call("getSessionLimits", {}, lambda _, limits, __: tell("limits", limits))


def gateway(port: int, token: str) -> None:
    client = TBGatewayMqttClient("127.0.0.1", port=port, username=token)

    def asked(_: Any, body: dict[str, Any]) -> None:
        tell("command", body)
        client.gw_send_rpc_reply(body["device"], body["data"]["id"], {"done": body["data"]["params"]})

    client.gw_set_server_side_rpc_request_handler(asked)
    client.connect()
    client.gw_connect_device("Meter one", "water_level")
    client.gw_subscribe_to_all_device_attributes("Meter one", lambda values: tell("changed", values))
    tell("sent", client.gw_send_telemetry("Meter one", {"ts": int(time.time() * 1000), "values": {"level": 2.5}}).get())
    tell("sent", client.gw_send_attributes("Meter one", {"serial": "y-1"}).get())
    client.gw_request_client_attributes("Meter one", ["serial"], lambda values, _: tell("attributes", values))
    client.gw_request_shared_attributes("Meter one", ["rate"], lambda values, _: tell("attributes", values))


def provision(port: int, words: str) -> None:
    """Registers itself, speaks by what it got, and says by what it may be claimed. `words`: key,secret,name."""
    key, secret, name = words.split(",")
    made = TBDeviceMqttClient.provision("127.0.0.1", key, secret, port=port, device_name=name)
    tell("made", made)
    tell("again", TBDeviceMqttClient.provision("127.0.0.1", key, secret + "x", port=port, device_name=name))
    client = TBDeviceMqttClient("127.0.0.1", port=port, username=made["credentialsValue"])
    client.connect()
    tell("sent", client.send_telemetry({"level": 4.5}).get())
    tell("sent", client.claim("secret-1", 60_000).get())


def http(port: int, words: str) -> None:
    """The SDK for HTTP: registers itself, speaks, loads its firmware when told to."""
    logging.basicConfig(level=logging.DEBUG)  # it finds nothing to load in silence otherwise
    key, secret, name = words.split(",")
    device = TBHTTPDevice.provision(f"http://127.0.0.1:{port}", name, key, secret)
    device.chunk_size = 3000
    device.start_publish_worker()
    device.send_telemetry({"level": 5.5})
    tell("made", device.token)
    sys.stdin.readline()
    device.get_firmware_update()
    tell("loaded", Path("gauge-http").read_bytes().hex())


def firmware(port: int, token: str) -> None:
    """Chunk by chunk; then a second one, which comes while it is connected."""
    client = TBDeviceMqttClient("127.0.0.1", port=port, username=token, chunk_size=4000)
    client.connect()
    while not client.is_connected():
        time.sleep(0.1)
    client.get_firmware_update()
    seen = ""
    while True:
        now = client.current_firmware_info.get("fw_state", "")
        version = client.current_firmware_info.get("current_fw_version", "")
        if now == "UPDATED" and version != seen:
            seen = version
            tell("loaded", Path(client.current_firmware_info["current_fw_title"]).read_bytes().hex())
        time.sleep(0.05)


if __name__ == "__main__":
    acts = {"device": device, "gateway": gateway, "provision": provision, "http": http, "firmware": firmware}
    acts[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
    sys.stdin.read()  # until the test is done with us
