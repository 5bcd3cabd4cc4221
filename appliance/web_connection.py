"""One client's connection to a web server: its requests one after the other (HTTP/1.1, RFC 9112), each on time.

Runs in a greenlet and touches the network alone. The application runs in native threads (`appliance.web_threads`),
and is called when the whole request has arrived; what it answers is taken there as well, a quarter of a mebibyte
at a time. Only a stream is driven here (`appliance.web_stream`), because it waits with `appliance.signal.Signal`.
"""

import contextlib
import itertools
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import IO, Any, Protocol, TypeVar

import gevent
import gevent.socket
import gevent.ssl
import msgspec
from gunicorn import http
from gunicorn.http import wsgi

from appliance.pinned_tls import (
    HELLO_BYTES,
    PEER_CERTIFICATE,
    UNRECOGNIZED_NAME,
    PinnedContexts,
    find_authority_id,
    needed_hello_bytes,
)
from appliance.problem_details import MEDIA_TYPE, ProblemType, problem_of_status
from appliance.web_connections import ConnectionTable, Phase, client_address
from appliance.web_server import (
    OWN_ADDRESS,
    STREAM,
    TCP_KEEPALIVE_IDLE_SECONDS,
    TCP_KEEPALIVE_INTERVAL_SECONDS,
    TCP_USER_TIMEOUT_SECONDS,
    WebLimits,
)
from appliance.web_stream import ClientGone, Lines, WebStream
from appliance.web_threads import WebThreads

T = TypeVar("T")

_READ_BYTES = 8 * 1024  # of a body at once: the reader waits until so much has come
_PIECE_BYTES = 64 * 1024
_TAKEN_BYTES = 256 * 1024  # of a response at once
_BUFFERED_BODY_BYTES = 256 * 1024  # a larger body waits in a file
_ALIVE = (  # how the kernel finds out that a client has vanished: level, option, value
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, TCP_KEEPALIVE_IDLE_SECONDS),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, TCP_KEEPALIVE_INTERVAL_SECONDS),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(TCP_USER_TIMEOUT_SECONDS * 1000)),
)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: forget the connection at once, keep nothing for it
_REFUSALS = {
    408: ("Request Timeout", problem_of_status(408, "Request Timeout", "the request did not come in time")),
    413: ("Content Too Large", ProblemType.TOO_LARGE.describe("it is larger than anything that is taken here")),
    503: ("Service Unavailable", ProblemType.BUSY.describe("come again in a moment")),
}


class _Refused(Exception):
    """A request that no application sees: its status, and a problem in words (RFC 9457)."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        reason, problem = _REFUSALS[status]
        body = msgspec.json.encode(problem)
        head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {MEDIA_TYPE}\r\n"
        self.answer = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Server(Protocol):
    """What a connection needs of the worker that accepted it."""

    cfg: Any
    log: Any
    wsgi: Any
    alive: bool
    limits: WebLimits
    connections: ConnectionTable
    threads: WebThreads
    rooms_tls: PinnedContexts | None

    def handle_error(self, request: Any, connection: Any, address: Any, fault: Exception) -> None:
        """Answer a request that is none, or that the application failed on."""

    def name_client(self, environ: dict[str, Any]) -> None:
        """Put the client's address where a trusted proxy's stands."""


class WebConnection:
    """One connection."""

    def __init__(
        self,
        server: Server,
        accepted: gevent.socket.socket,
        client: Any,
        local: Any,
        *,
        tls: gevent.ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._tls = tls
        self._limits = server.limits
        self._socket = accepted
        self._client = client  # its address and port
        self._local = local  # ours
        self._own_address = ""
        self._request: Any = None
        self._stream: WebStream | None = None
        self._peer_certificate = b""  # DER

    def evict(self, *, reset: bool) -> None:
        """Close at once: its greenlet hears that the client is gone, whatever it waits for."""
        with contextlib.suppress(OSError):
            if reset:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            gevent.socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # that of TLS would forget its session

    def run(self) -> None:
        """Serve until either side has enough. Nothing that a client does raises past here."""
        try:
            self._serve_requests()
            if self._stream is not None:
                self._stream.send_lines(self._socket)
        except (http.errors.NoMoreData, OSError, StopIteration, gevent.Timeout, ClientGone):
            pass  # gone, or too slow
        except _Refused as refused:
            self._refuse(refused.answer)
        except Exception as fault:  # noqa: BLE001 (no request at all, or a fault of the application)
            request = self._request if self._stream is None else self._stream.request
            self._server.handle_error(request, self._socket, self._client, fault)
        finally:
            self._server.connections.remove(self)
            with contextlib.suppress(OSError):
                self._socket.close()

    def _serve_requests(self) -> None:
        for level, option, value in _ALIVE:
            self._socket.setsockopt(level, option, value)
        self._socket.settimeout(self._limits.send_seconds)
        self._own_address = client_address(self._socket.getsockname())
        if self._server.rooms_tls is not None:
            self._greet(self._server.rooms_tls)
        if self._tls is not None:
            self._shake_hands(self._tls)
        parser = http.get_parser(self._server.cfg, self._socket, self._client)
        for number in itertools.count():
            self._request = None
            if not self._await_request(parser, is_first=number == 0):
                return
            with gevent.Timeout(self._limits.header_seconds, _Refused(408)):
                self._request = next(parser)
            may_go_on = self._respond(self._request)
            if self._stream is not None:
                self._request, self._peer_certificate = None, b""
            if not may_go_on:
                return

    def _greet(self, rooms_tls: PinnedContexts) -> None:
        """Look at what a client says first, without taking it: a room names the authority that it trusts."""
        patience = self._limits.header_seconds if self._tls is None else self._limits.handshake_seconds
        with gevent.Timeout(patience):
            hello = self._peek_hello()
        if authority_id := find_authority_id(hello):
            self._tls = rooms_tls.find_context(authority_id)
            if self._tls is None:
                self._refuse(UNRECOGNIZED_NAME)
                raise ClientGone

    def _peek_hello(self) -> bytes:
        """Return a client's first message as soon as enough of it is there. Raises ClientGone.

        What was looked at stays readable, so the kernel is told how much has to be there before it wakes us
        (SO_RCVLOWAT, socket(7)): thousands who send a byte at a time cost nothing in between.
        """
        needed = 1
        while True:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, needed)
            gevent.socket.wait_read(self._socket.fileno())
            hello = self._socket.recv(HELLO_BYTES, socket.MSG_PEEK)
            if len(hello) < needed:
                raise ClientGone  # no more will come
            needed = needed_hello_bytes(hello)
            if needed <= len(hello):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
                return bytes(hello)

    def _shake_hands(self, context: gevent.ssl.SSLContext) -> None:
        with gevent.Timeout(self._limits.handshake_seconds):
            self._socket = gevent.ssl.SSLSocket(
                sock=self._socket, server_side=True, do_handshake_on_connect=False, _context=context
            )
            self._socket.do_handshake()
        if context.verify_mode != gevent.ssl.CERT_NONE:
            self._peer_certificate = self._socket.getpeercert(binary_form=True) or b""

    def _await_request(self, parser: Any, *, is_first: bool) -> bool:
        """Return whether a request has begun."""
        begun: bytes = parser.unreader.take_buffered()
        if not begun:
            if not is_first:
                self._enter(Phase.IDLE)
            with gevent.Timeout(self._limits.header_seconds if is_first else self._limits.idle_seconds):
                begun = self._socket.recv(8192)
        parser.unreader.unread(begun)
        self._enter(Phase.RECEIVING)
        return bool(begun)

    def _respond(self, request: Any) -> bool:
        """Answer one request, and return whether there may be another."""
        began = datetime.now()  # noqa: DTZ005 (the access log's, for the difference)
        announced = next((int(value) for name, value in request.headers if name == "CONTENT-LENGTH"), 0)
        if announced > self._limits.max_body_bytes:
            raise _Refused(413)
        response, environ = wsgi.create(request, self._socket, self._client, self._local, self._server.cfg)
        if self._tls is not None:
            environ["wsgi.url_scheme"] = "https"  # gunicorn knows of no certificate; else a trusted proxy says it
        environ[OWN_ADDRESS] = self._own_address
        environ[PEER_CERTIFICATE] = self._peer_certificate
        self._server.name_client(environ)
        with tempfile.SpooledTemporaryFile(_BUFFERED_BODY_BYTES) as body:
            if _receive_body(request.body, body, self._limits) < announced:
                raise ClientGone  # half a form is another form; a refusal would be taken for the whole's
            self._enter(Phase.SERVING)
            if not self._server.alive:
                response.force_close()
            environ["wsgi.input"] = body
            environ["wsgi.multithread"] = True
            try:
                self._serve_application(environ, response)
            except Exception:
                if response.headers_sent:  # a second status would be read as a part of the first answer
                    self._server.log.debug("an answer was broken off", exc_info=True)
                    raise ClientGone from None
                raise
        if self._stream is None:  # nobody logs when a stream ended
            self._server.log.access(response, request, environ, datetime.now() - began)  # noqa: DTZ005
        return not response.should_close()

    def _serve_application(self, environ: dict[str, Any], response: Any) -> None:
        client = environ["REMOTE_ADDR"]
        call = partial(self._call_in_thread, client)
        body: _Body = call(lambda: _Body(self._server.wsgi, environ, response.start_response))
        if environ.get(STREAM):
            self._begin_stream(body.answer, response, client)
            return
        try:
            self._enter(Phase.SENDING)
            self._send(response, body.begun)
            while not body.is_over:
                self._send(response, call(body.take))
            response.close()
        finally:
            call(body.close)

    def _call_in_thread(self, client: str, function: Callable[[], T]) -> T:
        try:
            return self._server.threads.call(client, function)
        except OSError as problem:
            raise RuntimeError("the application failed") from problem  # else taken for a client that is gone

    def _send(self, response: Any, data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            response.write(data[start : start + _PIECE_BYTES])

    def _begin_stream(self, lines: Lines, response: Any, client: str) -> None:
        """Leave the rest to a stream, as soon as all that was needed for the request is gone."""
        if not self._server.connections.enter(self, Phase.STREAMING, client):
            lines.close()
            raise _Refused(503)
        self._stream = WebStream(lines, response)

    def _enter(self, phase: Phase) -> None:
        if not self._server.connections.enter(self, phase):
            raise ClientGone

    def _refuse(self, head: bytes) -> None:
        """Say why, and let the client read it: closing at once on what it still sends would reset that too."""
        with contextlib.suppress(OSError, gevent.Timeout), gevent.Timeout(2.0):
            self._socket.sendall(head)
            self._socket.shutdown(socket.SHUT_WR)
            for _ in range(64):
                if not self._socket.recv(_PIECE_BYTES):
                    break


class _Body:
    """What the application answers. Made, taken and closed in native threads, a stream excepted."""

    def __init__(self, application: Any, environ: dict[str, Any], start_response: Any) -> None:
        self.answer = application(environ, start_response)
        self._items = iter(self.answer)
        self.is_over = False
        self.begun = b""
        if environ.get(STREAM):
            return
        try:
            self.begun = self.take()
        except BaseException:
            self.close()
            raise

    def take(self) -> bytes:
        """Return the next quarter of a mebibyte or so."""
        taken: list[bytes] = []
        length = 0
        while length < _TAKEN_BYTES:
            item = next(self._items, None)
            if item is None:
                self.is_over = True
                break
            taken.append(item)
            length += len(item)
        return b"".join(taken)

    def close(self) -> None:
        """Let the application clean up."""
        if close := getattr(self.answer, "close", None):
            close()


def _receive_body(reader: Any, body: IO[bytes], limits: WebLimits) -> int:
    """Take in a request's body; return how many bytes came. Raises _Refused where it is late or too large."""
    received, until = 0, time.monotonic() + limits.body_seconds
    while True:
        remaining = until + received / limits.min_body_rate - time.monotonic()
        with gevent.Timeout(max(remaining, 0), _Refused(408)):
            piece = reader.read(min(_READ_BYTES, limits.max_body_bytes + 1 - received))
        if not piece:
            body.seek(0)
            return received
        received += len(piece)
        if received > limits.max_body_bytes:
            raise _Refused(413)
        body.write(piece)
