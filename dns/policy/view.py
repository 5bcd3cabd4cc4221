"""What one kind of asker may see: the decision, with the time and the asker filled in (`dns.policy.verdict.View`).

What time changes is worked out once for each stretch of time in which nothing turns, and used only between the two
moments it was made for: the clock may jump either way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from dns.policy import response_policy, steps
from dns.policy.context import Question, School, Situation
from dns.policy.document import Lesson, PolicyDocument, Profile, Suspension
from dns.policy.timetable import FOREVER, Calendar, Timetable
from dns.policy.validity import Moments
from dns.policy.verdict import Closing, Step, Verdict

CLOCK_RECHECK_SECONDS = 5.0  # while nobody knows the time

_TIMELESS = frozenset((Step.LOCKED, Step.APPLIANCE, Step.BYPASS))
_BY_THE_HOUR = frozenset((Step.LIST, Step.KEYWORD, Step.SAFE_SEARCH, Step.DEFAULT))


@dataclass(frozen=True, slots=True)
class Shared:
    """What all views of a policy have in common."""

    document: PolicyDocument
    school: School
    calendar: Calendar
    lessons: tuple[tuple[Lesson, Moments, frozenset[str]], ...]  # each with its sites, and what they need
    knows_the_time: Callable[[float], bool]


class CompiledView:
    """What one kind of asker may see."""

    def __init__(
        self,
        shared: Shared,
        group: str,
        profile: Profile,
        timetable: Timetable,
        suspensions: tuple[Suspension, ...],
    ) -> None:
        self._shared = shared
        self.group = group  # as it stands in the query log
        self._profile = profile
        self._timetable = timetable
        document = shared.document
        self._suspensions = [(one, Moments(one, document.issued)) for one in suspensions]
        self._pauses = [(one, Moments(one, document.issued)) for one in document.pauses if _for(one.groups, group)]
        self._lessons = [lesson for lesson in shared.lessons if _for(lesson[0].groups, group)]
        self._now_holds: Situation | None = None
        self._ordinarily: Verdict | None = None  # on a name of which nobody knows anything; None: it depends

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
        return self._shared.document

    def clock(self, now: float) -> datetime:
        """Return what the school's clock shows."""
        return self._shared.calendar.clock(now)

    def closed_categories(self, name: str, now: float) -> frozenset[str]:
        """Return every category by which the lists and the keywords close a name for these askers now."""
        situation = self.situation(now)
        question = Question(name, 1, now, self._shared.school)
        closings = question.listed + (question.keyworded if situation.profile.keywords else ())
        return frozenset(closing.category for closing in closings if closing.category in situation.closed)

    def decide(self, name: str, qtype: int, now: float) -> Verdict:
        """Decide one question, in the order of `dns.policy.steps.ORDER`."""
        situation = self._now_holds
        if situation is None or not situation.since <= now < situation.until:
            situation = self.situation(now)
        # Of nearly every name nobody knows anything. No step of the order but the last one then has a verdict, and
        # all such names have the same: it is at hand, and the steps are spared (a property test holds that).
        listed = None
        if self._ordinarily is not None:
            listed = situation.school.only_listed(name, qtype)
            if listed == () and not (self._profile.keywords and situation.school.keyworded(name, qtype)):
                return self._ordinarily
        return self.decide_in_order(name, qtype, now, listed)

    def decide_in_order(
        self, name: str, qtype: int, now: float, listed: tuple[Closing, ...] | None = None
    ) -> Verdict:
        """Decide one question by every step of the order: what `decide` says, at its full cost."""
        situation = self.situation(now)
        question = Question(name, qtype, now, self._shared.school, listed)
        return _bounded(steps.decide(question, situation), question, situation)

    def inspect_name(self, name: str, qtype: int, verdict: Verdict, now: float) -> Verdict:
        """Decide a name that an answer leads to (CNAME, SVCB target), given the verdict on the asked name."""
        situation = self.situation(now)
        question = Question(name, qtype, now, self._shared.school)
        found, met = response_policy.hop(question, situation, verdict)
        if met is None:
            return found
        return _ending(found, _bounded(met, question, situation).until)

    def inspect_address(self, address: str, asked: str, verdict: Verdict, now: float) -> Verdict:
        """Decide an address that an answer gives, as text, given the verdict on the asked name."""
        question = Question(asked, 1, now, self._shared.school)
        return response_policy.address(address, question, self.situation(now), verdict)

    def situation(self, now: float) -> Situation:
        """Return what holds for these askers at a time."""
        situation = self._now_holds
        if situation is None or not situation.since <= now < situation.until:
            situation = self._now_holds = self._make_situation(now)
            until = situation.room_until
            ordinarily = _ending(steps.ALLOWED, until) if until < FOREVER else steps.ALLOWED
            self._ordinarily = ordinarily if situation.is_ordinary else None
        return situation

    def _make_situation(self, now: float) -> Situation:
        known = self._shared.knows_the_time(now)
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
            school=self._shared.school,
            group=self.group,
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


def _for(groups: tuple[str, ...], group: str) -> bool:
    return not groups or group in groups
