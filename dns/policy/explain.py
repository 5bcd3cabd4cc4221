"""Why? The walk through the order of a decision, step by step, in words for people.

A pure function over the same steps that decide, so that the explanation cannot differ from the decision. The
command line (`hallpass check`) and the pages show the same value.
"""

from datetime import datetime

import msgspec

from dns.policy import delegation
from dns.policy.context import Question, Situation
from dns.policy.steps import ORDER, opening_of, rule_of
from dns.policy.verdict import Action, Step, Verdict
from dns.policy.view import CompiledView

TITLES = {
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


class Walked(msgspec.Struct, frozen=True, kw_only=True):
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
    steps: tuple[Walked, ...] = ()


def explain(view: CompiledView, name: str, qtype: int, now: float) -> Explanation:
    """Explain what a view decides about a canonical name at a time."""
    verdict = view.decide(name, qtype, now)
    situation = view.situation(now)
    question = Question(name, qtype, now, situation.school)
    found = [(step, decide(question, situation)) for step, decide in ORDER]
    return Explanation(
        name=name,
        group=view.group,
        at=view.clock(now),
        verdict=verdict.action.value,
        category=verdict.category,
        source=verdict.source,
        entry=verdict.entry,
        step=verdict.step.value,
        target=verdict.target,
        until=view.clock(verdict.until) if verdict.until is not None else None,
        opens=_what_opens(view, name, verdict, now) if verdict.action is Action.REFUSE else "",
        steps=tuple(
            Walked(
                step=step.value,
                title=TITLES[step],
                text=_said(met) + _remark(step, question, situation)
                if met
                else _silent(step, question, situation),
                verdict=met.action.value if met else "",
                wins=step is verdict.step,
            )
            for step, met in found
        ),
    )


def _said(verdict: Verdict) -> str:
    """Return what a step decided, as a sentence."""
    where = f"{verdict.source} has {verdict.entry!r}" if verdict.entry else verdict.source
    about = f" ({verdict.category.replace('_', ' ')})" if verdict.category else ""
    if verdict.action is Action.REWRITE:
        return f"Answered as {verdict.target}: {where}."
    if verdict.action is Action.REFUSE:
        return f"Refused: {where}{about}."
    return f"Allowed: {where}{about}." if where else "Allowed: nothing closes it."


def _remark(step: Step, question: Question, situation: Situation) -> str:
    """Return what a person wrote beside the entry that a step found."""
    if step is Step.UNBLOCK:
        opening = opening_of(question, situation)
        return f" Granted by {opening.unblock.by}." if opening is not None and opening.unblock.by else ""
    if step is Step.RULE:
        rule = rule_of(question, situation)
        return f" Note: {rule.note}" if rule is not None and rule.note else ""
    return ""


def _silent(step: Step, question: Question, situation: Situation) -> str:
    """Return why a step has nothing to say."""
    open_here = sorted({closing.category.replace("_", " ") for closing in question.listed})
    if step is Step.LIST and open_here:
        return f"Listed as {', '.join(open_here)}, which is open for {situation.group} at this time."
    if step is Step.KEYWORD and not situation.profile.keywords:
        return f"Not used for {situation.group}."
    if step is Step.SAFE_SEARCH and not situation.profile.safe_search:
        return f"Not used for {situation.group}."
    if step is Step.UNBLOCK and not situation.knows_the_time:
        return "The clock is not known to be right yet, so nothing can be open for a time."
    if step is Step.LESSON and situation.lessons:
        return "The name is part of the lesson."
    return "Nothing."


def _what_opens(view: CompiledView, name: str, verdict: Verdict, now: float) -> str:
    """Return what would open a refused name, as one or two sentences."""
    ends = f" It ends by itself at {view.clock(verdict.until):%H:%M}." if verdict.until is not None else ""
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
    decision = delegation.may_open(view, delegation.Wish(site=name, minutes=1), now)
    alone = f" A teacher may open it at once for up to {decision.minutes} minutes." if decision.allowed else ""
    rule = f"An unblock, a rule of the school's own, or opening {category} for {view.group}."
    return rule + alone
