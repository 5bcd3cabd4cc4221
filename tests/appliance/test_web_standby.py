"""A site that nobody needs gives its memory back, and is there again for whoever comes."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.process_watchdog import ProcessWatchdog
from appliance.standby import LOOK_SECONDS
from appliance.web_standby import IdleTimer, StandsBy
from tests.bench.servers import pss
from tests.e2e.school import Process, until
from tests.fakes.list_server import make_certificate
from tests.fakes.ports import free_port
from tests.fakes.web_client import WebClient, read_until, request, web_site

STANDARD = 3  # input, output, errors

pytestmark = pytest.mark.xdist_group("web standby")


def stands_by(process: Process) -> bool:
    return b"appliance.standby" in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def served_and_other(process: Process) -> tuple[set[str], int]:
    """Return the sockets that a process holds open, and how many other files; a program that begins opens some."""
    names = []
    for one in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            names.append(str(one.readlink()))
    sockets = {name for name in names if name.startswith("socket:")}
    return sockets, len(names) - len(sockets)


@pytest.fixture(scope="module")
def sign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("room") / "log.spool"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, sign: Path) -> Iterator[tuple[WebClient, Process]]:
    when = StandsBy(after_seconds=0.2, signs_of_use=(str(sign),))
    with web_site(tmp_path_factory.mktemp("site"), stands_by=when) as (client, process):
        yield client, process
        assert "Traceback" not in process.said


@pytest.fixture
def waiting(served: tuple[WebClient, Process]) -> tuple[WebClient, Process]:
    """The site, after it has begun to stand by."""
    until("the site to stand by", lambda: stands_by(served[1]))
    return served


def test_who_comes_to_a_site_that_stands_by_is_answered_by_the_same_process(
    waiting: tuple[WebClient, Process],
) -> None:
    client, process = waiting
    before = process.pid, pss(process.pid)
    assert client.get() == (200, b"hello")
    assert not stands_by(process)
    assert process.pid == before[0]
    assert before[1] < pss(process.pid) / 3


def test_nothing_stays_open_however_often_a_site_stood_by(waiting: tuple[WebClient, Process]) -> None:
    client, process = waiting
    sockets, _ = served_and_other(process)
    for _ in range(2):
        assert client.get() == (200, b"hello")
        until("the site to stand by", lambda: stands_by(process))
        until(
            "no file to be open but those of a program", lambda: served_and_other(process) == (sockets, STANDARD)
        )


def test_several_that_come_at_once_are_all_answered(waiting: tuple[WebClient, Process]) -> None:
    connections = [waiting[0].begin(request()) for _ in range(20)]
    for one in connections:
        assert read_until(one, b"hello").startswith(b"HTTP/1.1 200")
        one.close()


def test_who_is_connected_keeps_a_site_awake(waiting: tuple[WebClient, Process]) -> None:
    client, process = waiting
    with client.begin(request("/stream")) as stream:
        read_until(stream, b"begins")
        for _ in range(2):  # a line each second, five times as long as it waits
            read_until(stream, b"\n\r\n")
        assert not stands_by(process)
    until("the site to stand by", lambda: stands_by(process))


def test_a_site_is_awake_as_soon_as_its_machine_is_used(waiting: tuple[WebClient, Process], sign: Path) -> None:
    sign.write_text("somebody asked")
    until("the site to come back", lambda: not stands_by(waiting[1]))
    until("the site to stand by again", lambda: stands_by(waiting[1]))


def test_a_site_that_stands_by_shows_its_certificate_and_ends_when_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchdog = ProcessWatchdog(seconds=3 * LOOK_SECONDS)
    for name, value in watchdog.environment.items():
        monkeypatch.setenv(name, value)
    when = StandsBy(after_seconds=0.2, signs_of_use=(str(tmp_path / "log.spool"),))
    tls = make_certificate(tmp_path)
    with web_site(tmp_path, tls=tls, stands_by=when) as (client, process):
        until("the site to stand by", lambda: stands_by(process))
        watchdog.reset()
        until("it to say that it lives", lambda: not watchdog.is_silent() and watchdog.has_spoken)
        assert stands_by(process)
        assert client.get() == (200, b"hello")
        until("the site to stand by", lambda: stands_by(process))
        assert process.stop() in (0, -signal.SIGTERM)
    watchdog.close()


def test_a_rooms_pages_come_back_with_the_ports_that_they_had(short_path: Path) -> None:
    plain, encrypted = free_port(), free_port()
    certificate, key = make_certificate(short_path)
    config = short_path / "room.toml"
    config.write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        f'[web]\nlisten = "127.0.0.1:{plain}"\nstandby_minutes = 0.005\n'
        f'[web.tls]\nlisten = "127.0.0.1:{encrypted}"\ncertificate = "{certificate}"\nkey = "{key}"\n'
    )
    process = Process(short_path, "web", sys.executable, "-m", "appliance", "web", "--config", str(config))
    try:
        for client in (WebClient(encrypted, tls=True), WebClient(plain)):
            until("the pages to stand by", lambda: stands_by(process))
            assert client.get("/pupils")[0] in (200, 302)
    finally:
        process.stop()
    assert "Traceback" not in process.said


def test_a_site_that_cannot_stand_by_goes_on(tmp_path: Path) -> None:
    when = StandsBy(after_seconds=0.2, signs_of_use=("x" * 130_700,))  # execve(2) takes 131,071 octets
    with web_site(tmp_path, stands_by=when) as (client, process):
        until("the site to say so", lambda: "cannot stand by" in process.said)
        assert client.get() == (200, b"hello")


@pytest.mark.parametrize("busy_at", [None, 5.0, 9.5])
def test_idle_time_begins_with_the_last_visitor(tmp_path: Path, busy_at: float | None) -> None:
    timer = IdleTimer(StandsBy(after_seconds=10.0, signs_of_use=(str(tmp_path / "never"),)), now=0.0)
    if busy_at is not None:
        assert not timer.is_over(busy_at, is_busy=True)
    since = busy_at or 0.0
    assert not timer.is_over(since + 9.5, is_busy=False)
    assert timer.is_over(since + 10.0, is_busy=False)
    assert not timer.is_over(since + 19.5, is_busy=False)  # standing by failed: not tried again at once


@pytest.mark.parametrize("change", ["written", "removed", "replaced", "another"])
def test_idle_time_begins_with_the_last_use_of_the_machine(tmp_path: Path, change: str) -> None:
    sign = tmp_path / "log.spool"
    sign.write_text("a")
    signs = (str(sign), str(tmp_path / "log.db-wal"))
    timer = IdleTimer(StandsBy(after_seconds=10.0, signs_of_use=signs), now=0.0)
    match change:
        case "written":
            sign.write_text("ab")
        case "removed":
            sign.unlink()
        case "another":
            (tmp_path / "log.db-wal").write_text("b")
        case "replaced":
            (tmp_path / "new").write_text("a")
            (tmp_path / "new").replace(sign)
    assert not timer.is_over(10.0, is_busy=False)
    assert timer.is_over(20.0, is_busy=False)


def test_a_site_that_was_about_to_stand_by_stops_where_it_is_told_to(tmp_path: Path) -> None:
    when = StandsBy(after_seconds=0.2, signs_of_use=(str(tmp_path / "log.spool"),))
    with web_site(tmp_path, stands_by=when) as (client, process):
        assert client.get() == (200, b"hello")
        answered = time.monotonic()
        until("the look at which it would stand by", lambda: time.monotonic() > answered + 1.5)
        assert process.stop() in (0, -signal.SIGTERM)


def test_who_is_told_to_stop_in_the_last_moment_does() -> None:
    story = (
        "import os, signal, sys; from appliance.web_standby import ended_by_signals\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "with ended_by_signals(): pass\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"  # a handler's again
        "print('handled', flush=True)\n"
        "with ended_by_signals():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.execv('/bin/sleep', ['sleep', '9'])\n"
    )
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("handled\n", -signal.SIGTERM)


def test_whoever_wants_the_log_files_opened_anew_ends_no_site_that_stands_by(
    waiting: tuple[WebClient, Process],
) -> None:
    client, process = waiting
    process.signal(signal.SIGUSR1)
    assert client.get() == (200, b"hello")


def test_a_site_that_cannot_come_back_says_so_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.fileno()
        command = [sys.executable, "-c", "from appliance.standby import main; main()"]
        waiting = subprocess.Popen(
            [*command, str(tmp_path), "before", str(number), str(tmp_path / "gone")],
            pass_fds=[number], stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _, said = waiting.communicate(timeout=30)
    assert (waiting.returncode, len(said.splitlines())) == (1, 1)
    assert "cannot be run again: No such file" in said


def test_a_site_begins_and_comes_back_in_a_folder_that_somebody_has_removed(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    story = (
        f"import os, pathlib; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r});"
        "from appliance.web_server import import_server; import_server('appliance.web_process:main');"
        "print(pathlib.Path.cwd())"
    )
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("/\n", "")
