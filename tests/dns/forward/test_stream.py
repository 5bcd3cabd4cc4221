"""Connections to upstreams that misbehave: broken off, silent, half-sent, or speaking something else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.forward import stream
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamHealth
from dns.forward.pending_query import PendingQuery
from dns.forward.server import ServerAddress, UpstreamServer
from dns.forward.stream import StreamServer
from tests.fakes.dns_client import query, run

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ENTROPY = EntropyPool()


class RecordingHandler:
    """Hears how questions went."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, PendingQuery]] = []
        self.news = asyncio.Event()

    def handle_answer(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> bool:
        pending.is_finished = True
        self.heard.append(("answered", pending))
        self.news.set()
        return True

    def handle_malformed_answer(self, pending: PendingQuery, server: UpstreamServer) -> None:
        self.heard.append(("malformed", pending))

    def handle_late_answer(self, pending: PendingQuery, server: UpstreamServer, data: bytes) -> None:
        self.heard.append(("late", pending))

    def handle_failure(self, pending: PendingQuery, server: UpstreamServer) -> None:
        self.heard.append(("failed", pending))
        self.news.set()

    async def wait_for(self, count: int) -> list[str]:
        while len(self.heard) < count:
            self.news.clear()
            await self.news.wait()
        return [what for what, _ in self.heard]


def pending(name: str = "example.org") -> PendingQuery:
    message = query(name)
    return PendingQuery.from_message(
        message, len(message), lambda _: None, wheel_slot={}, server=None, entropy=ENTROPY
    )


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[tuple[StreamServer, RecordingHandler]]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    handler = RecordingHandler()
    address = ServerAddress("plain", "127.0.0.1", server.sockets[0].getsockname()[1])
    upstream = StreamServer(address, handler, ENTROPY, UpstreamHealth(lambda: 0.0))
    try:
        yield upstream, handler
    finally:
        await upstream.close()
        server.close()


async def read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


def answered(message: bytes) -> bytes:
    body = message[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + message[12:-11]
    return len(body).to_bytes(2, "big") + body


def test_a_connection_that_is_closed_without_a_word_is_a_failure() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def story() -> None:
        async with talking(talk) as (upstream, handler):
            upstream.send_query(pending())
            assert await handler.wait_for(1) == ["failed"]

    run(story())


def test_what_was_open_on_a_connection_that_had_answered_is_asked_again() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        first = await read(reader)
        await read(reader)
        writer.write(answered(first))
        writer.close()

    async def second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connections:
            writer.write(answered(await read(reader)))
            await reader.read()
            writer.close()
        else:
            await talk(reader, writer)

    async def story() -> None:
        async with talking(second) as (upstream, handler):
            upstream.send_query(pending("one.example"))
            upstream.send_query(pending("two.example"))
            assert await handler.wait_for(2) == ["answered", "answered"]

    run(story())


def test_a_connection_on_which_nothing_comes_is_given_up_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STALLED_SECONDS", 0.0)
    writers = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        message = await read(reader)
        if len(writers) > 1:
            writer.write(answered(message))
        await asyncio.gather(reader.read(), return_exceptions=True)
        writer.close()

    async def story() -> None:
        async with talking(talk) as (upstream, handler):
            upstream.send_query(pending("one.example"))
            while not writers:
                await asyncio.sleep(0.01)
            upstream.send_query(pending("two.example"))
            assert (await handler.wait_for(2)).count("answered") >= 1

    run(story())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=5), st.booleans())
def test_no_bytes_whatever_do_harm(pieces: list[bytes], framed: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = await read(reader)
        for piece in pieces:
            writer.write(len(piece).to_bytes(2, "big") + message[:2] + piece if framed else piece)
        writer.close()

    async def story() -> None:
        async with talking(talk) as (upstream, handler):
            upstream.send_query(pending())
            assert await handler.wait_for(1) in (["failed"], ["answered"])

    run(story())


def test_too_many_open_questions_are_failed_rather_than_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_OPEN_QUERIES", 5)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def story() -> None:
        async with talking(talk) as (upstream, handler):
            for n in range(8):
                upstream.send_query(pending(f"n{n}.example"))
            assert await handler.wait_for(3) == ["failed"] * 3

    run(story())
