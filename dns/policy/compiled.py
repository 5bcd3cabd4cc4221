"""A policy document and its lists, made ready: what the chain asks (`dns.verdict.Policy`).

Everything that can be looked up is laid out when the policy is made; what time changes is worked out once for each
stretch of time in which nothing turns (`dns.policy.situation.Situation`). The clock may jump either way: a
situation is used only between the two moments it was made for.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from dns.errors import PolicyInvalid
from dns.policy import bypass, inspection, order, safe_search
from dns.policy.bundles import Bundles, NeededBy, nothing_known
from dns.policy.devices import Membership, Suspended, parse_network
from dns.policy.document import (
    EVERY_CATEGORY,
    IncidentThresholds,
    Lesson,
    Pause,
    PolicyDocument,
    Profile,
    Rule,
    Suspension,
    Unblock,
    timed,
)
from dns.policy.mistakes import mistakes
from dns.policy.situation import Opening, Question, Range, School, Situation
from dns.policy.tables import Networks, by_name, canonical, parse_address
from dns.policy.timetable import FOREVER, Calendar, Categories, Timetable
from dns.verdict import ClosedNames, Policy, Step, Verdict

CLOCK_RECHECK_SECONDS = 5.0  # while nobody knows the time
CLOCK_SLACK_SECONDS = 3600.0  # how far a right clock may be behind the one that stamped the document

_TIMELESS = frozenset((Step.LOCKED, Step.APPLIANCE, Step.BYPASS))
_BY_THE_HOUR = frozenset((Step.LIST, Step.KEYWORD, Step.SAFE_SEARCH, Step.DEFAULT))


class Moments:
    """From when until when something of the document holds: an unblock, a lesson, a pause, a suspension.

    What had begun when the document was made has begun, even where this machine's clock is a little behind the
    one that stamped it: an approval shows at once.
    """

    __slots__ = ("since", "until")

    def __init__(self, thing: Unblock | Lesson | Pause | Suspension, issued: datetime | None) -> None:
        began = thing.since is None or (issued is not None and thing.since <= issued)
        self.since = -FOREVER if began or thing.since is None else thing.since.timestamp()
        self.until = thing.until.timestamp()

    def hold(self, now: float, *, knows_the_time: bool) -> bool:
        """Tell whether they hold.

        A clock that nobody trusts is behind, never ahead: what has not ended by it may have begun.
        """
        return now < self.until and (self.since <= now or not knows_the_time)


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
    ) -> None:
        """Make a policy ready. Raises PolicyInvalid with every mistake in the document.

        `needed_by` gives the further names that a site needs; `clock_trusted` says whether the machine's
        clock is right; `mac_of` gives the MAC address that the kernel knows for an address.
        """
        found = mistakes(document)
        if found:
            raise PolicyInvalid("; ".join(found))
        self.document = document
        known = Bundles(needed_by, document.bundles)
        self.school = _school(document, lists, keywords, known)
        self.lessons = tuple(
            (lesson, Moments(lesson, document.issued), _lesson_names(lesson, known)) for lesson in document.lessons
        )
        self._clock_trusted = clock_trusted
        self._mac_of = mac_of
        self._earliest = document.issued.timestamp() - CLOCK_SLACK_SECONDS if document.issued else -FOREVER
        self._membership = Membership(document)
        self._suspended = Suspended(document)
        self._asks_for_macs = self._membership.asks_for_macs or self._suspended.asks_for_macs
        self.calendar = calendar = Calendar(document)
        profiles = {profile.name: profile for profile in document.profiles}
        self._profiles = {group.name: profiles[group.profile] for group in document.groups}
        self._timetables = {name: Timetable(profile, calendar) for name, profile in profiles.items()}
        self._strictest = Profile(name="strictest", closed=(EVERY_CATEGORY,), safe_search=True, keywords=True)
        self._timetables.setdefault("strictest", Timetable(self._strictest, calendar))
        self._turns = sorted(_turns(document))
        self._closings = [  # of the room and its devices, whatever the name
            (one.id, Moments(one, document.issued).since)
            for one in timed(document)
            if not isinstance(one, Unblock)
        ]
        self._views: dict[tuple[str, tuple[str, ...]], CompiledView] = {}

    @property
    def version(self) -> int:
        """The version of the policy document."""
        return self.document.version

    def view(self, address: str) -> "CompiledView":
        """Return the view of the device at an address; the same object for askers that may share."""
        parsed = parse_address(address)
        mac = self._mac_of(address) if self._asks_for_macs else None
        return self.view_of(self._membership.group_of(parsed, mac), self._suspended.of(parsed, mac))

    def view_of(self, group: str, suspensions: tuple[Suspension, ...] = ()) -> "CompiledView":
        """Return the view of a group's devices, and of those under certain suspensions."""
        key = (group, tuple(suspension.id for suspension in suspensions))
        view = self._views.get(key)
        if view is None:
            profile = self._profiles.get(group, self._strictest)
            view = CompiledView(self, group, profile, self._timetables[profile.name], suspensions)
            self._views[key] = view
        return view

    def knows_the_time(self, now: float) -> bool:
        """Tell whether the clock can be trusted."""
        return now >= self._earliest and self._clock_trusted()

    def next_change(self, now: float) -> float | None:
        """Return when a verdict may next change by time alone."""
        if not self.knows_the_time(now):
            return now + CLOCK_RECHECK_SECONDS
        at = bisect_right(self._turns, now)
        turns = [timetable.at(now).until for timetable in self._timetables.values()]
        turns += self._turns[at : at + 1]
        first = min(turns, default=FOREVER)
        return first if first < FOREVER else None

    def names_changed_since(self, older: Policy) -> Sequence[str] | None:
        """Return names such that only they and their subdomains may have another verdict than under `older`.

        Rules and unblocks change names; whatever else differs changes the whole policy.
        """
        if not isinstance(older, CompiledPolicy):
            return None
        mine, theirs = self.school, older.school
        same_rest = (
            _without_names(self.document) == _without_names(older.document)
            and self._closings == older._closings
            and mine.lists.version == theirs.lists.version
            and _version(mine.keywords) == _version(theirs.keywords)
        )
        if not same_rest:
            return None
        changed: set[str] = set()
        for new, old in (
            (mine.rules, theirs.rules),
            (mine.locked_rules, theirs.locked_rules),
            (mine.openings, theirs.openings),
        ):
            changed.update(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
        return tuple(sorted(changed))


class CompiledView:
    """What one kind of asker may see."""

    def __init__(
        self,
        policy: CompiledPolicy,
        group: str,
        profile: Profile,
        timetable: Timetable,
        suspensions: tuple[Suspension, ...],
    ) -> None:
        self._policy = policy
        self._group = group
        self._profile = profile
        self._timetable = timetable
        document = policy.document
        self._suspensions = [(one, Moments(one, document.issued)) for one in suspensions]
        self._pauses = [(one, Moments(one, document.issued)) for one in document.pauses if _for(one.groups, group)]
        self._lessons = [lesson for lesson in policy.lessons if _for(lesson[0].groups, group)]
        self._now_holds: Situation | None = None

    @property
    def group(self) -> str:
        """The name of the group, as it stands in the query log."""
        return self._group

    @property
    def refusal(self) -> str:
        """How a refused answer looks: "null", "nxdomain" or "page"."""
        return self._profile.refusal

    @property
    def strip_ech(self) -> bool:
        """Whether encrypted-hello parameters are taken out of HTTPS records (RFC 9460)."""
        return self._profile.strip_ech

    @property
    def document(self) -> PolicyDocument:
        """The document of the policy that this is a view of."""
        return self._policy.document

    def clock(self, now: float) -> datetime:
        """Return what the school's clock shows."""
        return self._policy.calendar.clock(now)

    def closed_categories(self, name: str, now: float) -> frozenset[str]:
        """Return every category by which the lists and the keywords close a name for these askers now."""
        situation = self.situation(now)
        question = Question(name, 1, now, self._policy.school)
        closings = question.listed + (question.keyworded if situation.profile.keywords else ())
        return frozenset(closing.category for closing in closings if closing.category in situation.closed)

    def decide(self, name: str, qtype: int, now: float) -> Verdict:
        """Decide one question, in the order of `dns.policy.order.ORDER`."""
        situation = self.situation(now)
        question = Question(name, qtype, now, self._policy.school)
        return _bounded(order.decide(question, situation), question, situation)

    def inspect_name(self, name: str, qtype: int, verdict: Verdict, now: float) -> Verdict:
        """Decide a name that an answer leads to (CNAME, SVCB target), given the verdict on the asked name."""
        situation = self.situation(now)
        question = Question(name, qtype, now, self._policy.school)
        found, met = inspection.hop(question, situation, verdict)
        if met is None:
            return found
        return _ending(found, _bounded(met, question, situation).until)

    def inspect_address(self, address: str, asked: str, verdict: Verdict, now: float) -> Verdict:
        """Decide an address that an answer gives, as text, given the verdict on the asked name."""
        question = Question(asked, 1, now, self._policy.school)
        return inspection.address(address, question, self.situation(now), verdict)

    def situation(self, now: float) -> Situation:
        """Return what holds for these askers at a time."""
        situation = self._now_holds
        if situation is None or not situation.since <= now < situation.until:
            situation = self._now_holds = self._make_situation(now)
        return situation

    def _make_situation(self, now: float) -> Situation:
        known = self._policy.knows_the_time(now)
        hours = self._timetable.at(now)
        suspensions = [one for one, moments in self._suspensions if moments.hold(now, knows_the_time=known)]
        pauses = [one for one, moments in self._pauses if moments.hold(now, knows_the_time=known)]
        lessons = [
            (one, sites) for one, moments, sites in self._lessons if moments.hold(now, knows_the_time=known)
        ]
        everything = (
            *(moments for _, moments in (*self._suspensions, *self._pauses)),
            *(moments for _, moments, _ in self._lessons),
        )
        turns = [turn for moments in everything for turn in (moments.since, moments.until) if turn > now]
        recheck = FOREVER if known else now + CLOCK_RECHECK_SECONDS
        room_until, hours_until = min((*turns, recheck)), min(hours.until, recheck)
        return Situation(
            school=self._policy.school,
            group=self._group,
            profile=self._profile,
            knows_the_time=known,
            closed=hours.closed if known else self._timetable.strictest(),
            suspension=suspensions[0] if suspensions else None,
            pause=pauses[0] if pauses else None,
            lessons=tuple(one for one, _ in lessons),
            lesson_names=frozenset[str]().union(*(sites for _, sites in lessons)),
            since=now,
            room_until=room_until,
            hours_until=hours_until,
            until=min(room_until, hours_until),
        )


def _bounded(verdict: Verdict, question: Question, situation: Situation) -> Verdict:
    """Return a verdict that says how long it holds: until something that it depends on turns."""
    if verdict.step in _TIMELESS:
        return verdict
    until = situation.room_until
    if question.mentioned:
        until = min(until, question.next_opening(situation.group))
    if question.is_listed_anywhere and verdict.step in _BY_THE_HOUR:
        until = min(until, situation.hours_until)
    return _ending(verdict, until) if until < FOREVER else verdict


def _ending(verdict: Verdict, until: float | None) -> Verdict:
    """Return a verdict that also ends where something else does; None: that something does not end."""
    if until is None or (verdict.until is not None and verdict.until <= until):
        return verdict
    return msgspec.structs.replace(verdict, until=until)


def _school(
    document: PolicyDocument, lists: ClosedNames, keywords: ClosedNames | None, bundles: Bundles
) -> School:
    rules = [_with_canonical_name(rule) for rule in document.rules]
    locked_rules = by_name((rule.name, rule) for rule in rules if rule.locked)
    open_rules = by_name((rule.name, rule) for rule in rules if not rule.locked)
    openings = by_name(_openings(document, bundles))
    appliance_names = _canonical(document.appliance_names)
    return School(
        lists=lists,
        keywords=keywords,
        locked_rules=locked_rules,
        locked_categories=Categories(
            frozenset(document.locked_categories), EVERY_CATEGORY in document.locked_categories
        ),
        rules=open_rules,
        openings=openings,
        appliance_names=appliance_names,
        private_names=_canonical(document.private_names),
        closed_ranges=Networks(
            (network, Range(str(network), closed.category))
            for closed in document.closed_addresses
            if (network := parse_network(closed.network))
        ),
        mentioned=frozenset(bypass.ANSWERS).union(
            safe_search.NAMES, locked_rules, open_rules, openings, appliance_names
        ),
    )


def _with_canonical_name(rule: Rule) -> Rule:
    name = canonical(rule.name)
    return rule if name == rule.name else msgspec.structs.replace(rule, name=name)


def _openings(document: PolicyDocument, bundles: Bundles) -> Iterator[tuple[str, Opening]]:
    for unblock in document.unblocks:
        moments = Moments(unblock, document.issued)
        opened = bundles.opened_with(unblock.site, unblock.also)
        granted = msgspec.structs.replace(unblock, site=opened[0])
        for name in opened:
            yield name, Opening(granted, name, moments.since, moments.until)


def _lesson_names(lesson: Lesson, bundles: Bundles) -> frozenset[str]:
    return frozenset(name for site in lesson.sites for name in bundles.opened_with(site, lesson.also))


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


def _canonical(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(canonical, texts))


def _for(groups: tuple[str, ...], group: str) -> bool:
    return not groups or group in groups
