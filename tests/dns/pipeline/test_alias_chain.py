"""Aliases whose target a server does not give: followed to their end, decided at every name, never in circles."""

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.cache import MessageCache
from dns.local_zones.local_zones import LocalZones
from dns.local_zones.zone_records import LocalRecord
from dns.message.constants import Rcode
from dns.pipeline.alias_chain import MAX_ALIASES, dangling_target
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest, extended_errors


def alias(room: InTest, name: str, target: str, qtype: str = "A") -> None:
    room.upstream.records[name, qtype] = [f"{name} 300 IN CNAME {target}"]


def texts(answer: dnslib.DNSRecord) -> list[tuple[str, str]]:
    return [(str(record.rname).lower(), str(record.rdata).lower()) for record in answer.rr]


def test_rfc1034_5_3_3_an_alias_whose_target_is_not_given_is_followed() -> None:
    room = InTest()
    alias(room, "files.school.example", "server.school.example")
    alias(room, "server.school.example", "host.example.org")
    for _ in range(3):
        assert texts(room.ask("Files.School.Example")) == [
            ("files.school.example.", "server.school.example."),
            ("server.school.example.", "host.example.org."),
            ("host.example.org.", "192.0.2.1"),
        ]
    assert [name for name, _ in room.upstream.asked] == [
        "files.school.example",
        "server.school.example",
        "host.example.org",
    ]
    assert texts(room.ask("server.school.example"))[0] == ("server.school.example.", "host.example.org.")


def test_what_is_remembered_of_a_target_is_used() -> None:
    room = InTest()
    room.ask("host.example.org")
    room.clock.now += 100
    alias(room, "files.school.example", "host.example.org")
    answer = room.ask("files.school.example")
    assert [(str(record.rdata), record.ttl) for record in answer.rr] == [
        ("host.example.org.", 300),
        ("192.0.2.1", 200),
    ]
    assert len(room.upstream.asked) == 2


@pytest.mark.parametrize(
    ("target", "rcode", "found"),
    [
        ("secret.onion", Rcode.NXDOMAIN, []),  # RFC 7686
        ("nas.local", Rcode.NXDOMAIN, []),  # RFC 6762, section 22.1
        ("4.3.168.192.in-addr.arpa", Rcode.NXDOMAIN, []),  # RFC 6303
        ("localhost", Rcode.NOERROR, ["127.0.0.1"]),
        ("printer.school.example", Rcode.NOERROR, ["192.0.2.44"]),
        ("www.school.example", Rcode.NOERROR, ["host.example.org.", "192.0.2.1"]),
    ],
)
def test_a_target_that_is_answered_here_is_asked_of_nobody(target: str, rcode: Rcode, found: list[str]) -> None:
    records = (
        LocalRecord(name="printer.school.example", type="A", value="192.0.2.44"),
        LocalRecord(name="www.school.example", type="CNAME", value="host.example.org"),
    )
    room = InTest(local_zones=LocalZones(records))
    alias(room, "files.forwarded.example", target)
    for _ in range(2):
        answer = room.ask("files.forwarded.example")
        assert answer.header.rcode == rcode
        assert [data for _, data in texts(answer)] == [f"{target}.", *found]
    assert {name for name, _ in room.upstream.asked} <= {"files.forwarded.example", "host.example.org"}


def test_a_target_that_does_not_exist_is_said_not_to() -> None:
    room = InTest()
    alias(room, "files.school.example", "gone.school.example")
    room.upstream.records["gone.school.example", "A"] = []
    answer = room.ask("files.school.example")
    assert texts(answer) == [("files.school.example.", "gone.school.example.")]
    assert answer.auth


def test_rfc2308_2_2_an_alias_that_leads_to_nothing_by_the_servers_own_word_is_not_followed() -> None:
    room = InTest()
    soa = "example. 600 IN SOA ns.example. x.example. 1 2 3 4 60"
    alias(room, "files.school.example", "host.example.org")
    room.upstream.change = lambda message: message.add_auth(*dnslib.RR.fromZone(soa))
    room.ask("files.school.example")
    assert len(room.upstream.asked) == 1


@pytest.mark.parametrize(
    "names", [["a.example"], ["a.example", "b.example"], ["a.example", "b.example", "c.example"]]
)
def test_aliases_that_lead_in_a_circle_are_a_failure(names: list[str]) -> None:
    room = InTest()
    for name, target in zip(names, [*names[1:], names[0]], strict=True):
        alias(room, name, target)
    answer = room.ask(names[0])
    assert answer.header.rcode == Rcode.SERVFAIL
    assert extended_errors(answer) == [(0, "aliases that lead in a circle")]
    assert len(room.upstream.asked) == len(names)


def test_a_way_of_too_many_aliases_is_a_failure_and_the_servers_are_spared() -> None:
    room = InTest()
    for n in range(40):
        alias(room, f"n{n}.example", f"n{n + 1}.example")
    answer = room.ask("n0.example")
    assert answer.header.rcode == Rcode.SERVFAIL
    assert extended_errors(answer) == [(0, "too many aliases")]
    assert len(room.upstream.asked) == MAX_ALIASES + 1


def test_a_way_of_eight_aliases_is_followed_to_its_end() -> None:
    room = InTest()
    for n in range(MAX_ALIASES):
        alias(room, f"n{n}.example", f"n{n + 1}.example")
    assert texts(room.ask("n0.example"))[-1] == (f"n{MAX_ALIASES}.example.", "192.0.2.1")


def test_a_name_on_the_way_that_is_closed_closes_the_asked_one() -> None:
    policy = FakePolicy()
    policy.blocked.add("closed.example")
    room = InTest(policy)
    alias(room, "free.example", "hop.example")
    alias(room, "hop.example", "closed.example")
    answer = room.ask("free.example")
    assert [str(record.rdata) for record in answer.rr] == ["0.0.0.0"]


def test_a_target_that_its_server_keeps_closed_closes_the_asked_name() -> None:
    room = InTest()
    alias(room, "free.example", "hop.example")
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\x06\0\x0f\0\x02\0\x10"
    room.upstream.raw = lambda message: (
        message
        if b"\4free" in message.lower()[:20]
        else message[:11] + bytes((message[11] + 1,)) + message[12:] + opt
    )
    answer = room.ask("free.example")
    assert extended_errors(answer) == [(16, "upstream")]


def test_a_target_for_which_nobody_answers_is_a_failure_that_says_so() -> None:
    room = InTest()
    alias(room, "free.example", "hop.example")
    answered = room.upstream.answer

    def answer_first(query: bytes) -> bytes:
        room.upstream.silent = True
        return answered(query)

    room.upstream.answer = answer_first  # type: ignore[method-assign]  # silent from the second question on
    answer = room.ask("free.example")
    assert answer.header.rcode == Rcode.SERVFAIL
    assert extended_errors(answer) == [(0, "no upstream answered for an alias's target")]


@given(st.binary(max_size=120))
def test_no_bytes_whatever_do_harm(noise: bytes) -> None:
    question = bytes(dnslib.DNSRecord.question("free.example").pack())
    key = ("free.example", 1, 0)
    message = question[:2] + b"\x81\x80" + question[4:6] + b"\0\2\0\0\0\0" + question[12:] + noise
    cached = MessageCache().put(key, message, 0.0)
    if cached is not None:
        target = dangling_target(key, cached)
        assert target is None or cached.records
