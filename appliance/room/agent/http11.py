"""HTTP/1.1 over asyncio's own connections; its grammar is the h11 library's business (RFC 9112).

What the agent asks of central and of mirrors needs no more, and httpx with what it stands on takes six megabytes
of an agent at rest (docs/adr/0031). A connection on which an answer was read whole is used again, where the other
side has not closed it; whatever goes wrong, or is given up, closes it. Nothing is sent twice, no answer leads
elsewhere.
"""

import asyncio
import contextlib
import ssl
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode, urlsplit

import h11

_READ_BYTES = 65_536
_IDLE_SECONDS = 5.0  # longer than that unused, a connection may just be closed by the other side
_SAFE_IN_PATHS = "/%:@!$&'()*+,;=~"
_GZIP = 16 + zlib.MAX_WBITS


class HttpFailed(Exception):
    """A call was not answered, or by something that is no HTTP; what came before is its cause."""


class HttpResponse:
    """An answer, of which the head has come. The names of `headers` are in small letters."""

    def __init__(self, head: h11.Response, pieces: AsyncIterator[bytes]) -> None:
        self.status_code = head.status_code
        self.headers: dict[str, str] = {}
        for name, value in head.headers:
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self.content = b""  # once it was read by `read`
        self._pieces = pieces

    @property
    def is_success(self) -> bool:
        """Whether the status says so."""
        return 200 <= self.status_code < 300

    async def read(self) -> None:
        """Read all of it into `content`. Raises HttpFailed."""
        self.content = b"".join([piece async for piece in self.stream()])

    def stream_packed(self) -> AsyncIterator[bytes]:
        """Yield it as it comes, as it comes. Raises HttpFailed."""
        return self._pieces

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield it as it comes, unpacked. Raises HttpFailed."""
        if self.headers.get("content-encoding", "").lower() != "gzip":
            async for piece in self._pieces:
                yield piece
            return
        unpacking = zlib.decompressobj(_GZIP)
        has_begun = False
        try:
            async for piece in self._pieces:
                has_begun = True
                if unpacked := unpacking.decompress(piece):
                    yield unpacked
        except zlib.error as problem:
            raise HttpFailed(f"the answer cannot be unpacked: {problem}") from problem
        if has_begun and not unpacking.eof:
            raise HttpFailed("the answer cannot be unpacked: its end is missing")


class _HttpConnection:
    """One connection, for one call at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT)
        self._idle_since = 0.0

    async def send(self, request: h11.Request, body: bytes, seconds: float) -> None:
        content = self._state.send(request)
        assert content is not None  # noqa: S101 (for the type checker: None is said of a connection that closes)
        if body:
            content += self._state.send(h11.Data(data=body)) or b""
        self._writer.write(content + (self._state.send(h11.EndOfMessage()) or b""))
        async with asyncio.timeout(seconds):
            await self._writer.drain()

    async def receive_head(self, seconds: float) -> h11.Response:
        while True:
            event = await self._next_event(seconds)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("something else than an answer came")

    async def receive_pieces(self, seconds: float) -> AsyncIterator[bytes]:
        with _naming_failures():
            while isinstance(event := await self._next_event(seconds), h11.Data):
                yield bytes(event.data)

    async def _next_event(self, seconds: float) -> object:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(seconds):
                content = await self._reader.read(_READ_BYTES)
            if not content and self._state.their_state is h11.SEND_RESPONSE:
                raise h11.RemoteProtocolError("the connection was closed without an answer")
            self._state.receive_data(content)
        return event

    def try_rest(self, now: float) -> bool:
        """Tell whether it can be used again, and begin its rest."""
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        self._idle_since = now
        return True

    def is_usable(self, now: float) -> bool:
        return (
            now - self._idle_since < _IDLE_SECONDS
            and not self._has_unasked()
            and not self._reader.at_eof()
            and not self._writer.is_closing()
        )

    def _has_unasked(self) -> bool:
        """Tell whether something came that nobody asked for: it would be taken for the next call's answer."""
        waiting: bytearray = self._reader._buffer  # type: ignore[attr-defined]  # nothing else of asyncio's tells
        return bool(waiting or self._state.trailing_data[0])

    def close(self) -> None:
        self._writer.transport.abort()


class HttpClient:
    """Calls one server."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext,
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        more_headers: Callable[[], Mapping[str, str]] = dict,
        server_name: str = "",
        max_connections: int = 20,
    ) -> None:
        """`url`: before each path. `seconds`: for each step of a call. `more_headers`: asked at each call.

        `server_name`: by what the server is known where that is not its address; then it is TLS in any case.
        """
        parts = urlsplit(url)
        self._is_secure = parts.scheme == "https" or bool(server_name)
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._is_secure else 80)
        self._host_header = parts.netloc.rpartition("@")[2]
        self._root = parts.path.rstrip("/") + "/"
        self._context = context
        self._seconds = seconds
        self._headers = {"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": "hallpass", **(headers or {})}
        self._more_headers = more_headers
        self._server_name = server_name
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: deque[_HttpConnection] = deque()
        self._in_use: set[_HttpConnection] = set()

    def close(self) -> None:
        """Close every connection; what is under way fails."""
        for connection in (*self._idle, *self._in_use):
            connection.close()
        self._idle.clear()

    async def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return an answer that was read whole. Raises HttpFailed."""
        async with self.stream(method, path, body=body, headers=headers) as response:
            await response.read()
        return response

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float | None = None,
    ) -> AsyncIterator[HttpResponse]:
        """Give an answer that is read as it comes. Raises HttpFailed.

        `read_seconds`: how long the other side may say nothing.
        """
        read_seconds = self._seconds if read_seconds is None else read_seconds
        with _naming_failures():
            async with asyncio.timeout(self._seconds):
                await self._slots.acquire()
        connection: _HttpConnection | None = None
        try:
            with _naming_failures():
                request = self._make_request(method, path, body, params, headers)
                connection = await self._take_connection()
                self._in_use.add(connection)
                await connection.send(request, body or b"", self._seconds)
                head = await connection.receive_head(read_seconds)
            yield HttpResponse(head, connection.receive_pieces(read_seconds))
            if connection.try_rest(asyncio.get_running_loop().time()):
                self._in_use.discard(connection)
                self._idle.append(connection)
                connection = None
        finally:
            if connection is not None:
                self._in_use.discard(connection)
                connection.close()
            self._slots.release()

    def _make_request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> h11.Request:
        target = quote(self._root + path, safe=_SAFE_IN_PATHS) + (f"?{urlencode(params)}" if params else "")
        sent = {"Host": self._host_header, **self._headers, **self._more_headers(), **(headers or {})}
        if body is not None or method in ("POST", "PUT", "PATCH"):
            sent["Content-Length"] = str(len(body or b""))
        return h11.Request(method=method, target=target, headers=list(sent.items()))

    async def _take_connection(self) -> _HttpConnection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable(now):
                return connection
            connection.close()
        async with asyncio.timeout(self._seconds):
            if self._is_secure:
                return _HttpConnection(
                    *await asyncio.open_connection(
                        self._host,
                        self._port,
                        ssl=self._context,
                        server_hostname=self._server_name or self._host,
                        ssl_handshake_timeout=self._seconds,
                    )
                )
            return _HttpConnection(*await asyncio.open_connection(self._host, self._port))


@contextlib.contextmanager
def _naming_failures() -> Iterator[None]:
    try:
        yield
    except TimeoutError as problem:
        raise HttpFailed("it did not answer in time") from problem
    except (OSError, EOFError, h11.ProtocolError, UnicodeError) as problem:
        raise HttpFailed(str(problem) or type(problem).__name__) from problem
