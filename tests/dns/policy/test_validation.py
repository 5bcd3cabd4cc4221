"""A document that cannot be used says everything that is wrong with it at once."""

from datetime import date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from dns.errors import PolicyInvalid
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import (
    BlockedRange,
    Device,
    Group,
    IncidentThresholds,
    Lesson,
    Period,
    Profile,
    Rule,
    SchoolPlan,
    SiteBundle,
    Span,
    Suspension,
    Unblock,
)
from dns.policy.validation import validation_errors
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import document, minutes

P = Profile(name="p")
PLAN = SchoolPlan(id="5" * 32, title="Year 5: the Romans", links=("https://example.org/rome",))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"timezone": "Europe/Atlantis"}, "timezone: 'Europe/Atlantis' is no time zone"),
        ({"timezone": "../../etc/passwd"}, "timezone: '../../etc/passwd' is no time zone"),
        ({"groups": (Group(name="g", profile="none"),)}, "the profile 'none', which there is not"),
        ({"groups": (Group(name="g", profile="p"),) * 2, "profiles": (P,)}, "groups: 'g' stands there 2 times"),
        ({"profiles": (P, P), "groups": ()}, "profiles: 'p' stands there 2 times"),
        (
            {
                "groups": (
                    Group(name="a", profile="p", members=("192.0.2.1",)),
                    Group(name="b", profile="p", members=("192.0.2.1",)),
                ),
                "profiles": (P,),
            },
            "members of groups: '192.0.2.1' stands there 2 times",
        ),
        ({"rules": (Rule(name="no name", action="block"),)}, "rules: 'no name' is not a domain name"),
        ({"rules": (Rule(name="a.example", action="allow", locked=True),)}, "only a block can be locked"),
        ({"unblocks": (Unblock(id="u", site="a..b", until=minutes(1)),)}, "unblocks: 'a..b'"),
        ({"unblocks": (Unblock(id="u", site="a.b", also=("c d",), until=minutes(1)),)}, "unblocks: 'c d'"),
        (
            {"unblocks": (Unblock(id="u", site="a.b", until=datetime(2026, 1, 1)),)},  # noqa: DTZ001 (the mistake)
            "unblock 'u': 2026-01-01T00:00:00 has no time zone",
        ),
        ({"lessons": (Lesson(id="l", sites=("?",), until=minutes(1)),)}, "lessons: '?'"),
        ({"bundles": (SiteBundle(site="a.b", names=("/",)),)}, "bundles: '/'"),
        ({"appliance_names": ("$",)}, "appliance_names: '$'"),
        ({"private_names": ("",)}, "private_names: ''"),
        ({"closed_addresses": (BlockedRange(network="10.0.0.0/99"),)}, "'10.0.0.0/99' is no address"),
        ({"closed_addresses": (BlockedRange(network="::/0"),)}, "::/0 is every address there is"),
        ({"button_pause_minutes": 481}, "lasts at most 480 minutes"),
        ({"incidents": IncidentThresholds(again_minutes=10_081)}, "is reported again: at most 10080"),
        ({"devices": (Device(name="d", addresses=("zz",)),)}, "'d' has 'zz', which is neither"),
        ({"suspensions": (Suspension(id="s", device="ghost", until=minutes(1)),)}, "a device 'ghost'"),
        ({"terms": (Span(name="t", first=date(2026, 2, 1), last=date(2026, 1, 1)),)}, "before it starts"),
        ({"school_plans": (PLAN,) * 61}, "at most 60 lesson plans"),
        ({"school_plans": (PLAN, PLAN)}, "two lesson plans have the same id"),
        ({"school_plans": (replace(PLAN, id="1"),)}, "thirty-two hexadecimal digits"),
        ({"school_plans": (replace(PLAN, title=" "),)}, "has a title, of at most 100 characters"),
        ({"school_plans": (replace(PLAN, links=()),)}, "has from 1 to 30 links"),
        ({"school_plans": (replace(PLAN, links=("x" * 301,)),)}, "from 1 to 300 characters"),
        ({"school_plans": (replace(PLAN, minutes=481),)}, "at most 480 minutes"),
        ({"school_plans": (replace(PLAN, title="a\u202eb"),)}, "no text may hold"),
        (
            {"profiles": (Profile(name="p", timetable=(Period(start="25:00", end="26:00"),)),), "groups": ()},
            "25:00",
        ),
    ],
)
def test_a_mistake_is_said_with_its_place(fields: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in validation_errors(document(**fields)))


def test_all_mistakes_are_said_at_once() -> None:
    wrong = document(timezone="Nowhere", rules=(Rule(name="?", action="block"),), private_names=("!",))

    with pytest.raises(PolicyInvalid) as problem:
        CompiledPolicy(wrong, FakeBlocklist())
    assert all(part in str(problem.value) for part in ("Nowhere", "'?'", "'!'"))


def test_a_good_document_has_none() -> None:
    assert validation_errors(document()) == ()
    assert validation_errors(document(school_plans=(PLAN,))) == ()


def test_the_schools_lesson_plans_change_no_answer() -> None:
    before = CompiledPolicy(document(), FakeBlocklist())
    after = CompiledPolicy(document(school_plans=(PLAN,)), FakeBlocklist())

    assert after.names_changed_since(before) == ()
