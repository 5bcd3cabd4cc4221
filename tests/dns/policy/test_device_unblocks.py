"""An unblock for one device opens for that device alone, from its start until its end."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dns.clients import Clients
from dns.packet_cache import PacketCache
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import ONE_DEVICE, Device, PolicyDocument, Rule, Suspension, Unblock
from dns.policy.explain import explain
from dns.policy.verdict import Action, Step, Verdict
from tests.fakes.policies import LISTS, MONDAY_TEN, NOW, PUPIL, TEACHER, after, document, minutes
from tests.fakes.policy_strategies import UNIVERSE, compiled, documents, names, times

OTHER = "192.0.2.11"
MAC, OTHER_MAC = "02:00:5e:00:53:01", "02:00:5e:00:53:02"


def unblock(device: str, until: float = 30, **fields: Any) -> Unblock:
    made = {"id": "1", "site": "games.example", "groups": (ONE_DEVICE,)} | fields
    return Unblock(device=device, until=minutes(until), **made)


def decide(made: CompiledPolicy, address: str, now: float = NOW, name: str = "games.example") -> Verdict:
    return made.view(address).decide(name, 1, now)


def make(*unblocks: Unblock, macs: dict[str, str] | None = None, **fields: Any) -> CompiledPolicy:
    return CompiledPolicy(document(unblocks=unblocks, **fields), LISTS, mac_of=(macs or {}).get)


def test_it_opens_for_the_device_and_for_no_other() -> None:
    made = make(unblock(PUPIL))
    assert decide(made, PUPIL).step is Step.UNBLOCK
    assert decide(made, OTHER).action is Action.BLOCK
    assert made.view_for_group("pupils").decide("games.example", 1, NOW).action is Action.BLOCK


def test_it_opens_at_its_start_and_not_a_moment_before_and_closes_at_its_end() -> None:
    made = make(unblock(PUPIL, since=minutes(10)))
    assert decide(made, PUPIL).until == after(10)
    assert decide(made, PUPIL, after(10) - 0.01).action is Action.BLOCK
    assert (decide(made, PUPIL, after(10)).step, decide(made, PUPIL, after(10)).until) == (Step.UNBLOCK, after(30))
    assert decide(made, PUPIL, after(30)).action is Action.BLOCK


def test_a_device_is_known_by_its_name_its_mac_address_or_its_address() -> None:
    devices = (Device(name="Whiteboard", addresses=(MAC,)),)
    for written in ("whiteboard", MAC, MAC.upper().replace(":", "-")):
        made = make(unblock(written), macs={OTHER: MAC, PUPIL: OTHER_MAC}, devices=devices)
        assert decide(made, OTHER).step is Step.UNBLOCK
        assert decide(made, PUPIL).action is Action.BLOCK


def test_a_rule_for_one_device_closes_for_that_device_alone() -> None:
    """What a room makes of a tunnel (`appliance.room.blocked_tunnels`)."""
    rule = Rule(name="tunnel.example", action="block", device=PUPIL)
    before, made = make(), make(rules=(rule,))

    assert decide(made, PUPIL, name="x.tunnel.example").step is Step.RULE
    assert decide(made, OTHER, name="x.tunnel.example").action is Action.ALLOW
    assert made.view_for_group("pupils").decide("x.tunnel.example", 1, NOW).action is Action.ALLOW
    assert "tunnel.example" in (made.names_changed_since(before) or ())
    assert "tunnel.example" in (before.names_changed_since(made) or ())


def test_a_device_that_nobody_knows_opens_nothing_and_spoils_nothing() -> None:
    other = unblock("", id="2", site="films.example", groups=("pupils",))
    made = make(unblock("token:a1b2c3d4e5f6"), other, macs={PUPIL: "a1:b2:c3:d4:e5:f6"})
    assert decide(made, PUPIL).action is Action.BLOCK
    assert decide(made, PUPIL, name="films.example").step is Step.UNBLOCK


def test_two_with_one_id_are_still_two() -> None:
    made = make(unblock(PUPIL), unblock(OTHER, site="bets.example"))
    assert decide(made, OTHER).action is Action.BLOCK
    assert decide(made, PUPIL, name="bets.example").action is Action.BLOCK
    assert decide(made, OTHER, name="bets.example").step is Step.UNBLOCK


def test_a_suspended_device_stays_suspended_and_what_is_locked_stays_locked() -> None:
    suspension = Suspension(id="s", device=PUPIL, until=minutes(60))
    assert decide(make(unblock(PUPIL), suspensions=(suspension,)), PUPIL).step is Step.SUSPENDED
    assert decide(make(unblock(PUPIL), locked_categories=("games",)), PUPIL).step is Step.LOCKED


def test_without_a_clock_it_opens_nothing() -> None:
    made = CompiledPolicy(document(unblocks=(unblock(PUPIL),)), LISTS, clock_trusted=lambda: False)
    assert decide(made, PUPIL).action is Action.BLOCK


def test_a_version_that_knows_no_such_unblocks_opens_it_for_nobody() -> None:
    as_it_reads_it = Unblock(id="1", site="games.example", until=minutes(30), groups=unblock(PUPIL).groups)
    assert decide(make(as_it_reads_it), PUPIL).action is Action.BLOCK


def test_the_explanation_says_for_whom_it_is() -> None:
    made = make(unblock(PUPIL, by="cora"))
    found = explain(made.view(PUPIL), "games.example", 1, NOW)
    assert next(step.text for step in found.steps if step.wins).endswith("Granted by cora. For this device alone.")


def test_whoever_comes_to_the_address_of_the_device_does_not_find_it_open() -> None:
    macs = {PUPIL: MAC}
    made = CompiledPolicy(document(unblocks=(unblock(MAC),)), LISTS, mac_of=macs.get)
    clients = Clients(("192.0.2.0/24",), 0, made, PacketCache())
    client = clients.lookup_client_by_text(PUPIL)
    assert client is not None
    clients.refresh_views()
    assert client.view.decide("games.example", 1, NOW).step is Step.UNBLOCK
    del macs[PUPIL]  # the network has not heard of it for a while: nobody else is there
    clients.refresh_views()
    assert client.view.decide("games.example", 1, NOW).step is Step.UNBLOCK
    macs[PUPIL] = OTHER_MAC
    clients.refresh_views()
    assert client.view.decide("games.example", 1, NOW).action is Action.BLOCK


def test_a_new_one_changes_only_its_names() -> None:
    before, now = make(), make(unblock(PUPIL))
    changed = now.names_changed_since(before)
    assert changed is not None
    assert "games.example" in changed
    assert "bets.example" not in changed


spans = st.tuples(st.integers(-120, 120), st.integers(-120, 240)).map(
    lambda pair: tuple(MONDAY_TEN + timedelta(minutes=one) for one in pair)
)
extras = st.builds(
    lambda span, **fields: Unblock(since=span[0], until=span[1], **fields),
    spans,
    id=st.just("extra"),
    site=names,
    device=st.sampled_from([PUPIL, TEACHER]),
    groups=st.just((ONE_DEVICE,)),
)


@given(documents(), extras, times)
def test_it_never_changes_anything_for_another_device_nor_outside_its_time(
    made: PolicyDocument, extra: Unblock, now: float
) -> None:
    assert extra.since is not None
    plain = compiled(made)
    opened = compiled(msgspec.structs.replace(made, unblocks=(*made.unblocks, extra)))
    is_active = extra.since.timestamp() <= now < extra.until.timestamp()
    for address in (PUPIL, TEACHER, OTHER):
        if address == extra.device and is_active:
            continue
        for name in UNIVERSE:
            found, expected = (one.view(address).decide(name, 1, now) for one in (opened, plain))
            assert (found.action, found.step, found.entry) == (expected.action, expected.step, expected.entry)
