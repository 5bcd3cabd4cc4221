"""Signatures and proofs: whole for who sets DO (RFC 3225), none for who does not, whatever an upstream sends.

They are bytes of no meaning here, as they are to the resolver, which validates nothing.
"""

from typing import TypeAlias

import dnslib
import pytest

from dns.cache import MessageCache
from dns.message.constants import RecordType
from dns.message.header import AD
from dns.message.wire_names import name_to_wire
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest

NAME = "www.example.org"
SOA = "example.org. 600 SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 60"
PROOFS = frozenset({RecordType.RRSIG, RecordType.NSEC, RecordType.NSEC3, RecordType.DS, RecordType.DNSKEY})
NEXT = name_to_wire("zzz.example.org") + b"\0\7\x22\1\x80\0\0\x02\x90"
NSEC3_DATA = b"\1\0\0\0\0\x14" + b"h" * 20 + b"\0\1\x40"
DS_DATA = bytes.fromhex("1234 0d02") + b"d" * 32
KEY_DATA = b"\1\1\3\x0d" + b"k" * 64

Line: TypeAlias = "str | dnslib.RR"


def signature(covered: int, owner: str = NAME, ttl: int = 300) -> dnslib.RR:
    fixed = covered.to_bytes(2, "big") + bytes.fromhex("0d03 0000012c 6a000000 69000000 1234")
    return dnslib.RR(
        owner, RecordType.RRSIG, ttl=ttl, rdata=dnslib.RD(fixed + name_to_wire("example.org") + b"s" * 64)
    )


def proof(owner: str = "example.org", ttl: int = 300) -> dnslib.RR:
    return dnslib.RR(owner, RecordType.NSEC, ttl=ttl, rdata=dnslib.RD(NEXT))


def hashed(owner: str = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.org", ttl: int = 300) -> dnslib.RR:
    return dnslib.RR(owner, RecordType.NSEC3, ttl=ttl, rdata=dnslib.RD(NSEC3_DATA))


def room_with(
    *answer: Line, authority: tuple[Line, ...] = (), rcode: int = 0, policy: FakePolicy | None = None
) -> InTest:
    """Return a room whose upstream says this of `NAME`, and of every other name what the fake says."""
    room = InTest(policy)

    def change(message: dnslib.DNSRecord) -> None:
        if str(message.q.qname).lower() != f"{NAME}.":
            return
        message.header.ad = 1
        message.header.rcode = rcode
        message.rr.clear()
        message.auth.clear()
        for line in answer:
            message.add_answer(*_records(line))
        for line in authority:
            message.add_auth(*_records(line))

    room.upstream.change = change
    return room


def _records(line: Line) -> list[dnslib.RR]:
    return list(dnslib.RR.fromZone(line)) if isinstance(line, str) else [line]


def shapes(records: list[dnslib.RR]) -> list[tuple[str, int, bytes]]:
    """Return owner, type and data of records."""
    found = []
    for record in records:
        buffer = dnslib.DNSBuffer()
        record.rdata.pack(buffer)
        found.append((str(record.rname).removesuffix("."), record.rtype, bytes(buffer.data)))
    return found


def types(records: list[dnslib.RR]) -> list[int]:
    return [record.rtype for record in records]


NEGATIVE = (SOA, signature(RecordType.SOA, "example.org"), proof(), signature(RecordType.NSEC, "example.org"))
HASHED = (signature(RecordType.SOA, "example.org"), hashed(), signature(RecordType.NSEC3, "example.org"), SOA)
ANSWERS = {
    "signed": ((f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A)), (), 0),
    "the signature first": (
        (signature(RecordType.A), f"{NAME}. 300 A 192.0.2.7", f"{NAME}. 300 A 192.0.2.8"),
        (),
        0,
    ),
    "an alias": (
        (
            f"{NAME}. 300 CNAME host.example.org.",
            signature(RecordType.CNAME),
            "host.example.org. 300 A 192.0.2.7",
            signature(RecordType.A, "host.example.org"),
        ),
        (),
        0,
    ),
    "by a wildcard": (
        (f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A)),
        (
            "example.org. 300 NS ns.example.org.",
            signature(RecordType.NS, "example.org"),
            proof(),
            signature(RecordType.NSEC, "example.org"),
        ),
        0,
    ),
    "no such name": ((), NEGATIVE, 3),
    "no such type": ((), NEGATIVE, 0),
    "no such name, hashed": ((), HASHED, 3),
    "an alias of nothing": (
        (f"{NAME}. 300 CNAME host.example.org.", signature(RecordType.CNAME)),
        NEGATIVE,
        3,
    ),
    "no such type beside servers": (
        (),
        (SOA, "example.org. 300 NS ns.example.org.", signature(RecordType.NS, "example.org"), proof()),
        0,
    ),
    "an unsigned delegation": (
        (),
        (
            SOA,
            dnslib.RR("example.org", RecordType.DS, ttl=300, rdata=dnslib.RD(DS_DATA)),
            signature(RecordType.DS, "example.org"),
        ),
        0,
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("edns", [None, b""], ids=["no EDNS", "EDNS"])
def test_rfc4035_3_2_1_who_does_not_set_do_gets_no_signatures_and_no_proofs(case: str, edns: bytes | None) -> None:
    answer, authority, rcode = ANSWERS[case]
    room = room_with(*answer, authority=authority, rcode=rcode)

    for _ in range(3):  # from the upstream, from memory, from the answers that are ready
        reply = room.ask("wWw.Example.ORG", edns=edns)
        assert reply.header.rcode == rcode
        assert PROOFS.isdisjoint({*types(reply.rr), *types(reply.auth)})
        for given, found in ((answer, reply.rr), (authority if rcode or not answer else (), reply.auth)):
            wanted = [record for line in given for record in _records(line) if record.rtype not in PROOFS]
            assert [one[1:] for one in shapes(found)] == [one[1:] for one in shapes(wanted)]
    assert len(room.upstream.asked) == 1  # what there is none of is remembered as ever: its reason is still there


@pytest.mark.parametrize("case", ANSWERS)
def test_rfc4035_3_1_who_sets_do_gets_them_whole(case: str) -> None:
    answer, authority, rcode = ANSWERS[case]
    room = room_with(*answer, authority=authority, rcode=rcode)

    for _ in range(3):
        reply = room.ask(NAME, dnssec=True)
        assert shapes(reply.rr) == shapes([record for line in answer for record in _records(line)])
        assert shapes(reply.auth) == shapes([record for line in authority for record in _records(line)])
        assert reply.header.ad == 1


def test_rfc4035_3_2_1_each_gets_its_own_whoever_asked_before() -> None:
    room = room_with(f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A))

    for dnssec in (True, False, True, False):
        assert types(room.ask(NAME, dnssec=dnssec).rr) == (
            [RecordType.A, RecordType.RRSIG] if dnssec else [RecordType.A]
        )


@pytest.mark.parametrize(
    ("qtype", "records"),
    [
        ("RRSIG", (signature(RecordType.A), signature(RecordType.AAAA))),
        ("NSEC", (proof(NAME),)),
        ("DS", (dnslib.RR(NAME, RecordType.DS, ttl=300, rdata=dnslib.RD(DS_DATA)),)),
        ("DNSKEY", (dnslib.RR(NAME, RecordType.DNSKEY, ttl=300, rdata=dnslib.RD(KEY_DATA)),)),
    ],
)
@pytest.mark.parametrize("dnssec", [False, True])
def test_rfc4035_3_2_1_a_type_that_is_asked_for_is_never_left_out(
    qtype: str, records: tuple[dnslib.RR, ...], dnssec: bool
) -> None:
    beside = () if qtype == "RRSIG" else (signature(getattr(RecordType, qtype)),)
    reply = room_with(*records, *beside).ask(NAME, qtype, dnssec=dnssec)

    assert shapes(reply.rr) == shapes([*records, *(beside if dnssec else ())])


def test_rfc4035_3_2_2_who_checks_by_itself_gets_them_only_with_do_either() -> None:
    room = room_with(f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A))

    assert types(room.ask(NAME, flags=0x10).rr) == [RecordType.A]
    assert types(room.ask(NAME, flags=0x10, dnssec=True).rr) == [RecordType.A, RecordType.RRSIG]


def test_rfc6840_5_7_who_asks_whether_it_was_verified_is_told_so_without_signatures() -> None:
    reply = room_with(f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A)).ask(NAME, flags=AD)

    assert (reply.header.ad, types(reply.rr)) == (1, [RecordType.A])


def test_signatures_alone_are_no_answer_to_another_question() -> None:
    room = room_with(signature(RecordType.A))

    for dnssec in (False, True):
        assert room.ask(NAME, dnssec=dnssec).header.rcode == 2


def test_rfc4035_4_5_an_answer_ends_with_the_first_of_its_records_and_proofs() -> None:
    """With a proof that is missing or over, a validator can make nothing of the rest."""
    shorter = (proof(ttl=20), signature(RecordType.NSEC, "example.org", ttl=20))
    for answer, authority in (
        ((f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A, ttl=20)), ()),
        ((f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A)), shorter),
        ((), (SOA, signature(RecordType.SOA, "example.org"), *shorter)),
    ):
        room = room_with(*answer, authority=authority)
        room.ask(NAME, dnssec=True)
        room.clock.now += 19
        reply = room.ask(NAME, dnssec=True)
        assert min(record.ttl for record in (*reply.rr, *reply.auth)) == 1
        assert len(room.upstream.asked) == 1
        room.clock.now += 2
        reply = room.ask(NAME, dnssec=True)
        assert min(record.ttl for record in (*reply.rr, *reply.auth)) == 20
        assert len(room.upstream.asked) == 2


def test_a_signature_goes_with_the_records_that_it_signs() -> None:
    room = room_with(
        f"{NAME}. 300 A 192.0.2.7",
        signature(RecordType.A),
        f"{NAME}. 300 TXT odd",
        signature(RecordType.TXT),
        "other.example.net. 300 A 198.51.100.66",
        signature(RecordType.A, "other.example.net"),
        signature(RecordType.AAAA),
    )

    assert shapes(room.ask(NAME, dnssec=True).rr) == shapes(
        [*_records(f"{NAME}. 300 A 192.0.2.7"), signature(RecordType.A)]
    )


def test_a_record_that_is_changed_here_loses_its_signature() -> None:
    policy = FakePolicy()
    policy.shared.strip_ech = True
    service = f"{NAME}. 60 IN HTTPS 1 . alpn=h2 echconfig=AAAAAQ== ipv4hint=192.0.2.3"
    room = room_with(service, signature(RecordType.HTTPS), policy=policy)

    for _ in range(2):
        reply = room.ask(NAME, "HTTPS", dnssec=True)
        assert (types(reply.rr), reply.header.ad) == ([RecordType.HTTPS], 0)
    unchanged = room_with(service.replace("echconfig=AAAAAQ== ", ""), signature(RecordType.HTTPS), policy=policy)
    assert types(unchanged.ask(NAME, "HTTPS", dnssec=True).rr) == [RecordType.HTTPS, RecordType.RRSIG]


def test_rfc4035_3_1_the_records_of_a_safe_name_come_with_theirs() -> None:
    policy = FakePolicy(rewritten={"search.example": NAME})
    room = room_with(f"{NAME}. 300 A 192.0.2.7", signature(RecordType.A), policy=policy)

    signed = room.ask("search.example", dnssec=True)
    assert (types(signed.rr), signed.header.ad) == ([RecordType.CNAME, RecordType.A, RecordType.RRSIG], 0)
    assert types(room.ask("search.example").rr) == [RecordType.CNAME, RecordType.A]


def test_what_is_remembered_without_do_is_small() -> None:
    message = dnslib.DNSRecord.question(NAME).reply(ra=1)
    for record in (*_records(f"{NAME}. 300 A 192.0.2.7"), signature(RecordType.A)):
        message.add_answer(record)
    packed = bytes(message.pack())
    plain = MessageCache().put((NAME, RecordType.A, 0), packed, 0.0)

    assert plain is not None
    assert len(plain.message) == len(packed) - len(signature(RecordType.A).rdata.data) - 12
    assert len(plain.ttl_offsets) == 1
