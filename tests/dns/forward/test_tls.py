"""Upstreams over TLS (RFC 7858): who they are is verified, the connection is kept, answers come in any order."""

import asyncio
from collections.abc import Iterator

import pytest

from dns.forward import stream
from dns.forward.upstreams import Upstreams
from tests.fakes import upstream_behaviours as fake
from tests.fakes.authority import Authority
from tests.fakes.dns_client import addresses, answer, asking, run
from tests.fakes.upstream import FakeUpstream

NAME = "dns.example.org"


@pytest.fixture(name="server")
def _server(authority: Authority) -> Iterator[FakeUpstream]:
    with FakeUpstream(certificate=authority.server(NAME)) as server:
        yield server


def test_many_questions_share_one_connection(server: FakeUpstream, authority: Authority) -> None:
    async def story() -> None:
        async with asking(server.tls_address(NAME), trust=authority.trust) as upstreams:
            records = await asyncio.gather(*(answer(upstreams, f"n{n}.example.org") for n in range(40)))
            assert all(addresses(record) == [fake.DEFAULT_ADDRESS] for record in records)

    run(story())
    assert server.connections == 1
    assert {asked.transport for asked in server.asked} == {"tls"}


def test_questions_are_padded_to_blocks(server: FakeUpstream, authority: Authority) -> None:
    """RFC 8467, section 4.1."""

    async def story() -> None:
        async with asking(server.tls_address(NAME), trust=authority.trust) as upstreams:
            for name in ("a.example", "a-much-longer-name-than-that-one.of.many.labels.example.org"):
                assert addresses(await answer(upstreams, name))

    run(story())
    assert {len(asked.message) for asked in server.asked} == {128}


@pytest.mark.parametrize("name", ["other.example.org", "127.0.0.1"])
def test_a_certificate_for_another_name_is_no_answer(
    server: FakeUpstream, authority: Authority, name: str
) -> None:
    async def story() -> None:
        async with asking(server.tls_address(name), trust=authority.trust) as upstreams:
            assert await answer(upstreams, "example.org") is None
            assert "certificate" in upstreams.states()[0].trouble.lower()

    run(story())
    assert server.asked == []


def test_a_certificate_of_an_unknown_authority_is_no_answer(server: FakeUpstream) -> None:
    async def story() -> None:
        async with asking(server.tls_address(NAME)) as upstreams:
            assert await answer(upstreams, "example.org") is None

    run(story())
    assert server.asked == []


def test_a_certificate_may_bear_an_address(authority: Authority) -> None:
    async def story() -> None:
        async with asking(server.tls_address("127.0.0.1"), trust=authority.trust) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream(certificate=authority.server("127.0.0.1")) as server:
        run(story())


def test_answers_may_come_in_any_order(server: FakeUpstream, authority: Authority) -> None:
    async def story() -> None:
        held: list[fake.Reply] = []
        answered: list[str] = []

        def behave(asked: fake.ReceivedQuery, data: bytes) -> list[fake.Reply]:
            """Keep the first answer back until the second has been given."""
            if asked.name == "first.example.org":
                held.append(fake.Reply(data))
                return []
            return [fake.Reply(data), *held]

        async def ask(upstreams: Upstreams, name: str) -> None:
            assert addresses(await answer(upstreams, name))
            answered.append(name)

        server.behave = behave
        async with asking(server.tls_address(NAME), trust=authority.trust) as upstreams:
            await asyncio.gather(ask(upstreams, "first.example.org"), ask(upstreams, "second.example.org"))
        assert answered == ["second.example.org", "first.example.org"]

    run(story())
    assert server.connections == 1


def test_a_connection_that_broke_is_made_again(server: FakeUpstream, authority: Authority) -> None:
    async def story() -> None:
        async with asking(server.tls_address(NAME), trust=authority.trust) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))
            server.stop()
            with server:
                while (record := await answer(upstreams, "example.net")) is None:
                    await asyncio.sleep(0.05)
                assert addresses(record)

    run(story())


def test_a_quiet_connection_is_closed(
    server: FakeUpstream, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "IDLE_SECONDS", 1.0)

    async def story() -> None:
        async with asking(server.tls_address(NAME), trust=authority.trust) as upstreams:
            for count in (1, 2):
                assert addresses(await answer(upstreams, "example.org"))
                assert server.connections == count
                while server.open_connections:
                    await asyncio.sleep(0.01)

    run(story())


def test_a_server_that_sends_garbage_is_a_server_that_failed(server: FakeUpstream, authority: Authority) -> None:
    async def story() -> None:
        server.behave = fake.garbage(3)
        async with asking(server.tls_address(NAME), trust=authority.trust, retry_seconds=0.05) as upstreams:
            for n in range(20):
                await answer(upstreams, f"n{n}.example.org")
            server.behave = fake.honest
            while await answer(upstreams, "example.org") is None:
                await asyncio.sleep(0.05)

    run(story())


def test_a_plain_server_stands_in_for_one_over_tls_only_where_the_settings_say_so(
    server: FakeUpstream, authority: Authority
) -> None:
    async def story() -> None:
        server.behave = fake.never
        async with asking(server.tls_address(NAME), trust=authority.trust, retry_seconds=0.05) as upstreams:
            assert await answer(upstreams, "example.org") is None
        assert {asked.transport for asked in server.asked} == {"tls"}
        async with asking(server.tls_address(NAME), plain, trust=authority.trust, retry_seconds=0.05) as upstreams:
            assert addresses(await answer(upstreams, "example.org"))

    with FakeUpstream() as plain:
        run(story())
