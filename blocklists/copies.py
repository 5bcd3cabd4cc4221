"""The folder of copies: for every source the list as it came, what is known of it, and what waits for a person.

=====================  =====================================================================================
``NAME.json``          `ListCopy`: written last, so that it never speaks of what is not there yet
``NAME.list``          the copy in use
``NAME.names``         its names as fingerprints (`blocklists.name_set`), to compare the next one with
``NAME.baseline``      the same, of the copy a month ago: slow change adds up against it
``NAME.held``          a newer copy that waits for a person, with ``NAME.held-names`` and ``NAME.difference``
``.fetch.*``           what a fetch under way writes; swept when the next one begins
=====================  =====================================================================================
"""

import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from blocklists import container
from blocklists.comparison import Difference
from blocklists.errors import SourceUnusable
from blocklists.sources import Source
from dns.errors import DECODING_FAILED

CopyPart = Literal["list", "json", "names", "baseline", "held", "held-names", "difference"]
_HELD_PARTS: tuple[CopyPart, ...] = ("held", "held-names", "difference")
_FETCH_PREFIX = ".fetch."
_SWEPT_AFTER_SECONDS = 86400.0  # no fetch takes so long


OLD_SECONDS = 7 * 86400.0  # a copy that nobody confirmed for so long is old
FetchState = Literal["new", "unchanged", "failed", "held", "refused"]
NOT_UPDATED: tuple[FetchState, ...] = ("failed", "held")


class FetchOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt."""

    source: str
    state: FetchState
    message: str = ""  # why it failed, is held or was refused
    age: float | None = None  # seconds since the copy in use was last confirmed; None: there is no copy


class HeldDownload(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that waits for a person."""

    reason: str
    category: str = ""  # of its source
    entries: int
    sha256: str
    etag: str = ""
    last_modified: str = ""
    since: float
    is_acceptable: bool = True  # False: it is no list at all
    understood_share: float = 1.0
    canaries: tuple[str, ...] = ()


class ListCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the copy of a list. Times are Unix seconds; 0: never."""

    url: str
    entries: int = 0
    sha256: str = ""
    etag: str = ""  # of a file on this machine: its size and time
    last_modified: str = ""
    fetched_at: float = 0.0  # when these bytes came
    confirmed_at: float = 0.0  # when the publisher last said that they are still the list
    failures: int = 0  # in a row
    error: str = ""  # why the last attempt failed
    retry_at: float = 0.0  # the server asked to be left alone until then
    held: HeldDownload | None = None
    refused_sha256: str = ""  # a copy that a person has refused
    understood_share: float = 1.0
    most_entries: int = 0  # the most that a copy had since a person last accepted one
    baseline_at: float = 0.0  # when the copy of `NAME.baseline` was taken
    accepted_canaries: tuple[str, ...] = ()  # a person wants these closed by this list


class HeldCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that waits for a person, with what it would change."""

    source: str
    category: str
    held: HeldDownload
    entries: int  # of the copy in use; 0: there is none
    difference: Difference


class CopyFolder:
    """The folder, by source and part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, source: Source, part: CopyPart) -> Path:
        """Return where a part of a source's copy lies, or would."""
        return self.folder / f"{source.name}.{part}"

    def read_copy(self, source: Source) -> ListCopy:
        """Return what is known of a source's copy; of one with another address nothing."""
        copy = self.read_any_copy(source.name)
        return copy if copy is not None and copy.url == source.location else ListCopy(url=source.location)

    def read_any_copy(self, name: str) -> ListCopy | None:
        """Return what is known of the copy of a source with this name, wherever it came from."""
        try:
            return msgspec.json.decode((self.folder / f"{name}.json").read_bytes(), type=ListCopy)
        except (OSError, *DECODING_FAILED):
            return None

    def write_copy(self, source: Source, copy: ListCopy) -> None:
        """Keep what is known. Raises ListError."""
        with container.replace_file(self.path(source, "json")) as file:
            file.write(msgspec.json.format(msgspec.json.encode(copy)))

    def locate_whole_copy(self, source: Source) -> Path:
        """Return where the copy in use lies. Raises SourceUnusable where there is none, or it is damaged."""
        path = self.path(source, "list")
        copy = self.read_copy(source)
        if not copy.sha256 or not path.exists():
            raise SourceUnusable(f"source {source.name!r}: {source.location} has not been fetched yet")
        if file_sha256(path) != copy.sha256:
            raise SourceUnusable(f"source {source.name!r}: the copy of {source.location} is damaged")
        return path

    def read_difference(self, source: Source) -> Difference:
        """Return how a held copy differs from the one in use; nothing where that is not known."""
        try:
            return msgspec.json.decode(self.path(source, "difference").read_bytes(), type=Difference)
        except (OSError, *DECODING_FAILED):
            return Difference()

    def drop_held(self, source: Source) -> None:
        """Remove what waits for a person."""
        for part in _HELD_PARTS:
            self.path(source, part).unlink(missing_ok=True)

    def take_file(self, written: Path, source: Source, part: CopyPart) -> None:
        """Put a file that a fetch wrote into its place, safe from a power cut. Raises ListError."""
        with container.replace_file(self.path(source, part)) as kept, written.open("rb") as file:
            shutil.copyfileobj(file, kept, 1 << 20)

    def list_known(self) -> list[str]:
        """Return the names of the sources of which something is known."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def fetch_folder(self, source: Source) -> Path:
        """Return a new empty folder for a fetch of a source. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{_FETCH_PREFIX}{source.name}."))

    def sweep(self, now: float) -> None:
        """Remove what fetches left that were ended in the middle."""
        for left in self.folder.glob(f"{_FETCH_PREFIX}*"):
            with contextlib.suppress(OSError):
                if left.stat().st_mtime < now - _SWEPT_AFTER_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
