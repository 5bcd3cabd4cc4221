"""Query records, and the frames in which workers hand them to the query-log writer.

A worker counts equal answers within a second into one `QueryRecord`; the sum of `count` over all records equals
the answers given. Batches travel over a Unix stream socket: four bytes of length (big-endian), then the
MessagePack of a `RecordBatch`. The query-log writer answers each batch that it has committed with a frame that
holds `BatchAck`. A worker keeps every batch until it has been told so, and sends unconfirmed batches again after a
reconnection; the query-log writer knows a batch by (`worker`, `sequence`) and stores it once. Counting is
therefore exact however often either side dies, except for what the dead worker itself had not yet handed over.

`QueryRecord` is the one definition of what the query log has of an answer. What a worker keeps of it (`LogEntry`),
the packed row, the log's columns and its view, what its readers print and what the live feed sends are derived
from it. A new column stands between `rcode` and `count`, with a default: rows that were packed before have none.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, get_type_hints

import msgspec

FRAME_HEADER = struct.Struct("!I")
FRAME_BYTES = 4 * 1024 * 1024  # a longer frame is not ours

_encoder = msgspec.msgpack.Encoder()


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a value of the record."""

    in_log: bool  # printed and exported by whoever reads the query log; the view shows the others behind these
    in_live: bool  # sent to whoever follows the live feed
    identifies: bool  # may tell a device or a name: left out where the school keeps none (`redaction`)


_SHOWN = Column(in_log=True, in_live=True, identifies=False)
_INTERNAL = Column(in_log=False, in_live=False, identifies=False)


class QueryRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Equal answers that one device was given within one second."""

    second: Annotated[int, _SHOWN]  # Unix time of the first of them
    device: Annotated[str, Column(in_log=True, in_live=True, identifies=True)]  # the address that asked, as text
    group: Annotated[str, _SHOWN]
    name: Annotated[str, Column(in_log=True, in_live=True, identifies=True)]  # canonical; "": could not be read
    qtype: Annotated[int, _SHOWN]
    verdict: Annotated[str, _SHOWN]  # allowed, refused, rewritten, or failed: answered with an error of DNS itself
    step: Annotated[str, _INTERNAL] = ""  # of the deciding `dns.policy.verdict.Step`; "": nothing was decided
    category: Annotated[str, _SHOWN] = ""
    source: Annotated[str, Column(in_log=True, in_live=True, identifies=True)] = ""
    entry: Annotated[str, Column(in_log=False, in_live=True, identifies=True)] = ""
    rcode: Annotated[int, _INTERNAL] = 0
    count: Annotated[int, _SHOWN] = 1
    # The sum over all of them of the time from question to answer.
    milliseconds: Annotated[float, Column(in_log=True, in_live=False, identifies=False)] = 0.0


COLUMNS: dict[str, Column] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(QueryRecord, include_extras=True).items()
}
# What a record says of an answer, whoever was given it and however often.
ANSWER_FIELDS = tuple(name for name in COLUMNS if name not in {"second", "device", "count", "milliseconds"})
BLOCKED_VERDICTS = frozenset(("refused", "rewritten"))

_ANSWER: Any = msgspec.defstruct(
    "_ANSWER",
    [
        (field.name, field.type) if field.required else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(QueryRecord)
        if field.name in ANSWER_FIELDS
    ],
    gc=False,
    eq=False,
    array_like=True,
)


class LogEntry(_ANSWER):  # type: ignore[misc]  # its fields are made above
    """What the query log says of an answer: `ANSWER_FIELDS`. Compared by identity: counting is then cheapest."""

    packed: bytes = b""  # as it travels to the query-log writer; made once, by `dns.querylog.codec`


class RecordBatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Some records of one worker."""

    worker: str  # made anew at each start of a worker
    sequence: int  # 1, 2, 3, … within one worker
    records: tuple[QueryRecord, ...]
    columns: int = 13  # of each record; batches of before a column was added do not say it


class BatchAck(msgspec.Struct, frozen=True, array_like=True):
    """The query-log writer's word that a batch is committed."""

    worker: str
    sequence: int


class _OlderBatch(msgspec.Struct, array_like=True):
    worker: str
    sequence: int
    records: list[list[Any]]


_older_decoder = msgspec.msgpack.Decoder(_OlderBatch)
_batch_decoder = msgspec.msgpack.Decoder(RecordBatch)
ack_decoder = msgspec.msgpack.Decoder(BatchAck)


def encode_frame(message: RecordBatch | BatchAck) -> bytes:
    """Return a message as it travels: its length, then its bytes."""
    body = _encoder.encode(message)
    return FRAME_HEADER.pack(len(body)) + body


def decode_batch(body: bytes) -> RecordBatch:
    """Return a batch, also one of before a column was added. Raises one of `dns.errors.DECODING_FAILED`."""
    with contextlib.suppress(msgspec.ValidationError):
        batch = _batch_decoder.decode(body)
        if batch.columns == len(COLUMNS):
            return batch
    worker, sequence, rows = msgspec.structs.astuple(_older_decoder.decode(body))
    return msgspec.convert((worker, sequence, [_complete_row(row) for row in rows], len(COLUMNS)), RecordBatch)


def _complete_row(row: list[Any]) -> list[Any]:
    """Return the row of an earlier version with the defaults of the columns that it has not."""
    missing = len(COLUMNS) - len(row)
    if not 0 <= missing < len(ANSWER_FIELDS):
        raise msgspec.ValidationError(f"a record of {len(row)} columns")
    defaults = {field.name: field.default for field in msgspec.structs.fields(QueryRecord)}
    return [*row[:-2], *(defaults[name] for name in ANSWER_FIELDS[len(ANSWER_FIELDS) - missing :]), *row[-2:]]


class FrameTooLong(ValueError):
    """The peer announced a frame longer than FRAME_BYTES: it is not speaking this protocol."""


class FrameReader:
    """Cuts a stream of bytes into frames, whatever the pieces in which it arrives."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes of the stream; yield each frame's body that is now complete.

        Raises FrameTooLong.
        """
        self._pending += data
        while len(self._pending) >= FRAME_HEADER.size:
            (length,) = FRAME_HEADER.unpack_from(self._pending)
            if length > FRAME_BYTES:
                raise FrameTooLong(f"a frame of {length} bytes")
            end = FRAME_HEADER.size + length
            if len(self._pending) < end:
                return
            body = bytes(self._pending[FRAME_HEADER.size : end])
            del self._pending[:end]
            yield body


def total_count(records: Iterable[QueryRecord]) -> int:
    """Return how many answers some records stand for."""
    return sum(record.count for record in records)
