"""The front door: one origin, the apps by hashed files, events unbuffered, TLS by certificate or own CA."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from linli.engines import process, testing
from linli.engines.caddy import Caddy, Tls

pytestmark = pytest.mark.engines


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/live/"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for number in range(3):
                self.wfile.write(f"data: {number}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.4)
            self.close_connection = True
            return
        self._answer(f"{self.headers.get('X-Forwarded-Proto')} {self.headers.get('X-Forwarded-For')} {self.path}")

    def do_POST(self) -> None:
        taken = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self._answer(str(taken))

    def _answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # a refused upload hangs up on us
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    port = testing.some_port()
    server = ThreadingHTTPServer(("127.0.0.1", port), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield port
    server.shutdown()


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    for name in ("console", "field"):
        (folder / name / "assets").mkdir(parents=True)
        (folder / name / "index.html").write_text(f"<title>{name}</title>")
        (folder / name / "sw.js").write_text("//")
        (folder / name / "assets" / "a-1234.js").write_text("x" * 5000)
    return folder


@contextmanager
def door(folder: Path, backend: int, dist: Path, tls: Tls = Tls()) -> Iterator[Caddy]:
    made = Caddy(folder, "127.0.0.1", testing.some_port(), backend, backend, dist, tls)
    child = subprocess.Popen(
        made.command(), preexec_fn=process.die_with_parent(), env={"HOME": str(folder)}, stderr=subprocess.DEVNULL
    )
    try:
        assert process.wait_until(lambda: process.port_answers(made.port), 15, lambda: child.poll() is None)
        yield made
    finally:
        child.terminate()
        child.wait(10)


def speaks_tls(port: int, context: ssl.SSLContext) -> bool:
    """Caddy issues its certificates in the first moments after its start."""
    try:
        for name in ("linli.test", "127.0.0.1"):
            with socket.create_connection(("127.0.0.1", port)) as plain_socket:
                context.wrap_socket(plain_socket, server_hostname=name).close()
    except (OSError, ssl.SSLError):
        return False
    return True


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, backend: int, dist: Path) -> Iterator[httpx.Client]:
    with (
        door(tmp_path_factory.mktemp("edge"), backend, dist) as made,
        httpx.Client(base_url=f"http://127.0.0.1:{made.port}", trust_env=False) as client,
    ):
        yield client


def test_apps_are_served_with_the_right_caches(plain: httpx.Client) -> None:
    page = plain.get("/console/cases/17")
    assert "<title>console</title>" in page.text
    assert page.headers["Cache-Control"] == "no-cache"
    assert "worker-src 'self' blob:" in page.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in page.headers
    asset = plain.get("/field/assets/a-1234.js", headers={"Accept-Encoding": "gzip"})
    assert "immutable" in asset.headers["Cache-Control"]
    assert asset.headers["Content-Encoding"] == "gzip"
    assert plain.get("/field/sw.js").headers["Cache-Control"] == "no-cache"
    assert plain.get("/field/assets/gone.js").status_code == 404
    assert plain.get("/console").headers["Location"] == "/console/"


def test_everything_else_goes_to_web_and_a_client_cannot_lie_about_itself(plain: httpx.Client) -> None:
    told = plain.get("/q/abc", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    assert told.text == "http 127.0.0.1 /q/abc"


def test_events_arrive_as_they_happen(plain: httpx.Client) -> None:
    began, seen = time.monotonic(), []
    with plain.stream("GET", "/live/events") as stream:
        for _ in stream.iter_lines():
            seen.append(time.monotonic() - began)
            if len(seen) == 1:
                break
    assert seen[0] < 0.35


def test_a_huge_body_is_refused(plain: httpx.Client) -> None:
    assert plain.post("/api/v1/x", content=b"x" * 1000).text == "1000"
    assert plain.post("/api/v1/x", content=b"x" * (17 * 1024 * 1024)).status_code == 413


def test_the_log_of_a_failed_request_holds_no_address(tmp_path: Path, dist: Path) -> None:
    """A ticket's address is its key, and a query may hold a phone number."""
    nobody, log = testing.some_port(), tmp_path / "log"
    made = Caddy(tmp_path / "edge", "127.0.0.1", testing.some_port(), nobody, nobody, dist)
    with log.open("wb") as out:
        child = subprocess.Popen(made.command(), preexec_fn=process.die_with_parent(), env={"HOME": str(tmp_path)},
                                 stdout=out, stderr=out)  # fmt: skip
    try:
        assert process.wait_until(lambda: process.port_answers(made.port), 15, lambda: child.poll() is None)
        with httpx.Client(base_url=f"http://127.0.0.1:{made.port}", trust_env=False, timeout=40) as client:
            before = {"Referer": f"http://127.0.0.1:{made.port}/t/other-secret", "X-Forwarded-For": "203.0.113.9"}
            assert client.get("/t/the-secret?phone=13800138000", headers=before).status_code == 502
        assert process.wait_until(lambda: b"502" in log.read_bytes(), 10)
    finally:
        child.terminate()
        child.wait(10)
    told = log.read_text()
    assert "connection refused" in told, "what is wrong is still said"
    for word in ("secret", "13800138000", "203.0.113.9", '"remote_ip"', '"uri"'):
        assert word not in told, told


def test_tls_by_its_own_ca(tmp_path: Path, backend: int, dist: Path) -> None:
    with door(tmp_path / "edge", backend, dist, Tls(names=("linli.test",))) as made:
        assert process.wait_until(made.root_certificate.exists, 10)
        context = ssl.create_default_context(cafile=str(made.root_certificate))
        assert process.wait_until(lambda: speaks_tls(made.port, context), 10)
        with httpx.Client(verify=context, trust_env=False) as client:
            url = f"https://127.0.0.1:{made.port}/x"
            extra = {"sni_hostname": "linli.test"}
            told = client.get(url, headers={"Host": f"linli.test:{made.port}"}, extensions=extra)
            assert told.text.startswith("https ")
            assert client.get(url).status_code == 200


def test_tls_by_a_given_certificate(tmp_path: Path, backend: int, dist: Path) -> None:
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=linli.test", "-addext", "subjectAltName=DNS:linli.test,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True,
    )  # fmt: skip
    with door(tmp_path / "edge", backend, dist, Tls(cert, key)) as made:
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context, trust_env=False) as client:
            told = client.get(f"https://127.0.0.1:{made.port}/x")
            assert told.text.startswith("https ")
            assert told.headers["Strict-Transport-Security"].startswith("max-age=")
