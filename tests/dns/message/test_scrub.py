"""What an upstream sends beside the answer reaches nobody (RFC 2181, sections 5.4.1 and 9)."""

import struct
import time

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.cache import DNSSEC_OK, MessageCache
from dns.errors import MalformedMessage
from dns.message.constants import RecordType
from dns.message.scanner import scan_records
from dns.message.scrub import scrub_answer
from dns.message.wire_names import name_to_wire
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import query
from tests.fakes.upstream_behaviours import ReceivedQuery

LIE = bytes((198, 51, 100, 66))
NOW = 1_800_000_000.0
NAME = "www.example.org"
DNAME_TO = "example.org. 300 DNAME {}"  # in hexadecimal: dnslib does not know the type
SOA = "example.org. 300 SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 60"


def message(
    *answer: str, authority: tuple[str, ...] = (), additional: tuple[str, ...] = (), asked: str = NAME
) -> bytes:
    reply = dnslib.DNSRecord.question(asked).reply(ra=1)
    for line in answer:
        reply.add_answer(*dnslib.RR.fromZone(line))
    for line in authority:
        reply.add_auth(*dnslib.RR.fromZone(line))
    for line in additional:
        reply.add_ar(*dnslib.RR.fromZone(line))
    reply.add_ar(dnslib.EDNS0(udp_len=1232))
    return bytes(reply.pack())


def wire(*records: tuple[int, bytes], owner: bytes = b"\xc0\x0c", opt: bytes = b"") -> bytes:
    """Return an answer whose records have these types and data, whatever they are."""
    (reply,) = fake.answering(*records, owner=owner, opt=opt)(ReceivedQuery(query(NAME), "udp", ()), b"")
    return reply.data


def kept(data: bytes, qtype: int = RecordType.A, *, flags: int = 0) -> dnslib.DNSRecord:
    cached = MessageCache().put((NAME, qtype, flags), data, NOW)
    assert cached is not None
    found = dnslib.DNSRecord.parse(cached.message)
    assert len(cached.ttl_offsets) == len(found.rr) + len(found.auth) + len(found.ar)
    return found


def owners(found: dnslib.DNSRecord) -> list[str]:
    return [str(record.rname).rstrip(".") for record in found.rr]


def test_the_additional_section_is_left_out_and_so_is_an_authority_that_only_helps() -> None:
    servers = tuple(f"example.org. 300 NS ns{n}.example.org." for n in range(13))
    glue = tuple(f"ns{n}.example.org. 300 A 192.0.2.{n}" for n in range(13))
    found = kept(message(f"{NAME}. 300 A 192.0.2.7", authority=servers, additional=glue))

    assert (len(found.rr), len(found.auth), len(found.ar)) == (1, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        wire((RecordType.A, LIE), owner=name_to_wire("other.example.net")),
        wire((RecordType.A, LIE), owner=name_to_wire("example.org")),
        wire((RecordType.TXT, b"\3abc")),
        wire((RecordType.A, LIE[:3])),
        wire((RecordType.A, LIE + b".")),
        wire((RecordType.A, b"")),
        wire((RecordType.A, LIE), (RecordType.AAAA, LIE)),
        wire((RecordType.A, LIE), (RecordType.A, LIE * 4), owner=name_to_wire(NAME.upper())),
        wire((RecordType.CNAME, b"\xc0\x2d")),
        wire((RecordType.CNAME, b"\3ww")),
        wire((RecordType.CNAME, b"\1x\0zz")),
        wire((RecordType.CNAME, b"")),
        wire((RecordType.A, LIE), opt=b"\0\0\x29\x04\xd0\x01\0\0\0\0\0"),
    ],
    ids=[
        "records of another name alone",
        "records of the parent alone",
        "records of another type alone",
        "an address of three octets",
        "an address of five octets",
        "an address without octets",
        "an IPv6 address of four octets",
        "an address of sixteen octets under a name that is written out",
        "an alias that points to itself",
        "an alias that is cut off",
        "an alias with more behind it",
        "an alias without octets",
        "RFC 6891, 6.1.3: an error in the OPT record",
    ],
)
def test_what_no_server_could_mean_is_no_answer(data: bytes) -> None:
    """It is passed over: a genuine one may follow, or another server is asked (RFC 5452, section 9.1)."""
    assert MessageCache().put((NAME, RecordType.A, 0), data, NOW) is None


@pytest.mark.parametrize("target", [b"\0", b"\xc0\x0c", b"\1x\xc0\x10", b"\3www\7example\3net\0"])
def test_an_alias_of_any_name_is_one(target: bytes) -> None:
    assert MessageCache().put((NAME, RecordType.A, 0), wire((RecordType.CNAME, target)), NOW) is not None


def test_the_reason_why_there_is_nothing_is_kept() -> None:
    found = kept(message(authority=(SOA,), additional=("ns.example.org. 300 A 192.0.2.1",)))

    assert ([record.rtype for record in found.auth], len(found.ar)) == ([RecordType.SOA], 0)


@pytest.mark.parametrize(
    "beside", [f"{NAME}. 300 A 10.0.0.1", "example.org. 300 TXT odd", "example.org. 300 AAAA fd00::1"]
)
def test_a_reason_with_something_else_beside_it_is_none(beside: str) -> None:
    """Nobody has decided where it leads, and a resolver has no use for it (RFC 2308, section 2)."""
    for authority in ((SOA, beside), (beside, SOA)):
        found = kept(message(authority=authority))
        assert (found.header.rcode, found.auth) == (0, [])


def test_a_reason_that_is_cut_off_is_none() -> None:
    soa = b"\xc0\x0c" + struct.pack("!HHIH", RecordType.SOA, 1, 300, 2) + b"\0\0"
    question = wire()
    cached = MessageCache().put((NAME, RecordType.A, 0), question[:8] + b"\0\1\0\0" + question[12:] + soa, NOW)

    assert cached is not None
    assert cached.message[6:12] == bytes(6)


def test_rfc2308_2_1_the_servers_beside_the_reason_do_no_harm() -> None:
    assert len(kept(message(authority=("example.org. 300 NS ns.example.org.", SOA))).auth) == 2


def test_a_proof_beside_an_answer_is_kept_whole() -> None:
    proof = ("example.org. 300 NS ns.example.org.", "example.org. 300 NSEC zzz.example.org. A NS SOA")
    found = kept(message(f"{NAME}. 300 A 192.0.2.7", authority=proof), flags=DNSSEC_OK)

    assert len(found.auth) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (f"{NAME}. 300 A 192.0.2.7", "other.example.net. 300 A 198.51.100.66"),
        ("other.example.net. 300 A 198.51.100.66", f"{NAME}. 300 A 192.0.2.7"),
        (
            f"{NAME}. 300 A 192.0.2.7",
            "bank.example.net. 300 CNAME evil.example.net.",
            "evil.example.net. 9 A 192.0.2.9",
        ),
        ("example.org. 300 A 198.51.100.66", f"{NAME}. 300 A 192.0.2.7", f"x.{NAME}. 300 A 198.51.100.66"),
    ],
)
def test_records_of_other_owners_are_left_out(answer: tuple[str, ...]) -> None:
    found = kept(message(*answer))

    assert [(owner, str(record.rdata)) for owner, record in zip(owners(found), found.rr, strict=True)] == [
        (NAME, "192.0.2.7")
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (
            f"{NAME}. 300 CNAME a.example.net.",
            "a.example.net. 300 CNAME b.example.com.",
            "b.example.com. 60 A 192.0.2.7",
        ),
        (
            "b.example.com. 60 A 192.0.2.7",
            f"{NAME}. 300 CNAME a.example.net.",
            "a.example.net. 300 CNAME b.example.com.",
        ),
        (
            DNAME_TO.format(name_to_wire("example.net").hex()),
            f"{NAME}. 300 CNAME www.example.net.",
            "www.example.net. 9 A 192.0.2.7",
        ),
    ],
)
def test_aliases_and_what_they_lead_to_are_kept_in_whatever_order(answer: tuple[str, ...]) -> None:
    data = message(*answer)

    assert [bytes(str(one.rdata), "ascii") for one in kept(data).rr] == [
        bytes(str(one.rdata), "ascii") for one in dnslib.DNSRecord.parse(data).rr
    ]


def test_an_owner_that_is_written_out_does_not_show_the_letters_of_our_question() -> None:
    asked = "wWw.eXample.ORG"
    data = message(asked=asked)
    record = b"".join(bytes((len(label),)) + label.encode() for label in asked.split(".")) + b"\0"
    record += b"\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\7"
    end = scan_records(data)[0]
    written_out = data[:6] + b"\0\1\0\0\0\0" + data[12:end] + record

    assert owners(kept(written_out)) == [NAME]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_thousand_aliases_are_no_answer_and_take_no_time(backwards: bool) -> None:
    aliases = [f"c{n}.example.net. 300 CNAME c{n + 1}.example.net." for n in range(1000)]
    lines = [f"{NAME}. 300 CNAME c0.example.net.", *aliases, "c1000.example.net. 300 A 192.0.2.7"]
    data = message(*(reversed(lines) if backwards else lines))
    began = time.process_time()

    assert MessageCache().put((NAME, RecordType.A, 0), data, NOW) is None
    assert time.process_time() - began < 1  # second of the processor; it takes some milliseconds


@pytest.mark.parametrize("count", [20, 32, 1000])
def test_rfc6672_trees_that_are_redirected_over_and_over_take_no_time(count: int) -> None:
    """Each record doubled the names that had been reached: with forty no memory was enough."""
    lines = [DNAME_TO.format(name_to_wire(f"d{number}.org").hex()) for number in range(count)]
    data = message(*(line.replace("example.org.", "org.", 1) for line in lines), f"{NAME}. 300 A 192.0.2.7")
    began = time.process_time()
    MessageCache().put((NAME, RecordType.A, 0), data, NOW)

    assert time.process_time() - began < 1  # second of the processor; with thirty it took years


def test_dname_records_that_lead_in_a_circle_end() -> None:
    kept(message(DNAME_TO.format(name_to_wire("a.example.org").hex()), f"{NAME}. 9 A 192.0.2.7"))


@given(st.data())
def test_whatever_the_bytes_only_malformed_message_is_raised(data: st.DataObject) -> None:
    whole = bytearray(
        message(f"{NAME}. 300 CNAME a.example.net.", "a.example.net. 60 A 192.0.2.7", "x.example. 1 A 192.0.2.8")
    )
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(12, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, answer, _, _ = scan_records(bytes(whole))
        scrub_answer(bytes(whole), NAME, RecordType.A, answer, dnssec=data.draw(st.booleans()))
    except MalformedMessage:
        pass
