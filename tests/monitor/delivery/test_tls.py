"""Connecting to a checked address must not weaken TLS: the certificate still has to be the host's."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from monitor.delivery.addresses import Allowed
from monitor.delivery.post import Poster
from monitor.errors import DeliveryError
from tests.conftest import missing

HOST = "hooks.example.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for HOST, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl is not installed (apt-get install openssl)")
        raise AssertionError
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={HOST} "
        f"-addext subjectAltName=DNS:{HOST} -out {cert} -keyout {key}"
    )
    subprocess.run([openssl, *command.split()], check=True, capture_output=True)
    return cert, key


class Server:
    """An HTTPS server on loopback that keeps the names it was asked for: in the handshake, in the request."""

    def __init__(self, cert: Path, key: Path) -> None:
        self.asked: list[str | None] = []
        self.hosts: list[str] = []
        hosts = self.hosts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                hosts.append(self.headers["host"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.sni_callback = lambda sock, name, ctx: self.asked.append(name)
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Server]:
    running = Server(*certificate)
    yield running
    running.close()


def post(port: int, host: str, cert: Path) -> int:
    context = ssl.create_default_context(cafile=cert)
    poster = Poster(
        f"https://{host}:{port}/hook",
        Allowed.parse(["127.0.0.1"]),
        resolver=lambda name, p: ["127.0.0.1"],
        verify=context,
    )
    try:
        return poster.post("{}", {})
    finally:
        poster.close()


def test_the_handshake_and_the_request_carry_the_original_name(
    server: Server, certificate: tuple[Path, Path]
) -> None:
    assert post(server.port, HOST, certificate[0]) == 204
    assert server.asked == [HOST]
    assert server.hosts == [f"{HOST}:{server.port}"]


def test_a_certificate_of_somebody_else_is_refused(server: Server, certificate: tuple[Path, Path]) -> None:
    with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        post(server.port, "other.example.com", certificate[0])
    assert server.hosts == []


def test_an_unknown_issuer_is_refused(server: Server) -> None:
    poster = Poster(
        f"https://{HOST}:{server.port}/", Allowed.parse(["127.0.0.1"]), resolver=lambda name, p: ["127.0.0.1"]
    )
    with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
        poster.post("{}", {})
    poster.close()
