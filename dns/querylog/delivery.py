"""Hands batches of records to the query-log writer, each until it is committed there (`dns.querylog.records`).

A connection that is lost is made again after a pause; what is unconfirmed is then sent once more, in its order.
Nobody waits for that: while the writer is away batches are kept, and `has_room` says when no more should be made.
"""

import asyncio
import contextlib
import secrets
from functools import partial
from pathlib import Path

from dns.errors import DECODING_FAILED
from dns.querylog import codec
from dns.querylog.records import FrameReader, FrameTooLong, ack_decoder

BATCH_RECORDS = 1000
MAX_UNCONFIRMED_RECORDS = 50_000
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class BatchDelivery:
    """What one worker sends to the query-log writer's socket; None: nobody listens, and everything is kept."""

    def __init__(self, path: Path | None) -> None:
        self.worker = secrets.token_hex(8)
        self.unconfirmed: dict[int, bytes] = {}  # by sequence, each a whole frame
        self.unconfirmed_records = 0
        self._path = path
        self._sequence = 0
        self._sizes: dict[int, int] = {}
        self._transport: asyncio.WriteTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._all_confirmed = asyncio.Event()

    def start(self) -> None:
        """Begin to connect to the query-log writer, in the running loop."""
        if self._path is not None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected(self._path))

    async def close(self, patience: float) -> None:
        """Wait so many seconds for what is unconfirmed, and part."""
        if self.unconfirmed and self._transport is not None:
            self._all_confirmed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._all_confirmed.wait()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def has_room(self, *, beside: int = 0) -> bool:
        """Tell whether more records may be sent; `beside`: those that will be, and are not yet."""
        return self.unconfirmed_records + beside < MAX_UNCONFIRMED_RECORDS

    def send_records(self, records: list[bytes]) -> None:
        """Send some records, each packed already."""
        for at in range(0, len(records), BATCH_RECORDS):
            part = records[at : at + BATCH_RECORDS]
            self._sequence += 1
            data = codec.pack_frame(self.worker, self._sequence, part)
            self.unconfirmed[self._sequence] = data
            self._sizes[self._sequence] = len(part)
            self.unconfirmed_records += len(part)
            if self._transport is not None:
                self._transport.write(data)

    def confirm_batch(self, sequence: int) -> None:
        """Let go of a batch that the query-log writer has committed."""
        if self.unconfirmed.pop(sequence, None) is not None:
            self.unconfirmed_records -= self._sizes.pop(sequence)
        if not self.unconfirmed:
            self._all_confirmed.set()

    def attach_transport(self, transport: asyncio.WriteTransport) -> None:
        """Send everything that is unconfirmed, in its order, and from now on whatever comes."""
        self._transport = transport
        transport.writelines(self.unconfirmed.values())

    def detach_transport(self) -> None:
        """Keep what comes until there is a connection again."""
        self._transport = None

    async def _stay_connected(self, path: Path) -> None:
        pause = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            lost: asyncio.Future[None] = loop.create_future()
            try:
                await loop.create_unix_connection(partial(_WriterConnection, self, lost), str(path))
            except OSError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            try:
                await lost
            finally:
                if self._transport is not None:
                    self._transport.abort()
                    self._transport = None
            await asyncio.sleep(pause)


class _WriterConnection(asyncio.Protocol):
    """One connection to the query-log writer."""

    def __init__(self, delivery: BatchDelivery, lost: "asyncio.Future[None]") -> None:
        self._delivery = delivery
        self._lost = lost
        self._frames = FrameReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._delivery.attach_transport(transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                stored = ack_decoder.decode(body)
                if stored.worker == self._delivery.worker:
                    self._delivery.confirm_batch(stored.sequence)
        except (FrameTooLong, *DECODING_FAILED):
            if self._transport is not None:
                self._transport.abort()  # whoever this is, it does not speak our protocol: try again later

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._delivery.detach_transport()
        if not self._lost.done():
            self._lost.set_result(None)
