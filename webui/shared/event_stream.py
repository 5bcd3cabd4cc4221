"""Streams that do not end, and of them server-sent events: how a page hears of changes (WHATWG HTML, section 9.2).

Each stream holds a thread of the server. Who yields its items sends a sign of life often enough, and what is sent
here may stand unacknowledged only so long (`appliance.web_server`): so a client that is gone is noticed soon, even
one whose last packet never came, and a write to one that takes nothing ends as well.
"""

import contextlib
import socket
from collections.abc import Generator, Iterable

import msgspec
from flask import Response, request

from appliance.web_server import TCP_USER_TIMEOUT_SECONDS

_encoder = msgspec.json.Encoder()


def stream_events(items: Iterable[tuple[str, object] | None]) -> Response:
    """Return a response that sends each item as the event (its name, its data); None as a sign of life."""
    response = stream_lines(_encode_events(items), "text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def stream_lines(lines: Generator[bytes, None, None], mimetype: str) -> Response:
    """Return a response that sends the lines one by one, until they or the client's connection end."""
    connection: socket.socket | None = request.environ.get("gunicorn.socket")  # other servers serve only tests
    if connection is not None:
        patience = int(TCP_USER_TIMEOUT_SECONDS * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)  # RFC 5482
    return Response(_while_connected(lines, connection), mimetype=mimetype)


def _while_connected(
    lines: Generator[bytes, None, None], connection: socket.socket | None
) -> Generator[bytes, None, None]:
    with contextlib.closing(lines):
        for line in lines:
            # Asked here, because the server would take a write that meets a time-out for a fault of ours.
            if connection is not None and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return
            yield line


def _encode_events(items: Iterable[tuple[str, object] | None]) -> Generator[bytes, None, None]:
    yield b"retry: 1000\n\n"
    for item in items:
        if item is None:
            yield b":\n\n"
        else:
            name, data = item
            yield b"event: %s\ndata: %s\n\n" % (name.encode(), _encoder.encode(data))
