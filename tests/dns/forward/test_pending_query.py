"""What leaves for an upstream, and what is taken for its answer, whatever the bytes."""

import contextlib
import struct

from hypothesis import assume, given
from hypothesis import strategies as st

from dns.errors import MalformedMessage
from dns.forward import extended_error
from dns.forward.entropy import EntropyPool
from dns.forward.pending_query import PendingQuery, is_bare_error
from dns.message.query import parse_query

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=6)
ENTROPY = EntropyPool()


def nothing(_: bytes | None) -> None:
    pass


def question(labels: list[bytes], qtype: int = 1) -> bytes:
    name = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + name + struct.pack("!HH", qtype, 1)


def made(message: bytes) -> PendingQuery:
    return PendingQuery.from_message(
        message, parse_query(message).question_end, nothing, wheel_slot={}, server=None, entropy=ENTROPY
    )


@given(LABELS, st.integers(1, 65535))
def test_any_name_is_asked_as_it_is_but_for_the_case_of_its_letters(labels: list[bytes], qtype: int) -> None:
    message = question(labels, qtype)
    assume(len(message) <= 12 + 255 + 4)
    pending = made(message)
    assert pending.question_0x20[:-4].lower() == message[12:-4].lower()
    assert pending.question_0x20[-4:] == message[-4:]
    for sent in (
        pending.build_message(),
        pending.build_message(use_0x20=False),
        pending.build_message(padded=True),
    ):
        read = parse_query(b"\0\0" + sent)
        assert read.name == parse_query(message).name
        assert read.qtype == qtype
        assert read.edns is not None
        assert read.edns.udp_payload_size == 1232
    assert parse_query(b"\0\0" + pending.build_message(edns=False)).edns is None
    assert (len(pending.build_message(padded=True)) + 2) % 128 == 0


@given(LABELS)
def test_an_answer_to_it_is_known(labels: list[bytes]) -> None:
    message = question(labels)
    assume(len(message) <= 12 + 255 + 4)
    pending = made(message)
    answer = b"\xff\xff\x81\x80\0\1\0\0\0\0\0\0" + pending.question_0x20
    assert pending.is_answered_by(answer)
    assert pending.is_commonly_answered_by(answer)


@given(LABELS, LABELS)
def test_an_answer_to_another_name_is_none(labels: list[bytes], others: list[bytes]) -> None:
    one, other = question(labels), question(others)
    assume(len(one) <= 12 + 255 + 4 and one.lower() != other.lower())
    pending = made(one)
    answer = b"\xff\xff\x81\x80\0\1\0\0\0\0\0\0" + other[12:]
    assert not pending.is_answered_by(answer)
    assert not pending.is_commonly_answered_by(answer)
    assert not pending.is_answered_but_for_case(answer)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_no_bytes_whatever_do_harm(noise: bytes, at: int) -> None:
    pending = made(question([b"example", b"org"]))
    good = b"\xff\xff\x81\x80\0\1\0\0\0\0\0\0" + pending.question_0x20
    for data in (noise, good[:at] + noise):
        answered = pending.is_answered_by(data)
        if len(data) > 12:
            assert answered or not pending.is_commonly_answered_by(data)
        pending.is_answered_but_for_case(data)
        is_bare_error(data)
        with contextlib.suppress(MalformedMessage):
            extended_error.is_final_failure(data)


def test_numbers_of_chance_do_not_repeat() -> None:
    numbers = [ENTROPY.draw_number(16) for _ in range(3000)]
    assert len(set(numbers)) == 3000
    assert ENTROPY.draw_number(4096) > 0
