"""The news that a page of a room waits for: never silent for long, whatever the room's other processes do."""

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.room.agent import rpc
from appliance.room.paths import RoomPaths
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from webui.room.room_client import RoomClient


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[RoomSettings]:
    run = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets live below it
    yield RoomSettings(
        room=RoomSection(name="Room 4", data=tmp_path, run=run),
        dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
    )
    shutil.rmtree(run)


def hanging(path: Path) -> socket.socket:
    """Return a process's socket that takes connections and never says a word."""
    path.parent.mkdir(parents=True, exist_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def test_an_agent_that_hangs_does_not_silence_a_page(settings: RoomSettings) -> None:
    paths = RoomPaths.from_settings(settings)
    with hanging(paths.agent_socket), hanging(paths.live_feed_socket):
        news = RoomClient(settings).watch_changes(keepalive_seconds=0.1)
        began = time.monotonic()
        assert [next(news), next(news)] == [False, False]
        assert time.monotonic() - began < rpc.TIMEOUT_SECONDS
        news.close()


def test_a_room_whose_other_processes_are_away_gives_signs_of_life(settings: RoomSettings) -> None:
    news = RoomClient(settings).watch_changes(keepalive_seconds=0.1)
    assert [next(news), next(news)] == [False, False]
    news.close()
