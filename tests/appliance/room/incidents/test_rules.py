"""Records that the safeguarding lead should hear of, and those that it should not."""

from random import Random
from typing import Any

import pytest

from appliance.protocol import Incident
from appliance.room.incidents.rules import IncidentRules
from dns.policy.document import IncidentThresholds, Lesson, Pause, Suspension
from dns.policy.step_table import StepRow
from dns.policy.steps import STEPS
from dns.policy.tunnel import TunnelDetector
from dns.querylog.records import QueryRecord
from tests.fakes.policies import NOW as SCHOOL_TIME
from tests.fakes.policies import PUPIL, minutes, policy
from tests.fakes.traces import TXT, tunnel

NOW = 1_795_000_000


def refused(
    name: str = "casino.example",
    *,
    second: int = NOW,
    step: str = "list",
    category: str = "gambling",
    count: int = 1,
) -> QueryRecord:
    return QueryRecord(
        second, "192.0.2.7", "pupils", name, 1, "refused", step, category, "own", name, 0, count, 0.1
    )


def kinds(found: list[Incident]) -> list[str]:
    return [incident.kind for incident in found]


def test_an_ordinary_refusal_is_no_incident() -> None:
    assert IncidentRules().observe_blocked(refused(), "token") == []


def test_a_locked_category_is_one_at_the_first_question() -> None:
    rules = IncidentRules(locked_categories={"extremism"})
    (found,) = rules.observe_blocked(refused("bad.example", category="extremism"), "token")
    assert found.kind == "locked-category"
    assert found.device == "token"
    assert "bad.example" in found.evidence[0]
    assert kinds(rules.observe_blocked(refused("x.example", step="locked", category=""), "token")) == [
        "locked-category"
    ]


def test_the_same_device_and_cause_make_one_incident_an_hour() -> None:
    rules = IncidentRules(locked_categories={"extremism"})
    again = [
        rules.observe_blocked(refused(second=NOW + minutes * 60, category="extremism"), "token")
        for minutes in (0, 30, 61)
    ]
    assert [len(found) for found in again] == [1, 0, 1]
    assert len(rules.observe_blocked(refused(category="extremism"), "another")) == 1


def test_many_refusals_in_a_short_time_are_one_and_few_in_a_long_time_are_not() -> None:
    limits = IncidentThresholds(many_refusals=5, many_minutes=10)
    slow = IncidentRules(limits)
    assert not any(
        slow.observe_blocked(refused(f"n{n}.example", second=NOW + n * 180), "token") for n in range(20)
    )
    quick = IncidentRules(limits)
    found = [
        one for n in range(5) for one in quick.observe_blocked(refused(f"n{n}.example", second=NOW + n), "token")
    ]
    assert kinds(found) == ["many-refusals"]
    assert found[0].evidence[0] == "5 refusals of 5 different names within 10 minutes"


def test_one_name_that_a_program_asks_for_over_and_over_counts_by_its_questions() -> None:
    rules = IncidentRules(IncidentThresholds(many_refusals=5))
    assert kinds(rules.observe_blocked(refused(count=6), "token")) == ["many-refusals"]


def test_looking_for_ways_round_the_filter_is_one_but_a_browsers_own_question_is_not() -> None:
    rules = IncidentRules(IncidentThresholds(bypass_names=3))
    for n in range(10):
        assert (
            rules.observe_blocked(refused("use-application-dns.net", step="bypass", second=NOW + n), "token") == []
        )
    found = [
        one
        for n in range(3)
        for one in rules.observe_blocked(refused(f"vpn{n}.example", category="circumvention"), "token")
    ]
    assert kinds(found) == ["bypass"]


@pytest.mark.parametrize(
    "fields",
    [
        {"lessons": (Lesson(id="l", sites=("maths.example",), until=minutes(45)),)},
        {"pauses": (Pause(id="p", until=minutes(15)),)},
        {"suspensions": (Suspension(id="s", device=PUPIL, until=minutes(15)),)},
    ],
    ids=["a lesson", "a pause", "a suspension"],
)
def test_what_the_background_asks_for_while_nearly_everything_is_closed_is_no_incident(
    fields: dict[str, Any],
) -> None:
    view, rules = policy(**fields).view(PUPIL), IncidentRules()
    for n in range(60):
        name = f"push{n}.example"
        verdict = view.decide(name, 1, SCHOOL_TIME)
        assert verdict.action.value == "refused"
        assert (
            rules.observe_blocked(refused(name, step=verdict.step.value, category=verdict.category), "token") == []
        )
    # Nor does it count towards one afterwards.
    assert rules.observe_blocked(refused(), "token") == []


@pytest.mark.parametrize("row", STEPS.rows, ids=lambda row: row.step.value)
def test_exactly_the_quiet_steps_raise_nothing_however_much_they_refuse(row: StepRow) -> None:
    rules = IncidentRules()
    found = [
        one for n in range(60) for one in rules.observe_blocked(refused(f"n{n}.example", step=row.step.value), "t")
    ]

    assert ("many-refusals" in kinds(found)) is not row.is_quiet


def test_a_browsers_own_question_is_none_even_where_ways_round_the_filter_are_locked() -> None:
    rules = IncidentRules(locked_categories={"circumvention"})
    canary = refused("use-application-dns.net", step="bypass", category="circumvention")

    assert rules.observe_blocked(canary, "token") == []
    assert kinds(rules.observe_blocked(refused("vpn.example", category="circumvention"), "token")) == [
        "locked-category"
    ]


def test_a_tunnel_is_one_with_what_was_seen() -> None:
    detector, rules = TunnelDetector(), IncidentRules()
    found = []
    trace = tunnel(Random(1), "base32", per_second=5, letters=60, qtype=TXT, seconds=300)
    for second, name, qtype in trace:
        finding = detector.observe_query("192.0.2.7", name, qtype, NOW + second)
        if finding is not None:
            found += rules.observe_tunnel(finding, "token")
    assert kinds(found) == ["tunnel"]
    assert found[0].device == "token"
    assert any("entropy" in line for line in found[0].evidence)


def test_memory_is_bounded_however_many_devices_there_are() -> None:
    rules = IncidentRules()
    for number in range(3000):
        rules.observe_blocked(refused(), f"token {number}")
    assert len(rules._devices) <= 1024
