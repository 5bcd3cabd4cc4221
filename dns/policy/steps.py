"""The order of a decision. `ORDER` is the whole of it: the first step that has a verdict wins.

A step is a small function from the question and the situation to a verdict, or to None: "not mine, ask the next".
It knows nothing of the steps above or below. Why each one stands where it does is said beside it in `ORDER`.
"""

from collections.abc import Callable

from dns.policy import canary_names, safe_search
from dns.policy.context import Opening, Question, Situation
from dns.policy.document import Rule
from dns.policy.timetable import Categories
from dns.policy.verdict import Action, Closing, Step, Verdict

Decide = Callable[[Question, Situation], Verdict | None]

SCHOOL = "the school's own rules"
APPLIANCE = "the appliance"
ALLOWED = Verdict(Action.ALLOW, Step.DEFAULT)


def locked(question: Question, situation: Situation) -> Verdict | None:
    """Refuse what nobody can open: the school's locked rules, and the locked categories of the lists.

    Keywords never lock: they guess, and a guess must be open to correction.
    """
    school = situation.school
    for name in question.mentioned:
        for rule in school.locked_rules.get(name, ()):
            if _applies(rule, question, situation):
                return Verdict(Action.REFUSE, Step.LOCKED, rule.category, SCHOOL, rule.name)
    if not school.locked_categories:
        return None
    return _refused(Step.LOCKED, question.listed, school.locked_categories)


def appliance(question: Question, situation: Situation) -> Verdict | None:
    """Allow the names without which the appliance could not follow the school: central, clocks, list hosts."""
    for name in question.mentioned:
        if name in situation.school.appliance_names:
            return Verdict(Action.ALLOW, Step.APPLIANCE, "", APPLIANCE, name)
    return None


def against_bypass(question: Question, situation: Situation) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Answer the canary and designated-resolver names so that devices stay with this resolver."""
    for name in question.mentioned:
        answer = canary_names.ANSWERS.get(name)
        if answer is not None:
            return Verdict(Action.REFUSE, Step.BYPASS, "circumvention", APPLIANCE, name, answer=answer)
    return None


def suspended(question: Question, situation: Situation) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Refuse everything to a device whose access is suspended."""
    if situation.suspension is None:
        return None
    # Not which device: the entry stands in the query log, where devices are tokens.
    return Verdict(Action.REFUSE, Step.SUSPENDED, "", "suspension", "this device", until=situation.room_until)


def paused(question: Question, situation: Situation) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Refuse everything while the teacher has paused the room."""
    if situation.pause is None:
        return None
    return Verdict(Action.REFUSE, Step.PAUSED, "", "pause", "the whole room", until=situation.room_until)


def unblocked(question: Question, situation: Situation) -> Verdict | None:
    """Allow what an active unblock opens; of several, the one that lasts longest."""
    opening = opening_of(question, situation)
    if opening is None:
        return None
    site = opening.unblock.site
    entry = site if opening.name == site else f"{opening.name} (with {site})"
    opened = Verdict(Action.ALLOW, Step.UNBLOCK, "", "unblock", entry, until=opening.until)
    return _opened(opened, question, situation, keeps_safe_search=opening.unblock.safe_search)


def ruled(question: Question, situation: Situation) -> Verdict | None:
    """Follow the school's own rules: the longest name that matches wins; on a tie, block."""
    rule = rule_of(question, situation)
    if rule is None:
        return None
    if rule.action == "block":
        return Verdict(Action.REFUSE, Step.RULE, rule.category, SCHOOL, rule.name)
    opened = Verdict(Action.ALLOW, Step.RULE, rule.category, SCHOOL, rule.name)
    return _opened(opened, question, situation, keeps_safe_search=rule.safe_search)


def outside_lesson(question: Question, situation: Situation) -> Verdict | None:
    """Refuse what does not belong to the lesson. What does belong still has to pass the steps below."""
    if not situation.lessons or question.is_under_any(situation.lesson_names):
        return None
    lesson = situation.lessons[0]
    entry = lesson.title or ", ".join(lesson.sites[:3]) + ("…" if len(lesson.sites) > 3 else "")
    return Verdict(Action.REFUSE, Step.LESSON, "", "lesson", entry, until=situation.room_until)


def listed(question: Question, situation: Situation) -> Verdict | None:
    """Refuse what the lists name, where the profile closes the category at this hour."""
    return _refused(Step.LIST, question.listed, situation.closed)


def keyworded(question: Question, situation: Situation) -> Verdict | None:
    """Refuse a name with a closing word in it, where the profile wants that and closes the word's category."""
    if not situation.profile.keywords:
        return None
    return _refused(Step.KEYWORD, question.keyworded, situation.closed)


def safely_searched(question: Question, situation: Situation) -> Verdict | None:
    """Lead a search engine to its safe name; refuse one that has none."""
    profile = situation.profile
    if not profile.safe_search:
        return None
    target = safe_search.safe_name(question.name, profile)
    if target and question.qtype in safe_search.REWRITTEN_TYPES:
        return Verdict(Action.REWRITE, Step.SAFE_SEARCH, "", "safe search", question.name, target)
    entry = safe_search.engine_without_safe_name(question.mentioned, profile)
    if entry:
        return Verdict(Action.REFUSE, Step.SAFE_SEARCH, "search_engines", "safe search", entry)
    return None


def allowed(question: Question, situation: Situation) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Allow what nothing closes."""
    return ALLOWED


ORDER: tuple[tuple[Step, Decide], ...] = (
    # 1. Nobody opens these, so nothing may stand above: no unblock, no rule, not even our own needs.
    (Step.LOCKED, locked),
    # 2. A suspension or a pause must not cut the appliance off from the very decision that ends it,
    #    nor let a device believe that it may look for another resolver.
    (Step.APPLIANCE, appliance),
    (Step.BYPASS, against_bypass),
    # 3. "Nothing at all" is about the device and the room, whatever the site: above everything that opens one.
    (Step.SUSPENDED, suspended),
    (Step.PAUSED, paused),
    # 4. A person opened this site for this time: above every standing rule and list, or it would open nothing.
    (Step.UNBLOCK, unblocked),
    # 5. The school knows better than a public list, and its decisions hold in lessons too.
    (Step.RULE, ruled),
    # 6. A lesson narrows what is left. It stands above the lists because it refuses more than they do.
    (Step.LESSON, outside_lesson),
    # 7. The public lists, by the profile's categories at this hour.
    (Step.LIST, listed),
    # 8. Words guess, so they come after whatever is known.
    (Step.KEYWORD, keyworded),
    # 9. Only a search engine that is still open needs its safe name.
    (Step.SAFE_SEARCH, safely_searched),
    # 10. The rest of the internet is open. What comes back is then inspected (`dns.policy.response_policy`).
    (Step.DEFAULT, allowed),
)


def decide(question: Question, situation: Situation) -> Verdict:
    """Return the verdict of the first step that has one."""
    for _, step in ORDER:
        verdict = step(question, situation)
        if verdict is not None:
            return verdict
    return ALLOWED


def opening_of(question: Question, situation: Situation) -> Opening | None:
    """Return the active opening that counts, or None."""
    if not situation.knows_the_time:
        return None
    active = [one for one in question.openings(situation.group) if one.since <= question.now < one.until]
    return max(active, key=lambda one: (not one.unblock.safe_search, one.until, one.name), default=None)


def rule_of(question: Question, situation: Situation) -> Rule | None:
    """Return the rule that counts, or None."""
    for name in question.mentioned:
        found = [rule for rule in situation.school.rules.get(name, ()) if _applies(rule, question, situation)]
        if found:
            return min(found, key=lambda rule: (rule.action != "block", not rule.safe_search))
    return None


def _applies(rule: Rule, question: Question, situation: Situation) -> bool:
    if not rule.subdomains and rule.name != question.name:
        return False
    return not rule.groups or situation.group in rule.groups


def _refused(step: Step, closings: tuple[Closing, ...], categories: Categories) -> Verdict | None:
    """Refuse what one of the categories closes.

    Of several closings the longest entry is named, then by the alphabet: the order of lists decides nothing.
    """
    closed = [closing for closing in closings if closing.category in categories]
    if not closed:
        return None
    named = min(closed, key=lambda one: (-len(one.entry), one.category, one.source)) if closed[1:] else closed[0]
    return Verdict(Action.REFUSE, step, named.category, named.source, named.entry)


def _opened(opened: Verdict, question: Question, situation: Situation, *, keeps_safe_search: bool) -> Verdict:
    """Return an opening, as the profile would show the site: a search engine that is opened stays a safe one."""
    target = safe_search.safe_name(question.name, situation.profile) if keeps_safe_search else ""
    if not target or question.qtype not in safe_search.REWRITTEN_TYPES:
        return opened
    return Verdict(Action.REWRITE, opened.step, opened.category, opened.source, opened.entry, target, opened.until)
