"""A site whose one stream says more than anybody reads."""

import itertools
from collections.abc import Generator

from flask import Flask, Response

from webui.shared import event_stream


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/flood")
    def flood() -> Response:
        return event_stream.stream_lines(_lines(), "text/plain")

    return app


def _lines() -> Generator[bytes, None, None]:
    yield b"it begins\n"
    for _ in itertools.count():
        yield b"-" * 65536
