"""A site of our web server's that does what it is told: slow pages, large ones, streams, faults."""

import gc
import os
import tempfile
import time
import weakref
from collections.abc import Generator
from pathlib import Path

from flask import Blueprint, Flask, Response, after_this_request, current_app, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from appliance.signal import Signal
from appliance.web_threads import run_in_thread
from webui.shared import event_stream

LARGE_BYTES = 3_000_000

site = Blueprint("site", __name__)


def create_app() -> Flask:
    app = Flask(__name__)
    app.extensions["held files"] = []
    app.extensions["listeners"] = set()
    app.register_blueprint(site)
    return app


@site.get("/")
def hello() -> str:
    return "hello"


@site.get("/address")
def address() -> str:
    return f"{request.remote_addr} {request.scheme}"


@site.post("/length")
def length() -> str:
    return str(len(request.get_data()))


@site.get("/slow/<float:seconds>")
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "at last"


@site.get("/large")
def large() -> AnyResponse:
    file = Path(tempfile.gettempdir()) / f"large-{os.getpid()}"
    file.write_bytes(b"x" * LARGE_BYTES)
    return send_file(file, mimetype="application/octet-stream", conditional=True)


@site.get("/what-is-kept")
def what_is_kept() -> Response:
    """Stream how much is kept, once it has begun, of what was asked and of how it is answered."""
    held = [weakref.ref(one) for one in (request.environ["werkzeug.request"], request.environ["wsgi.input"])]

    @after_this_request
    def hold(response: Response) -> Response:
        held.append(weakref.ref(response))
        return response

    def lines() -> Generator[bytes, None, None]:
        yield b"it begins\n"
        gc.collect()
        yield f"{sum(one() is not None for one in held)} of {len(held)} kept".encode()

    return event_stream.stream_lines(lines(), "text/plain")


@site.get("/pieces")
def pieces() -> Response:
    return Response(b"x" * 1000 for _ in range(3000))


@site.get("/fault")
def fault() -> str:
    current_app.config["PROPAGATE_EXCEPTIONS"] = True
    raise RuntimeError("as it was told to")


@site.get("/fault-later")
def fault_later() -> Response:
    def items() -> Generator[bytes, None, None]:
        yield b"x" * 1_000_000
        raise RuntimeError("as it was told to")

    return Response(items())


@site.get("/hold-files")
def hold_files() -> str:
    held: list[int] = current_app.extensions["held files"]
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as problem:
        return str(problem.strerror)


@site.get("/release-files")
def release_files() -> str:
    held: list[int] = current_app.extensions["held files"]
    for file in held:
        os.close(file)
    return str(len(held))


@site.get("/stream")
def stream() -> Response:
    listeners: set[Signal] = current_app.extensions["listeners"]
    return event_stream.stream_lines(_lines(listeners), "text/plain")


@site.get("/news")
def tell_news() -> str:
    """Tell every stream, and answer how many there are."""
    listeners: set[Signal] = current_app.extensions["listeners"]
    for one in tuple(listeners):
        one.set()
    return str(len(listeners))


def _lines(listeners: set[Signal]) -> Generator[bytes, None, None]:
    signal = Signal()
    listeners.add(signal)
    try:
        yield b"it begins\n"
        while True:
            has_news = signal.wait(1.0)
            yield run_in_thread(lambda: b"news\n" if has_news else b"\n")  # noqa: B023 (run at once)
    finally:
        listeners.discard(signal)
