"""What is kept of a build, so that the next one reads only the lines that changed (`blocklists.daily_change`).

A folder of its own, which nothing but compiling reads, and which may be removed at any time:

=====================  =====================================================================================
``table``              every line of the build's table, sorted (`blocklists.kept_table`)
``NUMBER.text``        the text of each source as it was read, unpacked
``kept.json``          `KeptBuild`: written last; which index it led to, what was read, by what it is known again
=====================  =====================================================================================

It is as large as the unpacked lists, and their sorted names, together: some 211 MB for five million names. It is
believed only where everything fits: this very program and its data, the same sources in the same order with the
same settings, the index that is in force, and the sum of every file. Anything else is `KeptUnusable`, and a whole
build. It is not synced to the disk: what a power cut leaves half written does not fit either.
"""

import contextlib
import errno
import hashlib
import platform
import shutil
from functools import cache
from pathlib import Path
from typing import IO

import msgspec

from blocklists.build_report import BuildReport
from blocklists.container import Attribute, Tables
from blocklists.entries import EntryCondition
from blocklists.kept_table import FileSum, KeptUnusable, SumReader, SumWriter, TableWriter
from blocklists.source_reader import MAX_UNPACKED_BYTES, READ_ERRORS, SourcePart
from blocklists.sources import Source
from blocklists.text_reading import TextReading
from dns import public_suffix
from dns.errors import DECODING_FAILED
from dns.message import names

TABLE_NAME = "table"
MANIFEST_NAME = "kept.json"
_PIECE_BYTES = 1 << 18
_DIRECTIVE = b"!#"  # the lines after one may not mean what they say
_APART = "rpz"  # whose lines depend on those before
FOLDER_MODE = 0o700  # it says which lists a school chose
_NEEDED_AGAIN = 4  # of the texts: sorted runs, the table, the index itself
_SPARE_BYTES = 64 * 1024 * 1024
_LIBRARIES = ("publicsuffixlist", "idna", "marisa-trie", "msgspec")


class LastBuild(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last build stands."""

    kept: Path  # what was kept of it
    index: Path  # the folder of the index that it led to, whole or in layers


class KeptText(msgspec.Struct, frozen=True, kw_only=True):
    """One source as it was read."""

    source: Source
    part: str = ""  # as reports call the text
    is_squidguard: bool = False
    sum: FileSum = FileSum()
    has_directives: bool = False
    reading: TextReading


class KeptBuild(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the files."""

    program: str  # `program_digest` of what wrote it
    never_block: tuple[str, ...]
    version: str = ""  # of the index that it led to
    names: int = 0  # in that
    texts: tuple[KeptText, ...]
    table: FileSum
    attributes: tuple[Attribute, ...]
    conditions: tuple[EntryCondition, ...]
    taken_back: tuple[str, ...] = ()  # lines of the table that count for nothing


def read_kept(folder: Path) -> KeptBuild:
    """Return what is kept in a folder. Raises KeptUnusable."""
    try:
        kept = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=KeptBuild)
    except FileNotFoundError:
        raise KeptUnusable("nothing is kept of a build before") from None
    except (OSError, *DECODING_FAILED):
        raise KeptUnusable("what was kept of the last build is damaged") from None
    if kept.program != program_digest():
        raise KeptUnusable("the last build was made by another version")
    return kept


def write_kept(folder: Path, kept: KeptBuild) -> None:
    """Write what is known, when every file is there. Raises OSError."""
    temporary = folder / f".{MANIFEST_NAME}.new"
    temporary.write_bytes(msgspec.json.encode(kept))
    temporary.replace(folder / MANIFEST_NAME)


def text_path(folder: Path, number: int) -> Path:
    """Return where the text of a source is kept."""
    return folder / f"{number}.text"


def is_apart(text: KeptText) -> bool:
    """Tell whether what a line of a text means depends on other lines."""
    return text.has_directives or text.reading.base_format == _APART


@cache
def program_digest() -> str:
    """Return what changes with anything that decides how a list is understood: code and data, ours and others'."""
    import importlib.metadata  # noqa: PLC0415 (for the process that compiles alone)

    digest = hashlib.sha256(platform.python_version().encode())
    for library in _LIBRARIES:
        digest.update(importlib.metadata.version(library).encode() + b"\0")
    package = Path(__file__).parent
    files = [path for path in sorted(package.rglob("*")) if path.suffix in (".py", ".so", ".toml", ".txt")]
    for path in (*files, Path(str(public_suffix.__file__)), Path(str(names.__file__))):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class DirectiveSearch:
    """Tells whether a text that goes by in pieces has a line that changes what others mean."""

    def __init__(self) -> None:
        self.found = False
        self._last = b""

    def look_at(self, piece: bytes) -> None:
        """Look at the next piece."""
        self.found = self.found or _DIRECTIVE in piece or _DIRECTIVE in self._last + piece[:1]
        self._last = piece[-1:]


class BuildKeeper:
    """Keeps a whole build while it is made. A disk that has no room for it costs only what would be kept."""

    def __init__(self, folder: Path) -> None:
        """Begin anew in a folder."""
        self._folder = folder
        self._texts: list[KeptText] = []
        self._pending: tuple[SourcePart, FileSum, bool] | None = None
        self._open: IO[bytes] | None = None  # the text that is being read
        self._table: TableWriter | None = None
        self._kept_bytes = 0
        self._has_failed = False
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            self._table = TableWriter(folder / TABLE_NAME)
        except OSError:
            self._give_up()

    def copy_part(self, part: SourcePart) -> SourcePart:
        """Keep the text of the next source; return it as it is to be read: from what is kept, or as it came."""
        if self._pending is not None:  # of several texts of one source it could not be told which line is whose
            self._give_up()
        if self._has_failed:
            return part
        path = text_path(self._folder, len(self._texts))
        search = DirectiveSearch()
        try:
            with contextlib.closing(SumWriter(path)) as writer:
                found = self._copy(part.stream, writer, search)
            self._pending = (part, found, search.found)
            self._open = path.open("rb")
            return msgspec.structs.replace(part, stream=self._open)
        except READ_ERRORS:
            self._give_up()
            part.stream.seek(0)
            return part

    def add_source(self, source: Source, reading: TextReading) -> None:
        """Note what was read of a source whose text was kept."""
        self._close_text()
        if self._has_failed or self._pending is None:
            self._give_up()
            return
        part, found, has_directives = self._pending
        self._pending = None
        self._texts.append(
            KeptText(
                source=source,
                part=part.name,
                is_squidguard=part.is_squidguard,
                sum=found,
                has_directives=has_directives,
                reading=reading,
            )
        )

    def add_line(self, line: str) -> None:
        """Keep the next line of the table."""
        if self._table is not None:
            try:
                self._table.add(line)
            except OSError:
                self._give_up()

    def finish(self, report: BuildReport, tables: Tables, taken_back: frozenset[str]) -> None:
        """Write down what is kept, and to which index it led."""
        if self._table is None:
            return
        try:
            kept = KeptBuild(
                program=program_digest(),
                never_block=tables.never_block,
                version=report.version,
                names=report.names,
                texts=tuple(self._texts),
                table=self._table.close(),
                attributes=tables.attributes,
                conditions=tables.conditions,
                taken_back=tuple(sorted(taken_back)),
            )
            write_kept(self._folder, kept)
        except OSError:
            self._give_up()

    def _copy(self, stream: IO[bytes], writer: SumWriter, search: DirectiveSearch) -> FileSum:
        reader = SumReader(stream, writer.write, search.look_at)
        while reader.read(_PIECE_BYTES):
            if reader.sum.size > MAX_UNPACKED_BYTES:
                raise OSError(errno.EFBIG, "is too long")  # whoever reads it will say so
        self._kept_bytes += reader.sum.size
        if shutil.disk_usage(self._folder).free < _NEEDED_AGAIN * self._kept_bytes + _SPARE_BYTES:
            raise OSError(errno.ENOSPC, "what is left is for the index")
        return reader.sum

    def close(self) -> None:
        """Close what is open; what was not finished is of no use."""
        self._close_text()
        if self._table is not None:
            self._table.abort()

    def _close_text(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _give_up(self) -> None:
        self._has_failed = True
        if self._table is not None:
            self._table.abort()
            self._table = None
        shutil.rmtree(self._folder, ignore_errors=True)
