"""What an upstream explains (RFC 8914) reaches the device, and its refusals the query log."""

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.errors import MalformedMessage
from dns.forward.extended_error import is_final_failure, parse_extended_error
from dns.message.constants import Rcode
from dns.message.scanner import scan_message
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest, extended_errors

Errors = list[tuple[int, str]]


def with_errors(message: bytes, errors: Errors) -> bytes:
    """Return a message with an OPT record that holds extended errors added."""
    options = b"".join(
        b"\0\x0f" + (len(text.encode()) + 2).to_bytes(2, "big") + code.to_bytes(2, "big") + text.encode()
        for code, text in errors
    )
    opt = b"\0\0\x29\x04\xd0\0\0\0\0" + len(options).to_bytes(2, "big") + options
    return message[:11] + bytes((message[11] + 1,)) + message[12:] + opt


def room_of(rcode: int, errors: Errors, policy: FakePolicy | None = None) -> InTest:
    """A room whose upstream answers everything with a response code and some explanations."""
    room = InTest(policy)
    room.upstream.change = lambda message: setattr(message.header, "rcode", rcode)
    room.upstream.raw = lambda message: with_errors(message, errors)
    return room


@pytest.mark.parametrize("rcode", [Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.SERVFAIL, Rcode.REFUSED])
@pytest.mark.parametrize("code", [15, 16, 17])
def test_rfc8914_4_17_what_an_upstream_refuses_is_censored_for_the_device_and_refused_in_the_log(
    rcode: int, code: int
) -> None:
    room = room_of(rcode, [(code, "malware")])
    answer = room.ask("bad.example")
    assert [(str(record.rdata), record.ttl) for record in answer.rr] == [("0.0.0.0", 10)]
    assert extended_errors(answer) == [(16, "upstream: malware")]
    assert extended_errors(room.ask("bad.example")) == [(16, "upstream: malware")]  # from memory as well
    assert len(room.upstream.asked) == 1
    found = {(one.name, one.verdict, one.step, one.source, one.entry) for one in room.records()}
    assert found == {("bad.example", "refused", "upstream", "upstream", "malware")}


def test_an_upstreams_refusal_looks_as_the_profile_wishes() -> None:
    policy = FakePolicy()
    policy.shared.blocking_mode = "nxdomain"
    answer = room_of(Rcode.NOERROR, [(15, "")], policy).ask("bad.example")
    assert (answer.header.rcode, extended_errors(answer)) == (Rcode.NXDOMAIN, [(16, "upstream")])


@pytest.mark.parametrize("rcode", [Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.SERVFAIL, Rcode.REFUSED])
def test_what_is_remembered_stands_in_for_no_refusal(rcode: int) -> None:
    room = InTest()
    room.ask("turned.example")
    room.clock.now += 1000
    room.upstream.change = lambda message: setattr(message.header, "rcode", rcode)
    room.upstream.raw = lambda message: with_errors(message, [(15, "")])
    for _ in range(3):
        assert [str(record.rdata) for record in room.ask("turned.example").rr] == ["0.0.0.0"]
        room.clock.now += 60


def test_an_opening_of_the_schools_does_not_open_what_the_upstream_keeps_closed() -> None:
    policy = FakePolicy()
    room = room_of(Rcode.NOERROR, [(17, "illegal")], policy)
    policy.unblocked["bad.example"] = room.clock.now + 600
    assert [str(record.rdata) for record in room.ask("bad.example").rr] == ["0.0.0.0"]


@pytest.mark.parametrize("code", [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 18, 22, 23])
def test_rfc8914_3_why_a_name_failed_is_passed_on_and_is_no_refusal(code: int) -> None:
    room = room_of(Rcode.SERVFAIL, [(code, "why")])
    for _ in range(2):
        answer = room.ask("broken.example")
        assert (answer.header.rcode, extended_errors(answer)) == (Rcode.SERVFAIL, [(code, "why")])
    assert {one.verdict for one in room.records()} == {"failed"}


def test_what_an_upstream_says_of_a_good_answer_is_passed_on_with_it() -> None:
    room = room_of(Rcode.NOERROR, [(3, ""), (4, "a"), (0, "one too many")])
    answer = room.ask("fine.example")
    assert [str(record.rdata) for record in answer.rr] == ["192.0.2.1"]
    assert extended_errors(answer) == [(3, ""), (4, "a")]
    assert room.ask("fine.example", edns=None).ar == []


def test_a_stale_answer_says_so_beside_what_the_upstream_had_said() -> None:
    room = room_of(Rcode.NOERROR, [(5, "cannot tell")])
    room.ask("fine.example")
    room.clock.now += 1000
    room.upstream.silent = True
    assert [code for code, _ in extended_errors(room.ask("fine.example"))] == [5, 3]


def test_a_text_is_shortened_and_holds_only_print() -> None:
    answer = room_of(Rcode.SERVFAIL, [(6, "a\x1b[31m\nb" + "c" * 300)]).ask("broken.example")
    ((_, text),) = extended_errors(answer)
    assert text.isprintable()
    assert len(text) == 100


@given(st.binary(max_size=80))
def test_no_options_whatever_do_harm(options: bytes) -> None:
    question = bytes(dnslib.DNSRecord.question("fine.example").pack())
    opt = b"\0\0\x29\x04\xd0\0\0\0\0" + len(options).to_bytes(2, "big") + options
    message = question[:11] + b"\1" + question[12:] + opt
    explained = parse_extended_error(message, scan_message(message).additional)
    assert explained is None or len(explained.options) <= 2 * (6 + 200)
    assert isinstance(is_final_failure(message), bool)


@given(st.binary(max_size=80))
def test_no_bytes_whatever_are_meant_unless_they_are_a_message(data: bytes) -> None:
    try:
        scan_message(data)
    except MalformedMessage:
        with pytest.raises(MalformedMessage):
            is_final_failure(data)
