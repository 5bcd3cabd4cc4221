"""A lesson or a pause does not make a tablet believe that there is no internet."""

from typing import Any

import pytest

from dns.message.constants import RecordType
from dns.policy.device_services import DEVICE_SERVICES
from dns.policy.document import Lesson, Pause, Rule, Suspension, Unblock
from dns.policy.verdict import Action, Step
from dns.public_suffix import is_public_suffix
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, minutes, policy

A = RecordType.A

CLOSED_BY: dict[str, dict[str, Any]] = {
    "a lesson": {"lessons": (Lesson(id="l", sites=("example.org",), until=minutes(30)),)},
    "a pause": {"pauses": (Pause(id="p", until=minutes(30)),)},
    "a suspension": {"suspensions": (Suspension(id="s", device=PUPIL, until=minutes(30)),)},
}


@pytest.mark.parametrize("closed_by", CLOSED_BY)
@pytest.mark.parametrize("name", [*DEVICE_SERVICES, "2.android.pool.ntp.org", "dns.msftncsi.com"])
def test_what_devices_test_the_network_with_stays_open(name: str, closed_by: str) -> None:
    verdict = policy(**CLOSED_BY[closed_by]).view(PUPIL).decide(name, A, NOW)

    assert (verdict.action, verdict.step) == (Action.ALLOW, Step.CONNECTIVITY)


@pytest.mark.parametrize("name", DEVICE_SERVICES)
def test_no_list_and_no_rule_closes_it_and_none_of_it_is_a_public_suffix(name: str) -> None:
    lists = FakeBlocklist({name: "advertising"})
    made = policy(lists, rules=(Rule(name=name, action="block"),))

    assert made.view(PUPIL).decide(name, A, NOW).step is Step.CONNECTIVITY
    assert not is_public_suffix(name)


def test_a_locked_rule_closes_it_all_the_same() -> None:
    made = policy(rules=(Rule(name="captive.apple.com", action="block", locked=True),))

    assert made.view(PUPIL).decide("captive.apple.com", A, NOW).step is Step.LOCKED


def test_a_site_of_the_same_owner_is_closed_in_a_lesson_as_any_other() -> None:
    made = policy(**CLOSED_BY["a lesson"])

    for name in ("www.apple.com", "apple.com", "google.com", "ntp.org", "msftconnecttest.com.example"):
        assert made.view(PUPIL).decide(name, A, NOW).step is Step.LESSON


def test_an_alias_to_one_of_these_opens_nothing() -> None:
    made = policy(FakeBlocklist({"closed.example": "games"}))
    view = made.view(PUPIL)
    verdict = view.decide("closed.example", A, NOW)

    assert view.inspect_name("captive.apple.com", A, verdict, NOW).action is Action.BLOCK


def test_its_own_alias_may_lead_to_a_host_outside_the_lesson() -> None:
    view = policy(**CLOSED_BY["a lesson"], unblocks=(Unblock(id="u", site="x.example", until=minutes(5)),)).view(
        PUPIL
    )
    verdict = view.decide("captive.apple.com", A, NOW)

    assert view.inspect_name("captive.g.aaplimg.com", A, verdict, NOW).action is Action.ALLOW
