"""What an answer leads to: the names and addresses in it, decided before the device sees them.

A hop (a CNAME, the target of an HTTPS record) meets the steps that speak of names, in the order of a decision
(`StepRow.meets_hops`); those that speak of the device, the room or the lesson have already let the asked name
pass. An explicit opening
of the asked name, by an unblock or by the school's own rule, is never weakened by where its answer leads: only
what nobody can open still closes it.

Addresses: closed ranges, and addresses that are no place on the internet (`dns.policy.special_addresses`) given
for public names (DNS rebinding). The latter has exceptions of its own, because what it guards against does not
depend on whether a site is open: names of the local network, the school's `private_names`, what the appliance
needs, and reputation services, whose answers are codes and no places.
"""

import msgspec

from dns.policy.block_pages import BLOCK_PAGES
from dns.policy.context import PolicyContext, Question
from dns.policy.lookups import parse_address
from dns.policy.special_addresses import address_forms, is_special
from dns.policy.step_table import StepTable
from dns.policy.verdict import Action, Step, Verdict

# Names that belong to a local network (RFC 6761, 6762, 8375, and what home routers have always used).
# With them `ipv4only.arpa`, whose addresses are 192.0.0.170 and .171: they tell how networks translate (RFC 8880).
LOCAL_NAMES = frozenset(
    ("localhost", "local", "lan", "home", "home.arpa", "internal", "intranet", "test", "ipv4only.arpa")
)

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


def decide_hop(
    question: Question, context: PolicyContext, verdict: Verdict, steps: StepTable
) -> tuple[Verdict, Verdict | None]:
    """Decide a name that an answer leads to: the verdict on the answer, and the hop's own where it has one."""
    if verdict.action is Action.BLOCK:
        return verdict, None
    is_explicit = verdict.step in steps.explicit or question.name == verdict.target
    for check in steps.final_hop_checks if is_explicit else steps.hop_checks:
        hop_verdict = check(question, context)
        if hop_verdict is None:
            continue
        if hop_verdict.action is not Action.BLOCK:
            return verdict, hop_verdict
        return msgspec.structs.replace(hop_verdict, step=Step.INSPECTED, answer=""), hop_verdict
    return verdict, None


def decide_address(
    text: str, question: Question, context: PolicyContext, verdict: Verdict, steps: StepTable
) -> Verdict:
    """Decide an address that an answer gives."""
    if verdict.action is Action.BLOCK:
        return verdict
    if (filter_name := BLOCK_PAGES.get(text)) is not None:  # nobody here can open what led to it
        return Verdict(Action.BLOCK, Step.UPSTREAM, "", "upstream", f"{filter_name}, {text}")
    found = None if verdict.step in steps.trusting else parse_address(text)
    if found is None:
        return verdict
    if verdict.step not in steps.explicit:
        for form in address_forms(found):
            for closed in context.compiled.blocked_ranges.lookup_address(form):
                return _block_verdict(closed.category, "closed addresses", closed.network)
    if is_special(found) and not _may_be_private(question, context):
        if found.is_unspecified:  # as most filters write a refusal
            return Verdict(Action.BLOCK, Step.UPSTREAM, "", "upstream", str(found))
        return _block_verdict("", "rebinding protection", str(found))
    return verdict


def _may_be_private(question: Question, context: PolicyContext) -> bool:
    return (
        len(question.parents) < 2  # a name without a dot is nobody's on the internet
        or question.is_under_any(LOCAL_NAMES)
        or question.is_under_any(REPUTATION_NAMES)
        or question.is_under_any(context.compiled.private_names)
    )


def _block_verdict(category: str, source: str, entry: str) -> Verdict:
    return Verdict(Action.BLOCK, Step.INSPECTED, category, source, entry)
