"""The live feed: everyone who follows it gets each refusal as it happens, one line of JSON each.

An empty line comes first: from there on nothing is left out. A connection stands before that, where the recorder
has no processor yet.

A subscriber who does not keep up is dropped, never waited for: the page opens the feed again and reads the log for
what it missed.
"""

import asyncio
import contextlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from appliance.ipc_server import RoomServer, start_room_server
from appliance.room.query_log.columns import LIVE_FIELDS, QueryLogEntry, describe_entry
from appliance.room.query_log.pseudonyms import Pseudonyms
from dns.querylog.records import QueryRecord

MAX_UNREAD_BYTES = 256 * 1024  # more than that unread: the subscriber is dropped

_encoder = msgspec.json.Encoder()


class LiveFeed:
    """Serves `RoomPaths.live_feed_socket`."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._subscribers: set[asyncio.StreamWriter] = set()
        self._server: RoomServer | None = None

    async def start_server(self, path: Path) -> None:
        """Begin to accept subscribers."""
        self._server = await start_room_server(self._serve_subscriber, path)

    def send_record(self, record: QueryRecord) -> None:
        """Send a record to every subscriber."""
        if not self._subscribers:
            return
        values = msgspec.structs.astuple(replace(record, device=self._pseudonyms.pseudonym_of(record.device)))
        line = _encoder.encode(describe_entry(QueryLogEntry(*values), LIVE_FIELDS)) + b"\n"
        for subscriber in list(self._subscribers):
            if subscriber.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
                self._subscribers.discard(subscriber)
                subscriber.transport.abort()
            else:
                subscriber.write(line)

    def close(self) -> None:
        """Disconnect every subscriber."""
        if self._server is not None:
            self._server.close()
        for subscriber in self._subscribers:
            subscriber.close()

    async def _serve_subscriber(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._subscribers.add(writer)
        writer.write(b"\n")
        try:
            with contextlib.suppress(ConnectionError):
                while await reader.read(1024):
                    pass  # subscribers have nothing to say; the end of the stream is what we wait for
        finally:
            self._subscribers.discard(writer)
            writer.close()
