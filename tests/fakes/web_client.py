"""A client of a web server that stops wherever it is told to: bare sockets, from any loopback address."""

import contextlib
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.settings.values import CertificateFiles, Endpoint
from appliance.web_server import StepsAside, WebLimits, gunicorn_arguments
from appliance.web_standby import StandsBy
from tests.e2e.school import Process, until
from tests.fakes.ports import free_port

PATIENCE_SECONDS = 30.0


class WebClient:
    """Opens connections to one server."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self.port = port
        self._tls = tls

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Return a connection on which nothing was said."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS, (source, 0))

    def open(self, source: str = "127.0.0.1") -> socket.socket:
        """Return a connection that a request may be sent on."""
        connection = self.connect(source)
        if not self._tls:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(connection)

    def get(self, path: str = "/", *, source: str = "127.0.0.1", headers: str = "") -> tuple[int, bytes]:
        """Fetch a page on a connection of its own, and return its status and what it says."""
        with self.open(source) as connection:
            connection.sendall(request(path, f"Connection: close\r\n{headers}"))
            return split(read_all(connection))

    def begin(self, data: bytes, source: str = "127.0.0.1") -> socket.socket:
        """Return a connection on which so much was said, and no more."""
        connection = self.open(source)
        connection.sendall(data)
        return connection


def server_command(arguments: Sequence[str]) -> list[str]:
    """Return the command of a server of its own; `arguments` are those of `gunicorn_arguments`."""
    return [sys.executable, "-m", "tests.fakes.web_server", *arguments]


def request(path: str = "/", headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes, in whatever way."""
    received = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
        while data := connection.recv(65536):
            received += data
    return received


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received:
        data = connection.recv(65536)
        assert data, received
        received += data
    return received


def split(response: bytes) -> tuple[int, bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@contextlib.contextmanager
def web_site(
    folder: Path,
    *,
    limits: WebLimits | None = None,
    threads: int = 2,
    tls: tuple[Path, Path] | None = None,
    files: int | None = None,
    steps_aside: StepsAside | None = None,
    stands_by: StandsBy | None = None,
) -> Iterator[tuple[WebClient, Process]]:
    """Serve `tests.fakes.web_site` by the real server, with at most so many open files."""
    port = free_port()
    site, listen = "tests.fakes.web_site:create_app()", Endpoint("127.0.0.1", port)
    shown = [CertificateFiles(certificate=tls[0], key=tls[1])] if tls is not None else []
    command = server_command(
        gunicorn_arguments(
            site,
            listen,
            threads=threads,
            tls=shown,
            limits=limits,
            steps_aside=steps_aside,
            stands_by=stands_by,
        )
    )
    if files is not None:
        setting = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}));"
        command = [sys.executable, "-c", f"{setting} os.execv(sys.argv[1], sys.argv[1:])", *command]
    process = Process(folder, "site", *command)
    client = WebClient(port, tls=tls is not None)
    try:
        until("the site", lambda: _answers(client))
        yield client, process
    finally:
        process.stop()


def _answers(client: WebClient) -> bool:
    try:
        return client.get() == (200, b"hello")
    except OSError:
        return False
