"""A central service of a few lines: real HTTP on loopback, which can go away, come back, and lie."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from appliance.protocol import Account, Target

TOKEN = "token-of-room-4"


class FakeCentral:
    """What a room finds at the other end of the line."""

    def __init__(self) -> None:
        self.target = Target(policy=0, index="", requests=0)
        self.policy = b""
        self.indexes: dict[str, bytes] = {}
        self.overlays: dict[tuple[str, str], bytes] = {}  # (version, the base that the room has)
        self.taken: dict[str, list[dict[str, Any]]] = {
            "requests": [],
            "reports": [],
            "incidents": [],
            "actions": [],
        }
        self.withdrawn: list[str] = []
        self.states: list[Any] = []
        self.accounts: dict[tuple[str, str], Account] = {}
        self.token = TOKEN
        self.typed: list[dict[str, Any]] = []  # by those who wanted to sign in
        self.throttled_seconds = 0  # it looks at no password for so long
        self.health: list[dict[str, Any]] = []
        self.refusal: tuple[int, str] | None = None  # what a PUT is answered with, instead of being taken
        self.answers: dict[str, int] = {}  # id: what a PUT or DELETE of it is answered with; 0: not at all
        self.tried: list[str] = []  # the ids of what was sent, taken or not
        self.lines: list[bytes] = []  # sent on the feed instead of the target
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        central = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):
                    central.get(self)

            def do_PUT(self) -> None:
                central.put(self)

            def do_POST(self) -> None:
                central.post(self)

            def do_DELETE(self) -> None:
                if not central.answered_otherwise(self):
                    central.withdrawn.append(self.path.rsplit("/", 1)[1])
                    central.answer(self, 200, b"{}")

        self._stopping.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Go away: nobody listens any more, and open feeds end."""
        assert self._server is not None
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def __enter__(self) -> "FakeCentral":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self.stop()

    @staticmethod
    def answer(
        handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.removeprefix("/api/v1/")
        if handler.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(handler, 401, b'{"error": "this token is not known here"}')
        elif path == "feed":
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for line in self._feed():
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
            handler.close_connection = True
        elif path == "policy":
            self.answer(handler, 200, self.policy)
        elif path == "requests":
            self.answer(handler, 200, msgspec.json.encode(self.states))
        elif path == "log-key":
            self.answer(handler, 200, json.dumps({"key": "ab" * 32}).encode())
        elif path.startswith("index/"):
            version, _, base = path.removeprefix("index/").partition("?base=")
            content = self.overlays.get((version, base)) or self.indexes.get(version)
            self.answer(handler, 200 if content else 404, content or b'{"error": "there is no such index"}')
        else:
            self.answer(handler, 404, b'{"error": "there is no such thing"}')

    def put(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        kind = handler.path.removeprefix("/api/v1/").partition("/")[0]
        if kind == "health":
            self.health.append(body)
        elif self.answered_otherwise(handler):
            return
        elif self.refusal is not None:
            status, words = self.refusal
            self.answer(handler, status, json.dumps({"error": words}).encode())
            return
        elif body["id"] not in [one["id"] for one in self.taken[kind]]:
            self.taken[kind].append(body)
        self.answer(handler, 200, b"{}")

    def answered_otherwise(self, handler: BaseHTTPRequestHandler) -> bool:
        """Note what was sent; answer as `answers` says, if it says anything of it."""
        name = handler.path.rsplit("/", 1)[1]
        self.tried.append(name)
        status = self.answers.get(name)
        if status is None:
            return False
        if status == 0:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answer(handler, status, b'{"error": "something went wrong here"}')
        return True

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        typed = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.typed.append(typed)
        if handler.headers["Authorization"] != f"Bearer {self.token}":
            words = b'{"error": "this token is not known here"}'
            self.answer(handler, 401, words, {"WWW-Authenticate": "Bearer"})
            return
        if self.throttled_seconds:
            wait = {"Retry-After": str(self.throttled_seconds)}
            self.answer(handler, 429, b'{"error": "There were too many wrong tries"}', wait)
            return
        account = self.accounts.get((typed["username"], typed["password"]))
        if account is None:
            self.answer(handler, 401, b'{"error": "user name or password is not right"}')
        else:
            self.answer(handler, 200, msgspec.json.encode(account))

    def _feed(self) -> Iterator[bytes]:
        if self.lines:
            yield from self.lines
            return
        sent: Target | None = None
        while not self._stopping.is_set():
            if self.target != sent:
                sent = self.target
                yield msgspec.json.encode(sent) + b"\n"
            time.sleep(0.01)
