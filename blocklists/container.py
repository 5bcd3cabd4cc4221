"""The file format of a compiled index: one file, `index.hpx`, mapped by every process that looks names up.

======================  ===============================================================================
tries                   one marisa-trie of reversed keys (`dns.message.names.name_to_key`) or several
                        (`blocklists.name_tries`), each from a multiple of 8 bytes on
set numbers             for each key, by its id, the number of its attribute set: 1, 2 or 4 bytes, little-endian
tables                  MessagePack of `Tables`: sources, attributes, attribute sets, patterns
footer                  where numbers and tables begin and end, a CRC-32 of all before it, the version of this
                        format (3 where there are several tries), the width of a number
checksum                SHA-256 of everything before it: this is the index's version (content hash)
magic                   ``HALLPASS``
======================  ===============================================================================

`map_index_file` checks the footer, the sizes, the tables and the CRC (about 8 ms for 30 MB): the trie's own code
trusts what it maps, and damage by chance would end the process. `verify_digest` compares the SHA-256, which nobody
can forge; `is_whole` does the same for a file that is mapped. All numbers are little-endian.

Checks read the file and do not look through the mapping: where a file was cut short, or a card cannot give a block
back, reading is an error that can be caught, and looking is the end of the process (SIGBUS).
"""

import contextlib
import hashlib
import mmap
import os
import struct
import sys
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from blocklists.entries import EntryCondition
from blocklists.errors import IndexDamaged, ListError
from blocklists.name_tries import NameTries, map_tries
from dns.errors import DECODING_FAILED

INDEX_NAME = "index.hpx"
OVERLAY_NAME = "overlay.hpx"
DELTA_PREFIX = "from-"  # of an overlay that waits beside the index that it leads to
FORMAT_VERSION = 3
_ONE_TRIE_FORMAT = 2  # the same with one trie; earlier versions of Hallpass read it too
PUBLIC = 0o644  # the mode of a file that anybody on the machine may read
_MAGIC = b"HALLPASS"
_SECTIONS = struct.Struct("<QQQQ")  # where numbers and tables begin, where tables end; keys
_KIND = struct.Struct("<III")  # CRC-32 of all before it; format; bytes of a set number
_CHECKSUM_BYTES = 32
_PIECE_BYTES = 1 << 20
_TAIL = _SECTIONS.size + _KIND.size + _CHECKSUM_BYTES + len(_MAGIC)
_CODES: dict[int, Literal["B", "H", "I"]] = {1: "B", 2: "H", 4: "I"}


class SourceInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the index keeps of a source: enough to say where an entry came from, and on what terms."""

    name: str
    category: str
    format: str
    names: int = 0  # entries of this source that stand in the index
    licence: str = ""
    homepage: str = ""
    version: str = ""  # as the list itself says
    opens: bool = False  # what its entries name is left open


class Attribute(msgspec.Struct, frozen=True, array_like=True):
    """One thing that one source says of a name."""

    source: int  # its place in Tables.sources
    match: int
    effect: int
    condition: int = -1  # its place in Tables.conditions; -1: none


class PatternInfo(msgspec.Struct, frozen=True, array_like=True):
    """A regular expression, and what it does."""

    regex: str
    text: str
    attribute: int
    literals: tuple[str, ...] = ()  # one of these stands in every name that it finds; none: tried on every name


class Tables(msgspec.Struct, frozen=True):
    """Everything in the index but the names."""

    sources: tuple[SourceInfo, ...]
    conditions: tuple[EntryCondition, ...]
    attributes: tuple[Attribute, ...]
    sets: tuple[tuple[int, ...], ...]
    patterns: tuple[PatternInfo, ...]
    never_block: tuple[str, ...] = msgspec.field(name="protected")  # its name in files of this format
    # Of an overlay only (`blocklists.delta`): which index it stands on, and which the two together are.
    base: str = ""
    target: str = ""
    # Where each trie but the first begins; only where there are several.
    tries: tuple[int, ...] | UnsetType = UNSET


class HeldFile:
    """A file that stays open for as long as somebody holds this."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises OSError."""
        self.descriptor = os.open(
            path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        )  # a pipe there must not make us wait

        self.stat = os.fstat(self.descriptor)  # how it looked before anything in it was read

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def pieces(self, until: int) -> Iterator[bytes]:
        """Yield its first `until` bytes, or all there are. Raises OSError."""
        at = 0
        while at < until and (piece := os.pread(self.descriptor, min(until - at, _PIECE_BYTES), at)):
            yield piece
            at += len(piece)


class MappedIndex(msgspec.Struct, frozen=True):
    """An opened file."""

    names: NameTries
    numbers: Any  # a sequence of set numbers, by key id
    tables: Tables
    version: str
    file_size: int
    path: Path
    file: "HeldFile"  # the very file that is mapped, whatever stands at its path by now


_tables_decoder = msgspec.msgpack.Decoder(Tables)
_encoder = msgspec.msgpack.Encoder()


def delta_name(base: str) -> str:
    """Return the name of the overlay that leads from an index to the one beside it."""
    return f"{DELTA_PREFIX}{base}.hpx"


def write_index(path: Path, names: NameTries, numbers: Iterable[int], tables: Tables) -> str:
    """Write an index, whole or not at all; return its version. Raises ListError."""
    width = _width(len(tables.sets))
    with replace_file(path, PUBLIC) as file:
        output = _Output(file)
        tries = [output.add(trie.tobytes()) for trie in names.tries]
        begins = [output.add(_packed(numbers, width))]
        several = tuple(tries[1:]) or UNSET
        begins.append(output.add(_encoder.encode(msgspec.structs.replace(tables, tries=several)), align=1))
        sections = _SECTIONS.pack(*begins, file.tell(), len(names))
        form = _ONE_TRIE_FORMAT if several is UNSET else FORMAT_VERSION
        output.add(sections, align=1)
        output.add(_KIND.pack(output.crc, form, width), align=1)
        file.write(output.checksum.digest() + _MAGIC)
    return output.checksum.hexdigest()


class _Output:
    """Writes a file and counts its checksums."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.checksum = hashlib.sha256()
        self.crc = 0

    def add(self, part: bytes, align: int = 8) -> int:
        """Write a part, and zeros up to a multiple; return where it begins."""
        begin = self._file.tell()
        for piece in (part, b"\0" * (-len(part) % align)):
            self._file.write(piece)
            self.checksum.update(piece)
            self.crc = zlib.crc32(piece, self.crc)
        return begin


@contextlib.contextmanager
def replace_file(target: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Give a file to write that takes the target's place when all went well, and is gone when not.

    Only its owner may read it: it says which lists a school chose. An index tells less and is given `PUBLIC`.

    Raises ListError: no space left, not permitted.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    except OSError as problem:
        raise ListError(f"{target.parent}: cannot be written to: {problem.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as problem:
        raise ListError(f"{target}: could not be written: {problem.strerror or problem}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def map_index_file(path: Path) -> MappedIndex:
    """Map a file and check what can be checked in milliseconds. Raises IndexDamaged."""
    try:
        file = HeldFile(path)
        return _mapped(path, mmap.mmap(file.descriptor, 0, access=mmap.ACCESS_READ), file)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "is empty"
        raise IndexDamaged(f"{path}: cannot be opened: {reason}") from None


def is_whole(mapped: MappedIndex) -> bool:
    """Read every byte of a file that is mapped; tell whether it still is the one that was opened."""
    try:
        if os.fstat(mapped.file.descriptor).st_size != mapped.file_size:
            return False
        return _digest(mapped.path, mapped.file) == mapped.version
    except (OSError, IndexDamaged):
        return False


def _mapped(path: Path, mapped: mmap.mmap, file: HeldFile) -> MappedIndex:
    begins, keys, width, version = _footer(path, len(mapped), file)
    try:
        tables = _tables_decoder.decode(os.pread(file.descriptor, begins[2] - begins[1], begins[1]))
    except DECODING_FAILED:
        raise IndexDamaged(f"{path}: is damaged: its tables cannot be read") from None
    later = () if isinstance(tables.tries, UnsetType) else tables.tries
    try:
        names = map_tries(memoryview(mapped)[: begins[0]], (0, *later))
    except (RuntimeError, ValueError):
        raise IndexDamaged(f"{path}: is damaged: its names cannot be read") from None
    if len(names) != keys:
        raise IndexDamaged(f"{path}: is damaged: {len(names)} names where {keys} were written")
    numbers = memoryview(mapped)[begins[0] : begins[0] + keys * width].cast(_CODES[width])
    return MappedIndex(names, numbers, tables, version, len(mapped), path, file)


def verify_digest(path: Path) -> str:
    """Read a whole file and return its version. Raises IndexDamaged where the checksum does not fit."""
    try:
        return _digest(path, HeldFile(path))
    except OSError as problem:
        raise IndexDamaged(f"{path}: cannot be read: {problem.strerror}") from None


def _digest(path: Path, file: HeldFile) -> str:
    checksum = hashlib.sha256()
    end = os.fstat(file.descriptor).st_size - _CHECKSUM_BYTES - len(_MAGIC)
    for piece in file.pieces(end):
        checksum.update(piece)
    ending = os.pread(file.descriptor, _CHECKSUM_BYTES + len(_MAGIC), max(end, 0))
    if ending[_CHECKSUM_BYTES:] != _MAGIC:
        raise IndexDamaged(f"{path}: is no index of Hallpass, or is cut short")
    if checksum.digest() != ending[:_CHECKSUM_BYTES]:
        raise IndexDamaged(f"{path}: is damaged: its checksum does not fit")
    return checksum.hexdigest()


def _footer(path: Path, size: int, file: HeldFile) -> tuple[tuple[int, int, int], int, int, str]:
    tail = os.pread(file.descriptor, _TAIL, max(size - _TAIL, 0))
    if len(tail) < _TAIL or tail[-len(_MAGIC) :] != _MAGIC:
        raise IndexDamaged(f"{path}: is no index of Hallpass, or is cut short")
    numbers, tables, footer, keys = _SECTIONS.unpack_from(tail)
    crc, form, width = _KIND.unpack_from(tail, _SECTIONS.size)
    if form not in (_ONE_TRIE_FORMAT, FORMAT_VERSION):
        raise IndexDamaged(f"{path}: was written in format {form}; this Hallpass reads format {FORMAT_VERSION}")
    fits = 0 < numbers <= tables <= footer == size - _TAIL and width in _CODES
    if not fits or keys * width > tables - numbers:
        raise IndexDamaged(f"{path}: is damaged: its parts do not fit together")
    found = 0
    for piece in file.pieces(footer + _SECTIONS.size):
        found = zlib.crc32(piece, found)
    if found != crc:
        raise IndexDamaged(f"{path}: is damaged: its checksum does not fit")
    version = tail[-len(_MAGIC) - _CHECKSUM_BYTES : -len(_MAGIC)].hex()
    return (numbers, tables, footer), keys, width, version


def _width(sets: int) -> int:
    if sets <= 0x100:
        return 1
    return 2 if sets <= 0x10000 else 4


def _packed(numbers: Iterable[int], width: int) -> bytes:
    packed = array(_CODES[width], numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
