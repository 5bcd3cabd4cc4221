"""Why? The walk through the order of a decision, step by step, in words for people.

A pure function over the same steps that decide, so that the explanation cannot differ from the decision. The
command line (`hallpass check`) and the pages show the same value.
"""

from datetime import datetime

import msgspec

from dns.policy import delegation
from dns.policy.context import PolicyContext, Question
from dns.policy.steps import STEPS, find_rule, find_unblock
from dns.policy.verdict import Action, Step, Verdict
from dns.policy.view import CompiledView

STEP_TITLES = {
    Step.LOCKED: "Locked: nobody can open it",
    Step.APPLIANCE: "Names the appliance needs",
    Step.BYPASS: "Names that keep devices with the filter",
    Step.SUSPENDED: "The device is suspended",
    Step.PAUSED: "The room is paused",
    Step.UNBLOCK: "Unblocked for now",
    Step.RULE: "The school's own rules",
    Step.LESSON: "Lesson mode",
    Step.LIST: "Lists",
    Step.KEYWORD: "Keywords",
    Step.SAFE_SEARCH: "Safe search",
    Step.DEFAULT: "Open unless something closes it",
    Step.INSPECTED: "Where the answer leads",
    Step.UPSTREAM: "The upstream's own filter",
}


class ExplainedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step, and what it says of the name by itself."""

    step: str  # the value of `dns.policy.verdict.Step`
    title: str
    text: str  # what it found, as a sentence
    verdict: str  # the value of `dns.policy.verdict.Action`; "" where the step has nothing to say
    wins: bool  # it is the first that has a verdict


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a name is open or closed for a group at a time."""

    name: str
    group: str
    at: datetime
    verdict: str
    category: str
    source: str
    entry: str
    step: str
    target: str = ""
    until: datetime | None = None  # the verdict holds no longer than until then
    opens: str = ""  # what would open it; "" where it is open
    steps: tuple[ExplainedStep, ...] = ()


def explain(view: CompiledView, name: str, qtype: int, now: float) -> Explanation:
    """Explain what a view decides about a canonical name at a time."""
    verdict = view.decide(name, qtype, now)
    context = view.context_at(now)
    question = Question(name, qtype, now, context.compiled)
    found = [(step, decide(question, context)) for step, decide in STEPS]
    return Explanation(
        name=name,
        group=view.group,
        at=view.local_time(now),
        verdict=verdict.action.value,
        category=verdict.category,
        source=verdict.source,
        entry=verdict.entry,
        step=verdict.step.value,
        target=verdict.target,
        until=view.local_time(verdict.until) if verdict.until is not None else None,
        opens=_unblock_hint(view, name, verdict, now) if verdict.action is Action.BLOCK else "",
        steps=tuple(
            ExplainedStep(
                step=step.value,
                title=STEP_TITLES[step],
                text=_verdict_text(verdict_of_step) + _entry_note(step, question, context)
                if verdict_of_step
                else _no_verdict_text(step, question, context),
                verdict=verdict_of_step.action.value if verdict_of_step else "",
                wins=step is verdict.step,
            )
            for step, verdict_of_step in found
        ),
    )


def _verdict_text(verdict: Verdict) -> str:
    """Return what a step decided, as a sentence."""
    where = f"{verdict.source} has {verdict.entry!r}" if verdict.entry else verdict.source
    about = f" ({verdict.category.replace('_', ' ')})" if verdict.category else ""
    if verdict.action is Action.REWRITE:
        return f"Answered as {verdict.target}: {where}."
    if verdict.action is Action.BLOCK:
        return f"Refused: {where}{about}."
    return f"Allowed: {where}{about}." if where else "Allowed: nothing closes it."


def _entry_note(step: Step, question: Question, context: PolicyContext) -> str:
    """Return what a person wrote beside the entry that a step found."""
    if step is Step.UNBLOCK:
        unblock = find_unblock(question, context)
        return f" Granted by {unblock.unblock.by}." if unblock is not None and unblock.unblock.by else ""
    if step is Step.RULE:
        rule = find_rule(question, context)
        return f" Note: {rule.note}" if rule is not None and rule.note else ""
    return ""


def _no_verdict_text(step: Step, question: Question, context: PolicyContext) -> str:
    """Return why a step has nothing to say."""
    categories = sorted({entry.category.replace("_", " ") for entry in question.list_entries})
    if step is Step.LIST and categories:
        return f"Listed as {', '.join(categories)}, which is open for {context.group} at this time."
    if step is Step.KEYWORD and not context.profile.keywords:
        return f"Not used for {context.group}."
    if step is Step.SAFE_SEARCH and not context.profile.safe_search:
        return f"Not used for {context.group}."
    if step is Step.UNBLOCK and not context.is_clock_trusted:
        return "The clock is not known to be right yet, so nothing can be open for a time."
    if step is Step.LESSON and context.lessons:
        return "The name is part of the lesson."
    return "Nothing."


def _unblock_hint(view: CompiledView, name: str, verdict: Verdict, now: float) -> str:
    """Return what would open a refused name, as one or two sentences."""
    ends = f" It ends by itself at {view.local_time(verdict.until):%H:%M}." if verdict.until is not None else ""
    fixed = {
        Step.LOCKED: "Nobody can open it.",
        Step.BYPASS: "Nobody can open it: it would lead devices past the filter.",
        Step.SUSPENDED: f"The coordinator can end the device's suspension.{ends}",
        Step.PAUSED: f"The teacher can end the pause.{ends}",
        Step.LESSON: f"An unblock, adding the site to the lesson, or the lesson's end.{ends}",
        Step.RULE: f"An unblock, or the coordinator changes the rule for {verdict.entry}.",
        Step.SAFE_SEARCH: "An unblock, a rule of the school's own, or safe search off for this group.",
    }
    if verdict.step in fixed:
        return fixed[verdict.step]
    category = verdict.category.replace("_", " ")
    decision = delegation.check_delegation(view, delegation.DelegationRequest(site=name, minutes=1), now)
    alone = f" A teacher may open it at once for up to {decision.minutes} minutes." if decision.allowed else ""
    rule = f"An unblock, a rule of the school's own, or opening {category} for {view.group}."
    return rule + alone
