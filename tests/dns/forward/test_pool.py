"""Servers stand in for each other: fail-over, refusals that are final, trouble noticed and forgiven."""

import asyncio

import dnslib

from dns.forward.upstreams import ForwardZone
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, answer_bytes, asking, query, run
from tests.fakes.upstream import FakeUpstream

QUICK = 0.1  # seconds between attempts in these stories
CENSORED = b"\0\x0f\0\2\0\x10"  # extended error 16 (RFC 8914)


def test_a_server_that_never_answers_is_stood_in_for_within_one_interval() -> None:
    async def story() -> None:
        async with asking(silent, server, retry_seconds=QUICK) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))
            assert len(silent.asked) == 1

    with FakeUpstream(behave=fake.never) as silent, FakeUpstream() as server:
        run(story())


def test_after_a_few_silences_the_others_are_asked_first() -> None:
    async def story() -> None:
        async with asking(silent, server, retry_seconds=QUICK) as upstreams:
            await asyncio.gather(*(answer(upstreams, f"n{n}.example.org") for n in range(5)))
            before = len([asked for asked in silent.asked if asked.name])
            for n in range(20):
                assert addresses(await answer(upstreams, f"m{n}.example.org"))
            assert len([asked for asked in silent.asked if asked.name]) == before

    with FakeUpstream(behave=fake.never) as silent, FakeUpstream() as server:
        run(story())


def test_a_server_that_comes_back_is_noticed_by_a_probe() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            assert await answer(upstreams, "example.org") is None
            while upstreams.down_since() is None:
                await asyncio.sleep(0.01)
            assert upstreams.states()[0].server == f"127.0.0.1:{server.port}"
            server.behave = fake.honest
            while upstreams.down_since() is not None:
                await asyncio.sleep(0.01)
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(behave=fake.never) as server:
        run(story())
        assert "" in server.names()  # the probe asks for the root


def test_while_all_servers_are_down_a_question_waits_one_interval_only() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            await answer(upstreams, "example.org")
            while upstreams.down_since() is None:
                await asyncio.sleep(0.01)
            before = len([asked for asked in server.asked if asked.name])
            assert await answer(upstreams, "example.org") is None
            assert len([asked for asked in server.asked if asked.name]) == before + 1

    with FakeUpstream(behave=fake.never) as server:
        run(story())


def test_a_port_at_which_nothing_listens_is_known_at_once() -> None:
    async def story() -> None:
        async with asking(gone, server, retry_seconds=30.0) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))
            assert upstreams.states()[1].counts.unreachable >= 1

    with FakeUpstream() as gone, FakeUpstream() as server:
        gone.stop()
        run(story())


def test_servers_that_are_all_gone_fail_a_question_at_once() -> None:
    async def story() -> None:
        async with asking(gone, retry_seconds=30.0) as upstreams:
            assert await answer(upstreams, "example.org") is None

    with FakeUpstream() as gone:
        gone.stop()
        run(story())


def test_a_server_dies_and_is_started_again_on_its_port() -> None:
    async def story() -> None:
        async with asking(server, retry_seconds=QUICK) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))
            server.stop()
            assert await answer(upstreams, "example.org") is None
            with server:
                while (record := await answer(upstreams, "example.org")) is None:
                    await asyncio.sleep(0.05)
                assert addresses(record)

    with FakeUpstream() as server:
        run(story())


def test_a_late_answer_is_taken_while_another_server_was_asked_too() -> None:
    async def story() -> None:
        async with asking(slow, silent, retry_seconds=QUICK) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(behave=fake.late(0.25)) as slow, FakeUpstream(behave=fake.never) as silent:
        run(story())
        assert silent.asked


def test_servfail_of_one_server_is_asked_of_the_next() -> None:
    async def story() -> None:
        async with asking(failing, server) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(behave=fake.failing(2)) as failing, FakeUpstream() as server:
        run(story())


def test_servfail_of_every_server_is_what_the_asker_hears() -> None:
    async def story() -> None:
        async with asking(one, two) as upstreams:
            record = await answer(upstreams, "example.org")
            assert record is not None
            assert record.header.rcode == dnslib.RCODE.SERVFAIL

    with FakeUpstream(behave=fake.failing(2)) as one, FakeUpstream(behave=fake.failing(2)) as two:
        run(story())
        assert len(one.asked) == len(two.asked) == 3  # in mixed case, in plain, and without EDNS


def test_a_refusal_is_final_and_nobody_is_asked_behind_its_back() -> None:
    async def story() -> None:
        for behave, rcode in ((fake.failing(3), 3), (fake.failing(2, CENSORED), 2)):
            strict.behave = behave
            async with asking(strict, lax) as upstreams:
                record = await answer(upstreams, "example.org")
                assert record is not None
                assert record.header.rcode == rcode

    with FakeUpstream() as strict, FakeUpstream() as lax:
        run(story())
        assert lax.asked == []


def test_the_quicker_server_is_asked_after_a_while() -> None:
    async def story() -> None:
        async with asking(slow, quick, retry_seconds=2.0) as upstreams:
            while len(quick.asked) < len(slow.asked) + 20:
                assert addresses(await answer(upstreams, f"n{len(quick.asked)}.example.org"))

    with FakeUpstream(behave=fake.late(0.05)) as slow, FakeUpstream() as quick:
        run(story())


def test_a_domain_with_servers_of_its_own_is_asked_there_and_only_there() -> None:
    async def story() -> None:
        forwards = (
            ForwardZone("school.example", (school.address,)),
            ForwardZone("lab.school.example", (lab.address,)),
            ForwardZone("168.192.in-addr.arpa", (school.address,)),
        )
        async with asking(general, forwards=forwards) as upstreams:
            for name in ("example.org", "school.example", "www.school.example", "a.lab.school.example"):
                assert addresses(await answer(upstreams, name))
            await answer(upstreams, "7.4.168.192.in-addr.arpa", "PTR")
            school.behave = fake.failing(2)
            record = await answer(upstreams, "mail.school.example")
            assert record is not None
            assert record.header.rcode == 2
            assert len(upstreams.states()) == 4

    with FakeUpstream() as general, FakeUpstream() as school, FakeUpstream() as lab:
        run(story())
        assert general.names() == ["example.org"]
        assert lab.names() == ["a.lab.school.example"]
        assert list(dict.fromkeys(school.names())) == [
            "school.example",
            "www.school.example",
            "7.4.168.192.in-addr.arpa",
            "mail.school.example",
        ]


def test_closing_answers_whoever_still_waits() -> None:
    async def story() -> None:
        async with asking(silent) as upstreams:
            pending = asyncio.ensure_future(answer_bytes(upstreams, query("example.org"), "example.org"))
            while not silent.asked:
                await asyncio.sleep(0.01)
        assert await pending is None
        assert await answer_bytes(upstreams, query("example.org"), "example.org") is None

    with FakeUpstream(behave=fake.never) as silent:
        run(story())


def test_a_flood_of_questions_that_nobody_answers_is_let_go_in_portions_and_to_the_last_one() -> None:
    async def story() -> None:
        async with asking(silent, retry_seconds=0.02) as upstreams:
            names = [f"n{n}.example.org" for n in range(3000)]
            pending = [answer_bytes(upstreams, query(name), name) for name in names]
            assert set(await asyncio.gather(*pending)) == {None}

    with FakeUpstream(behave=fake.never) as silent:
        run(story())
