"""Keeps copies of lists, and fetches them anew (`blocklists.download`) where they have changed.

Nothing is ever replaced by something worse. A failure keeps the copy from last time, whose age then grows. A
download that is a web page, holds no entry, or lost a third of what the list held is *held back* beside the
copy in use, until a person has looked at the difference and accepted it (`accept_held`).

A folder holds for every source `NAME.list` (the bytes as they came), `NAME.json` (`ListCopy`), maybe `NAME.held`.
"""

import contextlib
import hashlib
import ssl
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import httpx
import msgspec

from blocklists import container
from blocklists.compiler import local_path, survey_source
from blocklists.download import MAX_DOWNLOAD_BYTES, Download
from blocklists.errors import ListError, SourceUnusable
from blocklists.sources import Source
from dns.errors import DECODING_FAILED

MIN_ENTRIES_SHARE = 2 / 3  # of the entries a list had; below that it is held back
FetchState = Literal["new", "unchanged", "failed", "held"]


class HeldDownload(msgspec.Struct, frozen=True, kw_only=True):
    """A download that waits for a person."""

    reason: str
    entries: int
    sha256: str
    etag: str = ""
    last_modified: str = ""
    since: float


class ListCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the copy of a list. Times are Unix seconds; 0: never."""

    url: str
    entries: int = 0
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    fetched_at: float = 0.0  # when these bytes came
    confirmed_at: float = 0.0  # when the publisher last said that they are still the list
    failures: int = 0  # in a row
    error: str = ""  # why the last attempt failed
    held: HeldDownload | None = None


class FetchOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt."""

    source: str
    state: FetchState
    message: str = ""  # why it failed or is held
    age: float | None = None  # seconds since the copy in use was last confirmed; None: there is no copy


class Fetcher:
    """Keeps the copies of lists in one folder."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], float],
        *,
        tls: ssl.SSLContext | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
    ) -> None:
        self._folder = folder
        self._now = now
        self._tls = tls or ssl.create_default_context()
        self._progress = progress or (lambda _what, _done, _total: None)
        self._max_bytes = max_bytes

    def locate_copy(self, source: Source) -> Path:
        """Return where the copy in use lies. Raises SourceUnusable where there is none."""
        if not source.is_url:
            return local_path(source)
        path = self._path(source, "list")
        if not path.exists() or self.read_copy(source).url != source.location:
            raise SourceUnusable(f"source {source.name!r}: {source.location} has not been fetched yet")
        return path

    def read_copy(self, source: Source) -> ListCopy:
        """Return what is known of a source's copy."""
        try:
            return msgspec.json.decode(self._path(source, "json").read_bytes(), type=ListCopy)
        except (OSError, *DECODING_FAILED):
            return ListCopy(url=source.location)

    def fetch_source(self, source: Source) -> FetchOutcome:
        """Fetch a source if it changed. Never raises for what the network does."""
        known = self.read_copy(source)
        if known.url != source.location:
            known = ListCopy(url=source.location)
        try:
            return self._fetch_source(source, known)
        except (ListError, httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            reason = str(problem) or type(problem).__name__
            failed = msgspec.structs.replace(known, failures=known.failures + 1, error=reason)
            with contextlib.suppress(ListError):  # a full disk is one of the failures
                self._write_state(source, failed)
            return FetchOutcome(source=source.name, state="failed", message=reason, age=self._age(failed))

    def accept_held(self, source: Source) -> ListCopy:
        """Take a held download into use. Raises ListError where there is none, or where it is no list."""
        known = self.read_copy(source)
        held = known.held
        path = self._path(source, "held")
        if held is None or not path.exists():
            raise ListError(f"source {source.name!r}: nothing is held back")
        try:
            survey_source(source, path)
        except SourceUnusable as problem:
            raise ListError(f"{problem}: it cannot be accepted") from None
        path.replace(self._path(source, "list"))
        copy = ListCopy(
            url=source.location,
            entries=held.entries,
            sha256=held.sha256,
            etag=held.etag,
            last_modified=held.last_modified,
            fetched_at=held.since,
            confirmed_at=self._now(),
        )
        self._write_state(source, copy)
        return copy

    def held_path(self, source: Source) -> Path:
        """Return where a held download lies, so that it can be compared with the copy in use."""
        return self._path(source, "held")

    def _fetch_source(self, source: Source, known: ListCopy) -> FetchOutcome:
        self._folder.mkdir(parents=True, exist_ok=True)
        download = Download(
            source.location,
            tls=self._tls,
            now=self._now,
            max_bytes=self._max_bytes,
            progress=partial(self._progress, source.name),
        )
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".fetch.") as file:
            headers = download.write_to(file, self._conditional_headers(source, known))
            if headers is None:
                copy = msgspec.structs.replace(known, confirmed_at=self._now(), failures=0, error="", held=None)
                self._path(source, "held").unlink(missing_ok=True)
                self._write_state(source, copy)
                return FetchOutcome(source=source.name, state="unchanged", age=0.0)
            return self._evaluate_download(source, known, Path(file.name), headers)

    def _conditional_headers(self, source: Source, known: ListCopy) -> dict[str, str]:
        if not self._path(source, "list").exists():
            return {}
        headers = {}
        if known.etag:
            headers["If-None-Match"] = known.etag
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        return headers

    def _evaluate_download(
        self, source: Source, known: ListCopy, file: Path, headers: httpx.Headers
    ) -> FetchOutcome:
        sha256 = _sha256(file)
        etag = headers.get("etag", "")
        last_modified = headers.get("last-modified", "")
        now = self._now()
        reason, entries = self._reason_to_hold(source, known, file)
        if reason:
            held = HeldDownload(
                reason=reason,
                entries=entries,
                sha256=sha256,
                etag=etag,
                last_modified=last_modified,
                since=now if known.held is None or known.held.sha256 != sha256 else known.held.since,
            )
            self._write_copy(file, self._path(source, "held"))
            copy = msgspec.structs.replace(known, held=held, failures=0, error="")
            self._write_state(source, copy)
            return FetchOutcome(source=source.name, state="held", message=reason, age=self._age(copy))
        state: FetchState = "unchanged" if sha256 == known.sha256 else "new"
        if state == "new":
            self._write_copy(file, self._path(source, "list"))
        self._path(source, "held").unlink(missing_ok=True)
        fetched_at = now if state == "new" else known.fetched_at
        self._write_state(
            source,
            ListCopy(
                url=source.location,
                entries=entries,
                sha256=sha256,
                etag=etag,
                last_modified=last_modified,
                fetched_at=fetched_at,
                confirmed_at=now,
            ),
        )
        return FetchOutcome(source=source.name, state=state, age=0.0)

    def _reason_to_hold(self, source: Source, known: ListCopy, file: Path) -> tuple[str, int]:
        """Return why a download should wait for a person ("": it need not), and how many entries it has."""
        try:
            entries = survey_source(source, file).entries
        except SourceUnusable as problem:
            return str(problem).removeprefix(f"source {source.name!r}: ").replace(f"{file}: ", ""), 0
        if not entries:
            return "holds no entry", 0
        if entries < known.entries * MIN_ENTRIES_SHARE:
            return f"holds {entries} entries where there were {known.entries}", entries
        return "", entries

    def _write_copy(self, file: Path, target: Path) -> None:
        with container.replace_file(target) as kept, file.open("rb") as fetched:
            while piece := fetched.read(1 << 20):
                kept.write(piece)

    def _write_state(self, source: Source, copy: ListCopy) -> None:
        with container.replace_file(self._path(source, "json")) as file:
            file.write(msgspec.json.format(msgspec.json.encode(copy)))

    def _path(self, source: Source, kind: str) -> Path:
        return self._folder / f"{source.name}.{kind}"

    def _age(self, copy: ListCopy) -> float | None:
        return max(0.0, self._now() - copy.confirmed_at) if copy.confirmed_at else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_all(fetcher: Fetcher, sources: tuple[Source, ...]) -> Iterator[FetchOutcome]:
    """Fetch all sources that are fetched; yield what became of each."""
    for source in sources:
        if source.is_url:
            yield fetcher.fetch_source(source)
