"""Compressed bodies come out whole, in small pieces, or not at all."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.content_decoder import PIECE_BYTES, ContentDecoder
from blocklists.errors import FetchFailed


def decode(encoding: str, body: bytes, size: int = 1000) -> bytes:
    decoder = ContentDecoder(encoding)
    decoded = []
    for at in range(0, len(body), size):
        for piece in decoder.decode(body[at : at + size]):
            assert len(piece) <= max(PIECE_BYTES, size)
            decoded.append(piece)
    decoder.finish()
    return b"".join(decoded)


@given(st.binary(max_size=5000), st.integers(1, 3000), st.integers(1, 40))
def test_what_was_compressed_comes_out_as_it_was(content: bytes, size: int, repeat: int) -> None:
    content *= repeat
    assert decode("gzip", gzip.compress(content), size) == content
    assert decode("deflate", zlib.compress(content), size) == content
    assert decode("", content, size) == content
    assert decode("gzip", gzip.compress(content) + gzip.compress(b"more"), size) == content + b"more"


def test_an_end_on_a_full_piece_is_no_cut() -> None:
    for extra in (-1, 0, 1):
        content = b"a" * (PIECE_BYTES * 2 + extra)
        assert decode("gzip", gzip.compress(content), 10_000) == content


@pytest.mark.parametrize(
    ("encoding", "body", "says"),
    [
        ("gzip, gzip", b"", "more than once"),
        ("br", b"", "not asked for"),
        ("gzip", gzip.compress(b"text" * 1000, mtime=0)[:-9], "cut short"),
        ("gzip", b"text", "cannot be unpacked"),
        ("gzip", gzip.compress(b"text", mtime=0) + b"rubbish", "cannot be unpacked"),
        ("gzip", gzip.compress(b"\0" * (64 << 20), mtime=0), "more than 100 times"),
    ],
)
def test_what_is_damaged_or_a_bomb_is_refused(encoding: str, body: bytes, says: str) -> None:
    with pytest.raises(FetchFailed, match=says):
        decode(encoding, body)
