"""Small questions to a running process: does it answer HTTP, does PostgreSQL take sign-ins. Standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def http_status(
    port: int, path: str, *, host: str = "127.0.0.1", tls: bool = False, name: str = "localhost", seconds: float = 5
) -> int:
    """The status of GET `path`; 0 when nothing answers in time."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(seconds):
            context = _any_certificate() if tls else None
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=name if tls else None
            )
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
            line = await reader.readline()
            return int(line.split()[1])
    except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError):
        return 0
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await writer.wait_closed()


async def postgres_takes_sign_ins(port: int, user: str, *, host: str = "127.0.0.1", seconds: float = 5) -> bool:
    """True once the server asks for a password; while it recovers it refuses at this point."""
    body = struct.pack("!I", 196608) + b"user\0" + user.encode() + b"\0database\0postgres\0\0"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(struct.pack("!I", len(body) + 4) + body)
            return await reader.readexactly(1) == b"R"
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await writer.wait_closed()
