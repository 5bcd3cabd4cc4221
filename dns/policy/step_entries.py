"""What the steps of a decision look up and say: the entry that counts, the verdict on it, and the words about it.

Functions that several steps share, and those by which `dns.policy.explain` says what a person wrote beside an
entry, or why a step has nothing to say.
"""

from dns.policy import safe_search
from dns.policy.context import CompiledUnblock, PolicyContext, Question, device_entry_key
from dns.policy.document import Rule
from dns.policy.timetable import Categories
from dns.policy.verdict import Action, BlockEntry, Step, Verdict


def find_unblock(question: Question, context: PolicyContext) -> CompiledUnblock | None:
    """Return the active unblock that counts, or None."""
    if not context.is_clock_trusted:
        return None
    active = [one for one in question.unblocks_for(context) if one.since <= question.now < one.until]
    return max(active, key=lambda one: (not one.unblock.safe_search, one.until, one.name), default=None)


def find_rule(question: Question, context: PolicyContext) -> Rule | None:
    """Return the rule that counts, or None."""
    for name in question.known_parents:
        found = [rule for rule in context.compiled.rules.get(name, ()) if rule_applies(rule, question, context)]
        if found:
            return min(found, key=lambda rule: (rule.by_trust, rule.action != "block", not rule.safe_search))
    return None


def rule_applies(rule: Rule, question: Question, context: PolicyContext) -> bool:
    """Tell whether a rule that stands at the name or a parent of it is meant for the name and the client."""
    if not rule.subdomains and rule.name != question.name:
        return False
    if rule.device:
        return device_entry_key(rule) in context.device_entries
    return not rule.groups or context.group in rule.groups


def block_verdict(step: Step, entries: tuple[BlockEntry, ...], categories: Categories) -> Verdict | None:
    """Block what one of the categories blocks.

    Of several entries the longest is named, then by the alphabet: the order of lists decides nothing. What a
    subscribed list opens is blocked all the same where its category is locked.
    """
    is_lock = step in (Step.LOCKED, Step.TRUST)
    blocking = [entry for entry in entries if entry.category in categories and (not entry.is_opened or is_lock)]
    if not blocking:
        return None
    named = (
        min(blocking, key=lambda one: (-len(one.entry), one.category, one.source)) if blocking[1:] else blocking[0]
    )
    return Verdict(Action.BLOCK, step, named.category, named.source, named.entry)


def allow_verdict(
    verdict: Verdict, question: Question, context: PolicyContext, *, keeps_safe_search: bool
) -> Verdict:
    """Return an allowing verdict as the profile shows the site: an allowed search engine stays a safe one."""
    target = safe_search.safe_name(question.name, context.profile) if keeps_safe_search else ""
    if not target or question.qtype not in safe_search.REWRITTEN_TYPES:
        return verdict
    return Verdict(
        Action.REWRITE, verdict.step, verdict.category, verdict.source, verdict.entry, target, verdict.until
    )


def next_unblock_start(question: Question, context: PolicyContext) -> float:
    """Return when an unblock of the name next begins for these clients."""
    return question.next_unblock_start(context)


def who_granted(question: Question, context: PolicyContext) -> str:
    """Return who granted the unblock that counts."""
    unblock = find_unblock(question, context)
    if unblock is None:
        return ""
    whom = " For this device alone." if unblock.unblock.device else ""
    return (f" Granted by {unblock.unblock.by}." if unblock.unblock.by else "") + whom


def note_of_rule(question: Question, context: PolicyContext) -> str:
    """Return what was noted beside the rule that counts."""
    rule = find_rule(question, context)
    return f" Note: {rule.note}" if rule is not None and rule.note else ""


def why_no_unblock(question: Question, context: PolicyContext) -> str:  # noqa: ARG001 (a step's words)
    """Return why no unblock counts."""
    if not context.is_clock_trusted:
        return "The clock is not known to be right yet, so nothing can be open for a time."
    return "Nothing."


def why_no_lesson(question: Question, context: PolicyContext) -> str:  # noqa: ARG001 (a step's words)
    """Return why no lesson refuses the name."""
    return "The name is part of the lesson." if context.lessons else "Nothing."


def why_no_list(question: Question, context: PolicyContext) -> str:
    """Return why no list refuses the name."""
    listed = [entry for entry in question.list_entries if not entry.is_opened]
    categories = sorted({entry.category.replace("_", " ") for entry in listed})
    if not categories and question.list_entries:
        return "Listed, and opened by a list of openings that the school subscribes to."
    if categories:
        return f"Listed as {', '.join(categories)}, which is open for {context.group} at this time."
    return "Nothing."


def why_no_keyword(question: Question, context: PolicyContext) -> str:  # noqa: ARG001 (a step's words)
    """Return why no keyword refuses the name."""
    return "Nothing." if context.profile.keywords else f"Not used for {context.group}."


def why_no_safe_search(question: Question, context: PolicyContext) -> str:  # noqa: ARG001 (a step's words)
    """Return why safe search leaves the name alone."""
    return "Nothing." if context.profile.safe_search else f"Not used for {context.group}."
