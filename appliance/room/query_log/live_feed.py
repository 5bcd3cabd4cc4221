"""The live feed: everyone who follows it gets each refusal as it happens, one line of JSON each.

A subscriber who does not keep up is dropped, never waited for: the page opens the feed again and reads the log for
what it missed.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.ipc import start_room_server
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.schema import QTYPE_NAMES
from dns.querylog.records import QueryRecord

MAX_UNREAD_BYTES = 256 * 1024  # more than that unread: the subscriber is dropped

_encoder = msgspec.json.Encoder()


class LiveRecord(msgspec.Struct, frozen=True):
    """One refused or rewritten record, as subscribers get it."""

    time: str  # UTC, ISO 8601
    device: str  # the room's token for it
    group: str
    name: str
    type: str
    verdict: str
    category: str
    source: str
    entry: str
    count: int


class LiveFeed:
    """Serves `RoomPaths.live_feed_socket`."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._subscribers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start_server(self, path: Path) -> None:
        """Begin to accept subscribers."""
        self._server = await start_room_server(self._serve_subscriber, path)

    def send_record(self, record: QueryRecord) -> None:
        """Send a record to every subscriber."""
        if not self._subscribers:
            return
        line = _encoder.encode(self._live_record(record)) + b"\n"
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
        try:
            with contextlib.suppress(ConnectionError):
                while await reader.read(1024):
                    pass  # subscribers have nothing to say; the end of the stream is what we wait for
        finally:
            self._subscribers.discard(writer)
            writer.close()

    def _live_record(self, record: QueryRecord) -> LiveRecord:
        return LiveRecord(
            time=datetime.fromtimestamp(record.second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            device=self._pseudonyms.pseudonym_of(record.device),
            group=record.group,
            name=record.name,
            type=QTYPE_NAMES.get(record.qtype, f"TYPE{record.qtype}"),
            verdict=record.verdict,
            category=record.category,
            source=record.source,
            entry=record.entry,
            count=record.count,
        )
