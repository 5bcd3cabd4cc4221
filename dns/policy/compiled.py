"""A policy document and its lists, made ready: what the chain asks (`dns.policy.verdict.Policy`).

Everything that can be looked up is laid out when the policy is made (`dns.policy.compiled_rules`). Each group of
devices has a view (`dns.policy.view`), which knows the time; the order of a decision stands in
`dns.policy.steps`.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import msgspec

from dns.errors import PolicyInvalid
from dns.policy.compiled_rules import lay_out, lesson_names
from dns.policy.devices import Membership, Suspended
from dns.policy.document import (
    EVERY_CATEGORY,
    IncidentThresholds,
    PolicyDocument,
    Profile,
    Suspension,
    Unblock,
    timed,
)
from dns.policy.lookups import parse_address
from dns.policy.overreach import without_overreach
from dns.policy.site_bundles import Bundles, NeededBy, nothing_known
from dns.policy.timetable import FOREVER, Calendar, Timetable
from dns.policy.validation import mistakes
from dns.policy.validity import Moments
from dns.policy.verdict import ClosedNames, Policy
from dns.policy.view import CLOCK_RECHECK_SECONDS, CompiledView, Shared

CLOCK_SLACK_SECONDS = 3600.0  # how far a right clock may be behind the one that stamped the document

_Kind = tuple[str, tuple[str, ...]]  # what tells views apart: a group, and the ids of suspensions
_ADDRESSES = 8192  # remembered: more than a room has

_STRICTEST = Profile(name="strictest", closed=(EVERY_CATEGORY,), safe_search=True, keywords=True)


class CompiledPolicy:
    """A whole room's policy, immutable."""

    def __init__(
        self,
        document: PolicyDocument,
        lists: ClosedNames,
        keywords: ClosedNames | None = None,
        *,
        needed_by: NeededBy = nothing_known,
        clock_trusted: Callable[[], bool] = lambda: True,
        mac_of: Callable[[str], str | None] = lambda _address: None,
        begins_anew: bool = False,
    ) -> None:
        """Make a policy ready. Raises PolicyInvalid with every mistake in the document.

        `needed_by` gives the further names that a site needs; `clock_trusted` says whether the machine's
        clock is right; `mac_of` gives the MAC address that the kernel knows for an address. `begins_anew`: nothing
        that was decided before holds, whatever seems to be the same (the lists were damaged).
        """
        found = mistakes(document)
        if found:
            raise PolicyInvalid("; ".join(found))
        document, self.too_wide = without_overreach(document)  # and a sentence for each entry that is
        self.document = document
        self._begins_anew = begins_anew
        self._clock_trusted = clock_trusted
        self._earliest = document.issued.timestamp() - CLOCK_SLACK_SECONDS if document.issued else -FOREVER
        bundles = Bundles(needed_by, document.bundles)
        calendar = Calendar(document)
        self._shared = Shared(
            document=document,
            school=lay_out(document, lists, keywords, bundles),
            calendar=calendar,
            lessons=tuple(
                (lesson, Moments(lesson, document.issued), lesson_names(lesson, bundles))
                for lesson in document.lessons
            ),
            knows_the_time=self.knows_the_time,
        )
        self._mac_of = mac_of
        self._membership = Membership(document)
        self._suspended = Suspended(document)
        self._asks_for_macs = self._membership.asks_for_macs or self._suspended.asks_for_macs
        profiles = {profile.name: (profile, Timetable(profile, calendar)) for profile in document.profiles}
        self._profiles = {group.name: profiles[group.profile] for group in document.groups}
        self._nobodys = (_STRICTEST, Timetable(_STRICTEST, calendar))  # of a group that there is not
        self._turns = sorted(_turns(document))
        self._beginnings = [  # of what closes the room or a device, whatever the name
            (one.id, Moments(one, document.issued).since)
            for one in timed(document)
            if not isinstance(one, Unblock)
        ]
        self._views: dict[_Kind, CompiledView] = {}
        self._given: dict[str, _Kind] = {}  # by address; only where MAC addresses decide

    @property
    def version(self) -> int:
        """The version of the policy document."""
        return self.document.version

    def view(self, address: str) -> "CompiledView":
        """Return the view of the device at an address; the same object for askers that may share."""
        group, suspensions = self._asker(address)
        view = self.view_of(group, suspensions)
        if self._asks_for_macs:
            if len(self._given) >= _ADDRESSES:
                self._given.clear()
            self._given[address] = _kind(group, suspensions)
        return view

    def view_of(self, group: str, suspensions: tuple[Suspension, ...] = ()) -> "CompiledView":
        """Return the view of a group's devices, and of those under certain suspensions."""
        kind = _kind(group, suspensions)
        view = self._views.get(kind)
        if view is None:
            profile, timetable = self._profiles.get(group, self._nobodys)
            view = CompiledView(self._shared, group, profile, timetable, suspensions)
            self._views[kind] = view
        return view

    def knows_the_time(self, now: float) -> bool:
        """Tell whether the clock can be trusted."""
        return now >= self._earliest and self._clock_trusted()

    def next_change(self, now: float) -> float | None:
        """Return when a verdict may next change by time alone."""
        if not self.knows_the_time(now):
            return now + CLOCK_RECHECK_SECONDS
        at = bisect_right(self._turns, now)
        turns = [timetable.at(now).until for _, timetable in self._profiles.values()]
        turns += self._turns[at : at + 1]
        first = min(turns, default=FOREVER)
        return first if first < FOREVER else None

    def names_changed_since(self, older: Policy) -> Sequence[str] | None:
        """Return names such that only they and their subdomains may have another verdict than under `older`.

        Rules and unblocks change names; whatever else differs changes the whole policy.
        """
        if self._begins_anew or not isinstance(older, CompiledPolicy):
            return None
        mine, theirs = self._shared.school, older._shared.school
        same_rest = (
            _without_names(self.document) == _without_names(older.document)
            and self._beginnings == older._beginnings
            and mine.lists.version == theirs.lists.version
            and _version(mine.keywords) == _version(theirs.keywords)
        )
        if not same_rest or self._has_other_devices(older):
            return None
        changed: set[str] = set()
        for new, old in (
            (mine.rules, theirs.rules),
            (mine.locked_rules, theirs.locked_rules),
            (mine.openings, theirs.openings),
        ):
            changed.update(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
        return tuple(sorted(changed))

    def _asker(self, address: str) -> tuple[str, tuple[Suspension, ...]]:
        parsed = parse_address(address)
        mac = self._mac_of(address) if self._asks_for_macs else None
        return self._membership.group_of(parsed, mac), self._suspended.of(parsed, mac)

    def _has_other_devices(self, older: "CompiledPolicy") -> bool:
        """Tell whether an address belongs to another device by now than when `older` was asked about it."""
        return any(_kind(*self._asker(address)) != kind for address, kind in older._given.items())


def _kind(group: str, suspensions: tuple[Suspension, ...]) -> _Kind:
    return group, tuple(suspension.id for suspension in suspensions)


def _turns(document: PolicyDocument) -> Iterator[float]:
    for one in timed(document):
        if one.since is not None:
            yield one.since.timestamp()
        yield one.until.timestamp()


def _without_names(document: PolicyDocument) -> PolicyDocument:
    """Return what of a document changes more than single names.

    `issued` differs in every document, and matters only to a clock that is wrong: it changes no name by itself.
    """
    return msgspec.structs.replace(
        document,
        version=0,
        issued=None,
        rules=(),
        unblocks=(),
        delegations=(),
        incidents=IncidentThresholds(),
        tunnels="off",
    )


def _version(keywords: ClosedNames | None) -> str | None:
    return keywords.version if keywords is not None else None
