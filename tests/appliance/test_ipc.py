"""How a room's processes ask each other."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest

from appliance.ipc import send_and_receive_line
from appliance.ipc_server import serve_lines, start_room_server


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[list[bytes]]:
    """Serve one connection: note the line that comes, and send an answer; None: say nothing."""
    heard: list[bytes] = []
    done = threading.Event()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                heard.append(lines.readline())
                if answer is None:
                    done.wait(30)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join()


def ask(path: Path, *, timeout_seconds: float = 20.0, max_bytes: int = 1000) -> bytes:
    return send_and_receive_line(path, b'{"a": 1}', timeout_seconds=timeout_seconds, max_bytes=max_bytes)


def test_a_line_goes_and_a_line_comes_back(short_path: Path) -> None:
    with answering(short_path / "a.sock", b"yes\nand more\n") as heard:
        assert ask(short_path / "a.sock") == b"yes\n"
    assert heard == [b'{"a": 1}\n']


def test_no_more_is_taken_than_may_come(short_path: Path) -> None:
    with answering(short_path / "a.sock", b"x" * 50):
        assert ask(short_path / "a.sock", max_bytes=10) == b"x" * 10


def test_whoever_hangs_up_has_said_nothing(short_path: Path) -> None:
    with answering(short_path / "a.sock", b""):
        assert ask(short_path / "a.sock") == b""


def test_whoever_is_silent_or_not_there_is_an_error(short_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(short_path / "a.sock")
    with answering(short_path / "a.sock", None), pytest.raises(TimeoutError):
        ask(short_path / "a.sock", timeout_seconds=0.1)


class Echo(msgspec.Struct):
    line: str


async def echo(line: bytes) -> Echo:
    if line == b"fail\n":
        raise KeyError("a mistake of ours")
    return Echo(line.decode().strip())


@asynccontextmanager
async def echoing(path: Path) -> AsyncIterator[Path]:
    server = await start_room_server(
        lambda reader, writer: serve_lines(reader, writer, echo), path, line_bytes=100
    )
    try:
        async with asyncio.timeout(30):
            yield path
    finally:
        server.close()


async def said(path: Path, *lines: bytes) -> bytes:
    """Send lines over one connection and return all that comes until it ends."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.writelines(lines)
    writer.write_eof()
    try:
        return await reader.read()
    except ConnectionResetError:  # what it had not read yet was thrown away
        return b""
    finally:
        writer.close()


def test_each_line_of_a_connection_has_an_answer_in_its_order(short_path: Path) -> None:
    async def story() -> None:
        async with echoing(short_path / "a.sock") as path:
            assert await said(path, b"one\n", b"two\n") == b'{"line":"one"}\n{"line":"two"}\n'
            assert await asyncio.to_thread(ask, path) == b'{"line":"{\\"a\\": 1}"}\n'

    asyncio.run(story())


def test_a_line_without_end_and_a_mistake_end_one_connection_and_no_other(
    short_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with echoing(short_path / "a.sock") as path:
            assert await said(path, b"x" * 1000) == b""
            with caplog.at_level(logging.ERROR):
                assert await said(path, b"one\n", b"fail\n", b"two\n") == b'{"line":"one"}\n'
            assert "could not be answered" in caplog.text
            _, writer = await asyncio.open_unix_connection(path)
            writer.transport.abort()  # gone without a word
            assert await said(path, b"one\n") == b'{"line":"one"}\n'

    asyncio.run(story())


def test_a_server_takes_the_place_of_a_socket_left_behind_and_is_for_the_rooms_group(short_path: Path) -> None:
    async def story() -> None:
        (short_path / "a.sock").touch(mode=0o600)
        async with echoing(short_path / "a.sock") as path:
            assert path.stat().st_mode & 0o777 == 0o660
            assert await said(path, b"one\n") == b'{"line":"one"}\n'

    asyncio.run(story())
