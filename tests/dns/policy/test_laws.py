"""What holds for every policy, whatever is in it."""

from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dns.packet_cache import CachedResponse, PacketCache
from dns.policy.document import PolicyDocument, Unblock
from dns.policy.verdict import Action, Step
from dns.querylog.records import LogEntry
from tests.fakes.policies import NOW, PUPIL, TEACHER
from tests.fakes.policy_strategies import (
    LOCKED_NAMES,
    UNIVERSE,
    compiled,
    documents,
    everything,
    names,
    times,
    unblocks,
)


@given(documents(), st.lists(times, min_size=1, max_size=3))
def test_no_sequence_of_unblocks_rules_lessons_and_timetables_opens_a_locked_name(
    made: PolicyDocument, moments: list[float]
) -> None:
    policy = compiled(made)
    for now in moments:
        for address in (PUPIL, TEACHER):
            for name in LOCKED_NAMES:
                verdict = policy.view(address).decide(name, 1, now)
                assert (verdict.action, verdict.step) == (Action.BLOCK, Step.LOCKED)


@given(documents(), st.lists(times, min_size=1, max_size=3))
def test_what_is_said_at_once_of_a_name_nobody_knows_is_what_the_steps_would_say(
    made: PolicyDocument, moments: list[float]
) -> None:
    policy = compiled(made)
    for now in moments:
        for (address, name, qtype), verdict in everything(policy, now).items():
            assert verdict == policy.view(address).decide_by_steps(name, qtype, now)


@given(documents(), unblocks, times)
def test_removing_an_unblock_restores_exactly_the_state_before(
    made: PolicyDocument, extra: Unblock, now: float
) -> None:
    with_it = msgspec.structs.replace(made, unblocks=(*made.unblocks, extra))
    without = msgspec.structs.replace(with_it, unblocks=tuple(u for u in with_it.unblocks if u.id != extra.id))

    assert everything(compiled(without), now) == everything(compiled(made), now)


@given(documents(), documents(), times)
def test_whatever_differs_between_two_policies_is_among_the_names_changed(
    old: PolicyDocument, new: PolicyDocument, now: float
) -> None:
    # Often only names differ, as in daily life: then the answer must be names and not "everything".
    nearly = msgspec.structs.replace(old, rules=new.rules, unblocks=new.unblocks)
    for made in (new, nearly):
        before, after = compiled(old), compiled(made)
        changed = after.names_changed_since(before)
        assert changed is not None or made is not nearly
        if changed is not None:
            for (address, name, qtype), verdict in everything(after, now).items():
                if verdict != before.view(address).decide(name, qtype, now):
                    assert any(name == one or name.endswith("." + one) for one in changed)


@given(documents(), times, times)
def test_a_verdict_holds_until_it_says(made: PolicyDocument, first: float, second: float) -> None:
    policy = compiled(made)
    now, later = sorted((first, second))
    for (address, name, qtype), verdict in everything(policy, now).items():
        if verdict.until is None or later < verdict.until:
            found = policy.view(address).decide(name, qtype, later)
            assert (found.action, found.step, found.entry) == (verdict.action, verdict.step, verdict.entry)
            assert verdict.until is None or verdict.until > now


@given(documents(), times, times)
def test_nothing_changes_by_time_before_the_policy_says(made: PolicyDocument, first: float, second: float) -> None:
    policy = compiled(made)
    now, later = sorted((first, second))
    change = policy.next_change(now)
    if change is None or later < change:
        # Fresh policies, so that nothing remembered helps.
        assert everything(compiled(made), now) == everything(compiled(made), later)


@given(documents(), st.lists(times, min_size=2, max_size=5))
def test_a_clock_that_jumps_in_both_directions_leaves_nothing_behind(
    made: PolicyDocument, moments: list[float]
) -> None:
    jumped = compiled(made)
    for now in moments:
        assert everything(jumped, now) == everything(compiled(made), now)


@given(documents(), times, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_case_trailing_dot_or_order_of_entries(
    made: PolicyDocument, now: float, chance: Random
) -> None:
    def restyled(name: str) -> str:
        cased = "".join(chance.choice((letter.upper(), letter)) for letter in name)
        return cased + chance.choice(("", "."))

    rewritten = [msgspec.structs.replace(rule, name=restyled(rule.name)) for rule in made.rules]
    chance.shuffle(rewritten)
    unblocks = [msgspec.structs.replace(one, site=restyled(one.site)) for one in made.unblocks]
    chance.shuffle(unblocks)
    other = msgspec.structs.replace(made, rules=tuple(rewritten), unblocks=tuple(unblocks))

    for asked, verdict in everything(compiled(made), now).items():
        address, name, qtype = asked
        found = compiled(other).view(address).decide(name, qtype, now)
        assert (found.action, found.step, found.until, found.target) == (
            verdict.action,
            verdict.step,
            verdict.until,
            verdict.target,
        )


@given(documents(), names, times)
def test_an_explicit_unblock_is_never_weakened_by_where_the_answer_leads(
    made: PolicyDocument, asked: str, now: float
) -> None:
    view = compiled(made).view(PUPIL)
    verdict = view.decide(asked, 1, now)
    if verdict.step is Step.UNBLOCK:
        for hop in UNIVERSE:
            met = view.inspect_name(hop, 1, verdict, now)
            assert (met.action is Action.BLOCK) == (hop in LOCKED_NAMES)


@given(documents(), st.sampled_from(LOCKED_NAMES), names, times)
def test_no_answer_that_leads_to_a_locked_name_is_given(
    made: PolicyDocument, hop: str, asked: str, now: float
) -> None:
    view = compiled(made).view(PUPIL)

    assert view.inspect_name(hop, 1, view.decide(asked, 1, now), now).action is Action.BLOCK


@given(documents())
def test_a_document_survives_its_journey_as_json(made: PolicyDocument) -> None:
    assert msgspec.json.decode(msgspec.json.encode(made), type=PolicyDocument) == made


@given(documents(), documents(), times)
def test_no_finished_answer_outlives_a_policy_that_decides_otherwise(
    old: PolicyDocument, new: PolicyDocument, now: float
) -> None:
    nearly = msgspec.structs.replace(old, rules=new.rules, unblocks=new.unblocks)
    for made in (new, nearly):
        before, after = compiled(old), compiled(made)
        replay = PacketCache()
        for address in (PUPIL, TEACHER):
            replay.current_responses(before.view(address))
        for (address, name, qtype), verdict in everything(before, now).items():
            finished = CachedResponse(
                repr(verdict).encode(), LogEntry("", name, qtype, ""), (name,), expires_at=NOW + 10**6
            )
            replay.store_response(before.view(address), f"{name} {qtype}".encode(), finished)
        replay.begin_policy_change(after.names_changed_since(before))
        for address in (PUPIL, TEACHER):
            replay.current_responses(after.view(address), before.view(address))
        replay.end_policy_change()

        for (address, name, qtype), verdict in everything(after, now).items():
            kept = replay.refresh_response(after.view(address), f"{name} {qtype}".encode(), now)
            assert kept is None or kept.body == repr(verdict).encode()
