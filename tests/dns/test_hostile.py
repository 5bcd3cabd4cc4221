"""Bytes that mean harm, from devices and from upstreams: an answer of DNS or silence, never a lost worker."""

import contextlib

import dnslib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.errors import MalformedMessage
from dns.message.parsed_query import Query
from dns.message.query import InvalidQuery, NotAQuery, parse_query
from dns.message.wire_names import labels_to_name, name_from_wire, name_to_wire
from dns.pipeline.context import Transport
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, STRANGER, InTest, question

NAMES = ("example.org", "www.bets.example", "search.example", "a.b.c.d.example")
OPTIONS = (None, b"", b"\0\x0a\0\x0812345678", b"\0\x0c\0\2\0\0", b"\0\x08\0\4\0\1\0\0")

good_questions = st.builds(
    question,
    st.sampled_from(NAMES),
    st.sampled_from(["A", "AAAA", "HTTPS", "ANY", "TXT"]),
    edns=st.sampled_from(OPTIONS),
    size=st.integers(0, 65535),
    dnssec=st.booleans(),
    flags=st.integers(0, 255),
    version=st.integers(0, 2),
)


@st.composite
def damaged(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """A message of which some bytes were changed, cut off, put in or put twice."""
    data = bytearray(draw(messages))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        what = draw(st.sampled_from(["change", "cut", "insert", "pointer", "repeat"]))
        if what == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif what == "cut":
            del data[at:]
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=20))
        elif what == "pointer":
            data[at : at + 2] = bytes((0xC0 | draw(st.integers(0, 63)), draw(st.integers(0, 255))))
        else:
            data += data[at:]
    return bytes(data[:65535])


hostile = st.one_of(st.binary(max_size=600), damaged(good_questions))


def room() -> InTest:
    one = InTest(FakePolicy(blocked={"bets.example"}, rewritten={"search.example": "safe.example"}))
    one.policy.shared.strip_ech = True
    return one


@settings(max_examples=400, deadline=None)
@given(packet=hostile, transport=st.sampled_from(["udp", "tcp", "tls", "https"]), stranger=st.booleans())
def test_whatever_a_device_sends_gets_an_answer_of_dns_or_silence(
    packet: bytes, transport: Transport, *, stranger: bool
) -> None:
    one = room()
    one.resolver._pipeline._fail = fail
    replies = one.send(packet, STRANGER if stranger else PUPIL, transport)
    assert len(replies) <= 1
    for reply in replies:
        assert reply[:2] == packet[:2]
        assert reply[2] & 0x80
        assert len(reply) <= (1232 if transport == "udp" else 65535)
        if stranger:
            assert len(reply) <= len(packet)
        dnslib.DNSHeader.parse(dnslib.DNSBuffer(reply))


@settings(max_examples=400, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES), qtype=st.sampled_from(["A", "HTTPS"]))
def test_whatever_an_upstream_sends_gets_an_answer_of_dns(data: st.DataObject, name: str, qtype: str) -> None:
    one = room()
    one.resolver._pipeline._fail = fail
    one.upstream.records[name, "HTTPS"] = [
        f"{name}. 60 IN HTTPS 1 . alpn=h2 echconfig=AAAAAQ== ipv4hint=192.0.2.3"
    ]
    one.upstream.records[name, "A"] = [f"{name}. 60 IN CNAME b.example.", "b.example. 60 IN A 192.0.2.3"]
    one.upstream.raw = lambda answer: data.draw(damaged(st.just(answer)))
    for _ in range(2):
        (reply,) = one.send(question(name, qtype))
        assert reply[2] & 0x80
        assert len(reply) <= 1232


@settings(max_examples=400, deadline=None)
@given(packet=hostile)
def test_reading_raises_only_its_own_family(packet: bytes) -> None:
    with contextlib.suppress(InvalidQuery, NotAQuery):
        assert isinstance(parse_query(packet), Query)


letters = st.sampled_from(b"abcXYZ019-_")
labels = st.one_of(
    st.lists(letters, min_size=1, max_size=63).map(bytes),
    st.lists(st.one_of(letters, st.integers(0, 255)), min_size=1, max_size=4).map(bytes),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(labels, max_size=6))
def test_a_name_read_in_one_step_is_the_name_read_label_by_label(parts: list[bytes]) -> None:
    name = b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
    packet = b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
    if len(name) > 255:
        with pytest.raises(InvalidQuery):
            parse_query(packet)
    else:
        assert parse_query(packet).name == labels_to_name(parts)


@settings(max_examples=300, deadline=None)
@given(message=st.binary(max_size=300), at=st.integers(0, 310))
def test_a_compressed_name_is_read_or_refused_in_bounded_time(message: bytes, at: int) -> None:
    try:
        name = name_from_wire(message, at)
    except MalformedMessage:
        return
    assert len(name_to_wire(name)) <= 255


@pytest.mark.parametrize(
    "message",
    [
        b"\xc0\x00",  # points to itself
        b"\x01a\xc0\x00",  # a loop through a label
        b"\xc0\x02\xc0\x00",  # two pointers to each other
        b"\x3f" + b"a" * 62,  # a label without an end
        b"\xc0",  # half a pointer
        b"\x40a\0",  # an extended label (RFC 6891, section 5: gone)
    ],
)
def test_names_that_lead_nowhere_are_refused(message: bytes) -> None:
    with pytest.raises(MalformedMessage):
        name_from_wire(message, 0)


def test_a_dot_inside_a_label_is_no_way_around_the_filter() -> None:
    one = room()
    packet = question("x.example", edns=None)
    hidden = packet[:12] + b"\x0cbets.example\0" + packet[-4:]
    (reply,) = one.send(hidden)
    assert one.upstream.asked[0][0] == r"bets\046example"
    assert reply[12 : 12 + 14] == hidden[12 : 12 + 14]


def fail(asked: object) -> None:
    raise AssertionError("the chain raised")
