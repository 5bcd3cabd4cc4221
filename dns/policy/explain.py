"""Why? The walk through the order of a decision, step by step, in words for people.

A pure function over the same steps that decide, so that the explanation cannot differ from the decision. The
command line (`hallpass check`) and the pages show the same value.
"""

from datetime import datetime

import msgspec

from dns.policy import delegation
from dns.policy.context import PolicyContext, Question
from dns.policy.step_table import StepRow
from dns.policy.verdict import Action, Verdict
from dns.policy.view import CompiledView


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
        steps=tuple(_explain_step(row, question, context, verdict) for row in view.steps.order),
    )


def _explain_step(row: StepRow, question: Question, context: PolicyContext, decided: Verdict) -> ExplainedStep:
    verdict = row.check(question, context) if row.check is not None else None
    return ExplainedStep(
        step=row.step.value,
        title=row.title,
        text=_verdict_text(verdict) + row.entry_note(question, context)
        if verdict
        else row.silence(question, context),
        verdict=verdict.action.value if verdict else "",
        wins=row.step is decided.step,
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


def _unblock_hint(view: CompiledView, name: str, verdict: Verdict, now: float) -> str:
    """Return what would open a refused name, as one or two sentences."""
    ends = f" It ends by itself at {view.local_time(verdict.until):%H:%M}." if verdict.until is not None else ""
    row = view.steps.row(verdict.step)
    hint = row.opened_by.format(
        entry=verdict.entry, category=verdict.category.replace("_", " "), group=view.group, ends=ends
    )
    if row.why_not_delegated is not None:
        return hint
    decision = delegation.check_delegation(view, delegation.DelegationRequest(site=name, minutes=1), now)
    alone = f" A teacher may open it at once for up to {decision.minutes} minutes." if decision.allowed else ""
    return hint + alone
