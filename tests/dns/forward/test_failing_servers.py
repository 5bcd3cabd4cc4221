"""A server that fails says something about itself, and takes no name away where another server is well."""

import asyncio
import itertools
import time

import dnslib
import pytest

from dns.forward.upstreams import ForwardZone
from dns.message.constants import Rcode
from dns.message.wire_names import name_to_wire
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, answer_bytes, asking, query, run
from tests.fakes.upstream import FakeUpstream

QUICK = 0.1  # seconds between attempts in these stories
FAILURES = (
    *(Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED, Rcode.YXDOMAIN, Rcode.NOTAUTH, Rcode.DSOTYPENI),
    *(7, 8, 10, 15),  # YXRRSET, NXRRSET and NOTZONE are of updates; the last is nothing
)


def extended_error(code: int, text: str = "") -> bytes:
    """Return the EDNS option."""
    return b"\0\x0f" + (len(text) + 2).to_bytes(2, "big") + code.to_bytes(2, "big") + text.encode()


def extended_codes(record: dnslib.DNSRecord) -> list[int]:
    return [int.from_bytes(option.data[:2], "big") for extra in record.ar for option in extra.rdata]


@pytest.mark.parametrize("rcode", FAILURES)
def test_one_server_that_fails_takes_no_name_away_where_a_slower_one_is_well(rcode: int) -> None:
    async def story() -> None:
        async with asking(failing, server, retry_seconds=QUICK) as upstreams:
            for n in range(40):
                assert addresses(await answer(upstreams, f"n{n}.example.org")), n
            (state,) = (state for state in upstreams.states() if state.server.endswith(f":{failing.port}"))
            assert state.failure.startswith("answers with ")
            assert state.counts.failures >= 3
            asked = sum(1 for one in failing.asked if one.name)
            assert asked <= 12  # three questions, each at most three times, and what was under way meanwhile

    with FakeUpstream(behave=fake.failing(rcode)) as failing, FakeUpstream(behave=fake.late(0.03)) as server:
        run(story())


def test_rfc6672_2_2_a_redirection_that_makes_a_name_too_long_is_an_answer() -> None:
    async def story() -> None:
        async with asking(redirecting, other) as upstreams:
            for n in range(5):
                record = await answer(upstreams, f"n{n}.tree.example")
                assert record is not None
                assert (record.header.rcode, [one.rtype for one in record.rr]) == (Rcode.YXDOMAIN, [39])

    def behave(asked: fake.ReceivedQuery, _answer: bytes) -> list[fake.Reply]:
        reply = asked.record.reply(ra=1)
        reply.header.rcode = Rcode.YXDOMAIN
        reply.add_answer(dnslib.RR("tree.example", 39, ttl=60, rdata=dnslib.RD(name_to_wire("a-longer.example"))))
        return [fake.Reply(bytes(reply.pack()))]

    with FakeUpstream(behave=behave) as redirecting, FakeUpstream(behave=fake.late(0.03)) as other:
        run(story())
        assert all(one.name == "" or not one.name.startswith("n") for one in other.asked)


def test_rfc1034_4_3_2_a_server_that_only_refers_to_others_takes_no_name_away() -> None:
    async def story() -> None:
        async with asking(referring, server, retry_seconds=QUICK) as upstreams:
            for n in range(20):
                assert addresses(await answer(upstreams, f"n{n}.example.org")), n
            (state,) = (state for state in upstreams.states() if state.server.endswith(f":{referring.port}"))
            assert state.failure == "refers to other servers"

    with FakeUpstream(behave=fake.referring) as referring, FakeUpstream(behave=fake.late(0.03)) as server:
        run(story())


def test_a_server_that_says_nothing_and_does_not_recurse_takes_no_name_away() -> None:
    """RFC 1034, section 4.3.1: without RA, without AA and without a reason it is no answer."""

    async def story() -> None:
        async with asking(silent, server, retry_seconds=QUICK) as upstreams:
            for n in range(6):
                assert addresses(await answer(upstreams, f"n{n}.example.org")) == [fake.DEFAULT_ADDRESS]
            (state,) = (state for state in upstreams.states() if state.server.endswith(f":{silent.port}"))
            assert state.failure == "does not recurse"

    behave = fake.answering(flags=b"\x81\0")
    with FakeUpstream(behave=behave) as silent, FakeUpstream(behave=fake.late(0.03)) as server:
        run(story())


def test_an_authoritative_server_may_say_that_there_is_nothing_without_a_reason() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            record = await answer(upstreams, "example.org")
            assert record is not None
            assert (record.header.rcode, record.rr) == (Rcode.NOERROR, [])

    with FakeUpstream(behave=fake.answering(flags=b"\x85\0")) as server:
        run(story())


def test_where_every_server_only_refers_to_others_the_asker_hears_so() -> None:
    async def story() -> None:
        async with asking(server) as upstreams:
            record = await answer(upstreams, "example.org")
            assert record is not None
            assert (record.header.rcode, extended_codes(record)) == (Rcode.SERVFAIL, [22])

    with FakeUpstream(behave=fake.referring) as server:
        run(story())


@pytest.mark.parametrize("rcode", [Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP])
def test_a_server_that_fails_its_probe_too_is_down_and_says_how_until_it_answers(rcode: Rcode) -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            while upstreams.down_since() is None:
                record = await answer(upstreams, f"n{time.monotonic_ns()}.example.org")
                assert record is None or record.header.rcode
                await asyncio.sleep(0.01)
            assert upstreams.states()[0].failure == f"answers with {rcode.name}"
            server.behave = fake.honest
            while upstreams.down_since() is not None:
                await asyncio.sleep(0.01)
            assert not upstreams.states()[0].failure

    with FakeUpstream(behave=fake.failing(rcode)) as server:
        run(story())
        assert "" in server.names()  # the probe asks for the root


def test_names_that_nobody_can_resolve_take_no_server_away() -> None:
    def broken(asked: fake.ReceivedQuery, good: bytes) -> list[fake.Reply]:
        return list((fake.failing(2) if asked.name.startswith("broken") else fake.honest)(asked, good))

    async def story() -> None:
        async with asking(one, two, retry_seconds=QUICK) as upstreams:
            for n in range(10):
                await answer(upstreams, f"broken{n}.example.org")
            while any(state.failure for state in upstreams.states()):
                await asyncio.sleep(0.01)
            assert upstreams.down_since() is None
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(behave=broken) as one, FakeUpstream(behave=broken) as two:
        run(story())


def test_servers_of_a_domain_are_probed_with_a_question_about_it() -> None:
    async def story() -> None:
        forwards = (ForwardZone("school.example", (school.address,)),)
        async with asking(general, forwards=forwards, retry_seconds=QUICK) as upstreams:
            for n in range(4):
                await answer(upstreams, f"n{n}.school.example")
            while ("school.example", "SOA") not in [(asked.name, asked.qtype) for asked in school.asked]:
                await asyncio.sleep(0.01)

    with FakeUpstream() as general, FakeUpstream(behave=fake.failing(Rcode.REFUSED)) as school:
        run(story())
        assert "" not in school.names()
        assert general.asked == []


def test_rfc8914_4_19_a_server_that_does_not_serve_this_room_takes_no_name_away() -> None:
    """As BIND and Unbound refuse those whom their access lists do not name: it is about us, not about the name."""
    prohibited = fake.failing(Rcode.REFUSED, b"\0\x0f\0\2\0\x12")

    async def story() -> None:
        async with asking(closed, server, retry_seconds=QUICK) as upstreams:
            for n in range(20):
                assert addresses(await answer(upstreams, f"n{n}.example.org")) == [fake.DEFAULT_ADDRESS]
            (state,) = (state for state in upstreams.states() if state.server.endswith(f":{closed.port}"))
            assert state.failure == "answers with REFUSED"
        async with asking(closed, retry_seconds=QUICK) as upstreams:
            record = await answer(upstreams, "example.org")
            assert record is not None
            assert (record.header.rcode, extended_codes(record)) == (Rcode.REFUSED, [18])

    with FakeUpstream(behave=prohibited) as closed, FakeUpstream(behave=fake.late(0.03)) as server:
        run(story())


@pytest.mark.parametrize(
    ("rcode", "code"),
    [
        *itertools.product([Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NXDOMAIN, Rcode.NOERROR], [15, 16, 17]),
        *((rcode, 18) for rcode in (Rcode.SERVFAIL, Rcode.NXDOMAIN, Rcode.NOERROR)),
    ],
)
def test_rfc8914_4_16_a_server_that_keeps_a_name_closed_is_final_and_nobody_else_is_asked(
    rcode: Rcode, code: int
) -> None:
    async def story() -> None:
        async with asking(strict, lax) as upstreams:
            for n in range(5):
                record = await answer(upstreams, f"bad{n}.example.org")
                assert record is not None
                assert (record.header.rcode, extended_codes(record)) == (rcode, [code])

    with FakeUpstream(behave=fake.failing(rcode, extended_error(code))) as strict, FakeUpstream() as lax:
        run(story())
        assert lax.asked == []


def test_a_reason_that_is_about_the_name_makes_a_server_well_again() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            while upstreams.down_since() is None:
                await answer(upstreams, f"n{time.monotonic_ns()}.example.org")
            server.behave = fake.failing(Rcode.SERVFAIL, extended_error(6))
            while upstreams.down_since() is not None:
                await answer(upstreams, f"n{time.monotonic_ns()}.example.org")

    with FakeUpstream(behave=fake.failing(Rcode.REFUSED)) as server:
        run(story())


@pytest.mark.parametrize("code", range(6, 13))
def test_rfc8914_4_7_a_bogus_name_is_not_asked_of_a_server_that_does_not_validate(code: int) -> None:
    async def story() -> None:
        async with asking(validating, credulous) as upstreams:
            for n in range(5):
                record = await answer(upstreams, f"bogus{n}.example.org")
                assert record is not None
                assert (record.header.rcode, extended_codes(record)) == (Rcode.SERVFAIL, [code])

    behave = fake.failing(Rcode.SERVFAIL, extended_error(code, "bogus"))
    with FakeUpstream(behave=behave) as validating, FakeUpstream() as credulous:
        run(story())
        assert credulous.asked == []


@pytest.mark.parametrize("rcode", [Rcode.SERVFAIL, Rcode.REFUSED])
def test_what_every_server_fails_with_is_what_the_asker_hears(rcode: Rcode) -> None:
    async def story() -> None:
        async with asking(one, two) as upstreams:
            record = await answer(upstreams, "example.org")
            assert record is not None
            assert record.header.rcode == rcode

    with FakeUpstream(behave=fake.failing(rcode)) as one, FakeUpstream(behave=fake.failing(rcode)) as two:
        run(story())


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_rfc9520_3_1_a_silent_server_gets_a_question_at_most_three_times(servers: int) -> None:
    async def story() -> None:
        async with asking(*silent, retry_seconds=QUICK) as upstreams:
            assert await answer(upstreams, "example.org") is None

    silent = [FakeUpstream(behave=fake.never, speaks_tcp=False) for _ in range(servers)]
    for one in silent:
        one.__enter__()
    try:
        run(story())
        for one in silent:
            assert 1 <= one.names().count("example.org") <= 3
    finally:
        for one in silent:
            one.stop()


@pytest.mark.parametrize("behave", [fake.failing(1), fake.failing(2), fake.header_only(2), fake.wrong_counts])
def test_rfc9520_3_1_a_server_that_fails_gets_a_question_at_most_three_times(behave: fake.Behaviour) -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            await answer_bytes(upstreams, query("example.org"), "example.org")

    with FakeUpstream(behave=behave) as server:
        run(story())
        assert 1 <= server.names().count("example.org") <= 3
