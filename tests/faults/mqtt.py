"""A device that knows MQTT 3.1.1 and nothing of Linli: blocking, QoS 1, one message in flight."""

from __future__ import annotations

import contextlib
import json
import socket
import struct


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("!H", len(data)) + data


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (128 if size else 0))
        if not size:
            return bytes(out)


class NoAnswer(Exception):
    """The line broke or stayed silent: the device does not know whether the platform has the reading."""


class Device:
    def __init__(self, port: int, token: str, name: str, host: str = "127.0.0.1") -> None:
        self.port, self.token, self.name, self.host = port, token, name, host
        self.line: socket.socket | None = None
        self.packet = 0

    def connect(self, seconds: float = 5) -> None:
        self.close()
        try:
            line = socket.create_connection((self.host, self.port), timeout=seconds)
            body = _text("MQTT") + bytes([4, 0x82, 0, 60]) + _text(f"fault-{self.name}") + _text(self.token)
            line.sendall(b"\x10" + _length(len(body)) + body)
            answer = self._exactly(line, 4)
        except OSError as error:
            raise NoAnswer(str(error)) from error
        if answer[3] != 0:
            raise NoAnswer(f"refused with {answer[3]}")
        self.line = line

    def _exactly(self, line: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = line.recv(count - len(data))
            if not part:
                raise NoAnswer("closed")
            data += part
        return data

    def send(self, ts: int, values: dict[str, float]) -> int:
        """Put one reading on the line; returns its packet number."""
        if self.line is None:
            self.connect()
        self.packet = self.packet % 65535 + 1
        payload = json.dumps({"ts": ts, "values": values}).encode()
        body = _text("v1/devices/me/telemetry") + struct.pack("!H", self.packet) + payload
        try:
            assert self.line is not None
            self.line.sendall(b"\x32" + _length(len(body)) + body)
        except OSError as error:
            self.close()
            raise NoAnswer(str(error)) from error
        return self.packet

    def publish(self, ts: int, values: dict[str, float], seconds: float = 5) -> None:
        """Returns when the platform has acknowledged the reading."""
        number = self.send(ts, values)
        try:
            assert self.line is not None
            self.line.settimeout(seconds)
            answer = self._exactly(self.line, 4)
        except (OSError, NoAnswer) as error:
            self.close()
            raise NoAnswer(str(error)) from error
        if answer[0] != 0x40 or struct.unpack("!H", answer[2:])[0] != number:
            self.close()
            raise NoAnswer(f"an odd answer {answer.hex()}")

    def close(self) -> None:
        if self.line is not None:
            with contextlib.suppress(OSError):
                self.line.close()
        self.line = None
