"""Query records, and the frames in which workers hand them to the query-log writer.

A worker counts equal answers within a second into one `QueryRecord`; the sum of `count` over all records equals
the answers given. Batches travel over a Unix stream socket: four bytes of length (big-endian), then the
MessagePack of a `RecordBatch`. The query-log writer answers each batch that it has committed with a frame that
holds `BatchAck`. A worker keeps every batch until it has been told so, and sends unconfirmed batches again after a
reconnection; the query-log writer knows a batch by (`worker`, `sequence`) and stores it once. Counting is
therefore exact however often either side dies, except for what the dead worker itself had not yet handed over.
"""

import struct
from collections.abc import Iterable, Iterator

import msgspec

FRAME_HEADER = struct.Struct("!I")
FRAME_BYTES = 4 * 1024 * 1024  # a longer frame is not ours

_encoder = msgspec.msgpack.Encoder()


class QueryRecord(msgspec.Struct, frozen=True, array_like=True):
    """Equal answers that one device was given within one second."""

    second: int  # Unix time of the first of them
    device: str  # the address that asked, as text
    group: str
    name: str  # canonical; "" where the question could not be read
    qtype: int
    verdict: str  # "allowed", "refused", "rewritten", or "failed": answered with an error of DNS itself
    step: str  # the value of the deciding `dns.policy.verdict.Step`; "" where nothing was decided
    category: str
    source: str
    entry: str
    rcode: int
    count: int
    milliseconds: float  # the sum over all of them of the time from question to answer


class RecordBatch(msgspec.Struct, frozen=True, array_like=True):
    """Some records of one worker."""

    worker: str  # made anew at each start of a worker
    sequence: int  # 1, 2, 3, … within one worker
    records: tuple[QueryRecord, ...]


class BatchAck(msgspec.Struct, frozen=True, array_like=True):
    """The query-log writer's word that a batch is committed."""

    worker: str
    sequence: int


batch_decoder = msgspec.msgpack.Decoder(RecordBatch)
ack_decoder = msgspec.msgpack.Decoder(BatchAck)


def encode_frame(message: RecordBatch | BatchAck) -> bytes:
    """Return a message as it travels: its length, then its bytes."""
    body = _encoder.encode(message)
    return FRAME_HEADER.pack(len(body)) + body


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
