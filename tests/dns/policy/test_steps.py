"""The order of a decision as a table: where two steps meet, the upper one wins, and without it the lower."""

from itertools import combinations, pairwise
from typing import Any

import pytest

from dns.message.constants import RecordType
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Lesson, Pause, Profile, Rule, Suspension, Unblock
from dns.policy.steps import STEPS
from dns.policy.verdict import Action, Step
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, document, minutes, policy

A = RecordType.A
# Each speaks of certain names alone. No name is two of these, so they cannot meet.
NAMES = {
    Step.BYPASS: "mask.icloud.com",
    Step.CONNECTIVITY: "captive.apple.com",
    Step.SAFE_SEARCH: "www.bing.com",
}


def what_makes(step: Step, name: str) -> dict[str, Any]:
    """Return the fields of a document that make one step speak about a name."""
    ingredients: dict[Step, dict[str, Any]] = {
        Step.TRUST: {"rules": (Rule(name=name, action="block", locked=True, by_trust=True),)},
        Step.LOCKED: {"rules": (Rule(name=name, action="block", locked=True),)},
        Step.APPLIANCE: {"appliance_names": (name,)},
        Step.BYPASS: {},  # by its name alone
        Step.CONNECTIVITY: {},  # by its name alone
        Step.SUSPENDED: {"suspensions": (Suspension(id="s", device=PUPIL, until=minutes(30)),)},
        Step.PAUSED: {"pauses": (Pause(id="p", until=minutes(30)),)},
        Step.UNBLOCK: {"unblocks": (Unblock(id="u", site=name, until=minutes(30)),)},
        Step.RULE: {"rules": (Rule(name=name, action="allow"),)},
        Step.LESSON: {"lessons": (Lesson(id="l", sites=("other.example",), until=minutes(30)),)},
        Step.LIST: {"closed_by_list": True},
        Step.KEYWORD: {"closed_by_keyword": True},
        Step.SAFE_SEARCH: {},  # by its name alone
        Step.DEFAULT: {},
    }
    return ingredients[step]


def decided(name: str, *steps: Step) -> Step:
    """Return which step decides a name about which several have something to say."""
    fields: dict[str, Any] = {}
    for step in steps:
        for field, value in what_makes(step, name).items():
            fields[field] = fields.get(field, ()) + value if isinstance(value, tuple) else value
    lists = FakeBlocklist({name: "games"} if fields.pop("closed_by_list", False) else {})
    keywords = FakeBlocklist({name: "games"} if fields.pop("closed_by_keyword", False) else {})
    return policy(lists, keywords, **fields).view(PUPIL).decide(name, A, NOW).step


def name_for(*steps: Step) -> str:
    return next((name for step, name in NAMES.items() if step in steps), "site.example")


ORDER = [row.step for row in STEPS.order]
PAIRS = [pair for pair in combinations(ORDER, 2) if not NAMES.keys() >= set(pair)]
NEIGHBOURS = [pair for pair in pairwise(ORDER) if not NAMES.keys() >= set(pair)]


def test_the_order_is_the_one_the_design_lists() -> None:
    assert [row.step for row in STEPS.rows] == list(Step)
    assert set(Step) - set(ORDER) == {Step.INSPECTED, Step.UPSTREAM}


def test_every_pair_of_neighbours_is_in_the_table() -> None:
    assert set(NEIGHBOURS) <= set(PAIRS)


@pytest.mark.parametrize(("upper", "lower"), PAIRS, ids=lambda step: step.value)
def test_of_two_steps_the_upper_wins(upper: Step, lower: Step) -> None:
    assert decided(name_for(upper, lower), upper, lower) is upper


@pytest.mark.parametrize(("upper", "lower"), PAIRS, ids=lambda step: step.value)
def test_without_the_upper_step_the_lower_wins(lower: Step, upper: Step) -> None:
    assert decided(name_for(lower), lower) is lower


@pytest.mark.parametrize("step", ORDER, ids=lambda step: step.value)
def test_every_verdict_but_the_last_names_its_entry_and_source(step: Step) -> None:
    name = name_for(step)
    fields = what_makes(step, name)
    lists = FakeBlocklist({name: "games"} if fields.pop("closed_by_list", False) else {})
    keywords = FakeBlocklist({name: "games"} if fields.pop("closed_by_keyword", False) else {})
    verdict = policy(lists, keywords, **fields).view(PUPIL).decide(name, A, NOW)

    assert verdict.step is step
    assert bool(verdict.entry and verdict.source) == (step is not Step.DEFAULT)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([("example.org", "allow"), ("www.example.org", "block")], Action.BLOCK),
        ([("example.org", "block"), ("www.example.org", "allow")], Action.ALLOW),
        ([("www.example.org", "block"), ("www.example.org", "allow")], Action.BLOCK),
        ([("www.example.org", "allow"), ("www.example.org", "block")], Action.BLOCK),
        ([("org", "block")], Action.BLOCK),
        ([("ample.org", "block")], Action.ALLOW),
    ],
)
def test_of_the_schools_rules_the_longest_name_wins_and_on_a_tie_block(
    rules: list[tuple[str, Any]], expected: Action
) -> None:
    made = tuple(Rule(name=name, action=action) for name, action in rules)

    assert policy(rules=made).view(PUPIL).decide("www.example.org", A, NOW).action is expected


def test_a_rule_without_subdomains_is_for_the_name_alone() -> None:
    view = policy(rules=(Rule(name="example.org", action="block", subdomains=False),)).view(PUPIL)

    assert view.decide("example.org", A, NOW).action is Action.BLOCK
    assert view.decide("www.example.org", A, NOW).action is Action.ALLOW


def test_a_rule_for_some_groups_leaves_the_others_alone() -> None:
    made = policy(rules=(Rule(name="example.org", action="block", groups=("pupils",)),))

    assert made.view_for_group("pupils").decide("example.org", A, NOW).action is Action.BLOCK
    assert made.view_for_group("staff").decide("example.org", A, NOW).action is Action.ALLOW


def test_a_locked_category_is_closed_even_where_the_profile_would_open_it() -> None:
    verdict = (
        policy(locked_categories=("pornography",)).view_for_group("staff").decide("www.worst.example", A, NOW)
    )

    assert (verdict.action, verdict.step, verdict.entry) == (Action.BLOCK, Step.LOCKED, "worst.example")


def test_a_keyword_never_locks() -> None:
    keywords = FakeBlocklist({"guessed.example": "games"})
    made = policy(
        FakeBlocklist(),
        keywords,
        locked_categories=("games",),
        unblocks=(Unblock(id="u", site="guessed.example", until=minutes(30)),),
    )

    assert made.view(PUPIL).decide("guessed.example", A, NOW).step is Step.UNBLOCK


def test_the_root_and_names_without_letters_are_decided_too() -> None:
    view = policy().view(PUPIL)

    assert view.decide("", 2, NOW).action is Action.ALLOW
    assert view.decide("\\000.\\255.example", A, NOW).action is Action.ALLOW


def test_a_device_of_no_group_and_a_room_without_groups_meet_the_strictest() -> None:
    nobody = CompiledPolicy(document(groups=(), profiles=()), FakeBlocklist({"films.example": "streaming"}))
    verdict = nobody.view("192.0.2.99").decide("films.example", A, NOW)

    assert (verdict.action, verdict.category) == (Action.BLOCK, "streaming")


def test_every_category_is_closed_by_a_star() -> None:
    profiles = (Profile(name="pupils", closed=("*",)), Profile(name="staff"))
    made = policy(profiles=profiles)

    assert made.view(PUPIL).decide("films.example", A, NOW).step is Step.LIST
    assert made.view_for_group("staff").decide("films.example", A, NOW).step is Step.DEFAULT


def test_the_entry_that_is_named_does_not_depend_on_the_order_of_lists() -> None:
    names = ("www.many.example", "many.example")
    made = [
        policy(FakeBlocklist(dict.fromkeys(names, categories))).view(PUPIL).decide("www.many.example", A, NOW)
        for categories in (("games", "gambling"), ("gambling", "games"))
    ]

    assert made[0] == made[1]
    assert (made[0].entry, made[0].category) == ("www.many.example", "gambling")


@pytest.mark.parametrize(
    ("name", "qtype"),
    [("games.example", 15), ("games.example", 257), ("_443._tcp.www.games.example", 52), ("games.example", 255)],
    ids=["MX", "CAA", "TLSA", "ANY"],
)
def test_mail_and_certificate_names_of_a_closed_site_are_closed_too(name: str, qtype: int) -> None:
    assert policy().view(PUPIL).decide(name, qtype, NOW).action is Action.BLOCK
