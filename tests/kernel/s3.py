"""A small S3 server: put, get, head, delete and list of one bucket in memory, enough for the store's own client."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape


class S3(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: dict[str, tuple[bytes, datetime]]

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/bucket").lstrip("/")

    def _send(self, status: int, body: bytes = b"", at: datetime | None = None) -> None:
        self.send_response(status)
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", f"{at or datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        self.objects[self._key()] = self.rfile.read(int(self.headers["Content-Length"])), datetime.now(UTC)
        self._send(200)

    def do_GET(self) -> None:
        if not self._key():
            return self._list(parse_qs(urlsplit(self.path).query).get("prefix", [""])[0])
        found = self.objects.get(self._key())
        return self._send(200, *found) if found else self._send(404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Delete several at once: the client's only way of deleting."""
        wanted = re.findall(r"<Key>(.*?)</Key>", self.rfile.read(int(self.headers["Content-Length"])).decode())
        for key in wanted:
            self.objects.pop(unescape(key), None)
        gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in wanted)
        self._send(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    def _list(self, prefix: str) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f'<ETag>"x"</ETag><Size>{len(data)}</Size></Contents>'
            for key, (data, at) in sorted(self.objects.items()) if key.startswith(prefix)
        )  # fmt: skip
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        self._send(200, text.encode())

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def serving() -> Iterator[tuple[str, dict[str, tuple[bytes, datetime]]]]:
    """The address of a store on such a server, and what it holds."""
    objects: dict[str, tuple[bytes, datetime]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bucket", (S3,), {"objects": objects}))
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        yield (f"s3://bucket/pre?endpoint=http://127.0.0.1:{server.server_port}&region=x&access_key_id=a"
               "&secret_access_key=b"), objects  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
