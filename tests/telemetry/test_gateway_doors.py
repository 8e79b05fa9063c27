"""MQTT over TLS, and two gateways on one port."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.telemetry.gatewaykit import gateway, row

from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.kernel import clock
from linli.telemetry.gateway import main
from linli.telemetry.mqtt_client import MqttClient

pytestmark = pytest.mark.engines


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1)).add_extension(alternative, False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_mqtt_over_tls(broker: Nats, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path)
    port = some_port()
    for name, value in (("CERT", cert), ("KEY", key)):
        monkeypatch.setenv(f"LINLI_TLS_{name}", str(value))
    monkeypatch.setenv("LINLI_MQTTS_PORT", str(port))

    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            client = MqttClient("127.0.0.1", port, "token-a")
            await client.connect(tls=ssl.create_default_context(cafile=str(cert)))
            await client.publish("v1/devices/me/telemetry", b'{"level": 4}')
            assert [v for *_, v, _ in await kit.stored(1)] == [4.0]
            _, plain = await asyncio.open_connection("127.0.0.1", port)
            plain.write(b"\x10\x10\x00\x04MQTT")
            plain.close()
            await client.publish("v1/devices/me/telemetry", b'{"level": 5}')
            await client.close()

    run(go())


def test_two_gateways_share_one_port(broker: Nats, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        rows = [row("A", "token-a")]
        async with gateway(broker, rows) as one, gateway(broker, rows) as two:
            os.environ["LINLI_MQTT_PORT"] = str(some_port())
            os.environ.pop("LINLI_DEVICE_PORT", None)
            servers = [
                *await main.start_servers(one.gateway, "127.0.0.1", share=True),
                *await main.start_servers(two.gateway, "127.0.0.1", share=True),
            ]
            clients = [MqttClient("127.0.0.1", int(os.environ["LINLI_MQTT_PORT"]), "token-a", client_id=f"c{i}")
                       for i in range(40)]  # fmt: skip
            for client in clients:
                await client.connect()
                await client.publish("v1/devices/me/telemetry", b'{"level": 1}')
                await client.close()
            assert one.gateway.messages + two.gateway.messages == 40
            assert one.gateway.messages and two.gateway.messages
            for server in servers:
                server.close()

    run(go())


def test_a_taken_port_is_an_error(broker: Nats, run: Callable[..., Any]) -> None:
    async def go() -> None:
        async with gateway(broker, [row("A", "token-a")]) as kit:
            with pytest.raises(OSError):
                await main.start_servers(kit.gateway, "127.0.0.1")

    run(go())
