"""What the resolver says on the wire. Each test names the document and the section that asks for it."""

import dnslib
import pytest

from dns.message.constants import Rcode
from tests.fakes.resolvers import STRANGER, InTest, extended_errors, question


def rcode(reply: bytes) -> int:
    return reply[3] & 0x0F


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


def test_rfc8467_4_1_who_pads_over_tls_is_answered_in_blocks_of_468_bytes() -> None:
    room = InTest()
    (reply,) = room.send(question("example.org", edns=b"\0\x0c\0\x04\0\0\0\0"), transport="tls")
    assert len(reply) % 468 == 0
    (plain,) = room.send(question("example.org", edns=b"\0\x0c\0\x04\0\0\0\0"), transport="udp")
    assert len(plain) < 100
