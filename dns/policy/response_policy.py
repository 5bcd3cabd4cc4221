"""What an answer leads to: the names and addresses in it, decided before the device sees them.

A hop (a CNAME, the target of an HTTPS record) meets the steps that speak of names, in the order of a decision;
those that speak of the device, the room or the lesson have already let the asked name pass. An explicit opening
of the asked name, by an unblock or by the school's own rule, is never weakened by where its answer leads: only
what nobody can open still closes it.

Addresses: closed ranges, and private addresses given for public names (DNS rebinding). The latter has exceptions
of its own, because what it guards against does not depend on whether a site is open: names of the local network,
the school's `private_names`, what the appliance needs, and reputation services, whose answers are codes and no
places.
"""

import ipaddress

import msgspec

from dns.policy.context import Question, Situation
from dns.policy.lookups import Address, Networks, parse_address
from dns.policy.steps import ORDER, Decide
from dns.policy.verdict import Action, Step, Verdict

EXPLICIT = frozenset((Step.APPLIANCE, Step.UNBLOCK, Step.RULE))

# The steps of `ORDER` that speak of names, in that order.
_OF_NAMES = frozenset(
    (Step.LOCKED, Step.BYPASS, Step.UNBLOCK, Step.RULE, Step.LIST, Step.KEYWORD, Step.SAFE_SEARCH, Step.DEFAULT)
)
HOP_ORDER: tuple[tuple[Step, Decide], ...] = tuple(pair for pair in ORDER if pair[0] in _OF_NAMES)

PRIVATE = Networks(
    (ipaddress.ip_network(text), text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598: between a provider and its customers
        "127.0.0.0/8",  # the asking device itself
        "169.254.0.0/16",  # RFC 3927
        "::1/128",
        "fc00::/7",  # RFC 4193
        "fe80::/10",  # RFC 4291
    )
)

# Names that belong to a local network (RFC 6761, 6762, 8375, and what home routers have always used).
LOCAL_NAMES = frozenset(("localhost", "local", "lan", "home", "home.arpa", "internal", "intranet", "test"))

# Antivirus and mail look-ups: "127.0.0.2" from these means "known to be bad".
REPUTATION_NAMES = frozenset(
    (
        "avqs.mcafee.com",
        "avts.mcafee.com",
        "b.barracudacentral.org",
        "bl.spamcop.net",
        "dbl.spamhaus.org",
        "sophosxl.net",
        "zen.spamhaus.org",
    )
)


def hop(question: Question, situation: Situation, asked: Verdict) -> tuple[Verdict, Verdict | None]:
    """Decide a name that an answer leads to: the verdict on the answer, and the hop's own where it has one."""
    if asked.action is Action.REFUSE:
        return asked, None
    only_locked = asked.step in EXPLICIT or question.name == asked.target
    for step, decide in HOP_ORDER:
        if only_locked and step is not Step.LOCKED:
            break
        met = decide(question, situation)
        if met is None:
            continue
        if met.action is not Action.REFUSE:
            return asked, met
        return msgspec.structs.replace(met, step=Step.INSPECTED, answer=""), met
    return asked, None


def address(text: str, asked_name: Question, situation: Situation, asked: Verdict) -> Verdict:
    """Decide an address that an answer gives."""
    if asked.action is Action.REFUSE or asked.step is Step.APPLIANCE:
        return asked
    found = parse_address(text)
    if found is None:
        return asked
    if asked.step not in EXPLICIT:
        for closed in situation.school.closed_ranges.matching(found):
            return _refused(closed.category, "closed addresses", closed.network)
    if _is_private(found) and not _may_be_private(asked_name, situation):
        return _refused("", "rebinding protection", str(found))
    return asked


def _is_private(found: Address) -> bool:
    return any(PRIVATE.matching(found))


def _may_be_private(question: Question, situation: Situation) -> bool:
    return (
        len(question.parents) < 2  # a name without a dot is nobody's on the internet
        or question.is_under_any(LOCAL_NAMES)
        or question.is_under_any(REPUTATION_NAMES)
        or question.is_under_any(situation.school.private_names)
    )


def _refused(category: str, source: str, entry: str) -> Verdict:
    return Verdict(Action.REFUSE, Step.INSPECTED, category, source, entry)
