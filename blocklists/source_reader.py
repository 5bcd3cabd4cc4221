"""Reads what a source's location holds: a file, a squidGuard folder, an archive; compressed or not.

What a file is, its first bytes say, not its name. Everything is read as a stream, bounded in length, so that
neither a bomb of zeros nor a line of ten megabytes fills the memory. Text is UTF-8, with or without a byte
order mark; bytes that are not are kept as replacement characters (the line is then reported, if it matters).

A squidGuard folder holds `domains` and perhaps `urls` (paths: DNS cannot see them), `expressions` (on URLs) and
`usage`, which says "black" or "white". A `usage` that says only "white" marks names to leave open.
"""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

import msgspec

from blocklists.errors import SourceUnusable, describe_failure

MAX_LINE_BYTES = 64 * 1024
MAX_UNPACKED_BYTES = 2 * 1024**3  # unpacked, of one source
_LINE_ENDS = (b"\n", b"\r")
READ_ERRORS = (
    OSError,
    RuntimeError,  # a zip that asks for a password
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


class SourcePart(msgspec.Struct, frozen=True):
    """One text of a source."""

    name: str  # as reports call it
    stream: IO[bytes]  # readable until the next part is asked for
    is_squidguard: bool = False  # a `domains` file beside a `usage`
    is_allowlist: bool = False  # its names are to be left open


def read_parts(location: Path, folder: str = "") -> Generator[SourcePart, None, None]:
    """Yield the texts of a location. Raises SourceUnusable."""
    try:
        if location.is_dir():
            yield from _read_folder(location / folder if folder else location)
        else:
            yield from _read_file(location, folder)
    except READ_ERRORS as problem:
        is_about_a_file = getattr(problem, "filename", None) is not None
        reason = (is_about_a_file and getattr(problem, "strerror", None)) or describe_failure(problem)
        raise SourceUnusable(f"{location}: {reason}") from None


def read_lines(stream: IO[bytes]) -> Iterator[str | None]:
    """Yield each line as text, None for one that is longer than MAX_LINE_BYTES. Raises SourceUnusable."""
    encoding = "utf-8-sig"  # of the first line
    total = 0
    try:
        while piece := stream.readline(MAX_LINE_BYTES):
            total += len(piece)
            if len(piece) >= MAX_LINE_BYTES and not piece.endswith(_LINE_ENDS):
                total += _skip_line(stream)
                yield None
            else:
                yield piece.decode(encoding, "replace").rstrip("\r\n")
            encoding = "utf-8"
            if total > MAX_UNPACKED_BYTES:
                raise SourceUnusable(f"is longer than {MAX_UNPACKED_BYTES // 1024**2} MB unpacked")
    except READ_ERRORS as problem:
        raise SourceUnusable(describe_failure(problem)) from None


def _skip_line(stream: IO[bytes]) -> int:
    skipped = 0
    while (piece := stream.readline(MAX_LINE_BYTES)) and not piece.endswith(_LINE_ENDS):
        skipped += len(piece)
        if skipped > MAX_UNPACKED_BYTES:
            break
    return skipped + len(piece)


def _read_folder(folder: Path) -> Iterator[SourcePart]:
    domains = folder / "domains"
    if not domains.is_file():
        inside = sorted(one.name for one in folder.iterdir() if (one / "domains").is_file())
        hint = f"; name one of its folders: {', '.join(inside[:8])}" if inside else ""
        raise SourceUnusable(f"{folder}: is a folder without a file 'domains'{hint}")
    usage = folder / "usage"
    white = usage.is_file() and is_allowlist_usage(usage.read_bytes()[:4096])
    with domains.open("rb") as stream:
        yield SourcePart(f"{folder.name}/domains", stream, is_squidguard=True, is_allowlist=white)


def _read_file(path: Path, folder: str) -> Iterator[SourcePart]:
    with path.open("rb") as raw:
        if _has_magic(raw, b"PK"):
            yield from _read_zip(path, raw, folder)
            return
        stream = _decompressed(raw)
        head = stream.read(512)
        stream.seek(0)
        if len(head) > 262 and head[257:262] == b"ustar":
            yield from _read_tar(path, stream, folder)
            return
        squidguard = path.name == "domains"
        usage = path.parent / "usage"
        white = squidguard and usage.is_file() and is_allowlist_usage(usage.read_bytes()[:4096])
        yield SourcePart(path.name, stream, is_squidguard=squidguard, is_allowlist=white)


def _has_magic(raw: IO[bytes], magic: bytes) -> bool:
    raw.seek(0)
    start = raw.read(len(magic))
    raw.seek(0)
    return start == magic


def _decompressed(raw: IO[bytes]) -> IO[bytes]:
    if _has_magic(raw, b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if _has_magic(raw, b"\xfd7zXZ\x00"):
        return cast("IO[bytes]", lzma.LZMAFile(raw))
    if _has_magic(raw, b"BZh"):
        return cast("IO[bytes]", bz2.BZ2File(raw))
    return raw


def _read_tar(path: Path, stream: IO[bytes], folder: str) -> Iterator[SourcePart]:
    usages: dict[str, bool] = {}
    found = []
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            where = PurePosixPath(member.name)
            if member.isfile() and where.name == "usage":
                usage = archive.extractfile(member)
                usages[str(where.parent)] = usage is not None and is_allowlist_usage(usage.read(4096))
            elif member.isfile() and where.name == "domains":
                found.append((str(where.parent), member))
        chosen = _chosen(path, [name for name, _ in found], folder)
        for name, member in found:
            text = archive.extractfile(member)
            if name == chosen and text is not None:
                yield SourcePart(f"{name}/domains", text, is_squidguard=True, is_allowlist=usages.get(name, False))


def _chosen(path: Path, names: list[str], folder: str) -> str:
    if folder:
        for name in names:
            if name == folder or name.endswith("/" + folder):
                return name
        raise SourceUnusable(f"{path}: holds no folder {folder!r} with a file 'domains'")
    if len(names) != 1:
        shown = ", ".join(sorted(PurePosixPath(name).name for name in names)[:8])
        hint = f" (folder = one of: {shown})" if names else ""
        raise SourceUnusable(f"{path}: holds {len(names)} folders with a file 'domains': name one{hint}")
    return names[0]


def _read_zip(path: Path, raw: IO[bytes], folder: str) -> Iterator[SourcePart]:
    with zipfile.ZipFile(raw) as archive:
        names = [one.filename for one in archive.infolist() if not one.is_dir()]
        domains = [name for name in names if PurePosixPath(name).name == "domains"]
        if domains:
            chosen = _chosen(path, [str(PurePosixPath(name).parent) for name in domains], folder)
            usage = f"{chosen}/usage" if chosen != "." else "usage"
            white = usage in names and is_allowlist_usage(archive.read(usage)[:4096])
            with archive.open(f"{chosen}/domains" if chosen != "." else "domains") as stream:
                yield SourcePart(f"{chosen}/domains", stream, is_squidguard=True, is_allowlist=white)
            return
        if len(names) != 1:
            raise SourceUnusable(f"{path}: holds {len(names)} files where one list is expected")
        with archive.open(names[0]) as stream:
            yield SourcePart(names[0], stream)


def is_allowlist_usage(usage: bytes) -> bool:
    """Tell whether a `usage` file marks a list as white only."""
    words = usage.decode("utf-8", "replace").lower().split()
    return "white" in words and "black" not in words
