"""A policy document and its lists, made ready: what the pipeline asks (`dns.policy.verdict.Policy`).

Everything that can be looked up is laid out when the policy is made (`dns.policy.compiled_rules`). Each group of
devices has a view (`dns.policy.view`), which knows the time; the order of a decision stands in
`dns.policy.steps`, and a policy can be made with another one.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import msgspec

from dns.errors import PolicyInvalid
from dns.policy.compiled_rules import compile_rules, lesson_names
from dns.policy.context import device_entry_key
from dns.policy.devices import DeviceLookup, Devices, Membership
from dns.policy.document import (
    EVERY_CATEGORY,
    IncidentThresholds,
    PolicyDocument,
    Profile,
    PupilPages,
    Rule,
    Suspension,
    Unblock,
    timed_items,
)
from dns.policy.embedded_names import EMBEDDING_DOMAINS
from dns.policy.lookups import parse_address
from dns.policy.overreach import without_overreach
from dns.policy.site_bundles import NeededNames, SiteBundles, no_needed_names
from dns.policy.step_table import StepTable
from dns.policy.steps import STEPS
from dns.policy.timetable import FOREVER, Calendar, Timetable
from dns.policy.validation import validation_errors
from dns.policy.validity import Validity
from dns.policy.verdict import BlocklistLookup, Policy, View
from dns.policy.view import CLOCK_RECHECK_SECONDS, CompiledView, SharedState, ViewKey

CLOCK_SLACK_SECONDS = 3600.0  # how far a right clock may be behind the one that stamped the document

_MAX_ADDRESSES = 8192  # remembered: more than a room has

_STRICTEST = Profile(name="strictest", closed=(EVERY_CATEGORY,), safe_search=True, keywords=True)


class CompiledPolicy:
    """A whole room's policy, immutable."""

    def __init__(
        self,
        document: PolicyDocument,
        lists: BlocklistLookup,
        keywords: BlocklistLookup | None = None,
        *,
        needed_names: NeededNames = no_needed_names,
        clock_trusted: Callable[[], bool] = lambda: True,
        mac_of: Callable[[str], str | None] = lambda _address: None,
        begins_anew: bool = False,
        steps: StepTable = STEPS,
    ) -> None:
        """Make a policy ready. Raises PolicyInvalid with every mistake in the document.

        `needed_names` gives the further names that a site needs; `clock_trusted` says whether the machine's
        clock is right; `mac_of` gives the MAC address that the kernel knows for an address. `begins_anew`: nothing
        that was decided before holds, whatever seems to be the same (the lists were damaged). `steps`: the order
        of a decision.
        """
        errors = validation_errors(document)
        if errors:
            raise PolicyInvalid("; ".join(errors))
        document, self.too_wide = without_overreach(document)  # and a sentence for each entry that is
        self.document = document
        self._begins_anew = begins_anew
        self._clock_trusted = clock_trusted
        self._earliest = document.issued.timestamp() - CLOCK_SLACK_SECONDS if document.issued else -FOREVER
        site_bundles = SiteBundles(needed_names, document.bundles)
        calendar = Calendar(document)
        self._shared = SharedState(
            document=document,
            steps=steps,
            compiled=compile_rules(document, lists, keywords, site_bundles, steps),
            calendar=calendar,
            lessons=tuple(
                (lesson, Validity(lesson, document.issued), lesson_names(lesson, site_bundles))
                for lesson in document.lessons
            ),
            is_clock_trusted=self.is_clock_trusted,
        )
        self._mac_of = mac_of
        self._membership = Membership(document)
        self._suspensions = DeviceLookup(document.suspensions, document.devices)
        entries: tuple[Unblock | Rule, ...] = (*document.unblocks, *document.rules)
        self._device_entries = DeviceLookup((one for one in entries if one.device), document.devices)
        self._needs_mac = any(one.needs_mac for one in (self._membership, self._suspensions, self._device_entries))
        profiles = {profile.name: (profile, Timetable(profile, calendar)) for profile in document.profiles}
        self._profiles = {group.name: profiles[group.profile] for group in document.groups}
        self._unknown_group_profile = (_STRICTEST, Timetable(_STRICTEST, calendar))  # of a group that there is not
        self._transitions = sorted(_transitions(document))
        self._starts = [  # of what closes the room or a device, whatever the name
            (one.id, Validity(one, document.issued).since)
            for one in timed_items(document)
            if not isinstance(one, Unblock)
        ]
        self._views: dict[ViewKey, CompiledView] = {}
        self._keys_by_address: dict[str, ViewKey] = {}  # by address; only where MAC addresses decide

    @property
    def version(self) -> int:
        """The version of the policy document."""
        return self.document.version

    def view(self, address: str) -> "CompiledView":
        """Return the view of the device at an address; the same object for clients that may share."""
        view = self._view_of(*self._identify_device(address, self._find_mac(address)))
        if self._needs_mac:
            if len(self._keys_by_address) >= _MAX_ADDRESSES:
                self._keys_by_address.clear()
            self._keys_by_address[address] = view.key
        return view

    def view_of_device(self, member: str) -> "CompiledView | None":
        """Return the view of a device by its name, or by a MAC address; None where that is neither.

        A device that has an IP address is looked at as if it asked from the first one.
        """
        macs, networks = Devices(self.document.devices).resolve_member(member)
        if networks:
            return self.view(str(networks[0].network_address))
        return self._view_of(*self._identify_device("", min(macs))) if macs else None

    def is_shared(self, address: str) -> bool:
        """Tell whether several pupils use the device at an address, as the school says of it or of its group."""
        shared = self.document.pupil_pages.shared
        if not shared:
            return False
        mac, parsed = self._mac_of(address), parse_address(address)
        group = self._membership.group_of(parsed, mac)
        devices = Devices(self.document.devices)
        for one in shared:
            macs, networks = devices.resolve_member(one)
            if one.lower() == group.lower() or mac in macs:
                return True
            if parsed is not None and any(parsed in network for network in networks):
                return True
        return False

    def current_view(self, address: str, view: View) -> View:
        """Return the view of the device that has an address by now; `view`, where it is still the same device.

        While the network does not say who has the address, it is whoever had it.
        """
        if not self._needs_mac or self._find_mac(address) is None:
            return view
        return self.view(address)

    def view_for_group(self, group: str) -> "CompiledView":
        """Return the view of a group's devices, as long as nothing is meant for one of them alone."""
        return self._view_of(group, (), ())

    def _view_of(
        self, group: str, suspensions: tuple[Suspension, ...], entries: tuple[Unblock | Rule, ...]
    ) -> "CompiledView":
        kind = _view_key(group, suspensions, entries)
        view = self._views.get(kind)
        if view is None:
            profile, timetable = self._profiles.get(group, self._unknown_group_profile)
            view = CompiledView(self._shared, profile, timetable, suspensions, kind)
            self._views[kind] = view
        return view

    def is_clock_trusted(self, now: float) -> bool:
        """Tell whether the clock can be trusted."""
        return now >= self._earliest and self._clock_trusted()

    def next_change(self, now: float) -> float | None:
        """Return when a verdict may next change by time alone."""
        if not self.is_clock_trusted(now):
            return now + CLOCK_RECHECK_SECONDS
        at = bisect_right(self._transitions, now)
        groups = dict.fromkeys((*self._profiles, *(group for group, _, _ in self._views)))
        turns = [self.view_for_group(group).context_at(now).until for group in groups]
        turns += self._transitions[at : at + 1]
        first = min(turns, default=FOREVER)
        return first if first < FOREVER else None

    def names_changed_since(self, older: Policy) -> Sequence[str] | None:
        """Return names such that only they and their subdomains may have another verdict than under `older`.

        The steps say which fields of a document change names and nothing else (rules, unblocks); whatever else
        differs changes the whole policy.
        """
        if self._begins_anew or not isinstance(older, CompiledPolicy):
            return None
        mine, theirs = self._shared.compiled, older._shared.compiled
        steps = self._shared.steps
        same_rest = (
            steps is older._shared.steps
            and _without_names(self.document, steps) == _without_names(older.document, steps)
            and self._starts == older._starts
            and mine.lists.version == theirs.lists.version
            and _version(mine.keywords) == _version(theirs.keywords)
        )
        if not same_rest or self._has_other_devices(older):
            return None
        changed: set[str] = set()
        for entries in steps.entries:
            new, old = entries(mine), entries(theirs)
            changed.update(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
        if changed:
            changed |= EMBEDDING_DOMAINS  # what is said of a name is said of those that carry it
        return tuple(sorted(changed))

    def _find_mac(self, address: str) -> str | None:
        return self._mac_of(address) if self._needs_mac else None

    def _identify_device(
        self, address: str, mac: str | None
    ) -> tuple[str, tuple[Suspension, ...], tuple[Unblock | Rule, ...]]:
        parsed = parse_address(address)
        return (
            self._membership.group_of(parsed, mac),
            self._suspensions.entries_of(parsed, mac),
            self._device_entries.entries_of(parsed, mac),
        )

    def _has_other_devices(self, older: "CompiledPolicy") -> bool:
        """Tell whether an address belongs to another device by now than when `older` was asked about it."""
        for address, kind in older._keys_by_address.items():
            device = self._identify_device(address, self._find_mac(address))
            if _view_key(*device) != kind:
                return True
        return False


def _view_key(group: str, suspensions: tuple[Suspension, ...], entries: tuple[Unblock | Rule, ...]) -> ViewKey:
    return group, tuple(suspension.id for suspension in suspensions), frozenset(map(device_entry_key, entries))


def _transitions(document: PolicyDocument) -> Iterator[float]:
    for one in timed_items(document):
        if one.since is not None:
            yield one.since.timestamp()
        yield one.until.timestamp()


def _without_names(document: PolicyDocument, steps: StepTable) -> PolicyDocument:
    """Return what of a document changes more than single names.

    `issued` differs in every document, and matters only to a clock that is wrong: it changes no name by itself.
    """
    return msgspec.structs.replace(
        document,
        version=0,
        issued=None,
        delegations=(),
        incidents=IncidentThresholds(),
        tunnels="off",
        pupil_pages=PupilPages(),
        school_plans=(),
        **dict.fromkeys(steps.entry_fields, ()),
    )


def _version(keywords: BlocklistLookup | None) -> str | None:
    return keywords.version if keywords is not None else None
