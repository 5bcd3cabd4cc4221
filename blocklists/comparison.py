"""Decides whether a new copy of a list is held back for a person, by the last copy and by the best one so far.

Pure: surveys and sets of names in, a reason in words out. A copy is doubtful where it lost much, was swapped for
something else, grew out of all measure, closes a canary, opens what it is there to close, or is hardly understood.
Slow change adds up: the number of entries is held against the most that the list ever had, its names against those
of a month ago.
"""

import heapq
from collections.abc import Callable, Sequence

import msgspec

from blocklists.canaries import load_canaries
from blocklists.name_set import NameSet
from blocklists.survey import OPENS, Survey

MIN_ENTRIES_SHARE = 2 / 3  # of the entries that a list had at most
MIN_COMMON_SHARE = 1 / 2  # of the names of the last copy
MIN_BASELINE_SHARE = 1 / 3  # of the names of the copy a month ago
MAX_GROWTH = 3  # times the last copy
MAX_BASELINE_GROWTH = 6  # times the copy a month ago
MAX_NEW_ENTRIES = 1000  # so many may always come
MIN_UNDERSTOOD_SHARE = 1 / 10  # of the lines
MIN_UNDERSTOOD_ADBLOCK = 1 / 100  # most lines of lists for browsers are about parts of pages
MIN_UNDERSTOOD_PATTERNS = 1 / 2  # nearly every text is a regular expression
_FEW_LINES = 20  # of so few the share says nothing
_MAX_LOST_SHARE = 1 / 2  # of the share of lines that were understood last time
_FEW_ENTRIES = 10  # a list of so few may be another one tomorrow, as long as it does not shrink
NAMES_SHOWN = 200
_KEPT_AT_ONCE = 20 * NAMES_SHOWN


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How a copy differs from the one in use: how many names, and the best known of them."""

    added: int = 0
    removed: int = 0
    first_added: tuple[str, ...] = ()
    first_removed: tuple[str, ...] = ()


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a new copy is held against. None: there is no such copy."""

    last: NameSet | None = None
    baseline: NameSet | None = None
    most_entries: int = 0
    understood_share: float = 1.0
    accepted_canaries: tuple[str, ...] = ()


def doubt_about(survey: Survey, names: NameSet, reference: Reference) -> str:
    """Return why a person should look at a copy before it is used; "" where nobody need."""
    checks: Sequence[Callable[[], str]] = (
        lambda: "" if survey.entries else "holds no entry",
        lambda: _canaries(survey, reference),
        lambda: _understood(survey, reference),
        lambda: _erosion(survey, reference),
        lambda: _swap_or_growth(names, reference.last, MIN_COMMON_SHARE, MAX_GROWTH, "there were"),
        lambda: _swap_or_growth(
            names, reference.baseline, MIN_BASELINE_SHARE, MAX_BASELINE_GROWTH, "a month ago there were"
        ),
    )
    return next(filter(None, (check() for check in checks)), "")


def count_difference(names: NameSet, last: NameSet, added: "BestKnown", removed: "BestKnown") -> Difference:
    """Return how a copy differs from the last, with the names that were collected."""
    common = names.count_common(last)
    return Difference(
        added=len(names) - common,
        removed=len(last) - common,
        first_added=added.first(),
        first_removed=removed.first(),
    )


class BestKnown:
    """Keeps of many entries those that people know: canaries first, then sites with the shortest names."""

    def __init__(self) -> None:
        self._known = {name: at for at, name in enumerate(load_canaries())}
        self._kept: dict[str, None] = {}

    def add(self, text: str) -> None:
        """Take in an entry."""
        self._kept[text] = None
        if len(self._kept) > _KEPT_AT_ONCE:
            self._kept = dict.fromkeys(self.first())

    def first(self) -> tuple[str, ...]:
        """Return the best known, first first."""
        return tuple(heapq.nsmallest(NAMES_SHOWN, self._kept, key=self._rank))

    def _rank(self, text: str) -> tuple[int, int, int, str]:
        name = text.removeprefix("@@").removeprefix("www.")
        return self._known.get(name, len(self._known)), name.count("."), len(name), text


def _canaries(survey: Survey, reference: Reference) -> str:
    closed = [name for name in survey.canaries if name not in reference.accepted_canaries]
    if not closed:
        return ""
    opened = [name.removeprefix(OPENS) for name in closed if name.startswith(OPENS)]
    if opened:
        return f"opens {_first_three(opened)}, which no honest list of this category does"
    return f"closes {_first_three(closed)}, which no honest list does"


def _first_three(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _understood(survey: Survey, reference: Reference) -> str:
    if survey.lines <= _FEW_LINES:
        return ""
    least = {"regex": MIN_UNDERSTOOD_PATTERNS, "adblock": MIN_UNDERSTOOD_ADBLOCK}.get(
        survey.format, MIN_UNDERSTOOD_SHARE
    )
    share = survey.understood_share
    if share < least:
        return f"only {survey.understood} of its {survey.lines} lines look like entries ({survey.format})"
    if reference.last is not None and share < reference.understood_share * _MAX_LOST_SHARE:
        return f"only {share:.0%} of its lines are understood; last time it was {reference.understood_share:.0%}"
    return ""


def _erosion(survey: Survey, reference: Reference) -> str:
    if survey.entries >= reference.most_entries * MIN_ENTRIES_SHARE:
        return ""
    last = len(reference.last) if reference.last is not None else 0
    if last == reference.most_entries:
        return f"holds {survey.entries} entries where there were {last}"
    return f"holds {survey.entries} entries; last time {last}, and at most {reference.most_entries}"


def _swap_or_growth(names: NameSet, old: NameSet | None, min_common: float, max_growth: int, when: str) -> str:
    if old is None or len(old) < _FEW_ENTRIES:
        return ""
    if len(names) > len(old) * max_growth and len(names) - len(old) > MAX_NEW_ENTRIES:
        return f"holds {len(names)} entries where {when} {len(old)}"
    common = names.count_common(old)
    if common < len(old) * min_common:
        return f"shares only {common} entries with the {len(old)} that {when}"
    return ""
