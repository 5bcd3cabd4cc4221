"""What a trust has locked: nothing at a school opens it, and whoever asks is told whose it is."""

from typing import Any

import msgspec
import pytest

from dns.message.constants import RecordType
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.document import Delegation, Rule, SiteBundle, Unblock
from dns.policy.explain import explain
from dns.policy.verdict import Action, BlockEntry, Step
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, minutes, policy

A = RecordType.A
LOCKED_BY_NAME: dict[str, Any] = {
    "trust": "Example Trust",
    "rules": (Rule(name="site.example", action="block", locked=True, by_trust=True),),
}
LOCKED_BY_CATEGORY: dict[str, Any] = {
    "trust": "Example Trust",
    "trust_categories": ("games",),
    "locked_categories": ("games",),
}
LISTS = FakeBlocklist({"site.example": "games"})

# Whatever a school can say for a site, all of it at once.
EVERYTHING_THAT_OPENS: dict[str, Any] = {
    "unblocks": (Unblock(id="u", site="site.example", until=minutes(30)),),
    "delegations": (Delegation(categories=("*",)),),
    "appliance_names": ("site.example",),
    "bundles": (SiteBundle(site="other.example", names=("site.example",)),),
}


def made(lock: dict[str, Any], **more: Any) -> Any:
    rules = (*lock.get("rules", ()), *more.pop("rules", ()))
    return policy(LISTS, **{**lock, **more, "rules": rules})


@pytest.mark.parametrize("lock", [LOCKED_BY_NAME, LOCKED_BY_CATEGORY], ids=["name", "category"])
def test_nothing_at_a_school_opens_what_the_trust_has_locked(lock: dict[str, Any]) -> None:
    allow = Rule(name="www.site.example", action="allow")

    compiled = made(lock, **EVERYTHING_THAT_OPENS, rules=(allow,))

    for name in ("site.example", "www.site.example"):
        verdict = compiled.view(PUPIL).decide(name, A, NOW)
        assert (verdict.action, verdict.step) == (Action.BLOCK, Step.TRUST)


@pytest.mark.parametrize("lock", [LOCKED_BY_NAME, LOCKED_BY_CATEGORY], ids=["name", "category"])
def test_the_explanation_says_that_the_trust_has_closed_it(lock: dict[str, Any]) -> None:
    found = explain(made(lock).view(PUPIL), "site.example", A, NOW)

    assert found.opens == "Closed by the trust: nobody at the school can open it."
    assert [step.step for step in found.steps if step.verdict == "refused" and step.wins] == ["trust"]


def test_the_explanation_names_the_trust() -> None:
    assert explain(made(LOCKED_BY_NAME).view(PUPIL), "site.example", A, NOW).source == "the trust (Example Trust)"


def test_no_teacher_may_open_what_the_trust_has_locked() -> None:
    view = made(LOCKED_BY_NAME, delegations=(Delegation(categories=("*",)),)).view(PUPIL)

    decision = check_delegation(view, DelegationRequest(site="site.example", minutes=5), NOW)

    assert decision.reason == "site.example is closed by the trust: nobody at the school can open it"


def test_what_a_subscribed_list_opens_stays_closed_where_the_trust_has_locked_its_category() -> None:
    class Opened(FakeBlocklist):
        def find_block_entries(self, name: str, qtype: int = 1) -> tuple[BlockEntry, ...]:
            found = super().find_block_entries(name, qtype)
            return tuple(msgspec.structs.replace(one, is_opened=True) for one in found)

    lists = Opened({"site.example": "games"})

    assert policy(lists, **LOCKED_BY_CATEGORY).view(PUPIL).decide("site.example", A, NOW).step is Step.TRUST


def test_a_rule_of_the_trusts_that_is_not_locked_is_one_among_the_schools() -> None:
    shared = Rule(name="site.example", action="block", by_trust=True)
    opened = policy(rules=(shared, Rule(name="www.site.example", action="allow"))).view(PUPIL)

    assert opened.decide("www.site.example", A, NOW).action is Action.ALLOW
    verdict = opened.decide("site.example", A, NOW)
    assert (verdict.step, verdict.source) == (Step.RULE, "the trust")


@pytest.mark.parametrize("own", ["allow", "block"])
def test_of_two_rules_for_one_name_the_schools_own_counts_before_a_shared_one(own: Any) -> None:
    other: Any = "block" if own == "allow" else "allow"
    rules = (Rule(name="site.example", action=other, by_trust=True), Rule(name="site.example", action=own))

    verdict = policy(rules=rules).view(PUPIL).decide("site.example", A, NOW)

    assert (verdict.action is Action.ALLOW, verdict.source) == (own == "allow", "the school's own rules")
