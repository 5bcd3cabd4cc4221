"""Undoes the Content-Encoding of a download (RFC 9110, section 8.4) in bounded steps.

One encoding, gzip or deflate, or none. Stacked encodings are refused: six kilobytes of gzip in gzip are four
gigabytes. What comes out is handed on in pieces of at most `PIECE_BYTES`, and is refused once it is more than
`MAX_RATIO` times what came in: text does not shrink so far.
"""

import zlib
from collections.abc import Iterator

from blocklists.errors import FetchFailed

PIECE_BYTES = 1 << 16
MAX_RATIO = 100
_RATIO_FREE_BYTES = 16 * 1024**2  # so much may come of anything
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # told apart by the header
_KNOWN = {"": False, "identity": False, "gzip": True, "x-gzip": True, "deflate": True}


class ContentDecoder:
    """Decodes one body."""

    def __init__(self, encoding: str) -> None:
        """Take the value of the header. Raises FetchFailed for encodings that nobody asked for."""
        words = [word.strip().lower() for word in encoding.split(",") if word.strip()]
        if len(words) > 1:
            raise FetchFailed(f"the server compresses it more than once ({', '.join(words)[:60]})")
        name = words[0] if words else ""
        if name not in _KNOWN:
            raise FetchFailed(f"the server sends it in an encoding that was not asked for ({name[:30]!r})")
        self._decompress = zlib.decompressobj(_GZIP_OR_ZLIB) if _KNOWN[name] else None
        self._received = 0
        self._given = 0

    def decode(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body holds. Raises FetchFailed where it is damaged, or a bomb."""
        if self._decompress is None:
            yield piece
            return
        self._received += len(piece)
        rest = piece
        decoded = b"."
        while rest or len(decoded) == PIECE_BYTES:  # a full piece: there may be more, though all was fed
            decoded, rest = self._decode_step(rest)
            self._given += len(decoded)
            if self._given > max(_RATIO_FREE_BYTES, self._received * MAX_RATIO):
                raise FetchFailed(f"unpacks to more than {MAX_RATIO} times its size")
            if decoded:
                yield decoded

    def finish(self) -> None:
        """Say that the body has ended. Raises FetchFailed where it was cut short."""
        if self._decompress is not None and self._received and not self._decompress.eof:
            raise FetchFailed("is cut short: what is compressed in it does not end")

    def _decode_step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return some of what is decoded, and what is still to be fed."""
        stream = self._decompress
        if stream is None:
            return data, b""
        if stream.eof:  # a further member (RFC 1952, section 2.2); zeros fill blocks of tapes
            data = data.lstrip(b"\0")
            if not data:
                return b"", b""
            stream = self._decompress = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            decoded = stream.decompress(data, PIECE_BYTES)
        except zlib.error:
            raise FetchFailed("is damaged: what is compressed in it cannot be unpacked") from None
        return decoded, stream.unused_data if stream.eof else stream.unconsumed_tail
