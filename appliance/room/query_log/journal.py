"""What was received and does not stand in the database yet: a small file that is only ever appended to.

A database writes whole pages for every change; over a school day that would wear a card a hundred times more than
the records themselves. So few records at a time go here, compressed, and are taken into the database together.

The file is a sequence of chunks: length and CRC-32 (both four bytes, big-endian), then the next piece of one
zlib stream (RFC 1950) of frames (`dns.querylog.records`), sealed with AES-256-GCM where the log has a key. A
power cut can tear the last chunk only, or leave zeros in its place; reading ends there, as it does before
whatever else is no chunk (none is empty, and none larger than `MAX_CHUNK_BYTES`). The numbers of the batches are
inside, so taking them in twice counts once.
"""

import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dns.errors import DECODING_FAILED
from dns.querylog.records import FrameReader, FrameTooLong, RecordBatch, decode_batch, encode_frame

_CHUNK = struct.Struct("!II")
_NONCE_BYTES = 12
MAX_CHUNK_BYTES = 16 * 1024 * 1024  # a damaged disk may claim any size


class Journal:
    """Open for one writer. Methods raise OSError; the file then holds what it held before."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._cipher = AESGCM(key) if key else None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        self._stream: zlib._Compress | None = None if self._size else zlib.compressobj(1)
        self.is_torn = False  # what was read last ended before the file did

    @property
    def size(self) -> int:
        """The bytes it holds."""
        return self._size

    def read_batches(self) -> list[RecordBatch]:
        """Return every batch that is whole."""
        return list(self._iter_batches())

    def append_batches(self, batches: Sequence[RecordBatch], *, durable: bool) -> None:
        """Add batches; `durable`: return only when they are on the disk itself.

        A journal that was found with something in it must be cleared before it takes more.
        """
        if self._stream is None:
            raise OSError("the journal holds another stream: clear it first")
        stream = self._stream.copy()  # given up where the writing fails
        piece = stream.compress(b"".join(map(encode_frame, batches))) + stream.flush(zlib.Z_SYNC_FLUSH)
        if self._cipher is not None:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            piece = nonce + self._cipher.encrypt(nonce, piece, None)
        chunk = _CHUNK.pack(len(piece), zlib.crc32(piece)) + piece
        try:
            self._write(chunk)
            if durable:
                os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(chunk)
        self._stream = stream

    def clear(self) -> None:
        """Forget everything: it stands in the database."""
        os.ftruncate(self._file, 0)
        self._size = 0
        self._stream = zlib.compressobj(1)

    def close(self) -> None:
        """Close the file; what it holds stays."""
        os.close(self._file)

    def _write(self, chunk: bytes) -> None:
        if os.pwrite(self._file, chunk, self._size) != len(chunk):
            raise OSError("the disk is full")

    def _iter_batches(self) -> Iterator[RecordBatch]:
        stream, frames, at = zlib.decompressobj(), FrameReader(), 0
        self.is_torn = True
        while at < self._size:
            if (piece := self._read_chunk(at)) is None:
                return
            at += _CHUNK.size + len(piece)
            try:
                if self._cipher is not None:
                    piece = self._cipher.decrypt(piece[:_NONCE_BYTES], piece[_NONCE_BYTES:], None)
                for body in frames.feed(stream.decompress(piece)):
                    yield decode_batch(body)
            except (zlib.error, InvalidTag, FrameTooLong, *DECODING_FAILED):
                return  # of another key, or not ours
        self.is_torn = False

    def _read_chunk(self, at: int) -> bytes | None:
        """Return what a chunk holds, or None where there is no whole one."""
        head = os.pread(self._file, _CHUNK.size, at)
        if len(head) < _CHUNK.size:
            return None
        length, check = _CHUNK.unpack(head)
        if not 0 < length <= MAX_CHUNK_BYTES:
            return None
        piece = os.pread(self._file, length, at + _CHUNK.size)
        return piece if len(piece) == length and zlib.crc32(piece) == check else None
