"""What is no answer is passed over: a genuine one may follow, and another server may have one."""

import dnslib
import pytest

from dns.message.constants import ExtendedErrorCode, Rcode
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, asking, run
from tests.fakes.upstream import FakeUpstream

QUICK = 0.1  # seconds between attempts in these stories

MALFORMED: dict[str, fake.Behaviour] = {
    "more records counted than there are": fake.wrong_counts,
    "fewer records counted than there are": fake.too_long,
    "cut short": fake.cut_short,
    "two questions": fake.question_alone_twice,
    "no question": fake.without_question,
    "a header with SERVFAIL": fake.header_only(Rcode.SERVFAIL),
    "a header with REFUSED": fake.header_only(Rcode.REFUSED),
    "a header with NXDOMAIN": fake.header_only(Rcode.NXDOMAIN),
    "a header with NOERROR": fake.header_only(Rcode.NOERROR),
    "junk": fake.junk,
    "another name": fake.about_another_name,
}
kinds = pytest.mark.parametrize("behave", MALFORMED.values(), ids=MALFORMED)


@kinds
def test_a_malformed_answer_is_no_reason_not_to_ask_the_next_server(behave: fake.Behaviour) -> None:
    async def story() -> None:
        async with asking(odd, server, retry_seconds=QUICK) as upstreams:
            for n in range(6):
                assert addresses(await answer(upstreams, f"n{n}.example.org")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream(behave=behave) as odd, FakeUpstream() as server:
        run(story())


@kinds
def test_rfc5452_9_1_a_genuine_answer_that_follows_a_malformed_one_is_taken(behave: fake.Behaviour) -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            for n in range(3):
                assert addresses(await answer(upstreams, f"n{n}.example.org")) == [fake.DEFAULT_ADDRESS]

    with FakeUpstream(behave=fake.followed_by(behave, fake.honest)) as server:
        run(story())
        assert server.names() == [f"n{n}.example.org" for n in range(3)]


@kinds
def test_where_only_malformed_answers_come_the_question_fails_in_good_time(behave: fake.Behaviour) -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            record = await answer(upstreams, "example.org")
            assert record is None or record.header.rcode == Rcode.SERVFAIL

    with FakeUpstream(behave=behave) as server:
        run(story())


def test_rfc8914_4_24_the_extended_error_says_that_what_came_was_malformed() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            record = await answer(upstreams, "example.org")
            assert isinstance(record, dnslib.DNSRecord)
            assert record.header.rcode == Rcode.SERVFAIL
            ((option,),) = (extra.rdata for extra in record.ar)
            assert int.from_bytes(option.data[:2], "big") == ExtendedErrorCode.NETWORK_ERROR
            assert bytes(option.data[2:]) == b"upstreams sent malformed answers"

    with FakeUpstream(behave=fake.wrong_counts) as server:
        run(story())


@pytest.mark.parametrize("behave", [fake.wrong_counts, fake.cut_short])
def test_rfc6891_7_a_server_whose_answers_to_edns_alone_are_malformed_is_asked_without(
    behave: fake.Behaviour,
) -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            for n in range(4):
                assert addresses(await answer(upstreams, f"n{n}.example.org", dnssec=True)) == [
                    fake.DEFAULT_ADDRESS
                ]
            server.asked.clear()
            await answer(upstreams, "later.example.org", dnssec=True)
            assert [bool(one.record.ar) for one in server.asked if one.name == "later.example.org"] == [False]

    with FakeUpstream(behave=fake.with_edns(behave)) as server:
        run(story())


def test_a_server_that_sends_malformed_answers_in_a_row_is_asked_last_and_says_so() -> None:
    async def story() -> None:
        async with asking(odd, server, retry_seconds=QUICK) as upstreams:
            for n in range(6):
                assert addresses(await answer(upstreams, f"n{n}.example.org"))
            asked = sum(1 for one in odd.asked if one.name)
            for n in range(20):
                assert addresses(await answer(upstreams, f"m{n}.example.org"))
            assert sum(1 for one in odd.asked if one.name) == asked
            (state,) = (state for state in upstreams.states() if state.server.endswith(f":{odd.port}"))
            assert state.failure == "sends malformed answers"
            assert state.counts.malformed >= 3

    with FakeUpstream(behave=fake.wrong_counts) as odd, FakeUpstream() as server:
        run(story())


@pytest.mark.parametrize("behave", [fake.wrong_counts, fake.cut_short, fake.junk])
def test_a_malformed_answer_over_tcp_is_the_next_servers_turn_at_once(behave: fake.Behaviour) -> None:
    async def story() -> None:
        async with asking(odd, server) as upstreams:
            assert addresses(await answer(upstreams, "example.org")) == [fake.DEFAULT_ADDRESS]

    def cut_over_udp(asked: fake.ReceivedQuery, good: bytes) -> list[fake.Reply]:
        return list((fake.truncated_over_udp if asked.transport == "udp" else behave)(asked, good))

    with FakeUpstream(behave=cut_over_udp) as odd, FakeUpstream() as server:
        run(story())
