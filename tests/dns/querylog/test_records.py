"""Frames between workers and the recorder survive any cutting of the stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.querylog.records import (
    FRAME_BYTES,
    FRAME_HEADER,
    FrameReader,
    FrameTooLong,
    QueryRecord,
    RecordBatch,
    decode_batch,
    encode_frame,
)

RECORD = QueryRecord(1, "192.0.2.7", "pupils", "example.org", 1, "allowed", "default", "", "", "", 0, 3, 1.5)


@given(st.integers(0, 4), st.data())
def test_batches_arrive_whole_whatever_the_pieces(count: int, data: st.DataObject) -> None:
    batches = [RecordBatch("worker", number, (RECORD,) * number) for number in range(count)]
    stream = b"".join(encode_frame(batch) for batch in batches)
    reader, arrived, at = FrameReader(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        arrived += [decode_batch(body) for body in reader.feed(stream[at : at + size])]
        at += size
    assert arrived == batches


def test_a_frame_that_is_too_long_to_be_ours_is_refused() -> None:
    with pytest.raises(FrameTooLong):
        list(FrameReader().feed(FRAME_HEADER.pack(FRAME_BYTES + 1)))
