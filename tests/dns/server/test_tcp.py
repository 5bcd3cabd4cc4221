"""DNS over TCP (RFC 7766), heard with real sockets: many questions, slow readers, and those who come to harm."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns.server import stream_listener as listeners_door
from dns.server.connection_limiter import ConnectionLimits
from dns.server.tcp import TcpConnection
from tests.fakes.dns_client import run
from tests.fakes.tcp_echo import QUESTION, Echo, framed, listening, read


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_question_is_answered_on_the_same_connection(host: str) -> None:
    async def story() -> None:
        echo = Echo()
        async with listening(echo, host) as (_, port):
            reader, writer = await asyncio.open_connection(host, port)
            for number in range(3):
                message = bytes([0, number]) + QUESTION[2:]
                writer.write(framed(message))
                assert await read(reader) == message
            writer.close()
        assert echo.clients == {host}

    run(story())


def test_answers_come_in_the_order_in_which_they_are_ready() -> None:
    """RFC 7766, section 6.2.1.1."""

    async def story() -> None:
        echo = Echo(at_once=False)
        async with listening(echo) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"".join(framed(bytes([0, n]) + QUESTION[2:]) for n in range(3)))
            while len(echo.waiting) < 3:
                await asyncio.sleep(0)
            for packet, reply in reversed(echo.waiting):
                reply(packet)
            assert [(await read(reader))[1] for _ in range(3)] == [2, 1, 0]
            writer.close()

    run(story())


questions = st.binary(min_size=12, max_size=40).filter(lambda message: not message[2] & 0x80)


@given(st.lists(questions, max_size=8), st.data())
def test_questions_arrive_whole_whatever_the_pieces(messages: list[bytes], data: st.DataObject) -> None:
    echo = Echo(at_once=False)
    connection = TcpConnection("192.0.2.7", 0.0, handle=echo, limits=ConnectionLimits(), clock=lambda: 0.0)
    connection.transport = _NoTransport()
    stream = b"".join(map(framed, messages))
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        connection.data_received(stream[at : at + size])
        at += size
    assert echo.packets == messages


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_no_bytes_whatever_do_harm(pieces: list[bytes]) -> None:
    connection = TcpConnection("192.0.2.7", 0.0, handle=Echo(), limits=ConnectionLimits(), clock=lambda: 0.0)
    connection.transport = _NoTransport()
    for piece in pieces:
        connection.data_received(piece)


@pytest.mark.parametrize("length", [0, 1, 11])
def test_a_length_that_no_question_has_ends_the_connection(length: int) -> None:
    async def story() -> None:
        async with listening(Echo()) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(length.to_bytes(2, "big") + QUESTION)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await read(reader)
            writer.close()

    run(story())


def test_whoever_sends_an_answer_is_no_device() -> None:
    async def story() -> None:
        echo = Echo()
        async with listening(echo) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(framed(QUESTION[:2] + b"\x81" + QUESTION[3:]))
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert echo.packets == []

    run(story())


def test_rfc7766_6_2_4_a_door_at_rest_answers_what_was_asked_and_parts() -> None:
    async def story() -> None:
        echo = Echo(at_once=False)
        async with listening(echo) as (listener, port):
            quiet, quiet_writer = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(framed(QUESTION))
            while len(echo.waiting) < 1:
                await asyncio.sleep(0)
            listener.drain()
            assert await quiet.read() == b""
            assert len(listener) == 1  # whose question is under way
            echo.waiting[0][1](QUESTION)
            assert await read(reader) == QUESTION
            assert await reader.read() == b""
            for one in (quiet_writer, writer):
                one.close()
            while len(listener):
                await asyncio.sleep(0)
            with pytest.raises(ConnectionRefusedError):  # nobody else has this socket
                await asyncio.open_connection("127.0.0.1", port)

    run(story())


def test_a_door_at_rest_parts_in_the_end_with_who_never_stops_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        echo = Echo()
        async with listening(echo) as (listener, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(framed(QUESTION))
            assert await read(reader) == QUESTION
            listener.drain()
            answers = 0
            try:
                while True:
                    writer.write(framed(QUESTION))
                    answers += await read(reader) == QUESTION
            except (OSError, asyncio.IncompleteReadError):
                assert answers > 10
            writer.close()

    monkeypatch.setattr(listeners_door, "DRAIN_DEADLINE_SECONDS", 1.0)
    run(story())


def test_a_device_that_closes_its_side_still_gets_its_answers() -> None:
    async def story() -> None:
        echo = Echo(at_once=False)
        async with listening(echo) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(framed(QUESTION))
            writer.write_eof()
            while not echo.waiting:
                await asyncio.sleep(0)
            _, later = await asyncio.open_connection("127.0.0.1", port)
            later.write(framed(QUESTION))
            while len(echo.waiting) < 2:  # what came after the end was heard, and so the end was
                await asyncio.sleep(0)
            echo.waiting[0][1](QUESTION)
            assert await reader.read() == framed(QUESTION)
            writer.close()
            later.close()

    run(story())


class _NoTransport(asyncio.Transport):
    """A way back that leads nowhere."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    def is_closing(self) -> bool:
        return False

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0
