"""Counts what was answered, and sends it to the query-log writer: nothing is lost, nothing counted twice.

Within a second equal answers of one worker to one device become one record (`dns.querylog.records`). Those of all
workers become one row in the query-log writer (`appliance.room.query_log.store`). How they reach it,
`dns.querylog.delivery` knows.

A second that is over is handed over in chunks, within the first six tenths of the next: to pack what thousands
of names were answered takes some milliseconds, and so does writing them down, and others would wait for it.

Memory is bounded while the query-log writer is away: from so many unconfirmed records on
(`dns.querylog.delivery.MAX_UNCONFIRMED_RECORDS`) nothing new is sent off; counting goes on in one table whose rows
cover longer than a second, and beyond `MAX_TABLE_ROWS` rows names are left out. The sums stay exact. What the
query log cannot show then is when exactly, and at last which name.

Refusals do not wait for the end of the second: the room's lamp hangs on them. So that a flood of refusals does not
become a flood of records, `PROMPT_BLOCKS_PER_SECOND` of a device's go at once in each second, the others
`BLOCK_TURNS_PER_SECOND` times a second: none shall be older than half a second when it is on the disk.
"""

import itertools
from collections import Counter, deque
from pathlib import Path
from typing import Final

from dns.clients import Client
from dns.querylog import codec
from dns.querylog.codec import RecordRow, RecordTail, TimedEntry
from dns.querylog.delivery import BatchDelivery
from dns.querylog.records import ANSWER_FIELDS, COLUMNS, LogEntry

MAX_TABLE_ROWS: Final = 20_000
PROMPT_BLOCKS_PER_SECOND: Final = 50
BLOCK_TURNS_PER_SECOND: Final = 5
PACKED_AT_ONCE: Final = 128
CHUNK_RECORDS: Final = 32
SPREAD_TICKS: Final = 12
MIN_CHUNKS_PER_TICK: Final = 2  # chunks: what few devices ask is handed over at once

# Of a row whose name is left out: what else goes with it.
_NAMELESS: Final[tuple[str | int | None, ...]] = tuple(
    0 if field == "qtype" else "" if COLUMNS[field].identifies else None for field in ANSWER_FIELDS
)

_Chunk = tuple[int, str, dict[LogEntry, int], tuple[RecordTail, ...]]  # a second, a device, what it was answered


class _Tally:
    """What one device was answered in the second that is being counted."""

    __slots__ = ("blocked", "counts", "has_replayed_block", "prompt_left", "tails", "timed")

    def __init__(self) -> None:
        self.counts: Counter[LogEntry] = Counter()
        self.timed: list[TimedEntry] = []  # of unknown clients, not packed yet
        self.tails: list[RecordTail] = []  # of what went through the pipeline, packed
        self.blocked: list[TimedEntry] = []
        self.has_replayed_block = False  # there may be one among the counts
        self.prompt_left = PROMPT_BLOCKS_PER_SECOND


class QueryLogSender:
    """Counts for one worker, and hands over what it counted."""

    def __init__(self, path: Path | None) -> None:
        self.delivery = BatchDelivery(path)
        self._second = 0
        self._block_turn = 0
        self._tallies: dict[str, _Tally] = {}
        self._chunks: deque[_Chunk] = deque()  # of seconds that are over
        self._chunks_per_tick = 0  # chunks to hand over in each tick
        self._replayed_blocks: set[LogEntry] = set()  # those that the fast path may give again
        self._table: dict[
            tuple[str, RecordRow], list[float]
        ] = {}  # device and row: first second, count, milliseconds
        self._has_new_blocks = False
        self.nameless_count = 0  # answers whose names were left out, since the start

    # Counting

    def note_replayed_block(self, log_entry: LogEntry) -> None:
        """Note that this refusal may be given again by the fast path, so that it is found in the devices' logs."""
        if len(self._replayed_blocks) >= MAX_TABLE_ROWS:
            self._replayed_blocks.clear()  # they only cost their promptness, until they are made anew
        self._replayed_blocks.add(log_entry)

    def count_answer(self, device: str, log_entry: LogEntry, milliseconds: float) -> None:
        """Count one answer at once: for clients of whom nothing is kept."""
        tally = self._tally(device)
        if log_entry.verdict == "refused":
            tally.blocked.append((log_entry, milliseconds))
            self._has_new_blocks = True
        else:
            tally.timed.append((log_entry, milliseconds))
            if len(tally.timed) >= PACKED_AT_ONCE:
                tally.tails += codec.pack_timed(tally.timed)
                tally.timed.clear()

    def collect_client_log(self, client: Client) -> int:
        """Take what a device was answered since the last tick; return how much of it was replayed."""
        log = client.log
        replayed = len(log)
        tally = self._tally(client.address)
        if client.timed:
            # Packed at the tick, not at the end of the second: what is kept until then is a third of the size, and
            # what was just written need not be fetched from memory again.
            tally.tails += codec.pack_timed(client.timed)
            client.timed.clear()
        if client.blocked:
            tally.blocked += client.blocked
            client.blocked.clear()
            self._has_new_blocks = True
        if replayed:
            tally.counts.update(log)
            if client.has_replayed_block:
                client.has_replayed_block = False
                tally.has_replayed_block = True
                if tally.prompt_left > 0:
                    self._has_new_blocks = True
            log.clear()
        return replayed

    def tick(self, now: float) -> None:
        """Hand over what is due: everything at the turn of a second, refusals at once."""
        second = int(now)
        self._second = self._second or second  # what came before the first tick came in its second
        if second != self._second:
            self._send_blocked(flood=True)
            self._end_second()
            self._second = second
        elif (turn := int(now * BLOCK_TURNS_PER_SECOND)) != self._block_turn:
            self._block_turn = turn
            self._send_blocked(flood=True)
        elif self._has_new_blocks:
            self._send_blocked()
        if self._chunks:
            self._send_chunks(self._chunks_per_tick)
        self._send_table()

    # The way to the query-log writer

    def start(self) -> None:
        """Begin to connect to the query-log writer, in the running loop."""
        self.delivery.start()

    async def flush_and_close(self, patience: float = 2.0) -> None:
        """Hand over everything, wait a little for its confirmation, and part."""
        self._end_second()
        self._send_chunks(len(self._chunks))
        self._send_table()
        await self.delivery.close(patience)

    @property
    def unconfirmed_count(self) -> int:
        """How many records the query-log writer has not confirmed yet."""
        waiting = sum(len(counts) + len(tails) for _, _, counts, tails in self._chunks)
        return self.delivery.unconfirmed_records + len(self._table) + waiting

    def _tally(self, device: str) -> _Tally:
        tally = self._tallies.get(device)
        if tally is None:
            tally = self._tallies[device] = _Tally()
        return tally

    def _end_second(self) -> None:
        """Part what was answered in the second into chunks, to be handed over during the next ticks."""
        second, chunks = self._second, self._chunks
        for device, tally in self._tallies.items():
            counted = iter(tally.counts.items())
            while some := dict(itertools.islice(counted, CHUNK_RECORDS)):
                chunks.append((second, device, some, ()))
            tails = iter(tally.tails + codec.pack_timed(tally.timed + tally.blocked))
            while one_by_one := tuple(itertools.islice(tails, CHUNK_RECORDS)):
                chunks.append((second, device, {}, one_by_one))
        self._tallies = {}
        self._chunks_per_tick = max(-(-len(chunks) // SPREAD_TICKS), MIN_CHUNKS_PER_TICK)

    def _send_chunks(self, most: int) -> None:
        records: list[bytes] = []
        for _ in range(min(most, len(self._chunks))):
            second, device, counts, tails = self._chunks.popleft()
            if self.delivery.has_room(beside=len(records)):
                records += codec.pack_replayed(second, device, counts)
                records += codec.pack_with_tails(second, device, tails)
                continue
            for log_entry, count in counts.items():
                self._add_to_table(device, codec.record_row(log_entry), second, count, 0.0)
            for tail in tails:
                row, count, milliseconds = codec.unpack_tail(tail)
                self._add_to_table(device, row, second, count, milliseconds)
        if records:
            self.delivery.send_records(records)

    def _send_blocked(self, *, flood: bool = False) -> None:
        for device, tally in self._tallies.items():
            most = MAX_TABLE_ROWS if flood else tally.prompt_left
            if most <= 0:
                continue
            refused = tally.blocked[:most]
            if refused:
                del tally.blocked[:most]
                for log_entry, milliseconds in refused:
                    self._add_to_table(device, codec.record_row(log_entry), self._second, 1, milliseconds)
                tally.prompt_left -= len(refused)
            if tally.has_replayed_block:
                again = list(self._replayed_blocks.intersection(tally.counts))[: max(most - len(refused), 0)]
                tally.prompt_left -= len(again)
                self._send_replayed(
                    device, Counter({log_entry: tally.counts.pop(log_entry) for log_entry in again})
                )
        self._has_new_blocks = False

    def _send_replayed(self, device: str, counts: Counter[LogEntry]) -> None:
        """Send replayed answers of the second that is being counted."""
        if self.delivery.has_room():
            self.delivery.send_records(codec.pack_replayed(self._second, device, counts))
            return
        for log_entry, count in counts.items():
            self._add_to_table(device, codec.record_row(log_entry), self._second, count, 0.0)

    def _add_to_table(self, device: str, row: RecordRow, second: int, count: int, milliseconds: float) -> None:
        table = self._table
        found = table.get((device, row))
        if found is None and len(table) >= MAX_TABLE_ROWS:
            row = _without_name(row)
            self.nameless_count += count
            found = table.get((device, row))
        if found is None:
            table[device, row] = [second, count, milliseconds]
        else:
            found[1] += count
            found[2] += milliseconds

    def _send_table(self) -> None:
        if not self._table or not self.delivery.has_room():
            return
        self.delivery.send_records(
            [
                codec.pack_record(int(second), device, row, int(count), milliseconds)
                for (device, row), (second, count, milliseconds) in self._table.items()
            ]
        )
        self._table = {}


def _without_name(row: RecordRow) -> RecordRow:
    return tuple(value if blank is None else blank for value, blank in zip(row, _NAMELESS, strict=True))
