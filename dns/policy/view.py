"""What one kind of client may see: the decision, with time and client filled in (`dns.policy.verdict.View`).

What time changes is worked out once for each stretch of time in which nothing turns, and used only between the two
moments it was made for: the clock may jump either way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from dns.policy import response_policy
from dns.policy.block_pages import PACKED_BLOCK_PAGES
from dns.policy.context import CompiledRules, DeviceEntryKey, PolicyContext, Question
from dns.policy.document import Lesson, PolicyDocument, Profile, Suspension
from dns.policy.special_addresses import is_plainly_global
from dns.policy.step_table import ALLOWED, StepTable
from dns.policy.timetable import FOREVER, Calendar, Timetable
from dns.policy.validity import Validity
from dns.policy.verdict import BlockEntry, Verdict

# What tells views apart: a group, the ids of suspensions, and the unblocks and rules for one device.
ViewKey = tuple[str, tuple[str, ...], frozenset[DeviceEntryKey]]

CLOCK_RECHECK_SECONDS: Final = 5.0  # while nobody knows the time


@dataclass(frozen=True, slots=True)
class SharedState:
    """What all views of a policy have in common."""

    document: PolicyDocument
    steps: StepTable
    compiled: CompiledRules
    calendar: Calendar
    lessons: tuple[tuple[Lesson, Validity, frozenset[str]], ...]  # each with its sites, and what they need
    is_clock_trusted: Callable[[float], bool]


class CompiledView:
    """What one kind of client may see."""

    def __init__(
        self,
        shared: SharedState,
        profile: Profile,
        timetable: Timetable,
        suspensions: tuple[Suspension, ...],
        key: ViewKey,
    ) -> None:
        self._shared = shared
        self.steps = shared.steps  # the order of the decision
        self.key = key
        group = self.group = key[0]  # as it stands in the query log
        self._profile = profile
        self._timetable = timetable
        document = shared.document
        self._suspensions = [(one, Validity(one, document.issued)) for one in suspensions]
        self._pauses = [
            (one, Validity(one, document.issued)) for one in document.pauses if _is_for_group(one.groups, group)
        ]
        self._lessons = [lesson for lesson in shared.lessons if _is_for_group(lesson[0].groups, group)]
        self._context: PolicyContext | None = None
        self._unknown_name_verdict: Verdict | None = (
            None  # on a name of which nobody knows anything; None: it depends
        )

    @property
    def blocking_mode(self) -> str:
        """How a blocked answer looks: "null", "nxdomain" or "page"."""
        return self._profile.refusal

    @property
    def strip_ech(self) -> bool:
        """Whether encrypted-hello parameters are taken out of HTTPS records (RFC 9460)."""
        return self._profile.strip_ech

    @property
    def document(self) -> PolicyDocument:
        """The document of the policy that this is a view of."""
        return self._shared.document

    def local_time(self, now: float) -> datetime:
        """Return what the school's clock shows."""
        return self._shared.calendar.local_time(now)

    def blocked_categories(self, name: str, now: float) -> frozenset[str]:
        """Return every category by which the lists and the keywords block a name for these clients now."""
        context = self.context_at(now)
        question = Question(name, 1, now, self._shared.compiled)
        entries = question.list_entries + (question.keyword_entries if context.profile.keywords else ())
        return frozenset(
            entry.category
            for entry in entries
            if entry.category in context.blocked_categories and not entry.is_opened
        )

    def listed_categories(self, name: str, now: float) -> frozenset[str]:
        """Return every category that the lists, the keywords and the rules have a name in, open or closed."""
        compiled = self.context_at(now).compiled
        question = Question(name, 1, now, compiled)
        rules = (rule.category for parent in question.known_parents for rule in compiled.rules.get(parent, ()))
        return frozenset((*(one.category for one in question.list_entries + question.keyword_entries), *rules))

    def decide(self, name: str, qtype: int, now: float) -> Verdict:
        """Decide one question, in the order of the steps."""
        context = self._context
        if context is None or not context.since <= now < context.until:
            context = self.context_at(now)
        # Of nearly every name nobody knows anything. No step of the order but the last one then has a verdict, and
        # all such names have the same: it is at hand, and the steps are spared. Whether they may be is said by the
        # steps themselves (`StepTable.has_shortcut`), and a property test holds it.
        list_entries = None
        if self._unknown_name_verdict is not None:
            list_entries = context.compiled.list_entries_unless_known(name, qtype)
            if list_entries == () and not (
                self._profile.keywords and context.compiled.find_keyword_entries(name, qtype)
            ):
                return self._unknown_name_verdict
        return self.decide_by_steps(name, qtype, now, list_entries)

    def decide_by_steps(
        self, name: str, qtype: int, now: float, list_entries: tuple[BlockEntry, ...] | None = None
    ) -> Verdict:
        """Decide one question by every step of the order: what `decide` says, at its full cost."""
        context = self.context_at(now)
        question = Question(name, qtype, now, self._shared.compiled, list_entries)
        return self._limit_validity(self.steps.decide(question, context), question, context)

    def inspect_name(self, name: str, qtype: int, verdict: Verdict, now: float) -> Verdict:
        """Decide a name that an answer leads to (CNAME, SVCB target), given the verdict on the asked name."""
        context = self.context_at(now)
        question = Question(name, qtype, now, self._shared.compiled)
        found, met = response_policy.decide_hop(question, context, verdict, self.steps)
        if met is None:
            return found
        return _end_by(found, self._limit_validity(met, question, context).until)

    def inspect_address(self, address: str, qname: str, verdict: Verdict, now: float) -> Verdict:
        """Decide an address that an answer gives, as text, given the verdict on the asked name."""
        question = Question(qname, 1, now, self._shared.compiled)
        return response_policy.decide_address(address, question, self.context_at(now), verdict, self.steps)

    def passes_address(self, packed: bytes) -> bool:
        """Tell of an address's octets that it passes for every name decided by default (`verdict.View`)."""
        # Nearly every new address: written without text and objects, which cost more than the rest of an answer.
        return (
            is_plainly_global(packed)
            and packed not in PACKED_BLOCK_PAGES
            and not self._shared.compiled.blocked_ranges.holds_packed(packed)
        )

    def context_at(self, now: float) -> PolicyContext:
        """Return what holds for these clients at a time."""
        context = self._context
        if context is None or not context.since <= now < context.until:
            context = self._context = self._build_context(now)
            until = self.steps.next_turn(context)
            verdict = _end_by(ALLOWED, until) if until < FOREVER else ALLOWED
            self._unknown_name_verdict = verdict if self.steps.has_shortcut(context) else None
        return context

    def _build_context(self, now: float) -> PolicyContext:
        trusted = self._shared.is_clock_trusted(now)
        hours = self._timetable.hours_at(now)
        suspensions = [
            one for one, validity in self._suspensions if validity.is_active(now, is_clock_trusted=trusted)
        ]
        pauses = [one for one, validity in self._pauses if validity.is_active(now, is_clock_trusted=trusted)]
        lessons = [
            (one, sites)
            for one, validity, sites in self._lessons
            if validity.is_active(now, is_clock_trusted=trusted)
        ]
        everything = (
            *(validity for _, validity in (*self._suspensions, *self._pauses)),
            *(validity for _, validity, _ in self._lessons),
        )
        transitions = [turn for validity in everything for turn in (validity.since, validity.until) if turn > now]
        recheck = FOREVER if trusted else now + CLOCK_RECHECK_SECONDS
        room_until, hours_until = min((*transitions, recheck)), min(hours.until, recheck)
        context = PolicyContext(
            compiled=self._shared.compiled,
            group=self.group,
            profile=self._profile,
            is_clock_trusted=trusted,
            blocked_categories=hours.blocked if trusted else self._timetable.strictest_categories(),
            suspension=suspensions[0] if suspensions else None,
            pause=pauses[0] if pauses else None,
            lessons=tuple(one for one, _ in lessons),
            lesson_names=frozenset[str]().union(*(sites for _, sites in lessons)),
            since=now,
            room_until=room_until,
            timetable_until=hours_until,
            until=min(room_until, hours_until),
            device_entries=self.key[2],
        )
        return replace(context, until=min(context.until, self.steps.next_turn(context)))

    def _limit_validity(self, verdict: Verdict, question: Question, context: PolicyContext) -> Verdict:
        """Return a verdict that says how long it holds: until something that it depends on turns."""
        until = self.steps.verdict_end(verdict.step, question, context)
        return _end_by(verdict, until) if until < FOREVER else verdict


def _end_by(verdict: Verdict, until: float | None) -> Verdict:
    """Return a verdict that also ends where something else does; None: that something does not end."""
    if until is None or (verdict.until is not None and verdict.until <= until):
        return verdict
    return msgspec.structs.replace(verdict, until=until)


def _is_for_group(groups: tuple[str, ...], group: str) -> bool:
    return not groups or group in groups
