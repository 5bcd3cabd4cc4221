"""How many connections there may be over TCP, whose goes where there are too many, and what one may hold."""

import asyncio
import os
import resource
import socket
import sys
from contextlib import suppress

import pytest

from dns.server.connection_limiter import ConnectionLimiter, ConnectionLimits
from dns.server.stream_listener import StreamListener, open_tcp_socket
from dns.server.tcp import TcpConnection
from tests.fakes.dns_client import run
from tests.fakes.tcp_echo import QUESTION, Echo, framed, listening, read


def test_all_doors_of_a_house_count_together() -> None:
    async def story() -> None:
        bounds = ConnectionLimits(max_connections=4, max_connections_per_client=3)
        house = ConnectionLimiter(bounds)

        def make(address: str, now: float) -> TcpConnection:
            clock = asyncio.get_running_loop().time
            return TcpConnection(address, now, handle=Echo(), limits=bounds, clock=clock)

        listeners = [
            StreamListener(open_tcp_socket("127.0.0.1", 0), make, limits=bounds, limiter=house) for _ in range(2)
        ]
        for listener in listeners:
            listener.start_accepting()

        async def knock(
            listener: StreamListener, source: str
        ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection("127.0.0.1", listener.port, local_addr=(source, 0))

        asking, asks = await knock(listeners[0], "127.0.0.9")
        asks.write(framed(QUESTION))
        assert await read(asking) == QUESTION
        held = [await knock(listeners[number % 2], "127.0.0.1") for number in range(3)]
        while len(house) < 4:
            await asyncio.sleep(0)
        held.append(await knock(listeners[1], "127.0.0.1"))
        assert await held[0][0].read() == b""  # the fourth of one device, through whichever door, costs its first
        others = [await knock(listeners[number % 2], f"127.0.0.{number + 2}") for number in range(3)]
        for reader, _ in held:
            with suppress(ConnectionResetError):
                assert await reader.read() == b""  # who never asked makes room, though it came later
        asks.write(framed(QUESTION))
        assert await read(asking) == QUESTION
        for _, writer in (*others, *held):
            writer.close()
        asks.close()
        for listener in listeners:
            await listener.close()
        assert len(house) == 0

    run(story())


def test_a_quiet_connection_is_closed_and_trickling_bytes_do_not_keep_it() -> None:
    async def story() -> None:
        async with listening(Echo(), idle_seconds=0.2) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            ended = asyncio.ensure_future(reader.read())
            while not ended.done():
                writer.write(b"\x0f")  # the beginning of a question that never ends
                await asyncio.sleep(0.01)
            await asyncio.gather(ended, return_exceptions=True)
            writer.close()

    run(story())


def test_a_device_at_its_share_of_connections_loses_its_own_quietest_to_the_new_one() -> None:
    """RFC 7766, section 6.2.2."""

    async def story() -> None:
        async with listening(Echo(), max_connections_per_client=5) as (listener, port):
            pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            for reader, writer in pairs[:4]:
                writer.write(framed(QUESTION))
                assert await read(reader) == QUESTION
            for number in (4, 0, 1):  # the one that never asked, then those that asked first
                pairs.append(await asyncio.open_connection("127.0.0.1", port))
                pairs[-1][1].write(framed(QUESTION))
                assert await read(pairs[-1][0]) == QUESTION
                with suppress(ConnectionResetError):
                    assert await pairs[number][0].read() == b""
            assert len(listener) == 5
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.9", 0))
            writer.write(framed(QUESTION))
            assert await read(reader) == QUESTION
            for _, one in (*pairs, (reader, writer)):
                one.close()

    run(story())


def test_parts_of_questions_hold_no_place_against_a_whole_one() -> None:
    """RFC 7766, section 6.2.2: fifty connections with one octet each kept the device's own questions out."""

    async def story() -> None:
        async with listening(Echo(), max_connections_per_client=5) as (listener, port):
            parts = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            for _, writer in parts:
                writer.write(framed(QUESTION)[:3])
            while len(listener) < 5:
                await asyncio.sleep(0)
            for _ in range(6):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(framed(QUESTION))
                assert await read(reader) == QUESTION
                parts.append((reader, writer))
            for _, one in parts:
                one.close()

    run(story())


def test_a_device_with_questions_under_way_on_its_whole_share_gets_no_further_connection() -> None:
    async def story() -> None:
        echo = Echo(at_once=False)
        async with listening(echo, max_connections_per_client=3) as (listener, port):
            pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for _, writer in pairs:
                writer.write(framed(QUESTION))
            while len(echo.waiting) < 3:
                await asyncio.sleep(0)
            over, fourth = await asyncio.open_connection("127.0.0.1", port)
            assert await over.read() == b""
            assert listener.rejected_count == 1
            for packet, reply in echo.waiting:
                reply(packet)
            for reader, writer in pairs:
                assert await read(reader) == QUESTION
                writer.close()
            fourth.close()

    run(story())


def test_a_stranger_is_turned_away_at_the_door() -> None:
    async def story() -> None:
        async with listening(Echo()) as (listener, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.66", 0))
            assert await reader.read() == b""
            assert listener.rejected_count == 1
            writer.close()

    run(story())


def test_a_full_house_parts_with_the_quietest_connection() -> None:
    async def story() -> None:
        async with listening(Echo(), max_connections=3) as (listener, port):
            pairs = []
            for n in range(3):
                pairs.append(await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.1.{n + 1}", 0)))
                pairs[n][1].write(framed(QUESTION))
                assert await read(pairs[n][0]) == QUESTION
            pairs[0][1].write(framed(QUESTION))  # the first is busy again: the second is now the quietest
            assert await read(pairs[0][0]) == QUESTION
            pairs.append(await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.1.9", 0)))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await read(pairs[1][0])
            for at in (0, 2, 3):
                pairs[at][1].write(framed(QUESTION))
                assert await read(pairs[at][0]) == QUESTION
            assert len(listener) == 3
            for _, writer in pairs:
                writer.close()

    run(story())


def test_ten_thousand_attempts_leave_the_others_their_answers() -> None:
    async def story() -> None:
        async with listening(Echo(), max_connections=200, max_connections_per_client=50) as (listener, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.3.1", 0))
            held: list[socket.socket] = []
            for n in range(10_000):
                sock = socket.socket()
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # no ports left waiting
                sock.bind((f"127.0.2.{n % 3 + 1}", 0))
                sock.connect_ex(("127.0.0.1", port))
                held.append(sock)
                if len(held) > 300:
                    held.pop(0).close()
                if n % 250 == 0:
                    writer.write(framed(QUESTION))
                    assert await read(reader) == QUESTION
                    assert len(listener) <= 200
            for sock in held:
                sock.close()
            writer.write(framed(QUESTION))
            assert await read(reader) == QUESTION
            writer.close()

    run(story())


def test_a_device_that_does_not_read_is_not_read_from() -> None:
    async def story() -> None:
        echo = Echo()
        async with listening(echo, max_unread_bytes=100_000_000) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**10)
            big = QUESTION + bytes(60_000)
            writer.write(framed(big) * 500)
            before = -1
            while len(echo.packets) != before:  # until nothing more is taken
                before = len(echo.packets)
                await asyncio.sleep(0.1)
            assert before < 500
            for _ in range(500):
                assert await read(reader) == big
            writer.close()

    run(story())


def test_a_device_that_leaves_too_much_unread_is_broken_off() -> None:
    async def story() -> None:
        echo = Echo(at_once=False)
        async with listening(echo, max_unread_bytes=1000) as (listener, port):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(framed(QUESTION))
            while not echo.waiting:
                await asyncio.sleep(0)
            reply = echo.waiting[0][1]
            while len(listener):
                reply(bytes(60_000))
                await asyncio.sleep(0)
            sock.close()

    run(story())


def test_only_so_many_questions_of_one_connection_are_in_flight() -> None:
    async def story() -> None:
        echo = Echo(at_once=False)
        async with listening(echo, max_queries_in_flight=10) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(framed(QUESTION) * 100)
            for _ in range(100):
                while not echo.waiting:
                    await asyncio.sleep(0)
                assert len(echo.waiting) <= 10
                packet, reply = echo.waiting.pop(0)
                reply(packet)
                assert await read(reader) == QUESTION
            writer.close()

    run(story())


_HOLDER = """
import socket, sys
sys.stdin.readline()
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) for _ in range(60)]
print("held", flush=True)
sys.stdin.readline()
"""


def test_running_out_of_descriptors_is_a_pause_and_not_the_end() -> None:
    async def story() -> None:
        async with listening(Echo(), max_connections_per_client=500) as (listener, port):
            holder = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _HOLDER,
                str(port),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert holder.stdin is not None
            assert holder.stdout is not None
            before = resource.getrlimit(resource.RLIMIT_NOFILE)
            used = {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208 (no paths are wanted)
            free = [number for number in range(len(used) + 13) if number not in used]
            resource.setrlimit(resource.RLIMIT_NOFILE, (free[12], before[1]))
            try:
                holder.stdin.write(b"\n")
                assert await holder.stdout.readline() == b"held\n"
                while not listener.pause_count:
                    await asyncio.sleep(0.01)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            holder.stdin.write(b"\n")
            await holder.wait()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(framed(QUESTION))
            assert await read(reader) == QUESTION
            writer.close()

    run(story())
