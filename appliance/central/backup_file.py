r"""The file of a backup: encrypted frames, each of which is known to be whole, in their order, and ours.

    HALLPASS BACKUP 1\n
    16 bytes of salt, 8 bytes by which a wrong passphrase is told
    frames: 4 bytes of length (big-endian), then the frame

The key is made of the passphrase by scrypt (RFC 7914; N = 2^16, r = 8, p = 1). A frame is msgpack, compressed by
zlib (RFC 1950), encrypted by AES-256-GCM (NIST SP 800-38D) with its number as nonce and the header as associated
data: the key is another one for each file, so no nonce comes twice. The last frame says that it is that: a file
that was cut off, and one to which something was added, are told. What is read is bounded: no frame has more than
`MAX_FRAME_BYTES`, before and after it is unpacked, whatever the file says.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import msgspec

from appliance.central.errors import CentralError
from dns.errors import DECODING_FAILED

MAGIC = b"HALLPASS BACKUP 1\n"
MAX_FRAME_BYTES = 8 * 1024 * 1024
MIN_PASSPHRASE = 12  # characters: the file may lie anywhere, and somebody has all the time there is
_COMPRESSION = 1  # of zlib: 5 % larger than with 6, in a third of the time
_SALT_BYTES, _CHECK_BYTES, _KEY_BYTES, _TAG_BYTES, _LENGTH_BYTES = 16, 8, 32, 16, 4
_SCRYPT = {"n": 2**16, "r": 8, "p": 1}


class BackupError(CentralError):
    """A backup cannot be made, read or put back; the text is one sentence."""


class StoredFile(msgspec.Struct, frozen=True):
    """A file that is in the backup."""

    name: str
    size: int  # bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True, tag="manifest"):
    """What is in the backup; the first frame."""

    made_at: datetime
    version: str  # of Hallpass
    migration: str  # which tables the database had
    school: str
    rows: dict[str, int]  # of each table, in the order in which they are put back
    files: tuple[StoredFile, ...]
    left_out: tuple[str, ...] = ()  # names of what is neither file nor folder, nor leads to one


class Rows(msgspec.Struct, frozen=True, kw_only=True, tag="rows"):
    """Some rows of a table."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class FilePart(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """The next piece of a file."""

    name: str
    content: bytes


class End(msgspec.Struct, frozen=True, tag="end"):
    """The last frame."""

    frames: int


Frame = Manifest | Rows | FilePart | End

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


class BackupWriter:
    """Writes frames into a file that was just begun. Raises OSError."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt = os.urandom(_SALT_BYTES)
        key, check = _derive_key(passphrase, salt)
        self._file = file
        self._header = MAGIC + salt + check
        self._cipher = _cipher(key)
        self._count = 0
        file.write(self._header)

    def write(self, frame: Frame) -> int:
        """Add a frame, and return how many bytes it says; rows that are too many for one become several."""
        content = _encode(frame)
        if len(content) > MAX_FRAME_BYTES and isinstance(frame, Rows) and len(frame.rows) > 1:
            half = len(frame.rows) // 2
            halves = (frame.rows[:half], frame.rows[half:])
            return sum(self.write(msgspec.structs.replace(frame, rows=rows)) for rows in halves)
        if len(content) > MAX_FRAME_BYTES:
            raise BackupError("something in the database is too large for a backup")
        sealed = self._cipher.encrypt(_nonce(self._count), zlib.compress(content, _COMPRESSION), self._header)
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)
        self._count += 1
        return len(content)

    def finish(self) -> None:
        """Say that this was all."""
        self.write(End(self._count))


def read_frames(file: BinaryIO, passphrase: str) -> Iterator[Frame]:
    """Yield the frames of a backup: the manifest first, the end last. Raises BackupError or OSError."""
    header = file.read(len(MAGIC) + _SALT_BYTES + _CHECK_BYTES)
    if not header.startswith(MAGIC):
        raise BackupError("this is no backup of Hallpass")
    if len(header) < len(MAGIC) + _SALT_BYTES + _CHECK_BYTES:
        raise BackupError("the file was cut off")
    salt = header[len(MAGIC) : len(MAGIC) + _SALT_BYTES]
    key, check = _derive_key(passphrase, salt)
    if header != MAGIC + salt + check:
        raise BackupError("the passphrase is not right")
    cipher, count = _cipher(key), 0
    while True:
        frame = _open_frame(cipher, _read_frame(file), count, header)
        if (count == 0) != isinstance(frame, Manifest):
            raise BackupError("the file is damaged: its parts are not in their order")
        count += 1
        yield frame
        if isinstance(frame, End):
            if file.read(1):
                raise BackupError("the file is damaged: something was added to its end")
            return


def _read_frame(file: BinaryIO) -> bytes:
    length = int.from_bytes(head := file.read(_LENGTH_BYTES), "big")
    if len(head) == _LENGTH_BYTES and length > MAX_FRAME_BYTES + 64 * 1024:
        raise BackupError("the file is damaged: a part of it is too large")
    sealed = file.read(length) if len(head) == _LENGTH_BYTES else b""
    if len(head) < _LENGTH_BYTES or len(sealed) < length:
        raise BackupError("the file was cut off: its end is missing")
    return sealed


def _open_frame(cipher: Any, sealed: bytes, count: int, header: bytes) -> Frame:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (as in `_cipher`)

    try:
        packed = cipher.decrypt(_nonce(count), sealed, header)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, MAX_FRAME_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise BackupError("the file is damaged: a part of it is too large when unpacked")
        frame: Frame = _decode(content)
    except (InvalidTag, ValueError, zlib.error, *DECODING_FAILED):
        raise BackupError(f"the file is damaged (part {count + 1})") from None
    return frame


def _derive_key(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    """Return the key, and the bytes by which the passphrase is known to be right."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415 (as in `_cipher`)

    made = Scrypt(salt=salt, length=2 * _KEY_BYTES, **_SCRYPT).derive(passphrase.encode())
    return made[:_KEY_BYTES], hashlib.sha256(made[_KEY_BYTES:]).digest()[:_CHECK_BYTES]


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (nine megabytes, for one command)

    return AESGCM(key)


def _nonce(count: int) -> bytes:
    return count.to_bytes(12, "big")
