"""One connection to an upstream server, opened when there is something to ask, and what waits for it meanwhile.

Streams (`dns.forward.stream`) and HTTPS (`dns.forward.https`) ask over one connection at a time and differ in how
it is opened and what is spoken on it. When a connection breaks, its open questions are asked once more over a new
one (a server may close an idle connection just as we write to it); one that breaks without ever having answered
tells that the server failed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from dns.forward.pending_query import PendingQuery
from dns.forward.server import AnswerHandler, UpstreamServer


class QueryConnection(Protocol):
    """What questions are put over."""

    closed: asyncio.Future[None]

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""

    def has_query(self, pending: PendingQuery) -> bool:
        """Tell whether a question is open on this connection."""

    def send_query(self, pending: PendingQuery) -> bool:
        """Send a question. Tell False where the connection has too many open, or is closing."""

    def abort_if_stalled(self) -> None:
        """Break a connection on which nothing has come for long although something should."""

    def abandon(self) -> None:
        """Close without telling anybody."""


_Connection = TypeVar("_Connection", bound=QueryConnection)


class KeptConnection(Generic[_Connection]):
    """The connection to one server, and the questions that wait while it is being made."""

    def __init__(
        self,
        server: UpstreamServer,
        handler: AnswerHandler,
        open_connection: Callable[[], Awaitable[_Connection | None]],
        max_waiting: int,
    ) -> None:
        """`open_connection`: return None where that failed, and note why; it never raises."""
        self._server = server
        self._handler = handler
        self._open_connection = open_connection
        self._max_waiting = max_waiting
        self._loop = asyncio.get_running_loop()
        self._waiting: list[PendingQuery] = []
        self._connecting: asyncio.Task[None] | None = None
        self._connection: _Connection | None = None

    def send_query(self, pending: PendingQuery) -> None:
        """Put a question to the server, over the connection that stands or a new one."""
        if self._connection is not None:
            self._connection.abort_if_stalled()
        if self._connection is not None and not self._connection.is_open:
            self._connection = None  # it is closing; its own open questions come back by `take_back`
        connection = self._connection
        if connection is not None:
            if pending.attempts > 1 and connection.has_query(pending):
                return
            if not connection.send_query(pending):
                self._loop.call_soon(self._handler.handle_failure, pending, self._server)
            return
        if len(self._waiting) >= self._max_waiting:
            self._loop.call_soon(self._handler.handle_failure, pending, self._server)
            return
        if pending not in self._waiting:
            self._waiting.append(pending)
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    def take_back(self, connection: _Connection, queries: list[PendingQuery], *, had_answers: bool) -> None:
        """Ask the open questions of a connection that broke once more, where it had answered any."""
        self.detach(connection)
        for pending in queries:
            if had_answers and pending.may_ask(self._server):
                pending.note_query(self._server)
                self.send_query(pending)
            else:
                self._handler.handle_failure(pending, self._server)

    def detach(self, connection: _Connection) -> None:
        """Ask nothing more over a connection that is about to close."""
        if self._connection is connection:
            self._connection = None

    async def close(self) -> None:
        """Close the connection."""
        self._waiting.clear()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.abandon()
            await connection.closed

    async def _connect(self) -> None:
        connection: _Connection | None = None
        try:
            connection = await self._open_connection()
        finally:
            self._connecting = None
        queries, self._waiting = self._waiting, []
        if connection is None or not connection.is_open:
            for pending in queries:
                self._handler.handle_failure(pending, self._server)
            return
        self._connection = connection
        for pending in queries:
            if not pending.is_finished and not connection.send_query(pending):
                self._handler.handle_failure(pending, self._server)
