"""What other tests leave open of the RFCs that the resolver keeps to; `docs/dns.md` has the whole list."""

import asyncio
import socket
from collections.abc import Iterable

import dnslib
import pytest

from dns.local_zones import private_zones
from dns.local_zones.local_zones import LocalZones
from dns.message.constants import ExtendedErrorCode, Rcode
from dns.message.header import RD
from dns.message.wire_names import name_to_wire
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, answer_bytes, asking, query, run
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest, extended_errors, question
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import ReceivedQuery, Reply

RFC_6303 = (
    # sections 4.1 to 4.6, as they stand there
    "10.in-addr.arpa",
    *(f"{number}.172.in-addr.arpa" for number in range(16, 32)),
    "168.192.in-addr.arpa",
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "0." * 32 + "ip6.arpa",
    "1." + "0." * 31 + "ip6.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
)


def test_rfc6303_4_every_zone_of_the_list_is_served_here() -> None:
    assert set(RFC_6303) <= set(private_zones.EMPTY_ZONES)


def test_rfc1035_4_1_1_without_recursion_desired_no_upstream_is_asked() -> None:
    room = InTest(FakePolicy(blocked={"games.example"}))

    def ask_without_recursion(name: str) -> dnslib.DNSRecord:
        packet = bytearray(question(name))
        packet[2] &= ~RD
        (reply,) = room.send(bytes(packet))
        return dnslib.DNSRecord.parse(reply)

    unknown = ask_without_recursion("www.example.org")
    assert unknown.header.rcode == Rcode.REFUSED
    assert extended_errors(unknown)[0][0] == ExtendedErrorCode.NOT_AUTHORITATIVE
    assert room.upstream.asked == []
    assert addresses(ask_without_recursion("www.games.example")) == ["0.0.0.0"]
    room.ask("www.example.org")
    assert addresses(ask_without_recursion("www.example.org")) == ["192.0.2.1"]
    assert len(room.upstream.asked) == 1


@pytest.mark.parametrize("number", range(64, 128))
def test_rfc7793_so_are_those_of_shared_addresses(number: int) -> None:
    assert f"{number}.100.in-addr.arpa" in private_zones.EMPTY_ZONES


@pytest.mark.parametrize("name", ["a.test", "test", "b.invalid", "c.onion", "d.home.arpa", "e.resolver.arpa"])
@pytest.mark.parametrize("qtype", ["A", "AAAA", "HTTPS", "TXT"])
def test_rfc6761_6_special_names_never_reach_an_upstream(name: str, qtype: str) -> None:
    room = InTest(local_zones=LocalZones())
    reply = room.ask(name, qtype)
    assert reply.header.rcode == (Rcode.NOERROR if name == "test" else Rcode.NXDOMAIN)
    assert room.upstream.asked == []


@pytest.mark.parametrize(("qtype", "address"), [("A", "127.0.0.1"), ("AAAA", "::1")])
def test_rfc6761_6_3_localhost_is_this_machine_whatever_stands_before_it(qtype: str, address: str) -> None:
    room = InTest(local_zones=LocalZones())
    for name in ("localhost", "www.localhost"):
        assert [str(record.rdata) for record in room.ask(name, qtype).rr] == [address]
    assert room.ask("localhost", "MX").rr == []
    assert room.upstream.asked == []


def redirected(room: InTest, target: str) -> None:
    """Have the upstream answer as for a whole tree that is redirected (DNAME)."""

    def change(message: dnslib.DNSRecord) -> None:
        message.rr.clear()
        message.add_answer(dnslib.RR("tree.example", 39, ttl=60, rdata=dnslib.RD(name_to_wire(target))))
        message.add_answer(*dnslib.RR.fromZone(f"www.tree.example. 60 IN CNAME www.{target}."))
        message.add_answer(*dnslib.RR.fromZone(f"www.{target}. 60 IN A 192.0.2.8"))

    room.upstream.change = change


def test_rfc6672_3_1_a_redirected_tree_is_passed_on_as_it_came() -> None:
    room = InTest()
    redirected(room, "fine.example")
    for ttl in (60, 50):
        reply = room.ask("www.tree.example")
        assert [(record.rtype, record.ttl) for record in reply.rr] == [(39, ttl), (5, ttl), (1, ttl)]
        room.clock.now += 10


def test_rfc6672_a_tree_that_is_redirected_into_a_closed_one_is_closed() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    redirected(room, "bets.example")
    reply = room.ask("www.tree.example")
    assert [str(record.rdata) for record in reply.rr] == ["0.0.0.0"]
    assert extended_errors(reply)[0][0] == 15


def test_a_popular_answer_is_renewed_before_it_expires_and_nobody_waits_for_it() -> None:
    room = InTest()
    for _ in range(3):
        room.ask("www.example.org", edns=b"\0\x0a\0\x0812345678")  # with a cookie: along the chain each time
    room.clock.now += 285  # of 300 seconds
    room.upstream.held = []
    assert room.ask("www.example.org").rr[0].ttl == 15  # answered at once, though somebody is being asked
    assert len(room.upstream.asked) == 2
    room.upstream.held[0]()
    assert room.ask("www.example.org").rr[0].ttl == 300


def test_rfc4343_3_1_names_differ_by_their_letters_and_not_by_their_case() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    room.ask("WWW.example.ORG")
    room.ask("www.EXAMPLE.org")
    assert len(room.upstream.asked) == 1
    assert [str(record.rdata) for record in room.ask("WwW.BeTs.eXaMpLe").rr] == ["0.0.0.0"]


def test_rfc7871_11_1_no_client_subnet_is_answered_either() -> None:
    reply = InTest().ask("www.example.org", edns=b"\0\x08\0\7\0\1\x18\0\xc0\0\2")
    assert [option.code for record in reply.ar for option in record.rdata] == []


@pytest.mark.parametrize("opcode", [4, 5])
def test_rfc1996_and_rfc2136_notifications_and_updates_are_not_implemented(opcode: int) -> None:
    asked = bytearray(question("example.org", "SOA", edns=None))
    asked[2] = opcode << 3
    (reply,) = InTest().send(bytes(asked))
    assert (reply[3] & 0x0F, reply[2] >> 3 & 0x0F) == (4, opcode)


def test_rfc6891_6_2_5_how_much_room_there_is_for_an_answer_is_the_askers_to_say() -> None:
    room = InTest()
    room.upstream.records["some.example", "A"] = [f"some.example. 60 IN A 192.0.2.{n}" for n in range(40)]
    assert room.ask("some.example", size=512).header.tc == 1
    assert room.ask("some.example", size=1232).header.tc == 0
    assert room.ask("some.example", size=4096).header.tc == 0


@pytest.mark.parametrize("count", [254, 255, 256, 300])
def test_rfc6891_6_1_1_our_opt_record_stands_alone_however_many_others_the_upstream_sends(count: int) -> None:
    room = InTest()

    def change(message: dnslib.DNSRecord) -> None:
        for number in range(count):
            message.add_ar(*dnslib.RR.fromZone(f"n{number}.example. 60 IN A 192.0.2.1"))

    room.upstream.change = change
    reply = room.ask("www.example.org", transport="tcp")
    assert [record.rtype for record in reply.ar] == [41]


def test_rfc6891_6_1_3_an_unknown_version_gets_badvers_whatever_its_options_are() -> None:
    (reply,) = InTest().send(question("www.example.org", edns=b"\0\x0a\0\xff", version=1))
    parsed = dnslib.DNSRecord.parse(reply)
    assert (parsed.ar[0].ttl >> 24) << 4 | parsed.header.rcode == 16


def from_elsewhere(asked: ReceivedQuery, honest: bytes) -> Iterable[Reply]:
    """Let somebody at another address answer first, who knows id, case and port; then the server itself."""
    if asked.transport == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spoofer:
            spoofer.bind(("127.0.0.7", 0))
            spoofer.sendto(honest.replace(b"\xc0\0\2\1", b"\xc6\x33\x64\x42"), asked.peer)
    return [Reply(honest, 0.05)]


def test_rfc5452_9_1_an_answer_from_another_address_is_never_believed() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for number in range(5):
                assert addresses(await answer(upstreams, f"n{number}.example")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream(behave=from_elsewhere) as server:
        run(story())


@pytest.mark.parametrize("delay", [0.0, 0.1])
def test_rfc5452_whatever_upstreams_do_each_question_has_one_answer(delay: float) -> None:
    """Late, twice, cut, wrong, never: one after the other in one story."""
    behaviours = [
        fake.late(delay),
        fake.twice,
        fake.truncated_over_udp,
        fake.spoofed_before(3),
        fake.in_lower_case,
        fake.garbage(),
        fake.failing(2),
        fake.failing(5),
        fake.honest,
    ]

    async def story() -> None:
        async with asking(server, retry_seconds=0.05) as upstreams:
            for number, behaviour in enumerate(behaviours):
                server.behave = behaviour
                names = [f"n{number}-{one}.example" for one in range(5)]
                asked = [
                    answer_bytes(upstreams, query(name), name) for name in names
                ]  # which fails at a second one
                for data, name in zip(await asyncio.gather(*asked), names, strict=True):
                    assert data is None or data[12:].lower().startswith(query(name)[12:].lower())
            assert addresses(await answer(upstreams, "last.example")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream() as server:
        run(story())


def test_types_of_the_future_are_asked_like_any_other() -> None:
    """RFC 3597, section 2."""
    room = InTest()
    asked = question("www.example.org", edns=None)
    (reply,) = room.send(asked[:-4] + (65280).to_bytes(2, "big") + b"\0\1")
    assert reply[3] & 0x0F == Rcode.NOERROR
    assert room.upstream.asked == [("www.example.org", 65280)]
