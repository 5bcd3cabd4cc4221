"""What was decided for one question, and the three borders across which a decision is asked for.

`Verdict` is the answer to "may this device see this name now, and why?". `View`, `Policy` and `BlocklistLookup`
are protocols: the pipeline knows only them, so that the lists (package `blocklists`) and the policy can each be
replaced as a whole while queries are being answered.

Times are Unix seconds (UTC). Names are canonical (`dns.message.names`). Record types are their numbers (RFC 1035).
"""

import enum
from collections.abc import Sequence
from typing import Protocol

import msgspec


class Action(enum.Enum):
    """What happens to a question."""

    ALLOW = "allowed"
    BLOCK = "refused"
    REWRITE = "rewritten"  # answered with the records of another name (safe search)


class Step(enum.Enum):
    """The steps of a decision, as they stand in the log and travel. What each is: `dns.policy.steps.STEPS`."""

    TRUST = "trust"  # locked by the trust that the school belongs to
    LOCKED = "locked"
    APPLIANCE = "appliance"
    BYPASS = "bypass"  # names that tell devices not to bypass the filter
    CONNECTIVITY = "connectivity"  # names by which devices test the network and set their clocks
    SUSPENDED = "suspended"
    PAUSED = "paused"
    UNBLOCK = "unblock"
    RULE = "rule"
    LESSON = "lesson"
    LIST = "list"
    KEYWORD = "keyword"
    SAFE_SEARCH = "safe-search"
    DEFAULT = "default"
    INSPECTED = "inspected"  # allowed at first; what came back led somewhere closed
    UPSTREAM = "upstream"  # allowed here; the upstream keeps it closed (RFC 8914), and nobody here can open it


class BlockEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason for which a list or a keyword blocks a name."""

    category: str
    source: str  # the source that gave the entry; where several did, their names joined by ", "
    entry: str  # the entry as a person would look for it: "example.org", "||example.org^", "/regex/"
    is_opened: bool = False  # by a list of openings that the school subscribes to: it blocks only what is locked


class Verdict(msgspec.Struct, frozen=True):
    """What was decided, by which step, and by which entry of which list."""

    action: Action
    step: Step
    category: str = ""
    source: str = ""
    entry: str = ""
    target: str = ""  # the name whose records are given instead, where `action` is REWRITE
    until: float | None = None  # this verdict holds no longer than until then; None: until the policy changes
    answer: str = ""  # a refusal that must look so whatever the view's `blocking_mode` is: "nxdomain" or "nodata"


class BlocklistLookup(Protocol):
    """The compiled lists, or the keywords: says which entries block a name."""

    @property
    def version(self) -> str:
        """The content hash of what was compiled."""

    def find_block_entries(self, name: str, qtype: int = 1) -> tuple[BlockEntry, ...]:
        """Return every entry that blocks a name, exceptions already taken away; empty where none does.

        What a subscribed list of openings opens is among them, marked: a lock is stronger.
        """


class View(Protocol):
    """What one kind of client may see. Clients that share a view share their finished answers."""

    @property
    def group(self) -> str:
        """The name of the group, as it stands in the query log."""

    @property
    def blocking_mode(self) -> str:
        """How a blocked answer looks: "null", "nxdomain" or "page"."""

    @property
    def strip_ech(self) -> bool:
        """Whether encrypted-hello parameters are taken out of HTTPS records (RFC 9460)."""

    def decide(self, name: str, qtype: int, now: float) -> Verdict:
        """Decide one question, in the order of `Step`."""

    def inspect_name(self, name: str, qtype: int, verdict: Verdict, now: float) -> Verdict:
        """Decide a name that an answer leads to (CNAME, SVCB target), given the verdict on the asked name."""

    def inspect_address(self, address: str, qname: str, verdict: Verdict, now: float) -> Verdict:
        """Decide an address that an answer gives, as text, given the verdict on the asked name.

        After a verdict of `Step.DEFAULT` the decision on a public address depends on that address alone, and holds
        for as long as the view does: it may be remembered.
        """

    def passes_address(self, packed: bytes) -> bool:
        """Tell of an address's octets that `inspect_address` lets it pass for every name decided by default.

        Costs little; False where the address must be decided. Holds for as long as the view does.
        """


class Policy(Protocol):
    """A whole room's policy, immutable: replaced as one object when anything in it changes."""

    @property
    def version(self) -> int:
        """The version of the policy document."""

    def view(self, address: str) -> View:
        """Return the view of the device at an address (text); the same object for clients that may share."""

    def current_view(self, address: str, view: View) -> View:
        """Return the view of the device that has an address by now; `view`, where it is still the same device."""

    def next_change(self, now: float) -> float | None:
        """Return when a verdict may next change by time alone: an unblock ends, a timetable turns."""

    def names_changed_since(self, older: "Policy") -> Sequence[str] | None:
        """Return names such that only they and their subdomains may have another verdict than under `older`.

        They are names as asked *or met on the way*: a finished answer also falls where a name that it passed
        through (a CNAME, a target) is among them. None where the whole policy must be taken as changed.
        """
