"""DNS over HTTPS (RFC 8484): GET and POST over HTTP/2, whose grammar is the h2 library's business.

Every browser and system speaks HTTP/2 (section 5.2); who cannot is answered over HTTP/1.1
(`dns.server.http1_session`). One path exists. What is not a DNS question gets the status that says why (400, 404,
405, 413, 415); a DNS error is a DNS answer with status 200.
Answers say for how long a cache may keep them: as long as their shortest time to live (section 5.1).

A peer is aborted that keeps opening and cancelling questions, lets answers pile up, sends more than questions
are long, or much beside questions (pings, settings, empty frames: each costs us more than it costs the peer), or
announces a frame longer than any may be.
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

from dns.http2_frames import PREFACE_BYTES, FrameLengths
from dns.server.connection_limiter import ClientConnection, ConnectionLimiter, ConnectionLimits
from dns.server.http1_session import Http1Session
from dns.server.http_request import MAX_PATH_BYTES, MAX_QUERY_BYTES, DohRequest, response_headers
from dns.server.stream_listener import StreamListener
from dns.server.tcp import QueryHandler
from dns.server.tls import HTTPS_ALPN_PROTOCOL, Certificate

MAX_CANCELLATIONS = 100  # more than there were questions answered; a browser that closes its pages cancels a few
MAX_OTHER_FRAMES = (
    300  # frames beside questions that a peer may send; each question gives `OTHER_FRAMES_PER_QUERY` more
)
OTHER_FRAMES_PER_QUERY = 10
_READ_CHUNK_BYTES = 4096  # bytes; between two such chunks it is looked at what they were
_MAX_HELD_BYTES = 2 * MAX_QUERY_BYTES  # of questions that are not whole yet, on one connection
# A frame of 8 bytes, type 7, stream 0: the last stream is the highest there can be, and there was no error.
_GOAWAY_FRAME = b"\0\0\x08\x07\0\0\0\0\0" + b"\x7f\xff\xff\xff" + b"\0\0\0\0"


class HttpsConnection(ClientConnection):
    """One peer's connection: HTTP/2 streams, each with one question."""

    def __init__(
        self,
        address: str,
        now: float,
        *,
        handle: QueryHandler,
        limits: ConnectionLimits,
        clock: Callable[[], float],
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
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: limits.max_queries_in_flight,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 2 * MAX_PATH_BYTES,
                h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 0,
            },
        )
        self._frame_lengths = FrameLengths(PREFACE_BYTES)
        self._requests: dict[int, DohRequest] = {}
        self._unsent: dict[int, bytes] = {}  # what the peer's windows do not let us send yet
        self._cancelled_count = 0
        self._answered_count = 0
        self._other_frames_left = MAX_OTHER_FRAMES
        self._is_draining = False
        self._http1: Http1Session | None = None  # with whom that is spoken

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        if self._http1 is not None:
            return self._http1.is_busy
        return bool(self._unsent or self._http.open_inbound_streams)

    @property
    def is_answering(self) -> bool:
        """Whether a question is under way: on a stream whose question is whole."""
        if self._http1 is not None:
            return self._http1.is_answering
        return bool(self._unsent) or self._http.open_inbound_streams > len(self._requests)

    def send_goaway(self) -> None:
        """Tell the peer to ask what comes next on another connection; what is asked still gets its answer.

        This is RFC 9113, section 6.8. The library knows only the other use of the frame, the immediate end.
        """
        if self._http1 is not None:
            self._http1.is_draining = True
        elif self.transport is not None and not self.transport.is_closing():
            self._flush()
            self.transport.write(_GOAWAY_FRAME)

    def drain(self) -> None:
        """Take no more questions, and close as soon as those under way are answered."""
        self._is_draining = True
        if not self.is_busy:
            self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak, if the peer speaks HTTP/2."""
        super().connection_made(transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if self.transport is not None and tls is not None and tls.selected_alpn_protocol() != HTTPS_ALPN_PROTOCOL:
            self._http1 = Http1Session(self.transport, self._ask_over_http1)
            return
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._http1 is not None:
            self._http1.receive_data(data)
            return
        if not self._frame_lengths.are_allowed(data):
            self.abort()
            return
        try:
            for at in range(0, len(data), _READ_CHUNK_BYTES):
                for event in self._http.receive_data(data[at : at + _READ_CHUNK_BYTES]):
                    self._handle_event(event)
                if self._other_frames_left < 0:
                    self.abort()
                    return
        except (h2.exceptions.H2Error, UnicodeDecodeError):
            self._flush()  # what the library wants to say before the end
            self.close()
            return
        self._flush()

    def _ask_over_http1(self, question: bytes, respond: Callable[[bytes], None]) -> None:
        self.note_query(self._clock())
        self._handle(question, self.address, partial(self._answer_over_http1, respond), "https")

    def _answer_over_http1(self, respond: Callable[[bytes], None], message: bytes) -> None:
        respond(message)
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size() > self._limits.max_unread_bytes:
            transport.abort()
        elif self._is_draining and not self.is_busy:
            self.close()

    def pause_writing(self) -> None:
        """Read no more from a peer that does not take its answers."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self.transport is not None:
            self.transport.resume_reading()

    def _handle_event(self, event: h2.events.Event) -> None:
        self._other_frames_left -= 1
        if isinstance(event, h2.events.RequestReceived):
            self._start_request(event)
        elif isinstance(event, h2.events.DataReceived):
            self._add_request_data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._end_request(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._requests.pop(event.stream_id, None)
            self._unsent.pop(event.stream_id, None)
            self._cancelled_count += 1
            if self._cancelled_count > MAX_CANCELLATIONS + self._answered_count:
                self.abort()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for stream in list(self._unsent):
                self._send_data(stream)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.close()

    def _start_request(self, event: h2.events.RequestReceived) -> None:
        headers = [(str(name), str(value)) for name, value in event.headers or ()]
        self._requests[event.stream_id] = DohRequest(headers)

    def _add_request_data(self, event: h2.events.DataReceived) -> None:
        self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        request = self._requests.get(event.stream_id)
        if request is None:
            return
        request.body += event.data or b""
        if len(request.body) > MAX_QUERY_BYTES:
            del self._requests[event.stream_id]
            self._send_http_response(event.stream_id, 413)
        elif event.data:
            self._other_frames_left += 1  # it brought a part of a question
            if sum(len(one.body) for one in self._requests.values()) > _MAX_HELD_BYTES:
                self.abort()

    def _end_request(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is None:
            return
        question = request.dns_query()
        if isinstance(question, int):
            self._send_http_response(stream, question)
            return
        self.note_query(self._clock())
        self._other_frames_left = min(self._other_frames_left + OTHER_FRAMES_PER_QUERY, MAX_OTHER_FRAMES)
        self._handle(question, self.address, partial(self._send_dns_answer, stream), "https")

    def _send_dns_answer(self, stream: int, message: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        self._answered_count += 1
        self._send_http_response(stream, 200, message)
        self._flush()

    def _send_http_response(self, stream: int, status: int, message: bytes = b"") -> None:
        headers = [(":status", str(status)), *response_headers(status, message)]
        try:
            self._http.send_headers(stream, headers, end_stream=not message)
        except h2.exceptions.H2Error:
            return  # the peer has cancelled this question, or sent GOAWAY
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
        if waiting > self._limits.max_unread_bytes:
            transport.abort()
        elif self._is_draining and not self.is_busy:
            self.close()


def https_listener(
    sock: socket.socket,
    handle: QueryHandler,
    certificate: Certificate,
    *,
    limits: ConnectionLimits,
    limiter: ConnectionLimiter | None = None,
    is_allowed: Callable[[str], bool] | None = None,
) -> StreamListener:
    """Return a listener for DNS over HTTPS, in the running loop. It does not accept yet."""
    clock = asyncio.get_running_loop().time

    def make(address: str, now: float) -> HttpsConnection:
        return HttpsConnection(address, now, handle=handle, limits=limits, clock=clock)

    return StreamListener(
        sock,
        make,
        limits=limits,
        limiter=limiter,
        is_allowed=is_allowed,
        tls_context=partial(certificate.current_context, HTTPS_ALPN_PROTOCOL),
    )
