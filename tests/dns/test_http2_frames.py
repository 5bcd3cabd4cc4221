"""A frame that is too long is known by its head, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from dns.http2_frames import MAX_FRAME_BYTES, PREFACE_BYTES, FrameLengths


def frame(length: int, announced: int | None = None) -> bytes:
    return (length if announced is None else announced).to_bytes(3, "big") + b"\0\0\0\0\0\1" + bytes(length)


@given(
    st.lists(st.integers(0, 40), max_size=6),
    st.sampled_from((None, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 0xFFFFFF)),
    st.integers(1, 50),
)
def test_only_a_frame_that_is_too_long_is_not_allowed(lengths: list[int], last: int | None, cut: int) -> None:
    stream = b"p" * PREFACE_BYTES + b"".join(map(frame, lengths))
    if last is not None:
        stream += frame(3, last)
    frames = FrameLengths(PREFACE_BYTES)
    allowed = all(frames.are_allowed(stream[at : at + cut]) for at in range(0, len(stream), cut))

    assert allowed is (last is None or last <= MAX_FRAME_BYTES)
