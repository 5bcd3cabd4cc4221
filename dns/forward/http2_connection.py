"""One connection to a server over HTTPS (RFC 8484), whose grammar is the h2 library's business (RFC 9113).

Every question is a stream. All leave at once, and answers come in any order: one that takes long holds up no
other, which is why no general client is used here (in those, whoever waits for a stream reads for all, and the
next in turn waits for more although its own is there). Where the server's windows or its limit of streams leave no
room, questions wait for it. A stream that is not whole within `STREAM_SECONDS` is cancelled, so that what a server
never answers takes no place for ever.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from dns.forward.pending_query import PendingQuery
from dns.http2_frames import FrameLengths
from dns.message.constants import MEDIA_TYPE

MAX_IN_FLIGHT = 500  # questions, those that wait for room among them
IDLE_SECONDS = 60.0
STALLED_SECONDS = 3.0  # with open questions and not a byte
STREAM_SECONDS = 10.0  # an answer may come late, for the next who asks
CHECK_SECONDS = 1.0
_MAX_MESSAGE_BYTES = 65535
_QUERY_BYTES = 512  # a question of ours has at most 282, padded to 384


class ConnectionOwner(Protocol):
    """Who asks over a connection, and hears from it."""

    def request_headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of a question, all but its length."""

    def handle_answer(self, pending: PendingQuery, data: bytes) -> None:
        """Take what came for a question."""

    def handle_unusable(self, pending: PendingQuery, problem: str) -> None:
        """Hear, in words, why nothing usable came for a question."""

    def handle_lost_connection(
        self, connection: "Http2Connection", queries: list[PendingQuery], *, had_answers: bool
    ) -> None:
        """Take back the questions of a connection that ended."""

    def detach_connection(self, connection: "Http2Connection") -> None:
        """Ask nothing more over a connection that is about to end."""


class _Stream:
    """One question under way, and what has come for it."""

    __slots__ = ("body", "pending", "problem", "started_at")

    def __init__(self, pending: PendingQuery, now: float) -> None:
        self.pending = pending
        self.started_at = now
        self.body = bytearray()
        self.problem = "no answer"  # until its headers have come


class Http2Connection(asyncio.Protocol):
    """One connection: the questions that are open on it, by stream."""

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self._frame_lengths = FrameLengths()
        self._streams: dict[int, _Stream] = {}  # the oldest first
        self._waiting: deque[PendingQuery] = deque()  # for room
        self._had_answers = False
        self._last_use = self._heard_at = self._loop.time()
        self._check: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None and not self._transport.is_closing()

    def has_query(self, pending: PendingQuery) -> bool:
        """Tell whether a question is open on this connection."""
        return pending in self._waiting or any(one.pending is pending for one in self._streams.values())

    def send_query(self, pending: PendingQuery) -> bool:
        """Send a question. Tell False where the connection has too many open, or is ending."""
        if not self.is_open or len(self._streams) + len(self._waiting) >= MAX_IN_FLIGHT:
            return False
        self._last_use = self._loop.time()
        if not self._streams and not self._waiting:
            self._heard_at = self._last_use
        self._waiting.append(pending)
        self._send_waiting()
        return True

    def abort_if_stalled(self) -> None:
        """Break a connection on which nothing has come for long although something should."""
        if (self._streams or self._waiting) and self._loop.time() - self._heard_at > STALLED_SECONDS:
            self._owner.detach_connection(self)
            self.abort()

    def abandon(self) -> None:
        """Close without telling anybody."""
        self._streams.clear()
        self._waiting.clear()
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        self._transport = cast("asyncio.Transport", transport)
        self._http.initiate_connection()
        self._flush()
        self._check = self._loop.call_later(CHECK_SECONDS, self._check_streams)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._heard_at = self._loop.time()
        if not self._frame_lengths.are_allowed(data):
            self._owner.detach_connection(self)
            self.abort()
            return
        try:
            for event in self._http.receive_data(data):
                self._handle_event(event)
        except h2.exceptions.H2Error:
            self._flush()  # what the library wants to say before the end
            self._owner.detach_connection(self)
            self.abort()
            return
        self._send_waiting()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Hand the open questions back."""
        if self._check is not None:
            self._check.cancel()
        queries = [*(stream.pending for stream in self._streams.values()), *self._waiting]
        self._streams.clear()
        self._waiting.clear()
        left = [pending for pending in queries if not pending.is_finished]
        self._owner.handle_lost_connection(self, left, had_answers=self._had_answers)
        if not self.closed.done():
            self.closed.set_result(None)

    def _send_waiting(self) -> None:
        """Send what waits, as far as there is room for it."""
        try:
            while self._waiting and self._has_room():
                if not self._waiting[0].is_finished:
                    self._start_stream(self._waiting[0])
                self._waiting.popleft()
        except h2.exceptions.H2Error:  # no stream is left on this connection, or it is about to end
            self._owner.detach_connection(self)
            self.abort()
            return
        self._flush()

    def _has_room(self) -> bool:
        http = self._http
        room = min(http.outbound_flow_control_window, http.remote_settings.initial_window_size)
        return len(self._streams) < http.remote_settings.max_concurrent_streams and room >= _QUERY_BYTES

    def _start_stream(self, pending: PendingQuery) -> None:
        now = pending.sent_at = self._loop.time()
        pending.send_plain()  # nobody can spoof here, and in one spelling caches on the way are of use
        message = b"\0\0" + pending.build_message(use_0x20=False, padded=True)
        stream = self._http.get_next_available_stream_id()
        headers = [*self._owner.request_headers(), ("content-length", str(len(message)))]
        self._http.send_headers(stream, headers)
        self._http.send_data(stream, message, end_stream=True)
        self._streams[stream] = _Stream(pending, now)

    def _handle_event(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            if (stream := self._streams.get(event.stream_id)) is not None:
                stream.problem = _problem_of(event.headers or ())
        elif isinstance(event, h2.events.DataReceived):
            self._take_data(event)
        elif isinstance(event, h2.events.StreamEnded):
            self._end_stream(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            if (stream := self._streams.pop(event.stream_id, None)) is not None:
                self._owner.handle_unusable(stream.pending, "the server gave a question up")
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._owner.detach_connection(self)
            self.abort()

    def _take_data(self, event: h2.events.DataReceived) -> None:
        self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        stream.body += event.data or b""
        if len(stream.body) > _MAX_MESSAGE_BYTES:
            self._cancel_stream(event.stream_id)
            self._owner.handle_unusable(stream.pending, "an answer longer than DNS has")

    def _end_stream(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        if stream.problem:
            self._owner.handle_unusable(stream.pending, stream.problem)
            return
        self._had_answers = True
        self._owner.handle_answer(stream.pending, bytes(stream.body))

    def _cancel_stream(self, number: int) -> None:
        del self._streams[number]
        self._http.reset_stream(number, h2.errors.ErrorCodes.CANCEL)

    def _check_streams(self) -> None:
        """Cancel what has waited for too long, and close a connection that nobody uses."""
        now = self._loop.time()
        overdue = [number for number, one in self._streams.items() if now - one.started_at >= STREAM_SECONDS]
        try:
            for number in overdue:
                self._cancel_stream(number)
        except h2.exceptions.H2Error:  # the peer ended it in this moment
            self.abort()
        self._flush()
        if now - self._last_use >= IDLE_SECONDS and self._transport is not None:
            self._owner.detach_connection(self)
            self._transport.close()
            return
        self._check = self._loop.call_later(CHECK_SECONDS, self._check_streams)

    def _flush(self) -> None:
        data = self._http.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _problem_of(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Say why a response is no answer, or ""."""
    found = dict(headers)
    status = found.get(b":status", b"").decode("ascii", "replace")
    if status != "200":
        return f"status {status}"
    kind = found.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return "" if kind == MEDIA_TYPE.encode() else "an answer that is no DNS message"
