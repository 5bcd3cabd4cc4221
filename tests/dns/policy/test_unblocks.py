"""Unblocks, lessons, pauses and suspensions: what a person opens or closes for a time."""

from typing import Any

import pytest

from dns.message.constants import RecordType
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Lesson, Pause, SiteBundle, Suspension, Unblock
from dns.policy.verdict import Action, Step, Verdict
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import LISTS, NOW, PUPIL, TEACHER, after, document, minutes, policy

A = RecordType.A


def needed_names(site: str) -> tuple[str, ...]:
    return ("pictures.example", "streams.example") if site.endswith("video.example") else ()


def unblock(until: float, site: str = "games.example", since: float | None = None, **fields: Any) -> Unblock:
    start = minutes(since) if since is not None else None
    return Unblock(id=f"{site}-{since}-{until}", site=site, since=start, until=minutes(until), **fields)


def decide(made: CompiledPolicy, name: str, now: float = NOW, address: str = PUPIL) -> Verdict:
    return made.view(address).decide(name, A, now)


def test_an_unblock_opens_the_site_its_subdomains_and_the_extra_names_granted_with_it() -> None:
    lists = FakeBlocklist({"games.example": "games", "cdn.example": "games", "other.example": "games"})
    made = policy(lists, unblocks=(unblock(30, also=("cdn.example",)),))

    for name in ("games.example", "www.games.example", "edge.cdn.example"):
        verdict = decide(made, name)
        assert (verdict.action, verdict.step, verdict.until) == (Action.ALLOW, Step.UNBLOCK, after(30))
    assert decide(made, "edge.cdn.example").entry == "cdn.example (with games.example)"
    assert decide(made, "other.example").action is Action.BLOCK


def test_an_unblock_opens_what_is_known_to_belong_to_its_site() -> None:
    lists = FakeBlocklist({"pictures.example": "games", "streams.example": "games", "video.example": "games"})
    made = document(unblocks=(unblock(30, "www.video.example"),))
    known = CompiledPolicy(made, lists, needed_names=needed_names)

    assert decide(known, "a.pictures.example").step is Step.UNBLOCK
    assert decide(CompiledPolicy(made, lists), "a.pictures.example").step is Step.LIST


def test_the_schools_own_bundle_replaces_the_known_one() -> None:
    lists = FakeBlocklist({"pictures.example": "games", "ours.example": "games"})
    bundles = (SiteBundle(site="video.example", names=("ours.example",)),)
    made = CompiledPolicy(
        document(unblocks=(unblock(30, "video.example"),), bundles=bundles), lists, needed_names=needed_names
    )

    assert decide(made, "ours.example").step is Step.UNBLOCK
    assert decide(made, "pictures.example").step is Step.LIST


def test_an_unblock_begins_and_ends_at_its_moments() -> None:
    made = policy(unblocks=(unblock(30, since=10),))

    assert decide(made, "games.example", after(10) - 0.01).action is Action.BLOCK
    assert decide(made, "games.example", after(10)).action is Action.ALLOW
    assert decide(made, "games.example", after(30) - 0.01).action is Action.ALLOW
    assert decide(made, "games.example", after(30)).action is Action.BLOCK


def test_a_refusal_before_an_unblock_begins_lasts_no_longer_than_until_then() -> None:
    made = policy(unblocks=(unblock(30, since=10),))

    assert decide(made, "games.example").until == after(10)
    assert decide(made, "bets.example").until is None


def test_of_overlapping_unblocks_the_one_that_lasts_longest_counts_and_the_end_of_the_other_changes_nothing() -> (
    None
):
    part, host = "part.games.example", "www.part.games.example"
    made = policy(unblocks=(unblock(20, part), unblock(50, host), unblock(40, "games.example")))

    assert decide(made, host).until == after(50)
    assert decide(made, part).until == after(40)
    assert decide(made, part, after(25)).action is Action.ALLOW
    assert decide(made, part, after(45)).action is Action.BLOCK
    assert decide(made, host, after(45)).action is Action.ALLOW


def test_an_unblock_is_for_its_groups() -> None:
    made = policy(unblocks=(unblock(30, "bets.example", groups=("staff",)),))

    assert decide(made, "bets.example", address=TEACHER).action is Action.ALLOW
    assert decide(made, "bets.example", address=PUPIL).action is Action.BLOCK


def test_nothing_is_open_for_a_time_while_nobody_knows_the_time() -> None:
    made = CompiledPolicy(document(unblocks=(unblock(30),)), LISTS, clock_trusted=lambda: False)
    verdict = decide(made, "games.example")

    assert (verdict.action, verdict.until) == (Action.BLOCK, NOW + 5)


def lesson(until: float, *sites: str, **fields: Any) -> Lesson:
    return Lesson(id=f"lesson-{until}", sites=sites, until=minutes(until), **fields)


def test_lesson_mode_leaves_only_the_lessons_sites_and_what_they_need() -> None:
    made = CompiledPolicy(
        document(lessons=(lesson(40, "video.example", also=("quiz.example",)),)), LISTS, needed_names=needed_names
    )

    for name in ("video.example", "www.video.example", "a.streams.example", "quiz.example"):
        assert decide(made, name).action is Action.ALLOW
    outside = decide(made, "free.example")
    assert (outside.action, outside.step, outside.until) == (Action.BLOCK, Step.LESSON, after(40))
    assert decide(made, "free.example", after(40)).action is Action.ALLOW


def test_lesson_mode_opens_nothing_that_is_closed() -> None:
    made = policy(lessons=(lesson(40, "games.example"),))

    assert decide(made, "games.example").step is Step.LIST


def test_two_lessons_of_one_group_leave_the_sites_of_both() -> None:
    made = policy(lessons=(lesson(40, "maths.example"), lesson(20, "history.example")))

    assert decide(made, "maths.example").action is Action.ALLOW
    assert decide(made, "history.example").action is Action.ALLOW
    assert decide(made, "history.example", after(30)).action is Action.BLOCK
    assert decide(made, "maths.example").until == after(20)  # by then the other lesson has ended


def test_a_lesson_for_pupils_leaves_staff_alone() -> None:
    made = policy(lessons=(lesson(40, "maths.example", groups=("pupils",)),))

    assert decide(made, "free.example", address=TEACHER).action is Action.ALLOW


def test_a_pause_leaves_nothing_but_the_appliance() -> None:
    made = policy(pauses=(Pause(id="p", until=minutes(5)),), appliance_names=("central.example",))

    assert decide(made, "free.example").step is Step.PAUSED
    assert decide(made, "central.example").action is Action.ALLOW
    assert decide(made, "free.example").until == after(5)
    assert decide(made, "free.example", after(5)).action is Action.ALLOW


def test_a_suspension_is_for_one_device_and_a_time() -> None:
    made = policy(suspensions=(Suspension(id="s", device=PUPIL, since=minutes(1), until=minutes(5)),))

    assert decide(made, "free.example").action is Action.ALLOW
    assert decide(made, "free.example").until == after(1)
    assert decide(made, "free.example", after(2)).step is Step.SUSPENDED
    assert decide(made, "free.example", after(2), "192.0.2.11").action is Action.ALLOW
    assert decide(made, "free.example", after(5)).action is Action.ALLOW


@pytest.mark.parametrize("trusted", [True, False])
def test_a_clock_that_nobody_trusts_cannot_put_off_a_pause_that_may_have_begun(trusted: bool) -> None:
    made = CompiledPolicy(
        document(pauses=(Pause(id="p", since=minutes(10), until=minutes(20)),)),
        LISTS,
        clock_trusted=lambda: trusted,
    )

    assert (decide(made, "free.example").step is Step.PAUSED) is not trusted
    assert decide(made, "free.example", after(25)).action is Action.ALLOW


@pytest.mark.parametrize(("issued", "step"), [(0.5, Step.UNBLOCK), (0.2, Step.LIST)])
def test_what_had_begun_when_the_document_was_made_has_begun_by_a_clock_that_is_behind(
    issued: float, step: Step
) -> None:
    made = policy(unblocks=(unblock(30, since=0.3),), issued=minutes(issued))

    assert decide(made, "games.example").step is step
