"""Packs query records: MessagePack as `dns.querylog.records` defines it, put together from parts.

Ten thousand names a second may be among them. What is always the same of an answer is packed once, and each
record made of its bytes: a fraction of the cost of packing it whole. A property test holds that the query-log
writer reads what the library would have packed.
"""

import operator
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from dns.querylog.records import ANSWER_FIELDS, COLUMNS, FRAME_HEADER, LogEntry, QueryRecord, RecordBatch

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(QueryRecord).decode
_SMALL: Final = tuple(bytes((count,)) for count in range(128))
_RECORD_HEAD: Final = _encode(("",) * len(COLUMNS))[: -len(COLUMNS)]  # an array of so many: each "" is one byte
_BATCH_HEAD: Final = bytes((0x90 | len(RecordBatch.__struct_fields__),))
_ARRAY: Final = struct.Struct("!BI")
_MILLISECONDS: Final = struct.Struct("!Bd")
_FLOAT: Final = 0xCB
_ONE: Final = b"\1"
_COLUMNS: Final = _encode(len(COLUMNS))
_time: Final = _MILLISECONDS.pack
_NO_MILLISECONDS: Final = _time(_FLOAT, 0.0)  # a replayed answer takes some microseconds
# Of a packed `LogEntry` are left out: the bytes that say how many values it has: they stand in the record's own
# array; and the last two, of `packed` itself, which is empty yet. (Not as a `slice`: mypyc takes it for a number.)
_ENTRY_HEAD_BYTES: Final = len(_encode(("",) * len(LogEntry.__struct_fields__))) - len(LogEntry.__struct_fields__)

RecordRow = tuple[str | int, ...]  # of a QueryRecord its `ANSWER_FIELDS`
TimedEntry = tuple[LogEntry, float]  # an answer that went through the pipeline, and how many milliseconds it took
RecordTail = bytes  # of a record: everything after second and device


# What a record says of an answer, whoever was given it and however often.
record_row: Final[Callable[[LogEntry], RecordRow]] = operator.attrgetter(*ANSWER_FIELDS)


def pack_replayed(second: int, device: str, counts: Mapping[LogEntry, int]) -> list[bytes]:
    """Return the records of replayed answers."""
    head = _pack_head(second, device)
    return [
        head + (log_entry.packed or _pack_entry(log_entry)) + _pack_count(count) + _NO_MILLISECONDS
        for log_entry, count in counts.items()
    ]


def pack_timed(answers: Iterable[TimedEntry]) -> list[RecordTail]:
    """Return the tails of the records of answers that went through the pipeline, equal ones joined."""
    times: dict[bytes, float] = {}
    counts: dict[bytes, int] = {}  # of those that are there more than once: few
    for log_entry, milliseconds in answers:
        packed = log_entry.packed or _encode(log_entry)[_ENTRY_HEAD_BYTES:-2]
        if packed in times:
            counts[packed] = counts.get(packed, 1) + 1
            milliseconds += times[packed]  # noqa: PLW2901 (the sum is what stands in the record)
        times[packed] = milliseconds
    return [
        packed + (_pack_count(counts[packed]) if packed in counts else _ONE) + _time(_FLOAT, milliseconds)
        for packed, milliseconds in times.items()
    ]


def pack_with_tails(second: int, device: str, tails: Iterable[RecordTail]) -> list[bytes]:
    """Return the whole records."""
    head = _pack_head(second, device)
    return [head + tail for tail in tails]


def unpack_tail(tail: RecordTail) -> tuple[RecordRow, int, float]:
    """Return the row, the count and the milliseconds of a record."""
    whole = _decode(_pack_head(0, "") + tail)
    _, _, *row, count, milliseconds = msgspec.structs.astuple(whole)
    return tuple(row), count, milliseconds


def pack_record(second: int, device: str, row: RecordRow, count: int, milliseconds: float) -> bytes:
    """Return one record."""
    return _encode((second, device, *row, count, milliseconds))


def pack_frame(worker: str, sequence: int, records: Sequence[bytes]) -> bytes:
    """Return the frame of a `RecordBatch` whose records are packed already."""
    body = b"".join(
        (_BATCH_HEAD, _encode(worker), _encode(sequence), _ARRAY.pack(0xDD, len(records)), *records, _COLUMNS)
    )
    return FRAME_HEADER.pack(len(body)) + body


def _pack_head(second: int, device: str) -> bytes:
    return _RECORD_HEAD + _encode(second) + _encode(device)


def _pack_count(count: int) -> bytes:
    return _SMALL[count] if count < len(_SMALL) else _encode(count)


def _pack_entry(log_entry: LogEntry) -> bytes:
    packed = log_entry.packed = _encode(log_entry)[_ENTRY_HEAD_BYTES:-2]
    return packed
