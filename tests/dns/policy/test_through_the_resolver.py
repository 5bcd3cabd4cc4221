"""Real policies in a real resolver: what is replayed is what the chain says, whatever changes."""

import struct
from typing import Any

import dnslib
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from dns.policy.document import Lesson, PolicyDocument, Rule, Unblock
from tests.fakes.policies import NOW, PUPIL, TEACHER, document, minutes
from tests.fakes.policy_strategies import UNIVERSE, compiled, documents, rules, unblocks
from tests.fakes.resolvers import InTest, extended_errors, question

NETWORKS = ("192.0.2.0/24", "198.51.100.0/24")
PACKETS = tuple(question(name, qtype) for name in UNIVERSE for qtype in ("A", "AAAA"))


def room(made: PolicyDocument) -> InTest:
    """Return a resolver that follows a document, with an internet of aliases and private addresses around it."""
    policy: Any = compiled(made)
    found = InTest(policy, networks=NETWORKS)
    found.clock.now = NOW
    found.upstream.records["www.open.example", "A"] = [
        "www.open.example. 300 IN CNAME cdn.games.example.",
        "cdn.games.example. 300 IN A 192.0.2.9",
    ]
    found.upstream.records["example", "A"] = ["example. 300 IN A 10.0.0.1"]
    return found


class PolicyInUse(RuleBasedStateMachine):
    """Devices ask while the school decides otherwise and the clock jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.document = document()
        self.room = room(self.document)

    @rule(
        packets=st.lists(st.sampled_from(PACKETS), min_size=4, max_size=12),
        address=st.sampled_from([PUPIL, TEACHER]),
    )
    def a_device_asks(self, packets: list[bytes], address: str) -> None:
        for packet in packets:
            client = self.room.client(address)
            kept = self.room.resolver.packet_cache.refresh_response(client.view, packet[2:], self.room.clock.now)
            body = kept.body if kept is not None else None
            (expected,) = self.room.send(packet, address)
            assert body is None or body == expected[2:], dnslib.DNSRecord.parse(expected)

    @rule(seconds=st.sampled_from([0.5, 5.0, 30.0, 1800.0, 7200.0]))
    def time_passes(self, seconds: float) -> None:
        self.room.clock.now += seconds

    @rule(seconds=st.sampled_from([-7200.0, -60.0, 86400.0]))
    def the_clock_is_set(self, seconds: float) -> None:
        self.room.clock.now += seconds
        self.room.resolver.handle_clock_jump()

    @rule(made=documents())
    def the_whole_policy_changes(self, made: PolicyDocument) -> None:
        self.follow(made)

    @rule(own=st.lists(rules, max_size=3), opened=st.lists(unblocks, max_size=2))
    def some_names_change(self, own: list[Rule], opened: list[Unblock]) -> None:
        fields = {name: getattr(self.document, name) for name in self.document.__struct_fields__}
        self.follow(PolicyDocument(**{**fields, "rules": tuple(own), "unblocks": tuple(opened)}))

    def follow(self, made: PolicyDocument) -> None:
        self.document = made
        policy: Any = compiled(made)
        self.room.resolver.replace_policy(policy)


TestPolicyInUse = PolicyInUse.TestCase
TestPolicyInUse.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def addresses(answer: dnslib.DNSRecord) -> list[str]:
    return [str(record.rdata) for record in answer.rr if record.rtype == dnslib.QTYPE.A]


def test_a_search_engine_is_answered_with_its_safe_names_own_records() -> None:
    school = room(document())
    school.upstream.records["strict.bing.com", "A"] = ["strict.bing.com. 77 IN A 192.0.2.44"]

    answer = school.ask("www.bing.com", address=PUPIL)

    assert [str(record.rdata) for record in answer.rr] == ["strict.bing.com.", "192.0.2.44"]
    assert answer.rr[1].ttl == 77
    assert extended_errors(answer)[0][0] == 4


def test_a_canary_does_not_exist_whatever_a_refusal_looks_like_and_resolver_arpa_has_no_data() -> None:
    school = room(document())

    canary = school.ask("use-application-dns.net", address=PUPIL)
    designated = school.ask("_dns.resolver.arpa", "SVCB", address=PUPIL)
    assert (canary.header.rcode, canary.rr) == (3, [])
    assert (designated.header.rcode, designated.rr) == (0, [])


def test_no_answer_given_under_an_unblock_outlives_it_and_at_its_end_it_is_refused() -> None:
    school = room(document(unblocks=(Unblock(id="u", site="games.example", until=minutes(0.5)),)))

    opened = school.ask("games.example", address=PUPIL)
    school.clock.now += 30
    ended = school.ask("games.example", address=PUPIL)

    assert addresses(opened) == ["192.0.2.1"]
    assert opened.rr[0].ttl <= 30
    assert addresses(ended) == ["0.0.0.0"]
    assert ended.rr[0].ttl <= 10


def test_an_alias_to_a_closed_name_and_a_private_address_are_refused() -> None:
    school = room(document())

    assert addresses(school.ask("www.open.example", address=PUPIL)) == ["0.0.0.0"]
    assert addresses(school.ask("www.open.example", address=TEACHER)) == ["192.0.2.9"]


def test_a_lesson_that_begins_shows_at_once() -> None:
    school = room(document())
    assert addresses(school.ask("open.example", address=PUPIL)) == ["192.0.2.1"]

    policy: Any = compiled(document(lessons=(Lesson(id="l", sites=("maths.example",), until=minutes(40)),)))
    school.resolver.replace_policy(policy)

    assert addresses(school.ask("open.example", address=PUPIL)) == ["0.0.0.0"]
    assert addresses(school.ask("maths.example", address=PUPIL)) == ["192.0.2.1"]


CARRYING = {
    "WKS": (11, b"%s\6\0\0\1", 4),
    "A6": (38, b"\0%s", 16),
    "APL": (42, b"\0\2\x80\x10%s", 16),
    "APL behind others": (42, b"\0\1\x08\x81\x08\0\1\0\0\0\7\1\1x\0\1\x20\4%s", 4),
    "IPSECKEY": (45, b"\x0a\1\2%skey", 4),
    "IPSECKEY over IPv6": (45, b"\x0a\2\2%skey", 16),
    "L32": (105, b"\0\x0a%s", 4),
    "L64": (106, b"\0\x0a%.8b", 16),
    "AMTRELAY": (260, b"\x0a\x81%s", 4),
    "AMTRELAY over IPv6": (260, b"\x0a\2%s", 16),
}


def ask_for_record(school: InTest, rtype: int, data: bytes) -> dnslib.DNSRecord:
    """Ask for a record that the upstream has so."""
    record = b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 300, len(data)) + data
    school.upstream.raw = lambda message: (
        message[:6] + b"\0\1" + bytes(4) + message[12 : message.index(b"\0", 12) + 5] + record
    )
    packet = bytearray(question("open.example", edns=None))
    packet[-4:-2] = rtype.to_bytes(2, "big")
    (reply,) = school.send(bytes(packet), PUPIL)
    return dnslib.DNSRecord.parse(reply)


@pytest.mark.parametrize(("rtype", "form", "size"), CARRYING.values(), ids=CARRYING)
def test_a_private_address_is_refused_whatever_record_carries_it(rtype: int, form: bytes, size: int) -> None:
    private, public = (b"\x0a\1\2\3", b"\x08\x08\4\4") if size == 4 else (b"\xfd" + bytes(15), b"\x26" + bytes(15))

    refused = ask_for_record(room(document()), rtype, form % private)
    given = ask_for_record(room(document()), rtype, form % public)

    assert (refused.header.rcode, refused.rr) == (0, [])
    assert len(given.rr) == 1


@pytest.mark.parametrize("data", [b"\0\1\x20\4\x08", b"\0\1\x20\5\x08\x08\x08\x08\x08", b"\0\1"])
def test_a_list_of_networks_that_cannot_be_read_is_a_failure(data: bytes) -> None:
    assert ask_for_record(room(document()), 42, data).header.rcode == dnslib.RCODE.SERVFAIL
