"""The order of a decision. `STEPS` is the whole of it: the first step that has a verdict wins.

A step is a small function from the question and the context to a verdict, or to None: "not mine, ask the next".
It knows nothing of the steps above or below. Why each one stands where it does is said beside its row in `STEPS`.
To add one: its value in `dns.policy.verdict.Step`, its function and its row here (`dns.policy.step_table` says
what the columns mean).
"""

from operator import attrgetter

from dns.policy import canary_names, device_services, safe_search, step_entries, step_table
from dns.policy.context import PolicyContext, Question
from dns.policy.step_table import ALLOWED, AnyName, Entries, Listed, Names, Restriction, StepRow, StepTable
from dns.policy.verdict import Action, Step, Verdict

SCHOOL_RULES = "the school's own rules"
APPLIANCE_SOURCE = "the appliance"

_OPENED_BY_CATEGORY = "An unblock, a rule of the school's own, or opening {category} for {group}."


def check_trust(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what the trust has locked: nobody at the school opens it. Rules first, as below."""
    compiled = context.compiled
    for name in question.known_parents:
        for rule in compiled.trust_rules.get(name, ()):
            if step_entries.rule_applies(rule, question, context):
                return Verdict(Action.BLOCK, Step.TRUST, rule.category, compiled.trust_source, rule.name)
    if not compiled.trust_categories:
        return None
    return step_entries.block_verdict(Step.TRUST, question.list_entries, compiled.trust_categories)


def check_locked(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what nobody can open: the school's locked rules, and the locked categories of the lists.

    Keywords never lock: they guess, and a guess must be open to correction.
    """
    compiled = context.compiled
    for name in question.known_parents:
        for rule in compiled.locked_rules.get(name, ()):
            if step_entries.rule_applies(rule, question, context):
                return Verdict(Action.BLOCK, Step.LOCKED, rule.category, SCHOOL_RULES, rule.name)
    if not compiled.locked_categories:
        return None
    return step_entries.block_verdict(Step.LOCKED, question.list_entries, compiled.locked_categories)


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


def check_connectivity(question: Question, context: PolicyContext) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Allow the names by which devices test the network and set their clocks."""
    for name in question.known_parents:
        if name in device_services.DEVICE_SERVICES:
            return Verdict(Action.ALLOW, Step.CONNECTIVITY, "", APPLIANCE_SOURCE, name)
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
    unblock = step_entries.find_unblock(question, context)
    if unblock is None:
        return None
    site = unblock.unblock.site
    entry = site if unblock.name == site else f"{unblock.name} (with {site})"
    verdict = Verdict(Action.ALLOW, Step.UNBLOCK, "", "unblock", entry, until=unblock.until)
    return step_entries.allow_verdict(verdict, question, context, keeps_safe_search=unblock.unblock.safe_search)


def check_rules(question: Question, context: PolicyContext) -> Verdict | None:
    """Follow the school's own rules: the longest name that matches wins; on a tie, block."""
    rule = step_entries.find_rule(question, context)
    if rule is None:
        return None
    source = context.compiled.trust_source if rule.by_trust else SCHOOL_RULES
    if rule.action == "block":
        return Verdict(Action.BLOCK, Step.RULE, rule.category, source, rule.name)
    verdict = Verdict(Action.ALLOW, Step.RULE, rule.category, source, rule.name)
    return step_entries.allow_verdict(verdict, question, context, keeps_safe_search=rule.safe_search)


def check_lesson(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what does not belong to the lesson. What does belong still has to pass the steps below."""
    if not context.lessons or question.is_under_any(context.lesson_names):
        return None
    lesson = context.lessons[0]
    entry = lesson.title or ", ".join(lesson.sites[:3]) + ("…" if len(lesson.sites) > 3 else "")
    return Verdict(Action.BLOCK, Step.LESSON, "", "lesson", entry, until=context.room_until)


def check_lists(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse what the lists name, where the profile closes the category at this hour."""
    return step_entries.block_verdict(Step.LIST, question.list_entries, context.blocked_categories)


def check_keywords(question: Question, context: PolicyContext) -> Verdict | None:
    """Refuse a name with a closing word in it, where the profile wants that and closes the word's category."""
    if not context.profile.keywords:
        return None
    return step_entries.block_verdict(Step.KEYWORD, question.keyword_entries, context.blocked_categories)


def check_safe_search(question: Question, context: PolicyContext) -> Verdict | None:
    """Lead a search engine to its safe name; refuse one that has none."""
    profile = context.profile
    if not profile.safe_search:
        return None
    target = safe_search.safe_name(question.name, profile)
    if target and question.qtype in safe_search.REWRITTEN_TYPES:
        return Verdict(Action.REWRITE, Step.SAFE_SEARCH, "", "safe search", question.name, target)
    entry = safe_search.engine_without_safe_name(question.known_parents, profile)
    if not entry and question.embedded_name and safe_search.safe_name(question.embedded_name, profile):
        entry = question.embedded_name  # shown by a proxy, an engine has no safe name
    if entry:
        return Verdict(Action.BLOCK, Step.SAFE_SEARCH, "search_engines", "safe search", entry)
    return None


def allow_by_default(question: Question, context: PolicyContext) -> Verdict | None:  # noqa: ARG001 (a step's shape)
    """Allow what nothing closes."""
    return ALLOWED


STEPS = StepTable(
    (
        # 1. Nobody opens these, so nothing may stand above: no unblock, no rule, not even our own needs. The
        #    trust's come first, because who asks must be told whom to turn to.
        StepRow(
            step=Step.TRUST,
            check=check_trust,
            title="Closed by the trust: nobody at the school can open it",
            speaks_of=(Entries(attrgetter("trust_rules"), ("rules",)), Listed()),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated="is closed by the trust: nobody at the school can open it",
            opened_by="Closed by the trust: nobody at the school can open it.",
            nobody_opens=True,
            is_final=True,
            is_incident=True,
        ),
        StepRow(
            step=Step.LOCKED,
            check=check_locked,
            title="Locked: nobody can open it",
            speaks_of=(Entries(attrgetter("locked_rules"), ("rules",)), Listed()),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated="is locked: nobody can open it",
            opened_by="Nobody can open it.",
            nobody_opens=True,
            is_final=True,
            is_incident=True,
        ),
        # 2. A suspension or a pause must not cut the appliance off from the very decision that ends it,
        #    nor let a device believe that it may look for another resolver.
        StepRow(
            step=Step.APPLIANCE,
            check=check_appliance_names,
            title="Names the appliance needs",
            speaks_of=(Names(attrgetter("appliance_names")),),
            meets_hops=False,
            is_quiet=False,
            why_not_delegated=None,
            opened_by="",
            is_explicit=True,
            trusts_addresses=True,
        ),
        StepRow(
            step=Step.BYPASS,
            check=check_canary_names,
            title="Names that keep devices with the filter",
            speaks_of=(Names(lambda _compiled: canary_names.CANARY_ANSWERS),),
            meets_hops=True,
            is_quiet=True,  # devices ask for these by themselves
            why_not_delegated="would lead devices past the filter: nobody can open it",
            opened_by="Nobody can open it: it would lead devices past the filter.",
            nobody_opens=True,
        ),
        # A device that cannot test the network leaves it: above whatever closes a room for a while. Nobody looks
        # at anything under these names; who must close one locks it.
        StepRow(
            step=Step.CONNECTIVITY,
            check=check_connectivity,
            title="Names by which devices test the network",
            speaks_of=(Names(lambda _compiled: device_services.DEVICE_SERVICES),),
            meets_hops=False,  # a site must not open by an alias to one of these
            is_quiet=False,
            why_not_delegated=None,
            opened_by="",
            is_explicit=True,
        ),
        # 3. "Nothing at all" is about the device and the room, whatever the site: above everything that opens one.
        StepRow(
            step=Step.SUSPENDED,
            check=check_suspension,
            title="The device is suspended",
            speaks_of=(Restriction(lambda context: context.suspension is not None, step_table.room_turns),),
            meets_hops=False,
            is_quiet=True,  # everything in the background is refused, until somebody ends what somebody began
            why_not_delegated="stays closed while the device is suspended",
            opened_by="The coordinator can end the device's suspension.{ends}",
        ),
        StepRow(
            step=Step.PAUSED,
            check=check_pause,
            title="The room is paused",
            speaks_of=(Restriction(lambda context: context.pause is not None, step_table.room_turns),),
            meets_hops=False,
            is_quiet=True,  # as for a suspended device
            why_not_delegated="stays closed while the room is paused",
            opened_by="The teacher can end the pause.{ends}",
        ),
        # 4. A person opened this site for this time: above every standing rule and list, or it would open nothing.
        StepRow(
            step=Step.UNBLOCK,
            check=check_unblocks,
            title="Unblocked for now",
            speaks_of=(Entries(attrgetter("unblocks"), ("unblocks",), step_entries.next_unblock_start),),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated=None,
            opened_by="",
            is_explicit=True,
            entry_note=step_entries.who_granted,
            silence=step_entries.why_no_unblock,
        ),
        # 5. The school knows better than a public list, and its decisions hold in lessons too.
        StepRow(
            step=Step.RULE,
            check=check_rules,
            title="The school's own rules",
            speaks_of=(Entries(attrgetter("rules"), ("rules",)),),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated="was closed by the school itself: the coordinator decides",
            opened_by="An unblock, or the coordinator changes the rule for {entry}.",
            is_explicit=True,
            exempts_tunnels=True,
            entry_note=step_entries.note_of_rule,
        ),
        # 6. A lesson narrows what is left. It stands above the lists because it refuses more than they do.
        StepRow(
            step=Step.LESSON,
            check=check_lesson,
            title="Lesson mode",
            speaks_of=(Restriction(lambda context: bool(context.lessons), step_table.room_turns),),
            meets_hops=False,
            is_quiet=True,  # as in a paused room
            why_not_delegated="is not part of the lesson: add it to the lesson, or end the lesson",
            opened_by="An unblock, adding the site to the lesson, or the lesson's end.{ends}",
            silence=step_entries.why_no_lesson,
        ),
        # 7. The public lists, by the profile's categories at this hour.
        StepRow(
            step=Step.LIST,
            check=check_lists,
            title="Lists",
            speaks_of=(Listed(step_table.timetable_turns),),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated=None,
            opened_by=_OPENED_BY_CATEGORY,
            silence=step_entries.why_no_list,
        ),
        # 8. Words guess, so they come after whatever is known.
        StepRow(
            step=Step.KEYWORD,
            check=check_keywords,
            title="Keywords",
            speaks_of=(Listed(step_table.timetable_turns),),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated=None,
            opened_by=_OPENED_BY_CATEGORY,
            silence=step_entries.why_no_keyword,
        ),
        # 9. Only a search engine that is still open needs its safe name.
        StepRow(
            step=Step.SAFE_SEARCH,
            check=check_safe_search,
            title="Safe search",
            speaks_of=(Names(lambda _compiled: safe_search.ENGINE_NAMES),),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated="has no safe search: the coordinator decides",
            opened_by="An unblock, a rule of the school's own, or safe search off for this group.",
            silence=step_entries.why_no_safe_search,
        ),
        # 10. The rest of the internet is open.
        StepRow(
            step=Step.DEFAULT,
            check=allow_by_default,
            title="Open unless something closes it",
            speaks_of=(AnyName(),),
            meets_hops=True,
            is_quiet=False,
            why_not_delegated=None,
            opened_by="",
        ),
        # What comes back is then inspected (`dns.policy.response_policy`, `dns.pipeline.response_policy`).
        StepRow(
            step=Step.INSPECTED,
            check=None,
            title="Where the answer leads",
            speaks_of=(),
            meets_hops=False,
            is_quiet=False,
            why_not_delegated=None,
            opened_by=_OPENED_BY_CATEGORY,
        ),
        StepRow(
            step=Step.UPSTREAM,
            check=None,
            title="The upstream's own filter",
            speaks_of=(),
            meets_hops=False,
            is_quiet=False,
            why_not_delegated="is kept closed by the upstream: nobody here can open it",
            opened_by="Nobody here can open it: the upstream keeps it closed.",
            nobody_opens=True,
        ),
    )
)
