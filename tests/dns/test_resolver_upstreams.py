"""What the whole resolver keeps of upstreams' answers, and does where none comes."""

import dnslib
import pytest

from dns.message.constants import Rcode
from tests.fakes.resolvers import PUPIL, InTest, extended_errors, question


def test_times_to_live_count_down() -> None:
    room = InTest()
    assert room.ask("example.org").rr[0].ttl == 300
    room.clock.now += 100.5
    assert room.ask("example.org").rr[0].ttl == 200
    assert len(room.upstream.asked) == 1


def test_rfc2308_5_what_does_not_exist_is_remembered_too() -> None:
    room = InTest()
    room.upstream.change = lambda message: setattr(message.header, "rcode", Rcode.NXDOMAIN)
    room.upstream.records["no.example", "A"] = []
    assert room.ask("no.example").header.rcode == Rcode.NXDOMAIN
    assert room.ask("no.example").header.rcode == Rcode.NXDOMAIN
    assert len(room.upstream.asked) == 1


def test_one_question_is_asked_for_a_hundred_askers() -> None:
    room = InTest()
    room.upstream.held = []
    replies: list[bytes] = []
    for number in range(100):
        room.resolver.handle_stream_query(question("example.org", identity=number), PUPIL, replies.append, "udp")
    assert (len(room.upstream.asked), replies) == (1, [])
    room.upstream.held[0]()
    assert sorted(int.from_bytes(reply[:2], "big") for reply in replies) == list(range(100))


def test_rfc8914_4_23_when_no_upstream_answers_the_error_says_so() -> None:
    room = InTest()
    room.upstream.silent = True
    answer = room.ask("example.org")
    assert (answer.header.rcode, extended_errors(answer)) == (Rcode.SERVFAIL, [(22, "no upstream answered")])
    assert room.records()[0].verdict == "failed"


def test_rfc9520_3_2_silence_is_remembered_like_any_other_failure() -> None:
    room = InTest()
    room.upstream.silent = True
    for _ in range(5):
        answer = room.ask("example.org")
        assert (answer.header.rcode, extended_errors(answer)) == (Rcode.SERVFAIL, [(22, "no upstream answered")])
    assert len(room.upstream.asked) == 1
    room.clock.now += 6
    room.ask("example.org")
    assert len(room.upstream.asked) == 2
    room.upstream.silent = False
    room.resolver.handle_upstream_recovery()
    assert [str(record.rdata) for record in room.ask("example.org").rr] == ["192.0.2.1"]


def test_an_answer_that_comes_after_its_question_failed_is_there_for_the_next_who_asks() -> None:
    room = InTest()
    kept = []
    room.upstream.resolve_query = lambda query, end, name, done: kept.append((query, done))  # type: ignore[method-assign]  # a slow one in its place
    replies: list[bytes] = []
    room.resolver.handle_stream_query(question("example.org"), PUPIL, replies.append, "udp")
    ((query, done),) = kept
    assert done(None)
    assert dnslib.DNSRecord.parse(replies[0]).header.rcode == Rcode.SERVFAIL
    assert done(room.upstream.answer(query))
    assert len(replies) == 1
    assert [str(record.rdata) for record in room.ask("example.org").rr] == ["192.0.2.1"]
    assert len(kept) == 1


def test_an_answer_that_is_no_message_leaves_the_question_open() -> None:
    room = InTest()
    kept = []
    room.upstream.resolve_query = lambda query, end, name, done: kept.append((query, done))  # type: ignore[method-assign]  # one that errs in its place
    replies: list[bytes] = []
    room.resolver.handle_stream_query(question("example.org"), PUPIL, replies.append, "udp")
    ((query, done),) = kept
    assert done(room.upstream.answer(query)[:-2]) is False
    assert replies == []
    assert done(room.upstream.answer(query))
    assert len(replies) == 1


def test_rfc8767_4_a_stale_answer_is_better_than_none_and_says_what_it_is() -> None:
    room = InTest()
    room.ask("example.org")
    room.clock.now += 1000
    room.upstream.silent = True
    answer = room.ask("example.org")
    assert [(str(record.rdata), record.ttl) for record in answer.rr] == [("192.0.2.1", 30)]
    assert extended_errors(answer)[0][0] == 3


def test_rfc8767_5_nobody_waits_longer_than_1_8_seconds_where_there_is_a_stale_answer() -> None:
    room = InTest()
    room.ask("example.org")
    room.clock.now += 1000
    room.upstream.held = []
    replies: list[bytes] = []
    room.resolver.handle_stream_query(question("example.org"), PUPIL, replies.append, "udp")
    ((seconds, lose_patience),) = room.timers
    assert (seconds, replies) == (1.8, [])
    lose_patience()
    assert extended_errors(dnslib.DNSRecord.parse(replies[0]))[0][0] == 3
    room.upstream.held[0]()  # the answer comes after all
    assert room.ask("example.org").rr[0].ttl == 300
    assert len(replies) == 1


@pytest.mark.parametrize("message", [b"", b"\0" * 11, b"\0\0\x80\0\0\1\0\1\0\0\0\0", b"\xff" * 600])
def test_nonsense_from_an_upstream_is_a_failure_and_no_more(message: bytes) -> None:
    room = InTest()
    room.upstream.raw = lambda _: message
    assert room.ask("example.org").header.rcode == Rcode.SERVFAIL
