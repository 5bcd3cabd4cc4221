"""DNS over TCP (RFC 7766): messages with two bytes of length before each, any number of them on a connection.

Questions may follow each other without waiting (pipelining); each is answered as soon as its answer is there,
in whatever order (section 6.2.1.1). A length that no DNS message can have ends the connection, and so does an
answer where a question should be: what follows cannot be understood any more. A device that asks faster than it
reads is not read from until it has caught up; one that leaves too much unread is aborted. DNS over TLS (RFC
7858) is the same inside a TLS connection.
"""

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

from dns.message.header import QR
from dns.server.connection_limiter import ClientConnection, ConnectionLimits
from dns.server.stream_listener import StreamListener, open_tcp_socket

_LENGTH_BYTES = 2
_MIN_MESSAGE_BYTES = 12  # a header
Transport = Literal["udp", "tcp", "tls", "https"]


class QueryHandler(Protocol):
    """Answers a question: calls `send` once, now or later, or never."""

    def __call__(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        """Take a question from a device."""


def listen_tcp(
    host: str,
    port: int,
    handle: QueryHandler,
    *,
    limits: ConnectionLimits | None = None,
    is_allowed: Callable[[str], bool] | None = None,
) -> StreamListener:
    """Answer DNS over TCP at an address, in the running loop, until the listener is closed. Raises OSError."""
    bounds = limits or ConnectionLimits()
    clock = asyncio.get_running_loop().time

    def make(address: str, now: float) -> TcpConnection:
        return TcpConnection(address, now, handle=handle, limits=bounds, clock=clock)

    listener = StreamListener(open_tcp_socket(host, port), make, limits=bounds, is_allowed=is_allowed)
    listener.start_accepting()
    return listener


class TcpConnection(ClientConnection):
    """One device's connection."""

    def __init__(
        self,
        address: str,
        now: float,
        *,
        handle: QueryHandler,
        limits: ConnectionLimits,
        clock: Callable[[], float],
        transport: Transport = "tcp",
    ) -> None:
        super().__init__(address, now)
        self._handle = handle
        self._limits = limits
        self._clock = clock
        self._transport_name = transport
        self._received = bytearray()
        self._in_flight = 0
        self._is_paused = False
        self._is_reading = False
        self._is_draining = False

    def data_received(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._received += data
        self._read_queries()

    def eof_received(self) -> bool:
        """Answer what was asked before the device closed its side, then close ours."""
        self._is_draining = True
        return self._in_flight > 0 and self._transport_name == "tcp"  # TLS cannot be half open

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        return bool(self._in_flight or self._received)

    @property
    def is_answering(self) -> bool:
        """Whether a question is under way."""
        return self._in_flight > 0

    def drain(self) -> None:
        """Take no more questions, and close as soon as those under way are answered."""
        self._is_draining = True
        if not self._in_flight:
            self.close()
        elif self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        """Ask the device for nothing more: it does not take the answers it has."""
        self._is_paused = True
        self._pause_if_needed()

    def resume_writing(self) -> None:
        """Go on: the device has caught up."""
        self._is_paused = False
        self._resume_reading()

    def _read_queries(self) -> None:
        """Hand on every whole question that may be handed on now."""
        if self._is_reading:
            return  # a question was answered within this very call: the loop below goes on by itself
        self._is_reading = True
        received = self._received
        at = 0
        while len(received) - at >= _LENGTH_BYTES and not self._must_wait():
            length = int.from_bytes(received[at : at + _LENGTH_BYTES], "big")
            if length < _MIN_MESSAGE_BYTES:
                self.abort()
                received.clear()
                at = 0
                break
            end = at + _LENGTH_BYTES + length
            if len(received) < end:
                break
            packet = bytes(received[at + _LENGTH_BYTES : end])
            if packet[2] & QR:  # whoever sends answers is no device, and would get none
                self.abort()
                received.clear()
                at = 0
                break
            at = end
            self.note_query(self._clock())
            self._in_flight += 1
            self._handle(packet, self.address, self._send_response, self._transport_name)
        del received[:at]
        self._is_reading = False
        self._pause_if_needed()

    def _must_wait(self) -> bool:
        return self._is_paused or self._in_flight >= self._limits.max_queries_in_flight or self.transport is None

    def _pause_if_needed(self) -> None:
        if self._must_wait() and self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._must_wait() or self.transport is None:
            return
        self._read_queries()
        if not self._must_wait() and not self.transport.is_reading() and not self._is_draining:
            self.transport.resume_reading()

    def _send_response(self, answer: bytes) -> None:
        self._in_flight -= 1
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        transport.write(len(answer).to_bytes(_LENGTH_BYTES, "big") + answer)
        if transport.get_write_buffer_size() > self._limits.max_unread_bytes:
            transport.abort()
        elif self._is_draining and not self._in_flight:
            transport.close()
        elif not self._is_reading:
            self._resume_reading()
