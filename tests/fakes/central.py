"""A central service of a few lines: real HTTP on loopback, which can go away, come back, and lie."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import msgspec

from appliance.protocol import Account, AccountState, Target
from dns.policy.document import PolicyDocument

TOKEN = "token-of-room-4"
KEEPALIVE_SECONDS = 8.0  # as `appliance.web_server` has it: a feed that is silent for long is taken for dead


class FakeCentral:
    """What a room finds at the other end of the line."""

    def __init__(self) -> None:
        self.takes_groups = True
        self.groups = 0  # calls with several actions
        self.target = Target(policy=0, index="", requests=0)
        self.policy = b""
        self.indexes: dict[str, bytes] = {}
        self.overlays: dict[tuple[str, str], bytes] = {}  # (version, the base that the room has)
        self.taken: dict[str, list[dict[str, Any]]] = {
            "requests": [],
            "reports": [],
            "incidents": [],
            "actions": [],
            "lookups": [],
        }
        self.closed_incidents: list[Any] = []
        self.lookups: list[Any] = []  # what the room is asked about its devices
        self.withdrawn: list[str] = []
        self.withdrawn_by: list[str] = []
        self.states: list[Any] = []
        self.accounts: dict[tuple[str, str], Account] = {}
        self.token = TOKEN
        self.typed: list[dict[str, Any]] = []  # by those who wanted to sign in
        self.throttled_seconds = 0  # it looks at no password for so long
        self.health: list[dict[str, Any]] = []
        self.seen_devices: list[list[dict[str, Any]]] = []
        self.counts: list[dict[str, Any]] = []  # of hours
        self.refusal: tuple[int, str] | None = None  # what a PUT is answered with, instead of being taken
        self.answers: dict[str, int] = {}  # id: what a PUT or DELETE of it is answered with; 0: not at all
        self.tried: list[str] = []  # the ids of what was sent, taken or not
        self.lines: list[bytes] = []  # sent on the feed instead of the target
        self.clock_ahead = 0.0  # seconds
        self.says_time = True  # in the feed's lines; False: a central of before
        self.digest = ""  # the ETag of the policy
        self.index_pauses: dict[int, float] = {}  # after so many bytes of an index: seconds of silence; 0: a cut
        self.index_fetches: list[str] = []  # what part of it was asked for, each time
        self.retry_after = ""  # said with each answer of `answers`
        self.feed_answer: tuple[int, str] | None = None  # status and content type, instead of the feed
        self.feed_problem = b"no"  # its body
        self.account_states: list[AccountState] = []
        self.asked: list[str] = []  # the paths of what was read
        self.signatures: dict[str, bytes] = {}  # of its lists, by name; none: a central of before
        self.token = TOKEN
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._stopping = threading.Event()

    def now(self) -> datetime:
        """Return what central's clock shows."""
        return datetime.fromtimestamp(time.time() + self.clock_ahead, UTC)

    def set_policy(self, content: bytes, digest: str, *, inline: bool, version: int = 1, epoch: str = "") -> None:
        """Give the room a policy, known by its content."""
        self.policy, self.digest = content, digest
        self.target = msgspec.structs.replace(
            self.target,
            policy=version,
            policy_digest=digest,
            epoch=epoch,
            document=msgspec.json.decode(content, type=PolicyDocument) if inline else None,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        central = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + central.clock_ahead)

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
                    place, _, query = self.path.partition("?")
                    central.withdrawn.append(place.rsplit("/", 1)[1])
                    central.withdrawn_by += parse_qs(query).get("by", [""])
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
        self.asked.append(path)
        if handler.headers["Authorization"] != f"Bearer {self.token}":
            self.answer(handler, 401, b'{"error": "this token is not known here"}')
        elif path == "feed":
            self._send_feed(handler)
        elif path == "policy":
            self._send_policy(handler)
        elif path == "accounts":
            self.answer(handler, 200, msgspec.json.encode(self.account_states))
        elif path == "requests":
            self.answer(handler, 200, msgspec.json.encode(self.states))
        elif path in {"incidents", "lookups"}:
            found = self.closed_incidents if path == "incidents" else self.lookups
            self.answer(handler, 200, msgspec.json.encode(found))
        elif path == "log-key":
            self.answer(handler, 200, json.dumps({"key": "ab" * 32}).encode())
        elif path.startswith("signatures/") and (signed := self.signatures.get(path.partition("/")[2])):
            self.answer(handler, 200, signed)
        elif path.startswith("index/"):
            self._send_index(handler, *path.removeprefix("index/").split("?base="))
        else:
            self.answer(handler, 404, b'{"error": "there is no such thing"}')

    def _send_feed(self, handler: BaseHTTPRequestHandler) -> None:
        if self.feed_answer is not None:
            self.answer(handler, self.feed_answer[0], self.feed_problem, {"Content-Type": self.feed_answer[1]})
            return
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in self._feed():
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            handler.wfile.flush()
        handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    def _send_policy(self, handler: BaseHTTPRequestHandler) -> None:
        tag = {"ETag": f'"{self.digest}"'} if self.digest else {}
        if tag and handler.headers["If-None-Match"] == tag["ETag"]:
            self.answer(handler, 304, b"", tag)
        else:
            self.answer(handler, 200, self.policy, tag)

    def _send_index(self, handler: BaseHTTPRequestHandler, version: str, base: str = "") -> None:
        """Send an index, or what the room lacks of it; falter where `index_pauses` says so."""
        content = self.overlays.get((version, base)) or self.indexes.get(version)
        if not content:
            self.answer(handler, 404, b'{"error": "there is no such index"}')
            return
        wanted, tag = handler.headers["Range"] or "", f'"{version}"'
        self.index_fetches.append(wanted)
        begin = (
            int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and handler.headers["If-Range"] == tag else 0
        )
        handler.send_response(206 if begin else 200)
        handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(content) - begin))
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        for at in sorted(one for one in self.index_pauses if one > begin):
            handler.wfile.write(content[begin:at])
            begin = at
            if not (seconds := self.index_pauses[at]):
                handler.connection.shutdown(socket.SHUT_RDWR)
                handler.close_connection = True
                return
            self._stopping.wait(seconds)
        handler.wfile.write(content[begin:])

    def put(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        kind = handler.path.removeprefix("/api/v1/").partition("/")[0]
        if kind == "actions" and "actions" in body:
            self.put_group(handler, body["actions"])
            return
        if kind == "health":
            self.health.append(body)
        elif kind == "seen-devices":
            self.seen_devices.append(body["devices"])
        elif kind == "counts":
            self.counts.append(body)
        elif self.answered_otherwise(handler):
            return
        elif self.refusal is not None:
            status, words = self.refusal
            self.answer(handler, status, json.dumps({"error": words}).encode())
            return
        elif body["id"] not in [one["id"] for one in self.taken[kind]]:
            self.taken[kind].append(body)
        self.answer(handler, 200, b"{}")

    def put_group(self, handler: BaseHTTPRequestHandler, actions: list[dict[str, Any]]) -> None:
        """Take several actions, or none where one of them is not to be taken."""
        self.groups += 1
        if not self.takes_groups:
            self.answer(handler, 404, b"{}")
        elif self.refusal is not None or any(one["id"] in self.answers for one in actions):
            self.answer(handler, 500, b'{"error": "something went wrong here"}')
        else:
            known = [one["id"] for one in self.taken["actions"]]
            self.taken["actions"] += [one for one in actions if one["id"] not in known]
            self.answer(handler, 200, b"{}")

    def answered_otherwise(self, handler: BaseHTTPRequestHandler) -> bool:
        """Note what was sent; answer as `answers` says, if it says anything of it."""
        name = handler.path.partition("?")[0].rsplit("/", 1)[1]
        self.tried.append(name)
        status = self.answers.get(name)
        if status is None:
            return False
        if status == 0:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            said = {"Retry-After": self.retry_after} if self.retry_after else {}
            self.answer(handler, status, b'{"error": "something went wrong here"}', said)
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
        silent_since = time.monotonic()
        token = self.token
        while not self._stopping.is_set() and token == self.token:
            if self.target != sent:
                sent = self.target
                said = self.now().timestamp() if self.says_time else 0.0
                yield msgspec.json.encode(msgspec.structs.replace(sent, time=said)) + b"\n"
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since >= KEEPALIVE_SECONDS:
                yield b"\n"
                silent_since = time.monotonic()
            time.sleep(0.01)
