"""DNS over HTTPS for who speaks HTTP/1.1 alone (its grammar is the h11 library's business): a question at a time.

Further questions may be sent behind the one under way (RFC 9112, section 9.3.2); they wait unread, and answers
come in their order. A peer is aborted that sends more ahead than questions are long, or much that is no question
(requests for something else, bodies in tiny pieces): each costs us more than it costs the peer.
"""

import asyncio
from collections.abc import Callable

import h11

from dns.server.http_request import MAX_PATH_BYTES, MAX_QUERY_BYTES, DohRequest, response_headers

Ask = Callable[[bytes, Callable[[bytes], None]], None]

_MAX_HELD_BYTES = 2 * MAX_QUERY_BYTES
_MAX_OTHER_EVENTS = 300  # heads, pieces and ends without a question; each question gives `_EVENTS_PER_QUERY` more
_EVENTS_PER_QUERY = 10


class Http1Session:
    """What one peer asks over HTTP/1.1 on one connection."""

    def __init__(self, transport: asyncio.Transport, ask: Ask) -> None:
        """`ask` takes a question, and what takes its answer."""
        self._transport = transport
        self._ask = ask
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * MAX_PATH_BYTES)
        self._request: DohRequest | None = None  # that is not whole yet
        self.is_answering = False
        self.is_draining = False
        self._other_events_left = _MAX_OTHER_EVENTS
        self._is_reading = False

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        return self.is_answering or self._request is not None or bool(self._http.trailing_data[0])

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes."""
        try:
            self._http.receive_data(data)
        except h11.RemoteProtocolError as problem:
            self._refuse(problem.error_status_hint)
        self._read_events()
        if len(self._http.trailing_data[0]) > _MAX_HELD_BYTES:
            self._transport.abort()

    def _read_events(self) -> None:
        """Take what has come, as far as the next answer that has to be waited for."""
        if self._is_reading:
            return  # a question of ours was answered at once: the loop below goes on with the next
        self._is_reading = True
        try:
            while not self.is_answering and not self._transport.is_closing():
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                self._handle_event(event)
        except h11.RemoteProtocolError as problem:
            self._refuse(problem.error_status_hint)
        finally:
            self._is_reading = False

    def _handle_event(self, event: object) -> None:
        self._other_events_left -= 1
        if self._other_events_left < 0:
            self._transport.abort()
        elif isinstance(event, h11.Request):
            self._start_request(event)
        elif isinstance(event, h11.Data) and self._request is not None:
            self._request.body += event.data
            if len(self._request.body) > MAX_QUERY_BYTES:
                self._refuse(413)
        elif isinstance(event, h11.EndOfMessage):
            self._end_request()
        elif isinstance(event, h11.ConnectionClosed):
            self._transport.close()

    def _start_request(self, event: h11.Request) -> None:
        fields = [(":method", event.method.decode()), (":path", event.target.decode("latin-1"))]
        fields += [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
        self._request = DohRequest(fields)
        if self._http.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[]))

    def _end_request(self) -> None:
        if self._request is None:
            return
        question, self._request = self._request.dns_query(), None
        if isinstance(question, int):
            self._respond(question)
            return
        self.is_answering = True
        self._other_events_left = min(self._other_events_left + _EVENTS_PER_QUERY, _MAX_OTHER_EVENTS)
        self._ask(question, self._send_dns_answer)

    def _send_dns_answer(self, message: bytes) -> None:
        if self._transport.is_closing() or not self.is_answering:
            return
        self.is_answering = False
        self._respond(200, message)
        self._read_events()

    def _respond(self, status: int, message: bytes = b"") -> None:
        headers = response_headers(status, message)
        if self.is_draining:
            headers.append(("connection", "close"))
        self._write(h11.Response(status_code=status, headers=headers))
        if message:
            self._write(h11.Data(data=message))
        self._write(h11.EndOfMessage())
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self._transport.close()

    def _refuse(self, status: int) -> None:
        """Tell what is wrong, where that can still be said, and close."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [*response_headers(status), ("connection", "close")]
            self._write(h11.Response(status_code=status, headers=headers))
            self._write(h11.EndOfMessage())
        self._transport.close()

    def _write(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self._transport.write(data)
