"""A card that answers nothing is said to be one, by lamp and health, and the recorder goes on with all else."""

import asyncio
import contextlib
import fcntl
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control, process, service
from appliance.room.query_log.disk_thread import MAX_SECONDS_BETWEEN_LOOKS, DiskThread
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings

_F_SETLEASE = 1024
_F_SETSIG = 10


@pytest.fixture
def settings(short_path: Path) -> RoomSettings:
    (short_path / "room.toml").write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n[led]\ndriver = "simulated"\n'
    )
    (short_path / "data").mkdir()
    return load_settings(short_path / "room.toml", RoomSettings)


@contextlib.contextmanager
def nobody_opens(path: Path) -> Iterator[None]:
    """Let whoever opens a file wait, as at a card that does not answer: in open(2), for 45 seconds at most.

    The kernel makes them wait for who has a lease (fcntl(2)) and does not give it up.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.fcntl(handle, _F_SETSIG, signal.SIGURG)  # which nobody minds
    fcntl.fcntl(handle, _F_SETLEASE, fcntl.F_WRLCK)
    try:
        yield
    finally:
        os.close(handle)


@contextlib.asynccontextmanager
async def recorder(settings: RoomSettings) -> AsyncIterator[RoomPaths]:
    task = asyncio.create_task(process.run_query_log(settings))
    try:
        yield RoomPaths.from_settings(settings)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await task


def said(paths: RoomPaths) -> ProcessHealth | None:
    return next(iter(health.read_health(paths.health_folder, time.time())), None)


async def until_said(paths: RoomPaths, *conditions: Condition) -> ProcessHealth:
    async with asyncio.timeout(20):
        while (found := said(paths)) is None or found.conditions != conditions:
            await asyncio.sleep(0.02)
    return found


def test_a_disk_that_does_not_answer_is_trouble_with_the_disk_and_not_a_recorder_that_stopped(
    settings: RoomSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(health, "RENEW_SECONDS", 1.0)

    async def story() -> None:
        with nobody_opens(RoomPaths.from_settings(settings).query_log_journal):
            running = recorder(settings)
            paths = await running.__aenter__()
            found = await until_said(paths, Condition.DISK_TROUBLE)
            assert "has not answered" in found.details["log"]
            assert paths.simulated_lamp.read_text() == "on disk-trouble\n"
            with pytest.raises(control.ControlRequestRejected, match="the disk does not answer"):
                await asyncio.to_thread(
                    control.send_control_request, paths.query_log_control_socket, control.FlushRequest()
                )
        await until_said(paths)
        await running.__aexit__(None, None, None)

    asyncio.run(story())


def test_only_what_is_seen_again_and_again_counts_and_not_for_longer_than_it_was_looked_at() -> None:
    async def story() -> None:
        disk, may_return = DiskThread(), threading.Event()
        work = asyncio.create_task(disk.run(may_return.wait))
        await asyncio.sleep(0.05)
        for now, waiting in ((10.0, 0.0), (11.0, 1.0), (500.0, 1.0 + MAX_SECONDS_BETWEEN_LOOKS)):
            disk.look(now)
            assert disk.waiting_seconds == waiting
        may_return.set()
        assert await work
        disk.look(501.0)
        assert disk.waiting_seconds == 0.0
        again = threading.Event()
        work = asyncio.create_task(disk.run(again.wait))
        await asyncio.sleep(0.05)
        disk.look(502.0)
        assert disk.waiting_seconds == 0.0, "another one"
        again.set()
        await work
        disk.close()

    asyncio.run(story())
