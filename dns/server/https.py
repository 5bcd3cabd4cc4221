"""DNS over HTTPS (RFC 8484): GET and POST over HTTP/2, whose grammar is the h2 library's business.

Only HTTP/2 is offered, as every browser and system speaks it (section 5.2). One path exists. What is not a DNS
question gets the status that says why (400, 404, 405, 413, 415); a DNS error is a DNS answer with status 200.
Answers say for how long a cache may keep them: as long as their shortest time to live (section 5.1).

A peer is broken off that keeps opening and cancelling questions, lets answers pile up, sends more than questions
are long, or much beside questions (pings, settings, empty frames: each costs us more than it costs the peer).
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from dns.errors import MalformedMessage
from dns.message.scanner import skim
from dns.message.wire import SOA
from dns.server.connection_limiter import Connection, House, Limits
from dns.server.http_request import LONGEST_QUESTION, MESSAGE, Request
from dns.server.stream_listener import Door
from dns.server.tcp import Handle
from dns.server.tls import Certificate

PROTOCOL = "h2"
CANCELLATIONS = 100  # more than there were questions answered; a browser that closes its pages cancels a few
BESIDE = 300  # frames beside questions that a peer may send; each question gives `BESIDE_A_QUESTION` more
BESIDE_A_QUESTION = 10
_AT_ONCE = 4096  # bytes; between two such portions it is looked at what they were
_HELD_BYTES = 2 * LONGEST_QUESTION  # of questions that are not whole yet, on one connection
_LONGEST_TARGET = 8192  # a path with a question in it
_NO_ERROR, _NO_SUCH_NAME = 0, 3
# A frame of 8 bytes, type 7, stream 0: the last stream is the highest there can be, and there was no error.
_GOODBYE = b"\0\0\x08\x07\0\0\0\0\0" + b"\x7f\xff\xff\xff" + b"\0\0\0\0"


class HttpsConnection(Connection):
    """One peer's connection: HTTP/2 streams, each with one question."""

    def __init__(
        self, address: str, now: float, *, handle: Handle, limits: Limits, clock: Callable[[], float]
    ) -> None:
        super().__init__(address, now)
        self._handle = handle
        self._limits = limits
        self._clock = clock
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._http = h2.connection.H2Connection(config)
        self._http.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: limits.questions_in_flight,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 2 * _LONGEST_TARGET,
                h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 0,
            },
        )
        self._requests: dict[int, Request] = {}
        self._unsent: dict[int, bytes] = {}  # what the peer's windows do not let us send yet
        self._cancelled = 0
        self._answered = 0
        self._beside = BESIDE
        self._is_ending = False

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        return bool(self._unsent or self._http.open_inbound_streams)

    def say_goodbye(self) -> None:
        """Tell the peer to ask what comes next on another connection; what is asked still gets its answer.

        This is RFC 9113, section 6.8. The library knows only the other use of the frame, the immediate end.
        """
        if self.transport is not None and not self.transport.is_closing():
            self._flush()
            self.transport.write(_GOODBYE)

    def finish(self) -> None:
        """Take no more questions, and part as soon as those under way are answered."""
        self._is_ending = True
        if not self.is_busy:
            self.part()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak, if the peer speaks HTTP/2."""
        super().connection_made(transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != PROTOCOL:
            self.break_off()
            return
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take the next bytes."""
        try:
            for at in range(0, len(data), _AT_ONCE):
                for event in self._http.receive_data(data[at : at + _AT_ONCE]):
                    self._take(event)
                if self._beside < 0:
                    self.break_off()
                    return
        except (h2.exceptions.H2Error, UnicodeDecodeError):
            self._flush()  # what the library wants to say before the end
            self.end()
            return
        self._flush()

    def end(self) -> None:
        """Close, after what is still to be sent."""
        if self.transport is not None:
            self.transport.close()

    def pause_writing(self) -> None:
        """Read no more from a peer that does not take its answers."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self.transport is not None:
            self.transport.resume_reading()

    def _take(self, event: h2.events.Event) -> None:
        self._beside -= 1
        if isinstance(event, h2.events.RequestReceived):
            self._begin(event)
        elif isinstance(event, h2.events.DataReceived):
            self._take_data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._ended(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._requests.pop(event.stream_id, None)
            self._unsent.pop(event.stream_id, None)
            self._cancelled += 1
            if self._cancelled > CANCELLATIONS + self._answered:
                self.break_off()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for stream in list(self._unsent):
                self._send_data(stream)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.end()

    def _begin(self, event: h2.events.RequestReceived) -> None:
        headers = [(str(name), str(value)) for name, value in event.headers or ()]
        self._requests[event.stream_id] = Request(headers)

    def _take_data(self, event: h2.events.DataReceived) -> None:
        self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        request = self._requests.get(event.stream_id)
        if request is None:
            return
        request.body += event.data or b""
        if len(request.body) > LONGEST_QUESTION:
            del self._requests[event.stream_id]
            self._respond(event.stream_id, 413)
        elif event.data:
            self._beside += 1  # it brought a part of a question
            if sum(len(one.body) for one in self._requests.values()) > _HELD_BYTES:
                self.break_off()

    def _ended(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is None:
            return
        question = request.question()
        if isinstance(question, int):
            self._respond(stream, question)
            return
        self.asks(self._clock())
        self._beside = min(self._beside + BESIDE_A_QUESTION, BESIDE)
        self._handle(question, self.address, partial(self._answer, stream), "https")

    def _answer(self, stream: int, message: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self._answered += 1
        self._respond(stream, 200, message)
        self._flush()

    def _respond(self, stream: int, status: int, message: bytes = b"") -> None:
        headers = [(":status", str(status)), ("content-length", str(len(message)))]
        if status == 405:
            headers.append(("allow", "GET, POST"))  # RFC 9110, section 15.5.6
        if status == 200:
            headers += [("content-type", MESSAGE), ("cache-control", f"max-age={lifetime(message)}")]
        try:
            self._http.send_headers(stream, headers, end_stream=not message)
        except h2.exceptions.H2Error:
            return  # the peer has cancelled this question, or said goodbye
        if message:
            self._unsent[stream] = message
            self._send_data(stream)

    def _send_data(self, stream: int) -> None:
        """Send as much of an answer as the peer's windows take."""
        data = self._unsent.pop(stream)
        try:
            while data:
                room = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size)
                if room <= 0:
                    self._unsent[stream] = data
                    return
                self._http.send_data(stream, data[:room], end_stream=len(data) <= room)
                data = data[room:]
        except h2.exceptions.H2Error:
            return  # as above

    def _flush(self) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if data := self._http.data_to_send():
            transport.write(data)
        waiting = transport.get_write_buffer_size() + sum(map(len, self._unsent.values()))
        if waiting > self._limits.unread_bytes:
            transport.abort()
        elif self._is_ending and not self.is_busy:
            self.part()


def https_door(
    sock: socket.socket,
    handle: Handle,
    certificate: Certificate,
    *,
    limits: Limits,
    house: House | None = None,
    welcome: Callable[[str], bool] | None = None,
) -> Door:
    """Return a door behind which DNS over HTTPS is spoken, in the running loop. It is not open yet."""
    clock = asyncio.get_running_loop().time

    def make(address: str, now: float) -> HttpsConnection:
        return HttpsConnection(address, now, handle=handle, limits=limits, clock=clock)

    return Door(sock, make, limits=limits, house=house, welcome=welcome, context=certificate.context)


def lifetime(message: bytes) -> int:
    """Return for how many seconds an HTTP cache may keep an answer (RFC 8484, section 5.1)."""
    try:
        skimmed = skim(message)
    except MalformedMessage:
        return 0
    if message[3] & 0x0F not in {_NO_ERROR, _NO_SUCH_NAME}:
        return 0
    lives = [record.ttl for record in skimmed.answer]
    if not lives:
        for record in skimmed.authority:
            if record.rtype == SOA and record.data_bytes >= 4:
                end = record.data_at + record.data_bytes
                lives += [record.ttl, int.from_bytes(message[end - 4 : end], "big")]
    return min(lives, default=0)
