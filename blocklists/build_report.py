"""What became of a build and of each of its sources: kept beside the index."""

import msgspec

from blocklists.entries import SkippedLine


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one source."""

    name: str
    category: str
    format: str
    lines: int  # that are not empty and no comments
    entries: int  # what they said
    names: int  # the names that stand in the index because of it
    passed_over: dict[str, int]  # reason -> lines
    problems: tuple[SkippedLine, ...]  # the first of each reason
    not_understood: int = 0  # of the lines passed over those that are none of any list
    white: bool = False  # its names are left open, as its `usage` says


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was built."""

    version: str
    names: int
    patterns: int
    sources: tuple[SourceReport, ...]
