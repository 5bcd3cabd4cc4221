"""Packs query records for the recorder: MessagePack as `dns.querylog.records` defines it, put together from parts.

Ten thousand names a second may be among them. What is always the same of an answer is packed once, and each
record made of its bytes: a fraction of the cost of packing it whole. A property test holds that the recorder reads
what the library would have packed.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from dns.packet_cache import Noted
from dns.querylog.records import FRAME_HEADER, Batch, QueryRecord

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(QueryRecord).decode
_SMALL = tuple(bytes((count,)) for count in range(128))
_RECORD_HEAD = bytes((0x90 | len(QueryRecord.__struct_fields__),))  # an array of so many
_BATCH_HEAD = bytes((0x90 | len(Batch.__struct_fields__),))
_ARRAY = struct.Struct("!BI")
_MILLISECONDS = struct.Struct("!Bd")
_FLOAT = 0xCB
_ONE = b"\1"
_time = _MILLISECONDS.pack
_NO_MILLISECONDS = _time(_FLOAT, 0.0)  # a replayed answer takes some microseconds
# Of a packed `Noted`: without the byte that says how many values it has, for they stand in the record's own array;
# and without the two bytes of the last one, `packed` itself, which is empty yet.
_ROW = slice(1, -2)

Row = tuple[str, str, int, str, str, str, str, str, int]  # a QueryRecord from `group` to `rcode`
Timed = tuple[Noted, float]  # an answer that went through the chain, and how many milliseconds it took
Tail = bytes  # of a record: everything after second and device


def row(noted: Noted) -> Row:
    """Return what a record says of an answer, whoever was given it and however often."""
    return (
        noted.group,
        noted.name,
        noted.qtype,
        noted.outcome,
        noted.step,
        noted.category,
        noted.source,
        noted.entry,
        noted.rcode,
    )


def replayed(second: int, device: str, counts: Mapping[Noted, int]) -> list[bytes]:
    """Return the records of replayed answers."""
    head = _head(second, device)
    return [
        head + (noted.packed or _pack(noted)) + _count(count) + _NO_MILLISECONDS for noted, count in counts.items()
    ]


def timed(answers: Iterable[Timed]) -> list[Tail]:
    """Return the tails of the records of answers that went through the chain, equal ones joined."""
    times: dict[bytes, float] = {}
    counts: dict[bytes, int] = {}  # of those that are there more than once: few
    for noted, milliseconds in answers:
        packed = noted.packed or _encode(noted)[_ROW]
        if packed in times:
            counts[packed] = counts.get(packed, 1) + 1
            milliseconds += times[packed]  # noqa: PLW2901 (the sum is what stands in the record)
        times[packed] = milliseconds
    return [
        packed + (_count(counts[packed]) if packed in counts else _ONE) + _time(_FLOAT, milliseconds)
        for packed, milliseconds in times.items()
    ]


def with_tails(second: int, device: str, tails: Iterable[Tail]) -> list[bytes]:
    """Return the whole records."""
    head = _head(second, device)
    return [head + tail for tail in tails]


def unpacked(tail: Tail) -> tuple[Row, int, float]:
    """Return the row, the count and the milliseconds of a record."""
    whole = _decode(_head(0, "") + tail)
    _, _, *row, count, milliseconds = msgspec.structs.astuple(whole)
    return cast("Row", tuple(row)), count, milliseconds


def record(second: int, device: str, of: Row, count: int, milliseconds: float) -> bytes:
    """Return one record."""
    return _encode(QueryRecord(second, device, *of, count, milliseconds))


def framed(worker: str, sequence: int, records: Sequence[bytes]) -> bytes:
    """Return the frame of a `Batch` whose records are packed already."""
    body = b"".join((_BATCH_HEAD, _encode(worker), _encode(sequence), _ARRAY.pack(0xDD, len(records)), *records))
    return FRAME_HEADER.pack(len(body)) + body


def _head(second: int, device: str) -> bytes:
    return _RECORD_HEAD + _encode(second) + _encode(device)


def _count(count: int) -> bytes:
    return _SMALL[count] if count < len(_SMALL) else _encode(count)


def _pack(noted: Noted) -> bytes:
    packed = noted.packed = _encode(noted)[_ROW]
    return packed
