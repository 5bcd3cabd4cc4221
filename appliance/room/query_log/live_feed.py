"""The live feed: everyone who follows it gets each refusal as it happens, one line of JSON each.

A follower who does not keep up is dropped, never waited for: the page opens the feed again and reads the log for
what it missed.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.room.paths import open_to_the_room
from appliance.room.query_log.pseudonyms import Tokens
from appliance.room.query_log.schema import QTYPE_NAMES
from dns.querylog.records import QueryRecord

UNREAD_BYTES = 256 * 1024  # more than that unread: the follower is dropped

_encoder = msgspec.json.Encoder()


class LiveRefusal(msgspec.Struct, frozen=True):
    """One refused or rewritten record, as followers are told of it."""

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
    """Serves `RoomPaths.live_socket`."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._followers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Begin to accept followers."""
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._follow, path)
        open_to_the_room(path)

    def tell(self, record: QueryRecord) -> None:
        """Tell every follower of a record."""
        if not self._followers:
            return
        line = _encoder.encode(self._refusal(record)) + b"\n"
        for follower in list(self._followers):
            if follower.transport.get_write_buffer_size() > UNREAD_BYTES:
                self._followers.discard(follower)
                follower.transport.abort()
            else:
                follower.write(line)

    def close(self) -> None:
        """Send every follower away."""
        if self._server is not None:
            self._server.close()
        for follower in self._followers:
            follower.close()

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._followers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                while await reader.read(1024):
                    pass  # followers have nothing to say; the end of the stream is what we wait for
        finally:
            self._followers.discard(writer)
            writer.close()

    def _refusal(self, record: QueryRecord) -> LiveRefusal:
        return LiveRefusal(
            time=datetime.fromtimestamp(record.second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            device=self._tokens.token(record.device),
            group=record.group,
            name=record.name,
            type=QTYPE_NAMES.get(record.qtype, f"TYPE{record.qtype}"),
            verdict=record.verdict,
            category=record.category,
            source=record.source,
            entry=record.entry,
            count=record.count,
        )
