"""Counts what was answered, and hands it to the recorder so that nothing is lost and nothing counted twice.

Within a second equal answers to one device become one record (`dns.querylog.records`). A batch is kept until the
recorder has confirmed it; after a reconnection every unconfirmed batch is sent again, and the recorder knows it
by its number.

A second that is over is handed over in portions, within the first six tenths of the next: to pack what thousands
of names were answered takes some milliseconds, and so does writing them down, and others would wait for it.

Memory is bounded while the recorder is away: from `UNCONFIRMED_RECORDS` on nothing new is sent off; counting goes
on in one table whose rows cover longer than a second, and beyond `TABLE_ROWS` rows names are left out. The sums
stay exact. What the query log cannot show then is when exactly, and at last which name.

Refusals do not wait for the end of the second: the room's lamp hangs on them. So that a flood of refusals does not
become a flood of records, `PROMPT_A_SECOND` of a device's go at once in each second, the others `REFUSAL_TURNS`
times a second: none shall be older than half a second when it is on the disk.
"""

import asyncio
import contextlib
import itertools
import secrets
from collections import Counter, deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import msgspec

from dns.clients import Client
from dns.packet_cache import Noted
from dns.querylog import codec
from dns.querylog.codec import Row, Tail, Timed
from dns.querylog.records import FrameReader, FrameTooLong, QueryRecord, stored_decoder

BATCH_RECORDS = 1000
UNCONFIRMED_RECORDS = 50_000
TABLE_ROWS = 20_000
PROMPT_A_SECOND = 50
REFUSAL_TURNS = 5
PACKED_AT_ONCE = 128
PARCEL_RECORDS = 32
SPREAD_TICKS = 12
SMALLEST_PORTION = 2  # parcels: what few devices ask is handed over at once
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

_Parcel = tuple[int, str, dict[Noted, int], tuple[Tail, ...]]  # a second, a device, what it was answered


class _Tally:
    """What one device was answered in the second that is being counted."""

    __slots__ = ("counts", "prompt", "refused", "tails", "timed")

    def __init__(self) -> None:
        self.counts: Counter[Noted] = Counter()
        self.timed: list[Timed] = []  # of strangers, not packed yet
        self.tails: list[Tail] = []  # of what went through the chain, packed
        self.refused: list[Timed] = []
        self.prompt = PROMPT_A_SECOND


class Reporter:
    """Counts for one worker, and speaks to the recorder."""

    def __init__(self, path: Path | None) -> None:
        self.worker = secrets.token_hex(8)
        self._path = path
        self._sequence = 0
        self._second = 0
        self._turn = 0
        self._tallies: dict[str, _Tally] = {}
        self._parcels: deque[_Parcel] = deque()  # of seconds that are over
        self._portion = 0  # parcels to hand over in each tick
        self._refusals: set[Noted] = set()  # those that the fast path may give again
        self._table: dict[tuple[str, Row], list[float]] = {}  # device and row: first second, count, milliseconds
        self._unconfirmed: dict[int, bytes] = {}
        self._sizes: dict[int, int] = {}
        self._records_out = 0
        self._transport: asyncio.WriteTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._all_confirmed = asyncio.Event()
        self._urgent = False

    # Counting

    def replayed_refusal(self, noted: Noted) -> None:
        """Note that this refusal may be given again by the fast path, so that it is found in the devices' logs."""
        if len(self._refusals) >= TABLE_ROWS:
            self._refusals.clear()  # they only cost their promptness, until they are made anew
        self._refusals.add(noted)

    def answered(self, device: str, noted: Noted, milliseconds: float) -> None:
        """Count one answer at once: for askers of whom nothing is kept."""
        tally = self._tally(device)
        if noted.outcome == "refused":
            tally.refused.append((noted, milliseconds))
            self._urgent = True
        else:
            tally.timed.append((noted, milliseconds))
            if len(tally.timed) >= PACKED_AT_ONCE:
                tally.tails += codec.timed(tally.timed)
                tally.timed.clear()

    def gather(self, client: Client) -> int:
        """Take what a device was answered since the last tick; return how much of it was replayed."""
        log = client.log
        replayed = len(log)
        tally = self._tally(client.address)
        if client.timed:
            # Packed at the tick, not at the end of the second: what is kept until then is a third of the size, and
            # what was just written need not be fetched from memory again.
            tally.tails += codec.timed(client.timed)
            client.timed.clear()
        if client.refused:
            tally.refused += client.refused
            client.refused.clear()
            self._urgent = True
        if replayed:
            tally.counts.update(log)
            if tally.prompt > 0 and not self._refusals.isdisjoint(log):
                self._urgent = True
            log.clear()
        return replayed

    def tick(self, now: float) -> None:
        """Hand over what is due: everything at the turn of a second, refusals at once."""
        second = int(now)
        self._second = self._second or second  # what came before the first tick came in its second
        if second != self._second:
            self._hand_over_refusals(flood=True)
            self._close_second()
            self._second = second
        elif (turn := int(now * REFUSAL_TURNS)) != self._turn:
            self._turn = turn
            self._hand_over_refusals(flood=True)
        elif self._urgent:
            self._hand_over_refusals()
        if self._parcels:
            self._hand_over_parcels(self._portion)
        self._send_table()

    # The way to the recorder

    def start(self) -> None:
        """Begin to connect to the recorder, in the running loop."""
        if self._path is not None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected(self._path))

    async def close(self, patience: float = 2.0) -> None:
        """Hand over everything, wait a little for its confirmation, and part."""
        self._close_second()
        self._hand_over_parcels(len(self._parcels))
        self._send_table()
        if self._unconfirmed and self._transport is not None:
            self._all_confirmed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._all_confirmed.wait()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def unconfirmed(self) -> int:
        """How many records the recorder has not confirmed yet."""
        waiting = sum(len(counts) + len(tails) for _, _, counts, tails in self._parcels)
        return self._records_out + len(self._table) + waiting

    def _tally(self, device: str) -> _Tally:
        tally = self._tallies.get(device)
        if tally is None:
            tally = self._tallies[device] = _Tally()
        return tally

    def _close_second(self) -> None:
        """Part what was answered in the second into parcels, to be handed over during the next ticks."""
        second, parcels = self._second, self._parcels
        for device, tally in self._tallies.items():
            counted = iter(tally.counts.items())
            while some := dict(itertools.islice(counted, PARCEL_RECORDS)):
                parcels.append((second, device, some, ()))
            tails = iter(tally.tails + codec.timed(tally.timed + tally.refused))
            while one_by_one := tuple(itertools.islice(tails, PARCEL_RECORDS)):
                parcels.append((second, device, {}, one_by_one))
        self._tallies = {}
        self._portion = max(-(-len(parcels) // SPREAD_TICKS), SMALLEST_PORTION)

    def _hand_over_parcels(self, most: int) -> None:
        records: list[bytes] = []
        for _ in range(min(most, len(self._parcels))):
            second, device, counts, tails = self._parcels.popleft()
            if self._has_room(beside=len(records)):
                records += codec.replayed(second, device, counts)
                records += codec.with_tails(second, device, tails)
                continue
            for noted, count in counts.items():
                self._add(device, codec.row(noted), second, count, 0.0)
            for tail in tails:
                row, count, milliseconds = codec.unpacked(tail)
                self._add(device, row, second, count, milliseconds)
        if records:
            self._send(records)

    def _hand_over_refusals(self, *, flood: bool = False) -> None:
        for device, tally in self._tallies.items():
            most = TABLE_ROWS if flood else tally.prompt
            if most <= 0:
                continue
            refused = tally.refused[:most]
            if refused:
                del tally.refused[:most]
                for noted, milliseconds in refused:
                    self._add(device, codec.row(noted), self._second, 1, milliseconds)
                tally.prompt -= len(refused)
            if tally.counts:
                again = list(self._refusals.intersection(tally.counts))[: max(most - len(refused), 0)]
                tally.prompt -= len(again)
                self._hand_over(device, Counter({noted: tally.counts.pop(noted) for noted in again}))
        self._urgent = False

    def _hand_over(self, device: str, counts: Counter[Noted]) -> None:
        """Send replayed answers of the second that is being counted."""
        if self._has_room():
            self._send(codec.replayed(self._second, device, counts))
            return
        for noted, count in counts.items():
            self._add(device, codec.row(noted), self._second, count, 0.0)

    def _add(self, device: str, row: Row, second: int, count: int, milliseconds: float) -> None:
        table = self._table
        found = table.get((device, row))
        if found is None and len(table) >= TABLE_ROWS:
            group, _, _, outcome, step, category, _, _, rcode = row
            row = (group, "", 0, outcome, step, category, "", "", rcode)
            found = table.get((device, row))
        if found is None:
            table[device, row] = [second, count, milliseconds]
        else:
            found[1] += count
            found[2] += milliseconds

    def _send_table(self) -> None:
        if not self._table or not self._has_room():
            return
        self._send(
            [
                codec.record(int(second), device, row, int(count), milliseconds)
                for (device, row), (second, count, milliseconds) in self._table.items()
            ]
        )
        self._table = {}

    def _has_room(self, *, beside: int = 0) -> bool:
        return self._records_out + beside < UNCONFIRMED_RECORDS

    def _send(self, records: list[bytes]) -> None:
        """Send some records, each packed already."""
        for at in range(0, len(records), BATCH_RECORDS):
            part = records[at : at + BATCH_RECORDS]
            self._sequence += 1
            data = codec.framed(self.worker, self._sequence, part)
            self._unconfirmed[self._sequence] = data
            self._sizes[self._sequence] = len(part)
            self._records_out += len(part)
            if self._transport is not None:
                self._transport.write(data)

    def confirmed(self, sequence: int) -> None:
        """Let go of a batch that the recorder has committed."""
        if self._unconfirmed.pop(sequence, None) is not None:
            self._records_out -= self._sizes.pop(sequence)
        if not self._unconfirmed:
            self._all_confirmed.set()

    def connected(self, transport: asyncio.WriteTransport) -> None:
        """Send everything that is unconfirmed, in its order, and from now on whatever comes."""
        self._transport = transport
        transport.writelines(self._unconfirmed.values())

    def disconnected(self) -> None:
        """Keep what comes until there is a connection again."""
        self._transport = None

    async def _stay_connected(self, path: Path) -> None:
        pause = FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            lost: asyncio.Future[None] = loop.create_future()
            try:
                await loop.create_unix_connection(partial(_Link, self, lost), str(path))
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


class _Link(asyncio.Protocol):
    """One connection to the recorder."""

    def __init__(self, reporter: Reporter, lost: "asyncio.Future[None]") -> None:
        self._reporter = reporter
        self._lost = lost
        self._frames = FrameReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._reporter.connected(transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                stored = stored_decoder.decode(body)
                if stored.worker == self._reporter.worker:
                    self._reporter.confirmed(stored.sequence)
        except (FrameTooLong, msgspec.DecodeError):
            if self._transport is not None:
                self._transport.abort()  # whoever this is, it does not speak our protocol: try again later

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._reporter.disconnected()
        if not self._lost.done():
            self._lost.set_result(None)


def total(records: Iterable[QueryRecord]) -> int:
    """Return how many answers some records stand for."""
    return sum(record.count for record in records)
