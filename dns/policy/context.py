"""What a decision is made from: the question, what the school laid down, and what holds for the client just now.

* `Question`: what was asked, with the look-ups that several steps share.
* `CompiledRules`: what depends neither on the client nor on the time. One for a whole policy.
* `PolicyContext`: what holds for one view between two moments. A view makes it anew only when the time is up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dns.policy.document import Lesson, Pause, Profile, Rule, Suspension, Unblock
from dns.policy.embedded_names import embedded_name
from dns.policy.lookups import NetworkTable
from dns.policy.timetable import FOREVER, Categories
from dns.policy.verdict import BlockEntry, BlocklistLookup

TRUST_SOURCE = "the trust"  # where a verdict says that an entry of the trust's comes from; its name follows

DeviceEntryKey = tuple[str, str]


_RULE = "*rule*"  # in place of an id


def device_entry_key(entry: Unblock | Rule) -> DeviceEntryKey:
    """Return by what an entry for one device is known: not by an id alone, which a person may write twice."""
    return (entry.id if isinstance(entry, Unblock) else _RULE), entry.device


@dataclass(frozen=True, slots=True)
class CompiledUnblock:
    """An unblock, ready for use. It stands in the table at every name it opens."""

    unblock: Unblock
    name: str  # the name it stands at: the site, or one of the names granted with it
    since: float
    until: float

    def is_for(self, context: "PolicyContext") -> bool:
        """Tell whether it was granted to the clients of a view: to their group, or to the one device."""
        if self.unblock.device:
            return device_entry_key(self.unblock) in context.device_entries
        return not self.unblock.groups or context.group in self.unblock.groups


@dataclass(frozen=True, slots=True)
class CompiledRange:
    """A blocked address range, ready for use."""

    network: str
    category: str


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """What depends neither on the client nor on the time."""

    lists: BlocklistLookup
    keywords: BlocklistLookup | None
    trust_rules: Mapping[str, tuple[Rule, ...]]  # those that the trust has locked
    trust_categories: Categories
    trust_source: str  # what a verdict names as where these come from
    locked_rules: Mapping[str, tuple[Rule, ...]]  # without the trust's
    locked_categories: Categories
    rules: Mapping[str, tuple[Rule, ...]]  # without the locked ones
    unblocks: Mapping[str, tuple[CompiledUnblock, ...]]
    appliance_names: frozenset[str]
    private_names: frozenset[str]
    blocked_ranges: NetworkTable[CompiledRange]
    known_names: frozenset[str]  # every name at which a step has something to look up (`StepTable.known_names`)
    longest_labels: frozenset[
        str
    ]  # the longest label of each of them: who shares none of these is under none of them

    def list_entries_unless_known(self, name: str, qtype: int) -> tuple[BlockEntry, ...] | None:
        """Return the list entries that block a name (nearly always none), if no other table says anything of it.

        None: one does.
        """
        if self.longest_labels.isdisjoint(name.split(".")) or self.known_names.isdisjoint(name_and_parents(name)):
            return self.lists.find_block_entries(name, qtype)
        return None

    def find_keyword_entries(self, name: str, qtype: int) -> tuple[BlockEntry, ...]:
        """Return every keyword that blocks a name."""
        return self.keywords.find_block_entries(name, qtype) if self.keywords is not None else ()


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """What holds for one view from `since` until (not including) `until`, in Unix seconds."""

    compiled: CompiledRules
    group: str
    profile: Profile
    is_clock_trusted: bool
    blocked_categories: Categories  # by the profile, at this hour
    suspension: Suspension | None
    pause: Pause | None
    lessons: tuple[Lesson, ...]
    lesson_names: frozenset[str]  # the sites of all of them, and what those need
    since: float
    room_until: float  # when a suspension, a pause or a lesson next begins or ends
    timetable_until: float  # when the timetable next turns
    until: float  # the earliest of these and of what else a step depends on: then this must be made anew
    device_entries: frozenset[DeviceEntryKey] = frozenset()  # what is meant for these clients' device alone


def name_and_parents(name: str) -> list[str]:
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

    __slots__ = (
        "_compiled",
        "_keyword_entries",
        "_list_entries",
        "_unblocks",
        "embedded_name",
        "known_parents",
        "name",
        "now",
        "parents",
        "qtype",
    )

    def __init__(
        self,
        name: str,
        qtype: int,
        now: float,
        compiled: CompiledRules,
        list_entries: tuple[BlockEntry, ...] | None = None,
    ) -> None:
        """Take the question; `list_entries`, where the lists have been looked up already."""
        self.name = name
        self.qtype = qtype
        self.now = now
        self.embedded_name = None
        self.parents = parents = name_and_parents(name)
        self.known_parents = []
        # Of nearly every name, nobody but the lists has anything to say: the steps then have nothing to look up.
        known = compiled.known_names
        if not known.isdisjoint(parents):
            self.embedded_name = inner = embedded_name(name)
            if inner is not None:
                self.parents = parents = [*name_and_parents(inner), *parents]
            self.known_parents = [one for one in parents if one in known]
        self._compiled = compiled
        self._list_entries = list_entries
        self._keyword_entries: tuple[BlockEntry, ...] | None = None
        self._unblocks: list[CompiledUnblock] | None = None

    @property
    def list_entries(self) -> tuple[BlockEntry, ...]:
        """Every list entry that blocks the name."""
        if self._list_entries is None:
            self._list_entries = self._entries_of(self._compiled.lists.find_block_entries)
        return self._list_entries

    @property
    def keyword_entries(self) -> tuple[BlockEntry, ...]:
        """Every keyword that blocks the name."""
        if self._keyword_entries is None:
            self._keyword_entries = self._entries_of(self._compiled.find_keyword_entries)
        return self._keyword_entries

    def _entries_of(self, find: Callable[[str, int], tuple[BlockEntry, ...]]) -> tuple[BlockEntry, ...]:
        found = find(self.name, self.qtype)
        return found if self.embedded_name is None else found + find(self.embedded_name, self.qtype)

    @property
    def has_block_entries(self) -> bool:
        """Whether a list or a keyword that was looked up blocks the name for anybody at any hour."""
        return bool(self._list_entries or self._keyword_entries)

    def is_under_any(self, table: frozenset[str]) -> bool:
        """Tell whether the name or one of its parents stands in a table."""
        return not table.isdisjoint(self.parents)

    def unblocks_for(self, context: PolicyContext) -> list[CompiledUnblock]:
        """Return the unblocks that cover the name for the clients of a view, whenever they hold."""
        if self._unblocks is None:
            table = self._compiled.unblocks
            self._unblocks = [
                one for name in self.known_parents for one in table.get(name, ()) if one.is_for(context)
            ]
        return self._unblocks

    def next_unblock_start(self, context: PolicyContext) -> float:
        """Return when an unblock of this name next begins."""
        return min((one.since for one in self.unblocks_for(context) if one.since > self.now), default=FOREVER)
