"""What an answer leads to: aliases at every hop, addresses, hints; and names that keep devices with the filter."""

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.message.constants import RecordType
from dns.policy.document import BlockedRange, Lesson, Rule, Unblock
from dns.policy.verdict import Action, Step, Verdict
from dns.policy.view import CompiledView
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, after, minutes, policy

A = RecordType.A


def ask(view: CompiledView, name: str) -> Verdict:
    return view.decide(name, A, NOW)


def hop(view: CompiledView, asked: str, *hops: str) -> Verdict:
    verdict = ask(view, asked)
    for name in hops:
        verdict = view.inspect_name(name, A, verdict, NOW)
    return verdict


def address(view: CompiledView, asked: str, text: str) -> Verdict:
    return view.inspect_address(text, asked, ask(view, asked), NOW)


def test_an_alias_that_leads_to_a_listed_name_closes_the_asked_one_at_every_hop() -> None:
    verdict = hop(policy().view(PUPIL), "free.example", "cdn.example", "edge.games.example", "last.example")

    assert (verdict.action, verdict.step, verdict.category) == (Action.BLOCK, Step.INSPECTED, "games")
    assert verdict.entry == "games.example"


@pytest.mark.parametrize(
    ("fields", "led_to"),
    [
        ({"rules": (Rule(name="hop.example", action="block", locked=True),)}, "www.hop.example"),
        ({"rules": (Rule(name="hop.example", action="block"),)}, "www.hop.example"),
        ({"locked_categories": ("pornography",)}, "worst.example"),
        ({}, "games.example"),
        ({}, "guessed.example"),
        ({}, "www.startpage.com"),
        ({}, "doh.dns.apple.com"),
    ],
)
def test_a_hop_is_refused_by_whichever_rule_it_meets(fields: dict[str, Any], led_to: str) -> None:
    keywords = FakeBlocklist({"guessed.example": "games"})
    verdict = hop(policy(keywords=keywords, **fields).view(PUPIL), "free.example", led_to)

    assert (verdict.action, verdict.step) == (Action.BLOCK, Step.INSPECTED)
    assert verdict.entry
    assert verdict.answer == ""


def test_a_hop_that_the_school_allows_is_let_through_though_a_list_has_it() -> None:
    made = policy(rules=(Rule(name="edge.games.example", action="allow"),))

    assert hop(made.view(PUPIL), "free.example", "edge.games.example").action is Action.ALLOW


def test_a_lesson_is_about_the_asked_name_and_not_about_where_it_is_hosted() -> None:
    made = policy(lessons=(Lesson(id="l", sites=("maths.example",), until=minutes(30)),))

    assert hop(made.view(PUPIL), "maths.example", "edge.cdn.example").action is Action.ALLOW


@pytest.mark.parametrize(
    "opening",
    [
        {"unblocks": (Unblock(id="u", site="asked.example", until=minutes(30)),)},
        {"rules": (Rule(name="asked.example", action="allow"),)},
    ],
)
def test_an_explicit_opening_of_the_asked_name_is_not_weakened_by_a_hop_or_a_closed_range(
    opening: dict[str, Any],
) -> None:
    made = policy(**opening, closed_addresses=(BlockedRange(network="203.0.113.0/24"),)).view(PUPIL)

    assert hop(made, "asked.example", "games.example").action is Action.ALLOW
    assert address(made, "asked.example", "203.0.113.9").action is Action.ALLOW


def test_nobody_opens_a_locked_hop() -> None:
    made = policy(
        unblocks=(Unblock(id="u", site="asked.example", until=minutes(30)),), locked_categories=("pornography",)
    )

    assert hop(made.view(PUPIL), "asked.example", "worst.example").action is Action.BLOCK


def test_an_answer_that_leads_through_an_unblocked_name_does_not_outlive_the_unblock() -> None:
    made = policy(unblocks=(Unblock(id="u", site="games.example", until=minutes(30)),))
    verdict = hop(made.view(PUPIL), "free.example", "edge.games.example")

    assert (verdict.action, verdict.step, verdict.until) == (Action.ALLOW, Step.DEFAULT, after(30))


def test_the_safe_name_of_an_engine_is_not_closed_by_a_list() -> None:
    lists = FakeBlocklist({"restrict.youtube.com": "games"})

    assert hop(policy(lists).view(PUPIL), "www.youtube.com", "restrict.youtube.com").action is Action.REWRITE


def test_a_refusal_stays_the_refusal_it_was() -> None:
    view = policy().view(PUPIL)

    assert hop(view, "games.example", "worst.example") == ask(view, "games.example")
    assert address(view, "games.example", "10.0.0.1") == ask(view, "games.example")


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.9",
        "::ffff:203.0.113.9",
        "64:ff9b::203.0.113.9",
        "2002:cb00:7109::1",
        "2600::5efe:203.0.113.9",
        "2001:db8:bad::1",
    ],
)
def test_an_address_in_a_closed_range_closes_the_name(text: str) -> None:
    closed = (
        BlockedRange(network="203.0.113.0/24", category="circumvention"),
        BlockedRange(network="2001:db8:bad::/48", category="circumvention"),
    )
    verdict = address(policy(closed_addresses=closed).view(PUPIL), "free.example", text)

    assert (verdict.action, verdict.step, verdict.category) == (Action.BLOCK, Step.INSPECTED, "circumvention")
    assert verdict.entry in {"203.0.113.0/24", "2001:db8:bad::/48"}


PRIVATE = [
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "169.254.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:192.168.1.1",
    "64:ff9b::10.0.0.1",
    "0.0.0.1",
    "192.0.0.2",
    "192.0.0.170",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::10.0.0.1",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2002:c0a8:101::",
    "2001:0:c000:201:0:0:f5ff:fffe",  # Teredo: its client, 10.0.0.1, with each bit turned round
    "2001:0:a00:1::1",  # and its server
    "2600::5efe:10.0.0.1",
    "2600::200:5efe:192.168.1.1",
    "100::1",
    "2001:2::1",
    "5f00::1",
    "fec0::1",
    "ff02::fb",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_a_public_name_with_a_private_address_is_refused(text: str) -> None:
    verdict = address(policy().view(PUPIL), "rebind.example.com", text)

    assert (verdict.action, verdict.step, verdict.source) == (
        Action.BLOCK,
        Step.INSPECTED,
        "rebinding protection",
    )


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::"])
def test_a_null_address_is_the_upstreams_own_refusal(text: str) -> None:
    verdict = address(policy().view(PUPIL), "site.example.com", text)

    assert (verdict.action, verdict.step) == (Action.BLOCK, Step.UPSTREAM)


@pytest.mark.parametrize(
    "text",
    [
        "64:ff9b::c633:6407",
        "2002:c633:6407::1",
        "192.0.0.9",
        "192.31.196.1",
        "2620:4f:8000::1",
        "2600::5eff:a00:1",
    ],
)
def test_a_wrapped_public_address_and_a_global_one_of_the_registries_pass(text: str) -> None:
    assert address(policy().view(PUPIL), "site.example.com", text).action is Action.ALLOW


@pytest.mark.parametrize("text", ["192.0.0.170", "192.0.0.171", "64:ff9b::c000:aa", "64:ff9b:1::c000:ab"])
def test_rfc8880_how_a_network_translates_is_told_to_who_asks_for_it(text: str) -> None:
    assert address(policy().view(PUPIL), "ipv4only.arpa", text).action is Action.ALLOW


CLOSED_RANGES = ("192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32", "2a02:6b8::/64")


@given(
    st.one_of(
        st.binary(min_size=4, max_size=4),
        st.binary(min_size=16, max_size=16),
        st.builds(
            lambda start, rest: start + rest[: len(rest) - len(start)],
            st.sampled_from([b"\xc0\0\2", b"\xc6\x33\x64", b"\x92\x70\x3d", b"\x5d\x9e\x86"]),
            st.binary(min_size=4, max_size=4),
        ),
        st.builds(
            lambda start, rest: start + rest[len(start) :],
            st.sampled_from([b"\x20\1\x0d\xb8", b"\x2a\2\6\xb8" + bytes(10)]),
            st.binary(min_size=16, max_size=16),
        ),
    )
)
def test_what_passes_by_its_octets_alone_passes_for_every_name_decided_by_default(packed: bytes) -> None:
    ranges = tuple(BlockedRange(network=network, category="malware") for network in CLOSED_RANGES)
    view = policy(closed_addresses=ranges).view(PUPIL)
    verdict = ask(view, "free.example")

    decided = view.inspect_address(str(ip_address(packed)), "free.example", verdict, NOW)

    assert verdict.step is Step.DEFAULT
    if view.passes_address(packed):
        assert decided is verdict


@pytest.mark.parametrize(
    "text", ["192.0.1.1", "172.217.16.1", "100.20.0.1", "198.51.100.8", "9.9.9.9", "2600::1", "2a02:6b8:0:1::1"]
)
def test_an_ordinary_address_beside_closed_ranges_passes_by_its_octets(text: str) -> None:
    ranges = tuple(BlockedRange(network=network, category="malware") for network in CLOSED_RANGES)

    assert policy(closed_addresses=ranges).view(PUPIL).passes_address(ip_address(text).packed)


def test_an_unblock_does_not_open_the_way_into_the_schools_own_network() -> None:
    made = policy(unblocks=(Unblock(id="u", site="rebind.example.com", until=minutes(30)),))

    assert address(made.view(PUPIL), "rebind.example.com", "192.168.1.1").action is Action.BLOCK


@pytest.mark.parametrize(
    "name",
    ["printer", "printer.local", "nas.lan", "box.home.arpa", "wiki.internal", "www.intranet.school.example"],
)
def test_local_names_and_the_schools_own_may_have_private_addresses(name: str) -> None:
    made = policy(private_names=("intranet.school.example",))

    assert address(made.view(PUPIL), name, "192.168.1.1").action is Action.ALLOW


def test_what_the_appliance_needs_may_stand_in_the_schools_network() -> None:
    made = policy(appliance_names=("central.school.example",))

    assert address(made.view(PUPIL), "central.school.example", "10.0.0.2").action is Action.ALLOW


def test_a_reputation_look_up_answers_with_codes_and_not_with_places() -> None:
    assert address(policy().view(PUPIL), "2.0.0.127.zen.spamhaus.org", "127.0.0.2").action is Action.ALLOW


@pytest.mark.parametrize("text", ["198.51.100.7", "2001:db8::7", "no address"])
def test_public_addresses_are_let_through(text: str) -> None:
    assert address(policy().view(PUPIL), "free.example", text).action is Action.ALLOW


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("use-application-dns.net", "nxdomain"),
        ("mask.icloud.com", "nxdomain"),
        ("mask-h2.icloud.com", "nxdomain"),
        ("mask-canary.icloud.com", "nxdomain"),
        ("doh.dns.apple.com", "nxdomain"),
        ("_dns.resolver.arpa", "nodata"),
    ],
)
@pytest.mark.parametrize("qtype", [A, 28, 64, 65])
def test_canary_and_designated_resolver_names_are_answered_in_the_form_that_works(
    name: str, answer: str, qtype: int
) -> None:
    verdict = policy().view_for_group("staff").decide(name, qtype, NOW)

    assert (verdict.action, verdict.step, verdict.answer) == (Action.BLOCK, Step.BYPASS, answer)


@pytest.mark.parametrize(
    ("text", "filter_name"),
    [
        ("146.112.61.106", "Cisco Umbrella"),
        ("::ffff:146.112.61.104", "Cisco Umbrella"),
        ("93.158.134.250", "Yandex.DNS"),
        ("2a02:6b8::b10c:bad", "Yandex.DNS"),
        ("195.46.39.1", "SafeDNS"),
    ],
)
def test_the_page_of_an_upstreams_filter_is_its_refusal_and_no_opening_changes_that(
    text: str, filter_name: str
) -> None:
    unblocks = (Unblock(id="u", site="opened.example", until=minutes(10)),)
    for name in ("free.example", "opened.example"):
        verdict = address(policy(unblocks=unblocks).view(PUPIL), name, text)
        assert (verdict.action, verdict.step, verdict.source) == (Action.BLOCK, Step.UPSTREAM, "upstream")
        assert verdict.entry.startswith(filter_name)


def test_the_neighbours_of_a_filters_page_are_ordinary_addresses() -> None:
    assert address(policy().view(PUPIL), "free.example", "146.112.61.111").action is Action.ALLOW
