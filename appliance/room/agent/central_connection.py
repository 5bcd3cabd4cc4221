"""How a room calls central: over which way, with which key, certificate or token, over HTTP.

What can go wrong is one of two things: central cannot be reached (`CentralUnreachable`: try again later), or
central said no (`CentralRejected`: trying again changes nothing).

Whatever central says of its clock in an answer goes to the room's `CentralClock`.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.room.agent.central_clock import CentralClock
from appliance.room.agent.central_errors import check_response, unreachable
from appliance.room.agent.http11 import HttpClient, HttpFailed, HttpResponse
from appliance.room.agent.link_chain import LinkChain
from appliance.room.agent.message_sender import CALL_TIMEOUT_SECONDS, MessageSender
from appliance.room.agent.pinned_connection import PinnedCentral, is_foreign_certificate
from appliance.room.agent.room_identity import RoomIdentity
from appliance.room.agent.thread_pool import run_blocking
from appliance.settings.room import CentralLink

_MAX_CONNECTIONS = 20
_CLOSED_AFTER_SECONDS = 60.0


class CentralConnection:
    """The ways to central of one room."""

    def __init__(
        self,
        link: CentralLink,
        clock: CentralClock | None = None,
        links: LinkChain | None = None,
        identity_folder: Path | None = None,
    ) -> None:
        """`identity_folder`: where the room's own key and certificate are; None: it calls with its token alone."""
        self._link = link
        try:
            self._token = read_regular_file(link.token_file).decode("ascii", "replace").strip()
            bundled = read_regular_file(link.authority).decode("ascii", "replace") if link.authority else ""
            self.identity = RoomIdentity(identity_folder, self._token, bundled) if identity_folder else None
        except OSError as problem:
            raise HallpassError(f"{problem.filename or link.token_file}: {problem.strerror}") from None
        self.url = link.url
        self.clock = clock or CentralClock()
        self._links = links
        self.generation = 0  # which way calls go: one more after each change
        self._retired: list[tuple[HttpClient, MessageSender]] = []  # the oldest first
        self._closing: set[asyncio.Task[None]] = set()
        self._way, self._http, self._messages = self._open()

    async def close(self) -> None:
        """Close every connection."""
        for task in (closing := tuple(self._closing)):
            task.cancel()
        await asyncio.gather(*closing, return_exceptions=True)
        for http, messages in (*self._retired, (self._http, self._messages)):
            messages.close()
            http.close()

    def reconnect(self) -> None:
        """Call central from now on by what the room has now. What is under way ends by itself, the feed soon."""
        self._retired.append((self._http, self._messages))
        self._way, self._http, self._messages = self._open()
        self.generation += 1
        task = asyncio.get_running_loop().create_task(self._close_oldest_later())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_oldest_later(self) -> None:
        """Close what was used before, once what is under way on it has ended."""
        await asyncio.sleep(_CLOSED_AFTER_SECONDS)
        http, messages = self._retired.pop(0)
        messages.close()
        http.close()

    @property
    def is_pinned(self) -> bool:
        """Whether it is central that answers, for certain."""
        return self._way is not None

    def is_way_current(self) -> bool:
        """Tell whether central is called by the best that the room has."""
        way = self.identity.choose_way() if self.identity is not None else None
        return (way is None) == (self._way is None)

    def _open(self) -> tuple[PinnedCentral | None, HttpClient, MessageSender]:
        way = self.identity.choose_way() if self.identity is not None else None
        try:
            context = self._make_context(way)
        except OSError as problem:
            raise HallpassError(f"{problem.filename or self._link.certificate}: {problem.strerror}") from None
        headers = {} if way is not None and way.files is not None else {"Authorization": f"Bearer {self._token}"}
        more_headers = self._links.headers if self._links else dict
        return (
            way,
            self._open_http(way, context, headers),
            MessageSender(self.url, headers, context, more_headers, way.server_name if way is not None else ""),
        )

    def _make_context(self, way: PinnedCentral | None) -> ssl.SSLContext:
        if way is not None:
            return way.make_context()
        if self.url.startswith("http://"):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used: the system's certificates are a megabyte
        return ssl.create_default_context(cafile=str(self._link.certificate) if self._link.certificate else None)

    def _open_http(
        self, way: PinnedCentral | None, context: ssl.SSLContext, headers: Mapping[str, str]
    ) -> HttpClient:
        return HttpClient(
            f"{self.url.rstrip('/')}/api/v1/",
            context,
            seconds=CALL_TIMEOUT_SECONDS,
            headers=headers,
            more_headers=self._links.headers if self._links is not None else dict,
            server_name=way.server_name if way is not None else "",
            max_connections=_MAX_CONNECTIONS,
        )

    async def before_feed(self) -> None:
        """Have the next link of the room's chain on the disk, before central hears of it."""
        if self._links is not None:
            await run_blocking(self._links.offer_link)

    async def note_followed(self, central_time: float) -> None:
        """Note that central is followed by this way: what it said of its time, the link and the key hold."""
        if self._links is not None:
            await run_blocking(self._links.confirm_link)
        if self.identity is not None and self._way is not None:
            self.identity.hear_time(central_time)
            if self._way.files is not None:
                await run_blocking(self.identity.prove)

    def note_feed_problem(self, problem: Exception) -> None:
        """Note why the feed ended: where something on the way opens connections, there may be another way."""
        if self.identity is not None and self._way is not None and is_foreign_certificate(problem):
            self.identity.note_interception()
            if self.identity.is_intercepted:
                self.reconnect()

    def stream(
        self,
        path: str,
        *,
        read_seconds: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Return an answer that is read as it comes; `read_seconds`: how long it may say nothing."""
        return self._http.stream("GET", path, params=params, headers=headers, read_seconds=read_seconds)

    async def send_message(self, method: str, path: str, body: bytes = b"") -> None:
        """Send something of the outbox, in its turn."""
        await self._messages.send(method, path, body)

    async def call_with_token(self, method: str, path: str, body: bytes) -> HttpResponse:
        """Return what central answers to the room's token, on a connection of its own."""
        way = self._way and msgspec.structs.replace(self._way, files=None)
        headers = {"Authorization": f"Bearer {self._token}"}
        http = self._open_http(way, self._make_context(way), headers)
        try:
            response = await self.request(method, path, body, http=http)
        finally:
            http.close()
        check_response(response.status_code, response.headers, response.content)
        return response

    async def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Return what central answers. Raises CentralUnreachable, and CentralRejected where it says no."""
        response = await self.request(method, path, body, headers)
        if response.status_code != 304:
            check_response(response.status_code, response.headers, response.content)
        return response

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        http: HttpClient | None = None,
    ) -> HttpResponse:
        """Return what central answers, whatever it is. Raises CentralUnreachable."""
        sent_at = self.clock.monotonic()
        try:
            response = await (http or self._http).request(method, path, body, headers)
        except HttpFailed as problem:
            raise unreachable(problem) from None
        if response.is_success:
            self.clock.add_date(response.headers.get("date", ""), sent_at)
        return response
