"""What a row of the table of steps says, and what follows from the rows. The table itself: `dns.policy.steps`.

Whoever must know something about a step asks the table. What is needed for each question is worked out once, when
the table is made: the order of the functions, when a verdict ends, and whether a name that nobody knows may be
answered without walking the steps.

That shortcut is why a row must say of which names its step can possibly speak (`StepRow.speaks_of`). It has no
default, and the shortcut passes over nothing but what every row has ruled out; a step that may speak of any name
at any time turns it off. A property test compares the shortcut with the walk.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

from dns.policy.context import CompiledRules, PolicyContext, Question
from dns.policy.timetable import FOREVER
from dns.policy.verdict import Action, Step, Verdict

StepFunction = Callable[[Question, PolicyContext], Verdict | None]
Words = Callable[[Question, PolicyContext], str]
NextTurn = Callable[[PolicyContext], float]  # when time alone may next change what a step says, in Unix seconds
room_turns: NextTurn = attrgetter("room_until")
timetable_turns: NextTurn = attrgetter("timetable_until")

T = TypeVar("T")

ALLOWED = Verdict(Action.ALLOW, Step.DEFAULT)


@dataclass(frozen=True, slots=True)
class Names:
    """A step speaks of certain names and their subdomains, at any time: `Question.known_parents` has them."""

    names: Callable[[CompiledRules], Collection[str]]


@dataclass(frozen=True, slots=True)
class Entries:
    """A step speaks of the names at which the document's entries stand, and of their subdomains."""

    entries: Callable[[CompiledRules], Mapping[str, object]]
    fields: tuple[str, ...]  # of the document: they change nothing but what is said of these names
    next_start: Callable[[Question, PolicyContext], float] | None = None  # of an entry that is timed


@dataclass(frozen=True, slots=True)
class Listed:
    """A step speaks of names that the lists block for somebody, or the keywords where the profile uses them."""

    next_turn: NextTurn | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """While something holds, a step speaks of whatever name."""

    holds: Callable[[PolicyContext], bool]
    next_turn: NextTurn


@dataclass(frozen=True, slots=True)
class AnyName:
    """A step may speak of any name at any time. Above the last step this turns the shortcut off."""

    next_turn: NextTurn | None = None


Scope = Names | Entries | Listed | Restriction | AnyName


def _no_note(question: Question, context: PolicyContext) -> str:  # noqa: ARG001 (a step's words)
    return ""


def _nothing(question: Question, context: PolicyContext) -> str:  # noqa: ARG001 (a step's words)
    return "Nothing."


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of the order of a decision. What has no default must be thought about for every new step."""

    step: Step
    check: StepFunction | None  # None: decided once the answer is there, not in this order
    title: str  # for people
    speaks_of: tuple[Scope, ...]  # together: every name of which `check` can have a verdict
    meets_hops: bool  # it is also asked about the names to which an answer leads (CNAME, SVCB target)
    # What it refuses says nothing of what somebody was looking for. It is logged, and calls for nobody.
    is_quiet: bool
    # Why a teacher may not open what it refuses, after the name. None: a delegation of the categories decides.
    why_not_delegated: str | None
    # What opens what it refuses, with {entry}, {category}, {group} and {ends} (" It ends by itself at 10:15.").
    opened_by: str
    is_explicit: bool = False  # what it allows is not weakened by where the answer leads
    is_final: bool = False  # it refuses hops even after an explicit step
    nobody_opens: bool = False  # whatever anybody decides here, what it refuses stays closed
    trusts_addresses: bool = False  # what it allows may lead to any address
    is_incident: bool = False  # one question that it refuses is an incident by itself
    exempts_tunnels: bool = False  # what it decides, the school knows: no tunnel is looked for in it
    entry_note: Words = _no_note  # what a person wrote beside the entry that it found, with a space before
    silence: Words = _nothing  # why it has no verdict


@dataclass(frozen=True, slots=True)
class _Turns:
    """What ends a verdict: whatever may turn at its step or at one above it."""

    always: tuple[NextTurn, ...]
    of_known_names: tuple[Callable[[Question, PolicyContext], float], ...]
    of_listed_names: tuple[NextTurn, ...]


class StepTable:
    """The rows in their order, and what follows from them."""

    def __init__(self, rows: Iterable[StepRow]) -> None:
        """Take the rows, the first to be asked first. Raises ValueError where they make no order."""
        self.rows = tuple(rows)
        self.order = tuple(row for row in self.rows if row.check is not None)  # what decides a question
        self._by_step = {row.step: row for row in self.rows}
        self._check_rows()
        self.checks = _checks(self.order)
        self.hop_checks = _checks(row for row in self.order if row.meets_hops)
        self.final_hop_checks = _checks(row for row in self.order if row.meets_hops and row.is_final)
        self.explicit = _steps(row for row in self.rows if row.is_explicit)
        self.unopenable = _steps(row for row in self.rows if row.nobody_opens)
        self.trusting = _steps(row for row in self.rows if row.trusts_addresses)
        # Records carry a step's value.
        self.quiet_values = frozenset(row.step.value for row in self.rows if row.is_quiet)
        self.incident_values = frozenset(row.step.value for row in self.rows if row.is_incident)
        self.tunnel_exempt_values = frozenset(row.step.value for row in self.rows if row.exempts_tunnels)

        scopes = [scope for row in self.order for scope in row.speaks_of]
        self._restrictions = tuple(scope for scope in scopes if isinstance(scope, Restriction))
        self._names = tuple(scope.names for scope in scopes if isinstance(scope, Names))
        named = [scope for scope in scopes if isinstance(scope, Entries)]
        self.entries = _once(scope.entries for scope in named)
        self.entry_fields = _once(field for scope in named for field in scope.fields)
        above_the_last = (scope for row in self.order[:-1] for scope in row.speaks_of)
        self._has_shortcut = not any(isinstance(scope, AnyName) for scope in above_the_last)
        self._turns = {row.step: _turns_of(self.rows[: at + 1]) for at, row in enumerate(self.rows)}
        self._turns_of_any_name = _turns_of(self.rows).always

    def _check_rows(self) -> None:
        if len(self._by_step) != len(self.rows):
            raise ValueError("a step has two rows")
        if not self.order or self.order[-1].step is not ALLOWED.step:
            raise ValueError("the last step of the order must be the one that allows by default")
        for row in self.order:
            if not row.speaks_of:
                raise ValueError(f"the step {row.step.value!r} does not say of which names it speaks")

    def with_step(self, row: StepRow, *, before: Step) -> "StepTable":
        """Return a table that has one more step, above another one."""
        at = self.rows.index(self.row(before))
        return StepTable((*self.rows[:at], row, *self.rows[at:]))

    def row(self, step: Step) -> StepRow:
        """Return what the table says of a step."""
        return self._by_step[step]

    def decide(self, question: Question, context: PolicyContext) -> Verdict:
        """Return the verdict of the first step that has one."""
        for check in self.checks:
            verdict = check(question, context)
            if verdict is not None:
                return verdict
        return ALLOWED

    def known_names(self, compiled: CompiledRules) -> frozenset[str]:
        """Return every name at which a step has something to look up."""
        tables = (*self._names, *self.entries)
        return frozenset[str]().union(*(names(compiled) for names in tables))

    def has_shortcut(self, context: PolicyContext) -> bool:
        """Tell whether a name that is neither known nor listed may be allowed without walking the steps."""
        return self._has_shortcut and not any(one.holds(context) for one in self._restrictions)

    def next_turn(self, context: PolicyContext) -> float:
        """Return when time alone may next change what is said of a name that nobody knows."""
        return min((turn(context) for turn in self._turns_of_any_name), default=FOREVER)

    def verdict_end(self, step: Step, question: Question, context: PolicyContext) -> float:
        """Return when something turns that a step's verdict, or the silence of those above it, depends on."""
        turns = self._turns[step]
        until = FOREVER
        for turn in turns.always:
            until = min(until, turn(context))
        if turns.of_known_names and question.known_parents:
            until = min(until, *(start(question, context) for start in turns.of_known_names))
        if turns.of_listed_names and question.has_block_entries:
            until = min(until, *(turn(context) for turn in turns.of_listed_names))
        return until


def _turns_of(rows: tuple[StepRow, ...]) -> _Turns:
    scopes = [scope for row in rows for scope in row.speaks_of]
    return _Turns(
        always=_once(
            scope.next_turn
            for scope in scopes
            if isinstance(scope, Restriction | AnyName) and scope.next_turn is not None
        ),
        of_known_names=_once(
            scope.next_start for scope in scopes if isinstance(scope, Entries) and scope.next_start is not None
        ),
        of_listed_names=_once(
            scope.next_turn for scope in scopes if isinstance(scope, Listed) and scope.next_turn is not None
        ),
    )


def _checks(rows: Iterable[StepRow]) -> tuple[StepFunction, ...]:
    return tuple(row.check for row in rows if row.check is not None)


def _steps(rows: Iterable[StepRow]) -> frozenset[Step]:
    return frozenset(row.step for row in rows)


def _once(things: Iterable[T]) -> tuple[T, ...]:
    """Return each of several things once, in their order."""
    return tuple(dict.fromkeys(things))
