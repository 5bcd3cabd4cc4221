"""Server-sent events: how a page hears that something changed (WHATWG HTML, section 9.2)."""

from collections.abc import Iterable, Iterator

import msgspec
from flask import Response

_encoder = msgspec.json.Encoder()


def events(items: Iterable[tuple[str, object] | None]) -> Response:
    """Return a response that sends each item as the event (its name, its data); None as a sign of life."""
    response = Response(_lines(items), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _lines(items: Iterable[tuple[str, object] | None]) -> Iterator[bytes]:
    yield b"retry: 1000\n\n"
    for item in items:
        if item is None:
            yield b":\n\n"
        else:
            name, data = item
            yield b"event: %s\ndata: %s\n\n" % (name.encode(), _encoder.encode(data))
