"""Streams that do not end, and of them server-sent events: how a page hears of changes (WHATWG HTML, section 9.2).

A stream costs no thread: its items are taken by a greenlet of the server (`appliance.web_connection`). So whoever
yields them waits with `appliance.signal.Signal`, does what blocks with `appliance.web_threads.run_in_thread`, and
sends a sign of life often enough. What is sent may stand unacknowledged only so long (`appliance.web_server`): so
a client that is gone is noticed soon, even one whose last packet never came, and a write to one that takes nothing
ends as well.
"""

from collections.abc import Generator, Iterable

import msgspec
from flask import Response, request

from appliance.web_server import STREAM

_encoder = msgspec.json.Encoder()


def stream_events(items: Iterable[tuple[str, object] | None]) -> Response:
    """Return a response that sends each item as the event (its name, its data); None as a sign of life."""
    response = stream_lines(_encode_events(items), "text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def stream_lines(lines: Generator[bytes, None, None], mimetype: str) -> Response:
    """Return a response that sends the lines one by one, until they or the client's connection end."""
    # Passed through: the server keeps the lines, and this response goes with its request.
    return Response(as_stream(lines), mimetype=mimetype, direct_passthrough=True)


def as_stream(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """Tell the server that what answers this request is a stream, which a greenlet may drive."""
    request.environ[STREAM] = True
    return pieces


def _encode_events(items: Iterable[tuple[str, object] | None]) -> Generator[bytes, None, None]:
    yield b"retry: 1000\n\n"
    for item in items:
        if item is None:
            yield b":\n\n"
        else:
            name, data = item
            yield b"event: %s\ndata: %s\n\n" % (name.encode(), _encoder.encode(data))
