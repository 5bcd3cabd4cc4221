"""Messages that are written anew say what they said, and whatever they say leads from the question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.cache import MessageCache
from dns.errors import MalformedMessage
from dns.message.constants import RecordType
from dns.message.scanner import RecordTuple, scan_records
from dns.message.whole_records import WholeRecord, build_whole_message, read_record
from dns.message.wire_names import name_from_wire, name_to_wire

NAME = "www.tree.example"
HEAD = b"\0\0\x81\x80\0\1" + bytes(6) + name_to_wire(NAME) + b"\0\1\0\1"
NAMES = st.sampled_from(("", "example", "tree.example", NAME, "x.tree.example", "a.b", "a\\000\\046b.example"))
WIRE_NAMES = NAMES.map(name_to_wire)
ADDRESSES = st.binary(min_size=4, max_size=4)
DATA = st.one_of(
    st.tuples(st.sampled_from((RecordType.CNAME, RecordType.DNAME, RecordType.NS, RecordType.PTR)), WIRE_NAMES),
    st.tuples(st.just(RecordType.A), ADDRESSES),
    st.tuples(st.just(RecordType.MX), WIRE_NAMES.map(lambda name: b"\0\x0a" + name)),
    st.tuples(st.just(RecordType.SRV), WIRE_NAMES.map(lambda name: bytes(6) + name)),
    st.tuples(st.just(RecordType.SOA), WIRE_NAMES.map(lambda name: name + name + bytes(20))),
    st.tuples(st.just(RecordType.RRSIG), WIRE_NAMES.map(lambda name: bytes(18) + name + b"signature")),
    st.tuples(st.sampled_from((RecordType.NSEC, RecordType.TXT, 65280)), st.binary(max_size=40)),
)
RECORDS = st.lists(
    st.builds(lambda owner, data, ttl: WholeRecord(owner, int(data[0]), 1, ttl, data[1]), WIRE_NAMES, DATA,
              st.integers(0, 300)),
    max_size=8,
)  # fmt: skip


@given(RECORDS, RECORDS)
def test_what_is_written_anew_reads_as_it_was(answer: list[WholeRecord], authority: list[WholeRecord]) -> None:
    message = build_whole_message(HEAD, (answer, authority, ()))
    _, *sections = scan_records(message)

    assert [[read_record(message, one) for one in section] for section in sections] == [answer, authority, []]


@given(RECORDS, RECORDS)
def test_every_address_belongs_to_a_name_to_which_aliases_lead(
    answer: list[WholeRecord], authority: list[WholeRecord]
) -> None:
    message = build_whole_message(HEAD, (answer, authority, ()))
    cached = MessageCache().put((NAME, RecordType.A, 0), message, 0.0)
    if cached is None:
        return
    _, kept, _, _ = scan_records(cached.message)
    owners = [name_from_wire(cached.message, record[3]) for record in kept]
    led_to, size = {NAME}, 0
    while size != len(led_to):
        size = len(led_to)
        led_to |= {
            name_from_wire(cached.message, record[4])
            for owner, record in zip(owners, kept, strict=True)
            if record[0] == RecordType.CNAME and owner in led_to
        }
    for owner, record in zip(owners, kept, strict=True):
        assert record[0] != RecordType.A or owner in led_to


@pytest.mark.parametrize(
    ("record", "data"),
    [
        ((RecordType.CNAME, 1, 0, 0, 1, 3), b"\0\3www\0"),
        ((RecordType.CNAME, 1, 0, 0, 1, 2), b"\0\xc0\2"),
        ((RecordType.SOA, 1, 0, 0, 1, 1), b"\0\0"),
        ((RecordType.MX, 1, 0, 0, 1, 1), b"\0\0"),
        ((RecordType.A, 1, 0, 0, 2, 4), b"\x40\0\1\2\3\4"),
    ],
    ids=["beyond its record", "a pointer ahead", "one name of two", "no room for a name", "an odd owner"],
)
def test_a_name_that_cannot_be_read_is_malformed(record: RecordTuple, data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_record(data, record)


def test_a_message_longer_than_dns_has_is_none() -> None:
    record = WholeRecord(name_to_wire("big.example"), RecordType.TXT, 1, 0, bytes(60000))
    with pytest.raises(MalformedMessage):
        build_whole_message(HEAD, ((record, record), (), ()))
