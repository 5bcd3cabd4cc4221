"""The news that a page of a room waits for: never silent for long, whatever the room's other processes do."""

import shutil
import socket
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.room.agent import rpc
from appliance.room.paths import RoomPaths
from appliance.room.query_log import service
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.e2e.school import until
from webui.room import change_feed
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


class Recorder:
    """The recorder's live feed, of which one reader is served."""

    def __init__(self, path: Path) -> None:
        self._server = hanging(path)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_problem: object) -> None:
        self._server.close()
        self._reader.close()

    def accept(self) -> None:
        self._reader, _ = self._server.accept()
        self._reader.sendall(b"\n")

    def refuse(self, times: int = 1) -> None:
        for _ in range(times):
            self._reader.sendall(b"{}\n")


@pytest.fixture
def recorder(settings: RoomSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setattr(change_feed, "PAUSE_SECONDS", 0.5)
    with Recorder(RoomPaths.from_settings(settings).live_feed_socket) as one:
        yield one


def follow(
    settings: RoomSettings, recorder: Recorder, pages: int
) -> tuple[RoomClient, list[Generator[bool, None, None]]]:
    """Return so many pages that listen."""
    room = RoomClient(settings)
    news = [room.watch_changes(keepalive_seconds=30.0) for _ in range(pages)]
    with ThreadPoolExecutor() as pool:
        first = [pool.submit(next, one) for one in news]
        recorder.accept()
        assert not any(one.result(30) for one in first)
    return room, news


def test_a_page_hears_nothing_before_the_recorder_says_that_it_tells_all(
    settings: RoomSettings, recorder: Recorder
) -> None:
    room = RoomClient(settings)
    page = room.watch_changes(keepalive_seconds=0.1)
    assert not next(page), "a sign of life: the recorder has no processor yet"
    assert room.count_changes() is None
    recorder.accept()
    until("the page to listen", lambda: room.count_changes() == 0)
    page.close()


def test_all_pages_are_told_at_once_and_many_refusals_are_one_change(
    settings: RoomSettings, recorder: Recorder
) -> None:
    room, news = follow(settings, recorder, pages=3)
    recorder.refuse(times=20)
    assert [next(one) for one in news] == [True] * 3
    assert room.count_changes() == 1


def test_pages_are_told_no_more_often_than_they_would_look(settings: RoomSettings, recorder: Recorder) -> None:
    room, news = follow(settings, recorder, pages=1)
    began = time.monotonic()
    for _ in range(40):
        recorder.refuse()
        time.sleep(0.02)
    told = room.count_changes() or 0
    assert told <= (time.monotonic() - began) / change_feed.PAUSE_SECONDS + 1
    assert next(news[0])


def test_changes_are_counted_while_pages_listen_and_no_longer(settings: RoomSettings, recorder: Recorder) -> None:
    room, news = follow(settings, recorder, pages=1)
    assert room.count_changes() == 0
    recorder.refuse()
    assert next(news[0])
    assert room.count_changes() == 1
    news[0].close()
    until("nobody to listen any more", lambda: room.count_changes() is None)


def test_a_page_that_is_told_of_a_refusal_finds_it_in_the_log() -> None:
    assert change_feed.STORED_SECONDS > service.BLOCK_COMMIT_SECONDS
