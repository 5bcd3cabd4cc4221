"""What the resolver says on the wire. Each test names the document and the section that asks for it."""

import dnslib
import pytest

from dns.message.constants import Rcode
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import PUPIL, STRANGER, InTest, extended_errors, question


def rcode(reply: bytes) -> int:
    return reply[3] & 0x0F


# RFC 1035: messages


def test_an_unlisted_name_is_answered_with_what_the_upstream_says() -> None:
    room = InTest()
    answer = room.ask("www.example.org")
    assert [str(record.rdata) for record in answer.rr] == ["192.0.2.1"]
    assert (answer.header.id, answer.header.qr, answer.header.ra, answer.header.aa) == (0x1234, 1, 1, 0)


def test_the_question_comes_back_in_the_case_in_which_it_was_asked() -> None:
    assert b"\x03wWw\x07eXAMPLE\x03oRG\0" in InTest().send(question("wWw.eXAMPLE.oRG"))[0]


def test_rfc1035_4_1_1_recursion_desired_is_copied() -> None:
    room = InTest()
    asked = bytearray(question("example.org"))
    assert room.send(bytes(asked))[0][2] & 1
    asked[2] &= ~1
    assert not room.send(bytes(asked))[0][2] & 1


@pytest.mark.parametrize("size", range(12))
def test_what_is_too_short_for_a_header_gets_silence(size: int) -> None:
    assert InTest().send(question("example.org")[:size]) == []


def test_an_answer_gets_silence_so_that_no_two_servers_talk_for_ever() -> None:
    asked = bytearray(question("example.org"))
    asked[2] |= 0x80
    assert InTest().send(bytes(asked)) == []


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 6, 15])
def test_rfc1035_4_1_1_other_operations_are_not_implemented(opcode: int) -> None:
    asked = bytearray(question("example.org"))
    asked[2] |= opcode << 3
    (reply,) = InTest().send(bytes(asked))
    assert rcode(reply) == Rcode.NOTIMP
    assert reply[2] >> 3 & 0x0F == opcode  # and the operation is repeated


@pytest.mark.parametrize("count", [0, 2, 65535])
def test_rfc9619_3_a_query_has_exactly_one_question(count: int) -> None:
    asked = bytearray(question("example.org", edns=None))
    asked[4:6] = count.to_bytes(2, "big")
    (reply,) = InTest().send(bytes(asked))
    assert rcode(reply) == Rcode.FORMERR


@pytest.mark.parametrize("section", [6, 8])
def test_a_query_with_answers_in_it_is_malformed(section: int) -> None:
    asked = bytearray(question("example.org", edns=None))
    asked[section + 1] = 1
    assert rcode(InTest().send(bytes(asked))[0]) == Rcode.FORMERR


def test_rfc1035_4_1_4_a_question_is_not_compressed() -> None:
    asked = question("example.org", edns=None)
    looping = asked[:12] + b"\xc0\x0c" + asked[-4:]
    assert rcode(InTest().send(looping)[0]) == Rcode.FORMERR


def test_bytes_after_the_last_record_are_malformed() -> None:
    assert rcode(InTest().send(question("example.org", edns=None) + b"x")[0]) == Rcode.FORMERR


def test_rfc1035_2_3_4_a_name_of_more_than_255_bytes_is_malformed() -> None:
    long_name = b"".join(b"\x3f" + b"a" * 63 for _ in range(5)) + b"\0"
    asked = question("example.org", edns=None)
    assert rcode(InTest().send(asked[:12] + long_name + asked[-4:])[0]) == Rcode.FORMERR


@pytest.mark.parametrize(
    ("qtype", "expected"), [(252, Rcode.REFUSED), (251, Rcode.REFUSED), (254, Rcode.NOTIMP), (249, Rcode.NOTIMP)]
)
def test_rfc5936_2_2_1_zone_transfers_are_refused_and_meta_types_not_implemented(
    qtype: int, expected: int
) -> None:
    asked = question("example.org", edns=None)
    reply = InTest().send(asked[:-4] + qtype.to_bytes(2, "big") + b"\0\1")[0]
    assert rcode(reply) == expected


@pytest.mark.parametrize("qclass", [3, 4, 254, 255])
def test_other_classes_are_refused(qclass: int) -> None:
    asked = question("version.bind", "TXT", edns=None)
    assert rcode(InTest().send(asked[:-2] + qclass.to_bytes(2, "big"))[0]) == Rcode.REFUSED


def test_rfc8482_4_2_any_is_answered_with_one_hinfo_record_and_nobody_is_asked() -> None:
    room = InTest()
    answer = room.ask("example.org", "ANY")
    assert [record.rtype for record in answer.rr] == [13]
    assert bytes(answer.rr[0].rdata.data).startswith(b"\x07RFC8482")
    assert room.upstream.asked == []


# RFC 6891: EDNS


def test_rfc6891_6_1_1_who_speaks_no_edns_is_answered_without() -> None:
    assert InTest().ask("example.org", edns=None).ar == []


def test_rfc6891_6_2_3_our_own_size_is_1232() -> None:
    assert [record.rclass for record in InTest().ask("example.org").ar] == [1232]


def test_rfc6891_6_1_3_an_unknown_version_gets_badvers() -> None:
    (reply,) = InTest().send(question("example.org", version=1))
    answer = dnslib.DNSRecord.parse(reply)
    assert (answer.ar[0].ttl >> 24) << 4 | answer.header.rcode == Rcode.BADVERS
    assert answer.ar[0].ttl >> 16 & 0xFF == 0  # the version that we do speak


def test_rfc6891_6_1_1_two_opt_records_are_malformed() -> None:
    asked = bytearray(question("example.org"))
    asked[11] = 2
    assert rcode(InTest().send(bytes(asked) + asked[-11:])[0]) == Rcode.FORMERR


def test_rfc6891_6_1_2_unknown_options_are_ignored() -> None:
    room = InTest()
    assert room.ask("example.org", edns=b"\xfd\xe9\0\3abc").header.rcode == Rcode.NOERROR


def test_an_option_that_ends_after_its_record_is_malformed() -> None:
    assert rcode(InTest().send(question("example.org", edns=b"\0\x08\0\xff"))[0]) == Rcode.FORMERR


def test_rfc3225_3_dnssec_ok_is_repeated() -> None:
    assert InTest().ask("example.org", dnssec=True).ar[0].ttl & 0x8000


def test_rfc6840_5_8_authentic_data_is_said_only_to_who_asks_for_it() -> None:
    room = InTest()
    room.upstream.change = lambda message: setattr(message.header, "ad", 1)
    assert not room.send(question("a.example"))[0][3] & 0x20
    assert room.send(question("a.example", flags=0x20))[0][3] & 0x20
    assert room.send(question("a.example", dnssec=True))[0][3] & 0x20


def big(room: InTest, name: str, records: int = 100) -> None:
    room.upstream.records[name, "A"] = [f"{name}. 300 IN A 192.0.2.{n}" for n in range(records)]


@pytest.mark.parametrize(
    ("edns", "size", "limit"), [(None, 0, 512), (b"", 512, 512), (b"", 100, 512), (b"", 9000, 1232)]
)
def test_rfc2181_9_what_does_not_fit_is_truncated_to_nothing(edns: bytes | None, size: int, limit: int) -> None:
    room = InTest()
    big(room, "big.example")
    (reply,) = room.send(question("big.example", edns=edns, size=size))
    assert len(reply) <= limit
    answer = dnslib.DNSRecord.parse(reply)
    assert (answer.header.tc, answer.rr) == (1, [])


def test_rfc7766_what_did_not_fit_is_whole_over_tcp() -> None:
    room = InTest()
    big(room, "big.example")
    answer = room.ask("big.example", transport="tcp")
    assert (answer.header.tc, len(answer.rr)) == (0, 100)


# RFC 7873: cookies


def test_rfc7873_5_2_3_a_client_cookie_is_answered_with_a_server_cookie() -> None:
    room = InTest()
    answer = room.ask("example.org", edns=b"\0\x0a\0\x0812345678")
    (option,) = [option for option in answer.ar[0].rdata if option.code == 10]
    assert bytes(option.data[:8]) == b"12345678"
    assert len(option.data) == 24
    again = room.ask("example.org", edns=b"\0\x0a\0\x18" + bytes(option.data))
    assert bytes(again.ar[0].rdata[0].data) == bytes(option.data)  # valid, and young: the same


def test_rfc9018_4_a_server_cookie_is_for_one_address_only() -> None:
    room = InTest()
    cookies = [
        bytes(room.ask("example.org", address=address, edns=b"\0\x0a\0\x0812345678").ar[0].rdata[0].data)
        for address in ("127.0.0.1", "127.0.0.2")
    ]
    assert cookies[0] != cookies[1]


@pytest.mark.parametrize("size", [0, 7, 9, 15, 41])
def test_rfc7873_5_2_2_a_cookie_of_a_wrong_length_is_malformed(size: int) -> None:
    cookie = b"\0\x0a" + size.to_bytes(2, "big") + bytes(size)
    assert rcode(InTest().send(question("example.org", edns=cookie))[0]) == Rcode.FORMERR


def test_rfc7873_5_4_a_query_without_a_question_may_ask_for_a_cookie() -> None:
    asked = b"\x12\x34\1\0\0\0\0\0\0\0\0\1" + b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x0812345678"
    answer = dnslib.DNSRecord.parse(InTest().send(asked)[0])
    assert answer.header.rcode == Rcode.NOERROR
    assert bytes(answer.ar[0].rdata[0].data).startswith(b"12345678")


# Refused names


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


# What came back is inspected


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


# Memory, and its end


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


def test_no_answer_given_under_an_unblock_outlives_it() -> None:
    policy = FakePolicy(blocked={"bets.example"})
    room = InTest(policy)
    policy.unblocked["bets.example"] = room.clock.now + 42
    answer = room.ask("bets.example")
    assert (str(answer.rr[0].rdata), answer.rr[0].ttl) == ("192.0.2.1", 42)
    room.clock.now += 42
    assert str(room.ask("bets.example").rr[0].rdata) == "0.0.0.0"


@pytest.mark.parametrize("message", [b"", b"\0" * 11, b"\0\0\x80\0\0\1\0\1\0\0\0\0", b"\xff" * 600])
def test_nonsense_from_an_upstream_is_a_failure_and_no_more(message: bytes) -> None:
    room = InTest()
    room.upstream.raw = lambda _: message
    assert room.ask("example.org").header.rcode == Rcode.SERVFAIL


# Welcome


def test_a_stranger_is_refused_with_no_more_bytes_than_it_sent() -> None:
    room = InTest()
    asked = question("example.org", size=4096)
    (reply,) = room.send(asked, STRANGER)
    assert rcode(reply) == Rcode.REFUSED
    assert len(reply) <= len(asked)
    assert room.upstream.asked == []
    assert len(room.resolver.clients.known) == 0


def test_a_device_over_its_limit_is_told_to_come_back_over_tcp() -> None:
    room = InTest(rate_limit=3)
    answers = [dnslib.DNSRecord.parse(room.send(question("example.org"))[0]) for _ in range(5)]
    assert [answer.header.tc for answer in answers] == [0, 0, 0, 1, 1]
    assert room.ask("example.org", transport="tcp").rr
    assert room.ask("example.org", address="127.0.0.2").rr  # the others keep their answers


def test_a_bucket_fills_again_with_time() -> None:
    room = InTest(rate_limit=10)
    for _ in range(10):
        room.ask("example.org")
    assert room.ask("example.org").header.tc
    room.resolver.tick(room.clock.now, 0.5)
    assert [room.ask("example.org").header.tc for _ in range(6)] == [0, 0, 0, 0, 0, 1]


def test_over_tcp_a_device_over_its_limit_is_refused() -> None:
    room = InTest(rate_limit=1)
    room.ask("example.org", transport="tcp")
    answer = room.ask("example.org", transport="tcp")
    assert (answer.header.rcode, extended_errors(answer)) == (Rcode.REFUSED, [(18, "too many questions")])


# Encrypted transports


def test_rfc8467_4_1_who_pads_over_tls_is_answered_in_blocks_of_468_bytes() -> None:
    room = InTest()
    (reply,) = room.send(question("example.org", edns=b"\0\x0c\0\x04\0\0\0\0"), transport="tls")
    assert len(reply) % 468 == 0
    (plain,) = room.send(question("example.org", edns=b"\0\x0c\0\x04\0\0\0\0"), transport="udp")
    assert len(plain) < 100


# The query log


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
