"""What systemd is told, over a real datagram socket."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import sd_notify
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_a_state_arrives_as_one_datagram(manager: socket.socket) -> None:
    sd_notify.sd_notify("READY=1", "STATUS=answering")
    assert manager.recv(4096) == b"READY=1\nSTATUS=answering"


def test_a_name_without_a_file_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"hallpass-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        sd_notify.sd_notify("READY=1")
        assert listening.recv(4096) == b"READY=1"


def test_where_nobody_listens_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    sd_notify.sd_notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    sd_notify.sd_notify("READY=1")


def test_a_watchdog_is_fed_while_the_loop_turns(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

    async def feed() -> None:
        task = asyncio.create_task(sd_notify.send_keepalives())
        for _ in range(3):
            assert await asyncio.to_thread(manager.recv, 4096) == b"WATCHDOG=1"
        task.cancel()

    asyncio.run(feed())


@pytest.mark.parametrize(("usec", "pid"), [("", ""), ("0", ""), ("x", ""), ("30000000", "1")])
def test_without_a_watchdog_of_its_own_a_process_feeds_none(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
    assert sd_notify.keepalive_seconds() is None
    asyncio.run(sd_notify.send_keepalives())


@pytest.mark.parametrize("name", ["resolver", "recorder", "agent", "web"])
def test_each_process_of_a_room_says_when_it_is_ready_and_that_it_lives(
    manager: socket.socket, short_path: Path, name: str
) -> None:
    config = short_path / "room.toml"
    config.write_text(
        f'[room]\nname = "Room 4"\ndata = "data"\n'
        f'[dns]\nlisten = ["127.0.0.1:0"]\nupstreams = ["127.0.0.1:9"]\nworkers = 1\n'
        f'[web]\nlisten = "127.0.0.1:{free_port()}"\n[led]\ndriver = "simulated"\n'
    )
    command = [*HALLPASS, name, "--config", str(config)]
    manager.settimeout(60)
    watched = os.environ | {"WATCHDOG_USEC": "600000"}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=watched) as process:
        try:
            said = manager.recv(4096).splitlines()
            while b"READY=1" not in said:
                said = manager.recv(4096).splitlines()
            while b"WATCHDOG=1" not in said:
                said = manager.recv(4096).splitlines()
        finally:
            process.terminate()
    assert process.returncode == 0
