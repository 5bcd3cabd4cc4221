"""The order of a decision. `STEPS` is the whole of it: the first step that has a verdict wins.

A step is a small function from the question and the context to a verdict, or to None: "not mine, ask the next".
It knows nothing of the steps above or below. Why each one stands where it does is said beside it in `STEPS`.
"""

from collections.abc import Callable

from dns.policy import canary_names, safe_search
from dns.policy.context import CompiledUnblock, PolicyContext, Question
from dns.policy.document import Rule
from dns.policy.timetable import Categories
from dns.policy.verdict import Action, BlockEntry, Step, Verdict

StepFunction = Callable[[Question, PolicyContext], Verdict | None]

SCHOOL_RULES = "the school's own rules"
APPLIANCE_SOURCE = "the appliance"
ALLOWED = Verdict(Action.ALLOW, Step.DEFAULT)


def check_locked(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what nobody can open: the school's locked rules, and the locked categories of the lists.

    Keywords never lock: they guess, and a guess must be open to correction.
    """
    compiled = context.compiled
    for name in question.known_parents:
        for rule in compiled.locked_rules.get(name, ()):
            if _rule_applies(rule, question, context):
                return Verdict(Action.BLOCK, Step.LOCKED, rule.category, SCHOOL_RULES, rule.name)
    if not compiled.locked_categories:
        return None
    return _block_verdict(Step.LOCKED, question.list_entries, compiled.locked_categories)


def check_appliance_names(question: Question, context: PolicyContext) -> Verdict | None:
    """Allow the names without which the appliance could not follow the school: central, clocks, list hosts."""
    for name in question.known_parents:
        if name in context.compiled.appliance_names:
            return Verdict(Action.ALLOW, Step.APPLIANCE, "", APPLIANCE_SOURCE, name)
    return None


def check_canary_names(question: Question, context: PolicyContext) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Answer the canary and designated-resolver names so that devices stay with this resolver."""
    for name in question.known_parents:
        answer = canary_names.CANARY_ANSWERS.get(name)
        if answer is not None:
            return Verdict(Action.BLOCK, Step.BYPASS, "circumvention", APPLIANCE_SOURCE, name, answer=answer)
    return None


def check_suspension(question: Question, context: PolicyContext) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Refuse everything to a device whose access is suspended."""
    if context.suspension is None:
        return None
    # Not which device: the entry stands in the query log, where devices are tokens.
    return Verdict(Action.BLOCK, Step.SUSPENDED, "", "suspension", "this device", until=context.room_until)


def check_pause(question: Question, context: PolicyContext) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Refuse everything while the teacher has paused the room."""
    if context.pause is None:
        return None
    return Verdict(Action.BLOCK, Step.PAUSED, "", "pause", "the whole room", until=context.room_until)


def check_unblocks(question: Question, context: PolicyContext) -> Verdict | None:
    """Allow what an active unblock opens; of several, the one that lasts longest."""
    unblock = find_unblock(question, context)
    if unblock is None:
        return None
    site = unblock.unblock.site
    entry = site if unblock.name == site else f"{unblock.name} (with {site})"
    verdict = Verdict(Action.ALLOW, Step.UNBLOCK, "", "unblock", entry, until=unblock.until)
    return _allow_verdict(verdict, question, context, keeps_safe_search=unblock.unblock.safe_search)


def check_rules(question: Question, context: PolicyContext) -> Verdict | None:
    """Follow the school's own rules: the longest name that matches wins; on a tie, block."""
    rule = find_rule(question, context)
    if rule is None:
        return None
    if rule.action == "block":
        return Verdict(Action.BLOCK, Step.RULE, rule.category, SCHOOL_RULES, rule.name)
    verdict = Verdict(Action.ALLOW, Step.RULE, rule.category, SCHOOL_RULES, rule.name)
    return _allow_verdict(verdict, question, context, keeps_safe_search=rule.safe_search)


def check_lesson(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what does not belong to the lesson. What does belong still has to pass the steps below."""
    if not context.lessons or question.is_under_any(context.lesson_names):
        return None
    lesson = context.lessons[0]
    entry = lesson.title or ", ".join(lesson.sites[:3]) + ("…" if len(lesson.sites) > 3 else "")
    return Verdict(Action.BLOCK, Step.LESSON, "", "lesson", entry, until=context.room_until)


def check_lists(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what the lists name, where the profile closes the category at this hour."""
    return _block_verdict(Step.LIST, question.list_entries, context.blocked_categories)


def check_keywords(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse a name with a closing word in it, where the profile wants that and closes the word's category."""
    if not context.profile.keywords:
        return None
    return _block_verdict(Step.KEYWORD, question.keyword_entries, context.blocked_categories)


def check_safe_search(question: Question, context: PolicyContext) -> Verdict | None:
    """Lead a search engine to its safe name; refuse one that has none."""
    profile = context.profile
    if not profile.safe_search:
        return None
    target = safe_search.safe_name(question.name, profile)
    if target and question.qtype in safe_search.REWRITTEN_TYPES:
        return Verdict(Action.REWRITE, Step.SAFE_SEARCH, "", "safe search", question.name, target)
    entry = safe_search.engine_without_safe_name(question.known_parents, profile)
    if entry:
        return Verdict(Action.BLOCK, Step.SAFE_SEARCH, "search_engines", "safe search", entry)
    return None


def allow_by_default(question: Question, context: PolicyContext) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Allow what nothing closes."""
    return ALLOWED


STEPS: tuple[tuple[Step, StepFunction], ...] = (
    # 1. Nobody opens these, so nothing may stand above: no unblock, no rule, not even our own needs.
    (Step.LOCKED, check_locked),
    # 2. A suspension or a pause must not cut the appliance off from the very decision that ends it,
    #    nor let a device believe that it may look for another resolver.
    (Step.APPLIANCE, check_appliance_names),
    (Step.BYPASS, check_canary_names),
    # 3. "Nothing at all" is about the device and the room, whatever the site: above everything that opens one.
    (Step.SUSPENDED, check_suspension),
    (Step.PAUSED, check_pause),
    # 4. A person opened this site for this time: above every standing rule and list, or it would open nothing.
    (Step.UNBLOCK, check_unblocks),
    # 5. The school knows better than a public list, and its decisions hold in lessons too.
    (Step.RULE, check_rules),
    # 6. A lesson narrows what is left. It stands above the lists because it refuses more than they do.
    (Step.LESSON, check_lesson),
    # 7. The public lists, by the profile's categories at this hour.
    (Step.LIST, check_lists),
    # 8. Words guess, so they come after whatever is known.
    (Step.KEYWORD, check_keywords),
    # 9. Only a search engine that is still open needs its safe name.
    (Step.SAFE_SEARCH, check_safe_search),
    # 10. The rest of the internet is open. What comes back is then inspected (`dns.policy.response_policy`).
    (Step.DEFAULT, allow_by_default),
)


def decide_question(question: Question, context: PolicyContext) -> Verdict:
    """Return the verdict of the first step that has one."""
    for _, step in STEPS:
        verdict = step(question, context)
        if verdict is not None:
            return verdict
    return ALLOWED


def find_unblock(question: Question, context: PolicyContext) -> CompiledUnblock | None:
    """Return the active unblock that counts, or None."""
    if not context.is_clock_trusted:
        return None
    active = [one for one in question.unblocks_for(context.group) if one.since <= question.now < one.until]
    return max(active, key=lambda one: (not one.unblock.safe_search, one.until, one.name), default=None)


def find_rule(question: Question, context: PolicyContext) -> Rule | None:
    """Return the rule that counts, or None."""
    for name in question.known_parents:
        found = [rule for rule in context.compiled.rules.get(name, ()) if _rule_applies(rule, question, context)]
        if found:
            return min(found, key=lambda rule: (rule.action != "block", not rule.safe_search))
    return None


def _rule_applies(rule: Rule, question: Question, context: PolicyContext) -> bool:
    if not rule.subdomains and rule.name != question.name:
        return False
    return not rule.groups or context.group in rule.groups


def _block_verdict(step: Step, entries: tuple[BlockEntry, ...], categories: Categories) -> Verdict | None:
    """Block what one of the categories blocks.

    Of several entries the longest is named, then by the alphabet: the order of lists decides nothing.
    """
    blocking = [entry for entry in entries if entry.category in categories]
    if not blocking:
        return None
    named = (
        min(blocking, key=lambda one: (-len(one.entry), one.category, one.source)) if blocking[1:] else blocking[0]
    )
    return Verdict(Action.BLOCK, step, named.category, named.source, named.entry)


def _allow_verdict(
    verdict: Verdict, question: Question, context: PolicyContext, *, keeps_safe_search: bool
) -> Verdict:
    """Return an allowing verdict as the profile shows the site: an allowed search engine stays a safe one."""
    target = safe_search.safe_name(question.name, context.profile) if keeps_safe_search else ""
    if not target or question.qtype not in safe_search.REWRITTEN_TYPES:
        return verdict
    return Verdict(
        Action.REWRITE, verdict.step, verdict.category, verdict.source, verdict.entry, target, verdict.until
    )
