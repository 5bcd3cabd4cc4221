"""What central knows of the copies of its lists: how old they are, what waits for a person, what is wrong.

A condition is a sentence for whoever looks after the school's lists; the pages show all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

import blocklists.sources
from appliance.central.models import SourceRow
from blocklists.catalogue import load_catalogue
from blocklists.copies import OLD_SECONDS, HeldCopy

if TYPE_CHECKING:
    from blocklists.fetcher import Fetcher

_DAY = 86400.0
_HOUR = 3600.0
_SHOWN_NAMES = 3


class SourceCopy(msgspec.Struct, frozen=True, kw_only=True):
    """The copy of one source."""

    age: float | None  # seconds since its publisher last confirmed it; None: there is no copy
    failures: int = 0  # attempts in a row
    error: str = ""  # why the last attempt failed
    held: HeldCopy | None = None

    @property
    def is_old(self) -> bool:
        """Whether a person should ask why nobody confirms it any more."""
        return self.age is not None and self.age > OLD_SECONDS

    @property
    def age_words(self) -> str:
        """Return its age in words."""
        return describe_age(self.age)


class HeldCount(msgspec.Struct, frozen=True):
    """What the held copies of one category would change together."""

    category: str
    added: int
    removed: int


def read_source_copies(fetcher: "Fetcher", subscribed: Sequence[SourceRow]) -> dict[str, SourceCopy]:
    """Return the copies of the sources, by their names."""
    held = {one.source: one for one in fetcher.list_held()}
    found = {}
    for row in subscribed:
        source = to_list_source(row)
        copy = fetcher.read_copy(source)
        found[row.name] = SourceCopy(
            age=fetcher.read_age(source),
            failures=copy.failures,
            error=copy.error,
            held=held.get(row.name) if copy.held is not None else None,
        )
    return found


def list_conditions(copies: Mapping[str, SourceCopy]) -> list[str]:
    """Return what somebody should look at."""
    conditions = []
    never: dict[str, list[str]] = {}  # by why: one server away is one sentence, not one for each of its lists
    for name, copy in copies.items():
        if copy.held is not None:
            conditions.append(f"{name}: a new copy waits for you to look at it: it {copy.held.held.reason}")
        if copy.is_old:
            conditions.append(
                f"{name}: its copy is {copy.age_words} old" + (f": {copy.error}" if copy.error else "")
            )
        elif copy.age is None and copy.failures:
            never.setdefault(copy.error, []).append(name)
    return [*conditions, *(f"{name_some(names)}: could never be had: {why}" for why, names in never.items())]


def name_some(names: Sequence[str]) -> str:
    """Return a few of many names, and of how many."""
    shown = ", ".join(names[:_SHOWN_NAMES])
    return shown if len(names) <= _SHOWN_NAMES else f"{shown}, … ({len(names)})"


def count_held(copies: Iterable[SourceCopy]) -> list[HeldCount]:
    """Return what the held copies would change, by category."""
    counts: dict[str, tuple[int, int]] = {}
    for copy in copies:
        if copy.held is not None:
            added, removed = counts.get(copy.held.category, (0, 0))
            difference = copy.held.difference
            counts[copy.held.category] = (added + difference.added, removed + difference.removed)
    return [HeldCount(category, added, removed) for category, (added, removed) in sorted(counts.items())]


def describe_age(seconds: float | None) -> str:
    """Return an age in words."""
    if seconds is None:
        return "not there"
    for unit, words in ((_DAY, "day"), (_HOUR, "hour"), (60.0, "minute")):
        if seconds >= unit:
            count = int(seconds / unit)
            return f"{count} {words}" if count == 1 else f"{count} {words}s"
    return "less than a minute"


def to_list_source(source: SourceRow) -> blocklists.sources.Source:
    """Return a source as lists are compiled."""
    return blocklists.sources.Source(
        name=source.name,
        category=source.category,
        location=source.location,
        format=source.format,
        match=source.match,
        action=source.action,
        allow_wide=is_wide(source.location, source.allow_wide),
    )


def is_wide(location: str, allow_wide: bool | None) -> bool:  # noqa: FBT001 (a column)
    """Tell whether a list may close whole endings: as somebody said, or else as the catalogue says of it."""
    return load_catalogue().allows_wide(location) if allow_wide is None else allow_wide
