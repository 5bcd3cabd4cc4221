"""What the whole resolver says of closed names, and of names that lead to some."""

import pytest

from dns.message.constants import Rcode
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, STRANGER, InTest, extended_errors, question


def test_a_listed_name_is_refused_with_the_null_address_for_ten_seconds_at_most() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    answer = room.ask("www.bets.example")
    assert [(str(record.rdata), record.ttl) for record in answer.rr] == [("0.0.0.0", 10)]
    assert [str(record.rdata) for record in room.ask("bets.example", "AAAA").rr] == ["::"]
    assert room.upstream.asked == []


def test_rfc8914_4_16_a_refusal_names_its_category_and_list() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    assert extended_errors(room.ask("bets.example")) == [(15, "gambling (a-list)")]


@pytest.mark.parametrize("qtype", ["MX", "TXT", "HTTPS", "NS"])
def test_rfc2308_2_2_a_refused_name_has_no_data_of_other_types_and_says_for_how_long(qtype: str) -> None:
    answer = InTest(FakePolicy(blocked={"bets.example"})).ask("bets.example", qtype)
    assert (answer.header.rcode, answer.rr) == (Rcode.NOERROR, [])
    assert [(record.rtype, record.ttl) for record in answer.auth] == [(6, 10)]


def test_rfc2308_2_1_a_profile_may_refuse_with_nxdomain() -> None:
    policy = FakePolicy(blocked={"bets.example"})
    policy.shared.blocking_mode = "nxdomain"
    answer = InTest(policy).ask("bets.example")
    assert (answer.header.rcode, answer.rr, [record.rtype for record in answer.auth]) == (Rcode.NXDOMAIN, [], [6])


def test_a_profile_may_refuse_with_the_page_that_explains() -> None:
    policy = FakePolicy(blocked={"bets.example"})
    policy.shared.blocking_mode = "page"
    room = InTest(policy, page_addresses=lambda: ("192.0.2.5", "2001:db8::5"))
    assert [str(record.rdata) for record in room.ask("bets.example").rr] == ["192.0.2.5"]
    assert [str(record.rdata) for record in room.ask("bets.example", "AAAA").rr] == ["2001:db8::5"]


def test_a_closed_name_is_closed_for_any_too() -> None:
    assert InTest(FakePolicy(blocked={"bets.example"})).ask("bets.example", "ANY").rr[0].rtype != 13


@pytest.mark.parametrize(
    ("qtype", "lines"),
    [
        ("A", ["fine.example. 60 IN CNAME www.bets.example.", "www.bets.example. 60 IN A 192.0.2.9"]),
        ("A", ["fine.example. 60 IN A 203.0.113.66"]),
        ("AAAA", ["fine.example. 60 IN AAAA 2001:db8::66"]),
        ("HTTPS", ["fine.example. 60 IN HTTPS 1 bets.example."]),
        ("HTTPS", ["fine.example. 60 IN HTTPS 1 . ipv4hint=203.0.113.66"]),
    ],
)
def test_an_answer_that_leads_somewhere_closed_closes_the_name(qtype: str, lines: list[str]) -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}, blocked_addresses={"203.0.113.66", "2001:db8::66"}))
    room.upstream.records["fine.example", qtype] = lines
    answer = room.ask("fine.example", qtype)
    assert extended_errors(answer)[0][0] == 15
    assert {str(record.rdata) for record in answer.rr} <= {"0.0.0.0", "::"}


def test_safe_search_answers_with_an_alias_and_the_addresses_of_the_safe_name() -> None:
    room = InTest(FakePolicy(rewritten={"search.example": "safe.search.example"}))
    room.upstream.records["safe.search.example", "A"] = ["safe.search.example. 60 IN A 192.0.2.44"]
    answer = room.ask("search.example")
    assert [(str(record.rname), str(record.rdata)) for record in answer.rr] == [
        ("search.example.", "safe.search.example."),
        ("safe.search.example.", "192.0.2.44"),
    ]
    assert extended_errors(answer) == [(4, "safe search")]
    assert room.records()[0].verdict == "rewritten"


def test_rfc9460_the_encrypted_hello_is_taken_out_where_the_profile_wants_that() -> None:
    policy = FakePolicy()
    room = InTest(policy)
    room.upstream.records["site.example", "HTTPS"] = [
        "site.example. 60 IN HTTPS 1 . alpn=h2 echconfig=AAAAAQ== ipv4hint=192.0.2.3"
    ]
    assert b"\0\x05\0" in room.send(question("site.example", "HTTPS"))[0]
    policy.shared.strip_ech = True
    answer = room.ask("site.example", "HTTPS", transport="tcp")
    assert "ech" not in str(answer.rr[0].rdata)
    assert "192.0.2.3" in str(answer.rr[0].rdata)


def test_no_answer_given_under_an_unblock_outlives_it() -> None:
    policy = FakePolicy(blocked={"bets.example"})
    room = InTest(policy)
    policy.unblocked["bets.example"] = room.clock.now + 42
    answer = room.ask("bets.example")
    assert (str(answer.rr[0].rdata), answer.rr[0].ttl) == ("192.0.2.1", 42)
    room.clock.now += 42
    assert str(room.ask("bets.example").rr[0].rdata) == "0.0.0.0"


def test_every_answer_is_counted_with_the_entry_that_decided_it() -> None:
    room = InTest(FakePolicy(blocked={"bets.example"}))
    room.ask("bets.example")
    room.ask("example.org")
    room.send(b"\x12\x34\1\0\0\7\0\0\0\0\0\0")
    room.send(question("example.org"), STRANGER)
    found = {(record.device, record.name, record.verdict, record.entry, record.rcode) for record in room.records()}
    assert found == {
        (PUPIL, "bets.example", "refused", "bets.example", Rcode.NOERROR),
        (PUPIL, "example.org", "allowed", "", Rcode.NOERROR),
        (PUPIL, "", "failed", "", Rcode.FORMERR),
        ("", "", "failed", "", Rcode.REFUSED),
    }
