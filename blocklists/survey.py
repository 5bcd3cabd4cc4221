"""Reads a copy of a list and says what it is worth: how much of it is understood, and what it would close.

Nothing is built. Runs in a process of its own (`blocklists.source_check`): a copy is not trusted yet.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from blocklists.canaries import closed_canary, closes_addresses, load_canaries, opened_canary
from blocklists.compiler import survey_source
from blocklists.entries import Effect, NameEntry, PatternEntry
from blocklists.errors import SourceUnusable
from blocklists.name_set import NameSet, NameSetBuilder
from blocklists.source_reader import MAX_UNPACKED_BYTES, read_parts
from blocklists.sources import Source
from blocklists.table import BuildTable

OPENS = "@@"  # before what an entry is called that leaves open
_PIECE_BYTES = 1 << 20
_PATTERN_SECONDS = 2.0  # to look for canaries with expressions
_PLAUSIBLE_PATTERN = re.compile(r"\S+")
_OF_A_PATTERN = re.compile(r"[\^$]|\\\.|\.\*|\[")


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy is."""

    format: str
    lines: int  # that are not empty and no comments
    understood: int  # of them
    entries: int  # different things that they say
    canaries: tuple[str, ...] = ()  # those that it closes; with @@ those that it opens
    opens_only: bool = False  # it only leaves names open

    @property
    def understood_share(self) -> float:
        """Return the share of lines that are understood; 1 where there are none."""
        return self.understood / self.lines if self.lines else 1.0


class _VisitTable(BuildTable):
    """Takes the entries of one source instead of a build, and shows somebody each that a build would take."""

    def __init__(self, category: str, visit: Callable[[NameEntry | PatternEntry], None]) -> None:
        super().__init__([category])
        self._visit = visit

    def add_entry(self, entry: NameEntry, source: int, *, allow_wide: bool = False) -> str | None:  # noqa: ARG002 (there is one source)
        closes = entry.effect <= Effect.BLOCK_IMPORTANT
        refused = self._width.refuse_entry(entry, allow_wide=allow_wide) if closes else None
        if refused is None:
            self._visit(entry)
        return refused

    def add_pattern(self, pattern: PatternEntry, source: int, *, allow_wide: bool = False) -> str | None:
        refused = super().add_pattern(pattern, source, allow_wide=allow_wide)
        if refused is None:
            self._visit(pattern)
        return refused


class _Findings:
    """What is noticed while entries go by."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.names = NameSetBuilder()
        self.canaries: dict[str, None] = {}
        self.implausible = 0  # expressions that nobody meant for names
        self._pattern_seconds = 0.0

    def take_entry(self, item: NameEntry | PatternEntry) -> None:
        self.names.add(entry_text(item))
        if isinstance(item, PatternEntry):
            self.implausible += not is_plausible_pattern(item.regex)
            canary = self._canary_of_pattern(item)
        else:
            canary = closed_canary(item)
        if canary:
            self.canaries[canary] = None
        if opened := opened_canary(item, self._source.category, allow_wide=self._source.allow_wide):
            self.canaries[OPENS + opened] = None

    def _canary_of_pattern(self, pattern: PatternEntry) -> str:
        if pattern.effect > Effect.BLOCK_IMPORTANT or self._pattern_seconds > _PATTERN_SECONDS:
            return ""
        began = time.monotonic()
        try:
            found = re.compile(pattern.regex).search
            return next(
                (one for one in load_canaries() if found(one) and closes_addresses(pattern.condition, one)), ""
            )
        except (re.error, OverflowError, RecursionError):
            return ""
        finally:
            self._pattern_seconds += time.monotonic() - began


def survey_copy(source: Source, path: Path) -> tuple[Survey, NameSet]:
    """Read a copy whole. Raises SourceUnusable, and whatever libraries raise for damaged files."""
    for part in read_parts(path, source.folder):
        _read_through(part.stream)
    found = _Findings(source)
    report = survey_source(source, path, _VisitTable(source.category, found.take_entry))
    names = found.names.build()
    survey = Survey(
        format=report.format,
        lines=report.lines,
        understood=max(0, report.lines - report.not_understood - found.implausible),
        entries=len(names),
        canaries=tuple(found.canaries),
        opens_only=report.white,
    )
    return survey, names


def survey_file(source: Source, _progress: Callable[[int, int], None]) -> Survey:
    """Read a list on this machine, as a task of its own process. Raises what `survey_copy` raises."""
    return survey_copy(source, source.path)[0]


def visit_entries(source: Source, path: Path, visit: Callable[[str], None]) -> None:
    """Call a function with each entry of a copy, as differences call it. Raises SourceUnusable."""
    survey_source(source, path, _VisitTable(source.category, lambda item: visit(entry_text(item))))


def entry_text(item: NameEntry | PatternEntry) -> str:
    """Return what an entry is called in differences: the name, with @@ where it opens; /an expression/."""
    opens = OPENS if item.effect > Effect.BLOCK_IMPORTANT else ""
    return opens + (item.name if isinstance(item, NameEntry) else item.text or f"/{item.regex}/")


def is_plausible_pattern(regex: str) -> bool:
    """Tell whether somebody may have meant this as an expression for names: nearly every text is one."""
    return bool(_PLAUSIBLE_PATTERN.fullmatch(regex) and _OF_A_PATTERN.search(regex))


def _read_through(stream: IO[bytes]) -> None:
    """Unpack a text to its end, so that damage there is told from lines that are not understood."""
    total = 0
    while piece := stream.read(_PIECE_BYTES):
        total += len(piece)
        if total > MAX_UNPACKED_BYTES:
            raise SourceUnusable(f"is longer than {MAX_UNPACKED_BYTES // 1024**2} MB unpacked")
