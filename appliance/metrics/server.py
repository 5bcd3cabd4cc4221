"""Serves figures to named networks over plain HTTP: one address, one thread, one reader at a time.

Whoever does not come from a named network is cut off before a byte is read. A reader has `DEADLINE_SECONDS` for
everything, so that one that hangs keeps another waiting for no longer. An address that cannot be had is tried
again and again: neither DNS nor a page ever waits for figures.
"""

import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from appliance.metrics.samples import CONTENT_TYPE
from appliance.settings.metrics import MetricsSection

PATH = "/metrics"
DEADLINE_SECONDS = 5.0
RETRY_SECONDS = 30.0

log = logging.getLogger("hallpass.metrics")


class MetricsServer:
    """The thread that serves."""

    def __init__(
        self, settings: MetricsSection, render: Callable[[], bytes], *, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        """`render` returns the figures of now; what it raises is answered with 500, in one line."""
        self._settings = settings
        self._render = render
        self._retry_seconds = retry_seconds
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to serve, as soon as the address can be had."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more."""
        self._stopping.set()
        server = self._server
        if server is not None:
            server.shutdown()
        if self._thread.is_alive():
            self._thread.join(timeout=DEADLINE_SECONDS)

    def _run(self) -> None:
        said = ""
        while not self._stopping.is_set():
            try:
                server = _Server(self._settings, self._render)
            except OSError as problem:
                words = f"figures cannot be served at {self._settings.listen}: {problem.strerror or problem}"
                if words != said:
                    log.error("%s; it is tried again", words)  # noqa: TRY400 (one line for a technician)
                said = words
                self._stopping.wait(self._retry_seconds)
                continue
            with server:
                self._server = server
                if not self._stopping.is_set():
                    server.serve_forever(poll_interval=0.2)
            return


class _Server(HTTPServer):
    request_queue_size = 16

    def __init__(self, settings: MetricsSection, render: Callable[[], bytes]) -> None:
        self.address_family = socket.AF_INET6 if ":" in settings.listen.host else socket.AF_INET
        self.render = render
        self._networks = tuple(ipaddress.ip_network(one.text) for one in settings.readers)
        super().__init__((settings.listen.host, settings.listen.port), _Handler)

    def server_bind(self) -> None:
        """Bind. No name is looked up for it, as the library's own does: a room may have no DNS but its own."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 (the library's signature)
        """Tell whether who comes may read."""
        address = ipaddress.ip_address(str(client_address[0]).partition("%")[0])
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self._networks)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer, and break off where that takes too long."""
        deadline = threading.Timer(DEADLINE_SECONDS, _break_off, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request(request, client_address)
        finally:
            deadline.cancel()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (the library's signature)
        """Pass over a reader that went away."""
        log.debug("a reader of figures went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "hallpass"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the figures."""
        if self.path.partition("?")[0] != PATH:
            self._answer(404, f"the figures are at {PATH}\n".encode(), "text/plain; charset=utf-8")
            return
        try:
            body = self.server.render()
        except Exception:  # a reader of figures learns that there are none; nothing else is disturbed
            log.exception("the figures cannot be had")
            self._answer(500, b"the figures cannot be had; the log says why\n", "text/plain; charset=utf-8")
            return
        self._answer(200, body, CONTENT_TYPE)

    def log_message(self, *_arguments: object) -> None:
        """Write nothing: a reader comes every few seconds."""

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _break_off(request: socket.socket) -> None:
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)
