"""A mail server on loopback, as small as RFC 5321 lets it be: takes letters of one connection after another."""

from __future__ import annotations

import email
import socketserver
import threading
from email.message import Message
from email.policy import default


class Mailbox:
    """`refuse`: addresses that are told 550."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self.refuse: set[str] = set()
        box = self

        class Desk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box._talk(self)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Desk)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _talk(self, desk: socketserver.StreamRequestHandler) -> None:
        say = lambda line: desk.wfile.write(line.encode() + b"\r\n")  # noqa: E731
        say("220 box")
        while line := desk.rfile.readline().decode().strip():
            word = line.upper().split()[0]
            if word == "DATA":
                say("354 go")
                lines: list[bytes] = []
                while (got := desk.rfile.readline()) != b".\r\n":
                    lines.append(got[1:] if got.startswith(b"..") else got)
                self.letters.append(email.message_from_bytes(b"".join(lines), policy=default))
                say("250 taken")
            elif word == "QUIT":
                return say("221 bye")
            elif word == "RCPT" and any(address in line for address in self.refuse):
                say("550 nobody here")
            else:
                say("250 ok")
        return None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
