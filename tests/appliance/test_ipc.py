"""How a room's processes ask each other."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.ipc import send_and_receive_line


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
