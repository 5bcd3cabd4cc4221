"""The table of steps: one row is all that a new step needs, and no shortcut passes over it."""

import enum
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.message.constants import RecordType
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.context import PolicyContext, Question, name_and_parents
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.document import Delegation, PolicyDocument, Rule
from dns.policy.explain import explain
from dns.policy.step_table import AnyName, Entries, Listed, Names, Restriction, Scope, StepRow, StepTable
from dns.policy.steps import STEPS
from dns.policy.timetable import FOREVER
from dns.policy.verdict import Action, Step, Verdict
from tests.fakes.policies import LISTS, NOW, PUPIL, after, document
from tests.fakes.policy_strategies import KEYWORDS, UNIVERSE, compiled, documents, everything, times
from tests.fakes.policy_strategies import LISTS as FEW_LISTS

A = RecordType.A


class Added(enum.Enum):
    """Stands in for one more line of `Step`: an enumeration cannot grow while the program runs."""

    CURFEW = "curfew"


CURFEW = cast("Step", Added.CURFEW)
REFUSED = Verdict(Action.BLOCK, CURFEW, "", "curfew", "after school")
BEGINS = after(30)


def is_short(name: str) -> bool:
    return len(name.split(".", maxsplit=1)[0]) == 4  # "open.example", "free.example", "xyzw.example"


def refuse_known(question: Question, context: PolicyContext) -> Verdict | None:
    return REFUSED if question.is_under_any(frozenset(("open.example",))) else None


def refuse_late(question: Question, context: PolicyContext) -> Verdict | None:
    return REFUSED if question.now >= BEGINS else None


def refuse_short(question: Question, context: PolicyContext) -> Verdict | None:
    return REFUSED if is_short(question.name) else None


def refuse_listed(question: Question, context: PolicyContext) -> Verdict | None:
    return REFUSED if question.list_entries else None


ONCE_LATE = Restriction(
    lambda context: context.since >= BEGINS, lambda context: BEGINS if context.since < BEGINS else FOREVER
)


def row(check: Any, *speaks_of: Scope, **columns: Any) -> StepRow:
    """Return the row of a new step, as somebody would add it."""
    return StepRow(
        **{
            "step": CURFEW,
            "check": check,
            "title": "Curfew",
            "speaks_of": speaks_of,
            "meets_hops": True,
            "is_quiet": True,
            "why_not_delegated": "is closed after school: come back tomorrow",
            "opened_by": "The end of {entry} opens it for {group}.",
            **columns,
        }
    )


ROWS = {
    "some names": row(refuse_known, Names(lambda _compiled: ("open.example",))),
    "any name, at times": row(refuse_late, ONCE_LATE),
    "any name": row(refuse_short, AnyName()),
    "listed names": row(refuse_listed, Listed()),
}
tables = st.sampled_from([STEPS.with_step(added, before=Step.RULE) for added in ROWS.values()])


def school(added: StepRow, *, before: Step = Step.RULE, **fields: Any) -> CompiledPolicy:
    return CompiledPolicy(document(**fields), LISTS, steps=STEPS.with_step(added, before=before))


@pytest.mark.parametrize(
    ("kind", "name", "now"),
    [
        ("some names", "www.open.example", NOW),
        ("any name, at times", "nobody.knows.example", after(31)),
        ("any name", "xyzw.example", NOW),
        ("listed names", "games.example", NOW),
    ],
)
def test_an_added_step_is_obeyed_explained_and_not_skipped_by_the_shortcut(
    kind: str, name: str, now: float
) -> None:
    view = school(ROWS[kind]).view(PUPIL)
    view.decide("something.else.example", A, NOW)  # whatever the shortcut keeps is at hand

    verdict = view.decide(name, A, now)
    assert (verdict.action, verdict.step, verdict.entry) == (Action.BLOCK, CURFEW, "after school")

    explanation = explain(view, name, A, now)
    assert (explanation.verdict, explanation.step) == ("refused", "curfew")
    assert explanation.opens == "The end of after school opens it for pupils."
    (walked,) = (step for step in explanation.steps if step.wins)
    assert (walked.step, walked.title) == ("curfew", "Curfew")
    assert walked.text == "Refused: curfew has 'after school'."

    asked = check_delegation(view, DelegationRequest(site=name, minutes=5), now)
    assert asked.reason == f"{name} is closed after school: come back tomorrow"


@pytest.mark.parametrize("kind", ROWS)
def test_an_added_step_changes_nothing_else(kind: str) -> None:
    view, before = school(ROWS[kind]).view(PUPIL), CompiledPolicy(document(), LISTS).view(PUPIL)

    assert view.decide("something.else.example", A, NOW).action is Action.ALLOW
    for name in ("mask.icloud.com", "www.bing.com"):
        assert view.decide(name, A, NOW).step is before.decide(name, A, NOW).step


def test_an_added_step_stands_where_it_was_put() -> None:
    rules = (Rule(name="open.example", action="allow"),)
    above, below = (school(ROWS["some names"], before=step, rules=rules) for step in (Step.RULE, Step.LESSON))

    assert above.view(PUPIL).decide("open.example", A, NOW).step is CURFEW
    assert below.view(PUPIL).decide("open.example", A, NOW).step is Step.RULE


def test_what_was_allowed_before_an_added_step_turns_ends_when_it_does() -> None:
    made = school(ROWS["any name, at times"])

    assert made.view(PUPIL).decide("nobody.knows.example", A, NOW).until == BEGINS
    assert made.next_change(NOW) == BEGINS


def test_an_answer_that_leads_to_what_an_added_step_refuses_is_refused_if_the_row_says_so() -> None:
    for meets_hops, action in ((True, Action.BLOCK), (False, Action.ALLOW)):
        added = row(refuse_known, Names(lambda _compiled: ("open.example",)), meets_hops=meets_hops)
        view = school(added).view(PUPIL)
        verdict = view.decide("alias.example", A, NOW)

        assert view.inspect_name("open.example", A, verdict, NOW).action is action


def test_a_teacher_may_open_what_an_added_step_refuses_only_where_the_row_leaves_it_to_the_category() -> None:
    everything_delegated = (Delegation(categories=("*",), minutes=20),)
    for why_not, allowed in (("stays closed", False), (None, True)):
        added = row(refuse_short, AnyName(), why_not_delegated=why_not)
        view = school(added, delegations=everything_delegated).view(PUPIL)

        assert check_delegation(view, DelegationRequest(site="xyzw.example", minutes=5), NOW).allowed is allowed


def test_what_must_be_thought_about_has_no_default() -> None:
    with pytest.raises(TypeError, match=r"speaks_of.*meets_hops.*is_quiet.*why_not_delegated.*opened_by"):
        StepRow(step=CURFEW, check=refuse_known, title="Curfew")  # type: ignore[call-arg]  # what is tested is that it fails


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((*STEPS.rows, STEPS.rows[0]), "two rows"),
        (STEPS.rows[:-3], "allows by default"),
        ((*STEPS.rows, ROWS["any name"]), "allows by default"),
        ((row(refuse_short), *STEPS.rows), "'curfew' does not say of which names it speaks"),
    ],
)
def test_rows_that_make_no_order_are_refused(rows: tuple[StepRow, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        StepTable(rows)


def test_under_another_order_everything_may_have_changed() -> None:
    assert school(ROWS["any name"]).names_changed_since(CompiledPolicy(document(), LISTS)) is None


@given(documents(), tables, st.lists(times, min_size=1, max_size=3))
def test_with_any_added_step_the_shortcut_says_what_the_steps_say(
    made: PolicyDocument, table: StepTable, moments: list[float]
) -> None:
    policy = CompiledPolicy(made, FEW_LISTS, KEYWORDS, steps=table)
    for now in moments:
        for (address, name, qtype), verdict in everything(policy, now).items():
            assert verdict == policy.view(address).decide_by_steps(name, qtype, now)


@given(documents(), tables, times, times)
def test_with_any_added_step_a_verdict_holds_until_it_says(
    made: PolicyDocument, table: StepTable, first: float, second: float
) -> None:
    policy = CompiledPolicy(made, FEW_LISTS, KEYWORDS, steps=table)
    now, later = sorted((first, second))
    change = policy.next_change(now)
    for (address, name, qtype), verdict in everything(policy, now).items():
        found = policy.view(address).decide(name, qtype, later)
        if verdict.until is None or later < verdict.until or change is None or later < change:
            assert (found.action, found.step, found.entry) == (verdict.action, verdict.step, verdict.entry)


def speaks_unannounced(one: StepRow, question: Question, context: PolicyContext) -> bool:
    """Tell whether a step has a verdict on a name of which its row says that it speaks of none such."""

    def covers(scope: Scope) -> bool:
        if isinstance(scope, Names | Entries):
            names = scope.names if isinstance(scope, Names) else scope.entries
            return not set(names(context.compiled)).isdisjoint(name_and_parents(question.name))
        if isinstance(scope, Listed):
            return bool(question.list_entries or (context.profile.keywords and question.keyword_entries))
        return isinstance(scope, AnyName) or scope.holds(context)

    assert one.check is not None
    return one.check(question, context) is not None and not any(map(covers, one.speaks_of))


@given(documents(), times)
def test_no_step_speaks_of_a_name_that_its_row_rules_out(made: PolicyDocument, now: float) -> None:
    view = compiled(made).view(PUPIL)
    context = view.context_at(now)
    for name in (*UNIVERSE, "nobody.knows.example"):
        for one in STEPS.order:
            assert not speaks_unannounced(one, Question(name, A, now, context.compiled), context)


def test_a_row_that_rules_out_too_much_would_be_found() -> None:
    view = school(ROWS["any name"]).view(PUPIL)
    context = view.context_at(NOW)
    question = Question("xyzw.example", A, NOW, context.compiled)

    assert speaks_unannounced(row(refuse_short, Listed()), question, context)
    assert not speaks_unannounced(ROWS["any name"], question, context)


@pytest.mark.parametrize("step", STEPS.rows, ids=lambda one: one.step.value)
def test_every_step_that_refuses_has_words_for_people(step: StepRow) -> None:
    allows_only = step.step in {Step.APPLIANCE, Step.CONNECTIVITY, Step.UNBLOCK, Step.DEFAULT}

    assert step.title
    assert bool(step.opened_by) is not allows_only
