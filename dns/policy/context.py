"""What a decision is made from: the question, what the school laid down, and what holds for the asker just now.

* `Question`: what was asked, with the look-ups that several steps share.
* `School`: what depends neither on the asker nor on the time. One for a whole policy.
* `Situation`: what holds for one view between two moments. A view makes it anew only when the time is up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dns.policy.document import Lesson, Pause, Profile, Rule, Suspension, Unblock
from dns.policy.lookups import Networks
from dns.policy.timetable import FOREVER, Categories
from dns.policy.verdict import ClosedNames, Closing


@dataclass(frozen=True, slots=True)
class Opening:
    """An unblock, ready for use. It stands in the table at every name it opens."""

    unblock: Unblock
    name: str  # the name it stands at: the site, or one of the names granted with it
    since: float
    until: float

    def is_for(self, group: str) -> bool:
        """Tell whether it was granted to a group."""
        return not self.unblock.groups or group in self.unblock.groups


@dataclass(frozen=True, slots=True)
class Range:
    """A closed address range, ready for use."""

    network: str
    category: str


@dataclass(frozen=True, slots=True)
class School:
    """What depends neither on the asker nor on the time."""

    lists: ClosedNames
    keywords: ClosedNames | None
    locked_rules: Mapping[str, tuple[Rule, ...]]
    locked_categories: Categories
    rules: Mapping[str, tuple[Rule, ...]]  # without the locked ones
    openings: Mapping[str, tuple[Opening, ...]]
    appliance_names: frozenset[str]
    private_names: frozenset[str]
    closed_ranges: Networks[Range]
    mentioned: frozenset[str]  # every name that stands in any of these tables, or that Hallpass itself knows
    telling: frozenset[str]  # the longest label of each of them: who shares none of these is under none of them

    def only_listed(self, name: str, qtype: int) -> tuple[Closing, ...] | None:
        """Return what the lists close a name by (nearly always nothing), if no other table says anything of it.

        None: one does.
        """
        if self.telling.isdisjoint(name.split(".")) or self.mentioned.isdisjoint(with_parents(name)):
            return self.lists.closings(name, qtype)
        return None

    def keyworded(self, name: str, qtype: int) -> tuple[Closing, ...]:
        """Return every keyword that closes a name."""
        return self.keywords.closings(name, qtype) if self.keywords is not None else ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What holds for one view from `since` until (not including) `until`, in Unix seconds."""

    school: School
    group: str
    profile: Profile
    knows_the_time: bool
    closed: Categories  # by the profile, at this hour
    suspension: Suspension | None
    pause: Pause | None
    lessons: tuple[Lesson, ...]
    lesson_names: frozenset[str]  # the sites of all of them, and what those need
    since: float
    room_until: float  # when a suspension, a pause or a lesson next begins or ends
    hours_until: float  # when the timetable next turns
    until: float  # the earlier of the two: then this must be made anew

    @property
    def is_ordinary(self) -> bool:
        """Whether nothing holds for the askers whatever the name: no suspension, no pause, no lesson."""
        return self.suspension is None and self.pause is None and not self.lessons


def with_parents(name: str) -> list[str]:
    """Return a name and its parents, the longest first, without the root."""
    # `dns.message.names.parents`, written out: this runs for every name on first sight.
    found = [name] if name else []
    at = name.find(".")
    while at >= 0:
        found.append(name[at + 1 :])
        at = name.find(".", at + 1)
    return found


class Question:
    """One question, and the look-ups that several steps share, each made at most once."""

    __slots__ = ("_keyworded", "_listed", "_openings", "_school", "mentioned", "name", "now", "parents", "qtype")

    def __init__(
        self, name: str, qtype: int, now: float, school: School, listed: tuple[Closing, ...] | None = None
    ) -> None:
        """Take the question; `listed`, where the lists have been asked already."""
        self.name = name
        self.qtype = qtype
        self.now = now
        self.parents = parents = with_parents(name)
        # Of nearly every name, nobody but the lists has anything to say: the steps then have nothing to look up.
        mentioned = school.mentioned
        self.mentioned = [] if mentioned.isdisjoint(parents) else [one for one in parents if one in mentioned]
        self._school = school
        self._listed = listed
        self._keyworded: tuple[Closing, ...] | None = None
        self._openings: list[Opening] | None = None

    @property
    def listed(self) -> tuple[Closing, ...]:
        """Every list entry that closes the name."""
        if self._listed is None:
            self._listed = self._school.lists.closings(self.name, self.qtype)
        return self._listed

    @property
    def keyworded(self) -> tuple[Closing, ...]:
        """Every keyword that closes the name."""
        if self._keyworded is None:
            self._keyworded = self._school.keyworded(self.name, self.qtype)
        return self._keyworded

    @property
    def is_listed_anywhere(self) -> bool:
        """Whether a list or a keyword that was looked at closes the name for anybody at any hour."""
        return bool(self._listed or self._keyworded)

    def is_under_any(self, table: frozenset[str]) -> bool:
        """Tell whether the name or one of its parents stands in a table."""
        return not table.isdisjoint(self.parents)

    def openings(self, group: str) -> list[Opening]:
        """Return the openings that cover the name for a group, whenever they hold."""
        if self._openings is None:
            table = self._school.openings
            self._openings = [one for name in self.mentioned for one in table.get(name, ()) if one.is_for(group)]
        return self._openings

    def next_opening(self, group: str) -> float:
        """Return when an opening of this name next begins."""
        return min((one.since for one in self.openings(group) if one.since > self.now), default=FOREVER)
