"""Why a site is closed or open, in a coordinator's words and the page's language: what `explain` found, said anew.

What the engine says (`hallpass check`) spells lists and entries as they are, for whoever mends lists.
"""

from collections.abc import Callable

from blocklists.builtin_list import BUILTIN_SOURCE
from blocklists.categories import category_name
from dns.policy.context import TRUST_SOURCE
from dns.policy.explain import Explanation
from dns.policy.steps import SCHOOL_RULES
from dns.policy.verdict import Action, Step
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable, translate

_CLOSED = {
    Step.BYPASS: translatable("It would lead devices past the filter: nobody can open it."),
    Step.SUSPENDED: translatable("The device is suspended."),
    Step.PAUSED: translatable("The room is paused."),
    Step.LESSON: translatable("It is not part of the lesson that runs."),
    Step.SAFE_SEARCH: translatable("A search engine that has no safe version."),
    Step.INSPECTED: translatable("It leads to something closed."),
    Step.UPSTREAM: translatable("The school's internet provider keeps it closed."),
}
_OPEN = {
    Step.APPLIANCE: translatable("Always open: the rooms themselves need it."),
    Step.CONNECTIVITY: translatable("Always open: devices test the network with it, and set their clocks."),
    Step.SAFE_SEARCH: translatable("Open, in its safe version."),
    Step.DEFAULT: translatable("Open: nothing closes it."),
}


def describe_decision(found: Explanation) -> str:
    """Return in a sentence or two why a site is closed, or that it is open and why."""
    step = Step(found.step)
    if found.verdict == Action.BLOCK.value:
        return _SAID[step](found) if step in _SAID else translate(_CLOSED[step])
    if step is Step.RULE and found.source.startswith(TRUST_SOURCE):
        return gettext("Open by the trust's rule for %(name)s.", name=found.entry)
    if step is Step.RULE:
        return gettext("Open by the school's rule for %(name)s.", name=found.entry)
    if step is Step.UNBLOCK:
        until = school_clock().words(found.until) if found.until is not None else ""
        return gettext("Opened by somebody, until %(until)s.", until=until)
    return translate(_OPEN.get(step, _OPEN[Step.DEFAULT]))


def name_list(source: str) -> str:
    """Return what people call a list; the starter list's parts are one to them."""
    if source == BUILTIN_SOURCE or source.startswith(f"{BUILTIN_SOURCE}-"):
        return gettext("the starter list")
    return gettext("the list %(name)s", name=source)


def name_lists(sources: str) -> str:
    """Return the same for several, as a verdict names them: joined by commas."""
    return gettext(", ").join(dict.fromkeys(name_list(one) for one in sources.split(", ")))


def _locked(found: Explanation) -> str:
    nobody = gettext("Nobody can open it.")
    if found.source == SCHOOL_RULES:
        by_rule = gettext("Locked by the school's rule for %(name)s.", name=found.entry)
        return f"{by_rule} {nobody}"
    return f"{_listed(found)} {nobody}"


def _trust(found: Explanation) -> str:
    return gettext("Closed by the trust (%(what)s): nobody at the school can open it.", what=_trust_entry(found))


def _trust_entry(found: Explanation) -> str:
    """Return what the trust has locked: a name, or the category of a listed one."""
    is_listed = not found.source.startswith(TRUST_SOURCE)
    return translate(category_name(found.category)) if is_listed else found.entry


def _listed(found: Explanation) -> str:
    category = translate(category_name(found.category))
    return gettext("Closed as %(category)s, by %(lists)s.", category=category, lists=name_lists(found.source))


def _word(found: Explanation) -> str:
    category = translate(category_name(found.category))
    return gettext("Closed as %(category)s, by a word in its name: %(word)s.", category=category, word=found.entry)


def _rule(found: Explanation) -> str:
    if found.source.startswith(TRUST_SOURCE):
        return gettext("Closed by the trust's rule for %(name)s.", name=found.entry)
    return gettext("Closed by the school's rule for %(name)s.", name=found.entry)


_SAID: dict[Step, Callable[[Explanation], str]] = {
    Step.TRUST: _trust,
    Step.LOCKED: _locked,
    Step.LIST: _listed,
    Step.KEYWORD: _word,
    Step.RULE: _rule,
}
