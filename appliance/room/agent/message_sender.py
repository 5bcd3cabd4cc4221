"""Sends messages to central over a few connections that stay open, each used by one thread at a time.

By `http.client`, and not by the client that does the rest: after a long absence thousands of messages wait, on a
machine that answers a classroom's DNS meanwhile. The call itself costs 0.1 ms of processor this way, 1.4 ms with
httpx (a thousand PUTs of 200 bytes on x86-64, CPython 3.11).
"""

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

from appliance.room.agent.central_errors import CentralRejected, CentralUnreachable, check_response, unreachable
from appliance.room.agent.pinned_connection import PinnedConnection

CALL_TIMEOUT_SECONDS = 5.0
MAX_CONNECTIONS = 8
_MAX_ANSWER_BYTES = 1024 * 1024


class MessageSender:
    """Calls central as one room, for what has an id and may arrive twice."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        context: ssl.SSLContext,
        more_headers: Callable[[], Mapping[str, str]] = dict,
        server_name: str = "",
    ) -> None:
        """`server_name`: by what central is known where that is not its address; then it is TLS in any case."""
        parts = urlsplit(url)
        self._context = context if parts.scheme == "https" or server_name else None
        self._server_name = server_name
        self._host, self._port = parts.hostname or "", parts.port
        self._root = f"{parts.path.rstrip('/')}/api/v1/"
        self._headers = {**headers, "Content-Type": "application/json"}
        self._more_headers = more_headers
        self._threads = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="messages")
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._in_use: set[http.client.HTTPConnection] = set()
        self._is_closed = False

    def close(self) -> None:
        """Close every connection; what is under way fails at once."""
        with self._lock:
            self._is_closed = True
            for connection in self._idle:
                connection.close()
            for sock in [connection.sock for connection in self._in_use if connection.sock is not None]:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)  # its thread, which waits for it, closes it
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Send one message. Raises CentralUnreachable or CentralRejected."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._send, method, path, body)

    def _send(self, method: str, path: str, body: bytes) -> None:
        connection, is_used = self._take_connection()
        try:
            try:
                status, headers, content = self._request(connection, method, path, body)
            except (OSError, http.client.HTTPException):
                if not is_used:
                    raise
                connection.close()  # central had closed it meanwhile: that says nothing of this message
                status, headers, content = self._request(connection, method, path, body)
        except (OSError, http.client.HTTPException) as problem:  # first: a certificate that is wrong is both
            connection.close()
            raise unreachable(problem) from None
        except ValueError as problem:
            connection.close()
            raise CentralRejected(400, str(problem)) from None  # what can never be sent must not wait for ever
        finally:
            self._give_back(connection)
        check_response(status, headers, content)

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {**self._headers, **self._more_headers()}
        place, mark, query = path.partition("?")
        connection.request(method, f"{self._root}{quote(place)}{mark}{query}", body or None, headers)
        response = connection.getresponse()
        content = response.read(_MAX_ANSWER_BYTES)
        if not response.isclosed():
            raise http.client.HTTPException("central's answer is too long")
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content

    def _take_connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """Return a connection, and whether it was used before."""
        with self._lock:
            if self._is_closed:
                raise CentralUnreachable("the room's agent ends")
            is_used = bool(self._idle)
            connection = self._idle.pop() if self._idle else self._new_connection()
            self._in_use.add(connection)
            return connection, is_used

    def _new_connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=CALL_TIMEOUT_SECONDS)
        if self._server_name:
            return PinnedConnection(
                self._host,
                self._port,
                server_name=self._server_name,
                context=self._context,
                timeout=CALL_TIMEOUT_SECONDS,
            )
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=CALL_TIMEOUT_SECONDS, context=self._context
        )

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._in_use.discard(connection)
            if self._is_closed or connection.sock is None:
                connection.close()
            else:
                self._idle.append(connection)
