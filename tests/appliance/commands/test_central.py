"""`hallpass central` and `hallpass account`, as a technician runs them: real processes on loopback."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import msgspec
import pytest

from appliance.central.folder_lock import folder_lock
from appliance.commands.central import SUBCOMMANDS, command
from appliance.protocol import Target
from tests.bench.servers import family, pss, rss
from tests.fakes.central_command import address, enrolled, rooms_address, until_answering
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS, run


@pytest.fixture
def central(config: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*HALLPASS, "central", "--config", str(config)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until_answering(process, config)
    yield process
    for one in family(process.pid) if process.poll() is None else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [('[central]\nschool = "S"\ndata = "d"\nlisten = "0.0.0.0:8081"\n', "tls"),
     ("[central]\n", "school"), ("nonsense", "TOML")],
)  # fmt: skip
def test_a_mistake_in_the_settings_is_said(config: Path, text: str, says: str) -> None:
    config.write_text(text)
    done = run("central", "--config", str(config))
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def run_where_taken(config: Path, address: str) -> "subprocess.CompletedProcess[str]":
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as other:
        other.bind((host, int(port)))
        other.listen()
        done = run("central", "--config", str(config))
    assert done.returncode == 1
    assert f"{host}:{port} cannot be used" in done.stderr
    return done


def test_a_port_that_is_taken_is_one_clear_line(config: Path) -> None:
    done = run_where_taken(config, address(config))
    assert "Traceback" not in done.stderr


def test_a_certificate_that_is_not_there_is_one_clear_line(config: Path) -> None:
    config.write_text(config.read_text() + '[tls]\ncertificate = "away.pem"\nkey = "away.key"\n')
    done = run("central", "--config", str(config))
    assert done.returncode == 1
    assert "away.pem" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_certificate_that_is_none_is_one_clear_line(config: Path) -> None:
    config.write_text(config.read_text() + '[tls]\ncertificate = "central.toml"\nkey = "central.toml"\n')
    done = run("central", "--config", str(config))
    assert done.returncode == 1
    assert "not a certificate and its key" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def until_gone(processes: list[int]) -> None:
    until = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in processes):
        assert time.monotonic() < until, processes
        time.sleep(0.05)


@contextlib.contextmanager
def open_feed(url: str, headers: dict[str, str]) -> Iterator[Iterator[str]]:
    """Open a feed, and give its lines that say something."""
    with httpx.stream("GET", f"{url}/api/v1/feed", headers=headers, trust_env=False, timeout=30) as feed:
        assert feed.status_code == 200
        yield (line for line in feed.iter_lines() if line)


def test_it_serves_pages_and_rooms_and_stops_with_feeds_open(config: Path, central: subprocess.Popen[str]) -> None:
    assert "Sign in" in httpx.get(address(config) + "/sign-in", trust_env=False).text
    headers = enrolled(config)
    with open_feed(rooms_address(config), headers) as lines, open_feed(address(config), headers) as old:
        assert '"policy":1' in next(lines)
        assert '"policy":1' in next(old), "a room that was enrolled before follows the pages' port"
        central.send_signal(signal.SIGTERM)
        for feed in (lines, old):
            with contextlib.suppress(httpx.TransportError):  # the line was cut: that is what stopping means
                for _ in feed:
                    continue  # what was on its way
    assert central.wait(timeout=15) == 0
    assert central.stderr is not None
    assert "Traceback" not in central.stderr.read()
    for endpoint in (address(config), rooms_address(config)):
        with pytest.raises(httpx.ConnectError):
            httpx.get(endpoint, trust_env=False)


def test_the_rooms_port_has_no_pages(config: Path, central: subprocess.Popen[str]) -> None:
    for path in ("/", "/sign-in", "/rooms", "/shared/style.css"):
        answer = httpx.get(rooms_address(config) + path, trust_env=False)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
    answer = httpx.get(rooms_address(config) + "/api/v1/policy", trust_env=False)
    assert (answer.status_code, answer.json()["status"]) == (401, 401)


def server_of(central: subprocess.Popen[str], what: str) -> int:
    """Return the child of central's own that serves `rooms` or `pages`."""
    for one in family(central.pid)[1:]:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{one}/comm").read_text() == f"central {what}\n":
                return one
    raise AssertionError(f"nobody serves {what}")


@pytest.mark.parametrize("dies", ["rooms", "pages"])
def test_one_fault_never_takes_the_other_along(config: Path, central: subprocess.Popen[str], dies: str) -> None:
    headers = enrolled(config)
    gone, stays = rooms_address(config), address(config)
    if dies == "pages":
        gone, stays = stays, gone
    with open_feed(stays, headers) as lines:
        next(lines)
        dead = server_of(central, dies)
        os.kill(dead, signal.SIGKILL)
        until_gone([dead])
        host, port = gone.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass  # who comes meanwhile waits
        enrolled(config, "Room 5")  # a change while one of the two is away
        assert httpx.get(f"{stays}/api/v1/policy", headers=headers, trust_env=False).status_code == 200
        until_answering(central, config)
        assert server_of(central, dies) != dead
        run("central", "restored", "--config", str(config))
        assert '"epoch"' in next(lines), "the stream that was open has gone on"
    assert central.poll() is None


def test_what_is_left_of_a_central_that_was_killed_keeps_no_other_out(
    config: Path, central: subprocess.Popen[str]
) -> None:
    servers = [server_of(central, what) for what in ("rooms", "pages")]
    for server in servers:
        os.kill(server, signal.SIGSTOP)  # they cannot follow at once
    try:
        central.kill()
        central.wait()
        with folder_lock(config.parent / "central"):
            pass  # it is free
    finally:
        for server in servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGCONT)
    until_gone(servers)


@pytest.mark.usefixtures("without_coverage")
def test_its_servers_share_what_one_process_imported_and_who_looks_after_them_has_none_of_it(
    config: Path, central: subprocess.Popen[str]
) -> None:
    room = enrolled(config)
    with open_feed(rooms_address(config), room) as lines, open_feed(address(config), room):
        next(lines)
        assert "Sign in" in httpx.get(address(config) + "/sign-in", trust_env=False).text
        processes = family(central.pid)
        assert len(processes) == 3, "each server, and who looks after both"
        supervisor, *servers = processes
        # Two thirds when they share; nearly all of it when each imports for itself. How much it is in all is
        # measured by `tests.bench.central`, which has the bar: a figure here would say how much was imported.
        assert sum(pss(one) for one in servers) < 0.8 * sum(rss(one) for one in servers)
        assert rss(supervisor) < 0.3 * min(rss(one) for one in servers)


def test_what_serves_has_nothing_that_only_a_subcommand_wants() -> None:
    script = (
        "import sys; from appliance.commands.central import PAGES_APP, ROOMS_APP, SUBCOMMANDS; "
        "from appliance.web_server import import_server; import_server(ROOMS_APP, PAGES_APP); "
        "unwanted = {place.partition(':')[0] for place in SUBCOMMANDS.values()}; "
        "libraries = {'alembic', 'cryptography', 'dnslib', 'email.headerregistry', 'httpx', 'rich', 'tomlkit'}; "
        "print(len(unwanted) > 20, *(unwanted | libraries).intersection(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_first_start_leaves_nothing_of_the_migrations_behind(config: Path) -> None:
    script = (
        "import sys; from pathlib import Path; "
        "from appliance.commands.forked_servers import prepare_database_apart; "
        "from appliance.central.store import Store; from appliance.settings.central import CentralSettings; "
        "from appliance.settings.load import load_settings; "
        "settings = load_settings(Path(sys.argv[1]), CentralSettings); "
        "before = Store.from_settings(settings).is_migrated(); prepare_database_apart(settings); "
        "print(before, Store.from_settings(settings).is_migrated(), 'alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(config)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("False True False\n", "")


def test_a_server_of_another_version_changes_no_tables_but_has_central_stopped(config: Path) -> None:
    """With systemd, central is started again as a whole."""
    script = (
        "import signal, subprocess, sys; from appliance.commands.central_restart import restart_command; "
        "signal.signal(signal.SIGTERM, lambda *_: print('stopped', flush=True)); "
        "subprocess.run(restart_command('central rooms', '0000', [0], []), check=True)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "stopped\n"
    assert done.stderr == "central: another version of Hallpass was installed; stopping, to begin anew with it\n"


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_subcommand_stands_where_the_command_looks_for_it(name: str) -> None:
    found = command.get_command(click.Context(command), name)
    assert found is not None
    assert found.name == name


def test_a_second_central_on_one_folder_refuses_with_words(
    config: Path, tmp_path: Path, central: subprocess.Popen[str]
) -> None:
    second = tmp_path / "second.toml"
    second.write_text(
        config.read_text()
        .replace(address(config).removeprefix("http://"), f"127.0.0.1:{free_port()}")
        .replace(rooms_address(config).removeprefix("http://"), f"127.0.0.1:{free_port()}")
    )
    done = run("central", "--config", str(second))
    assert done.returncode == 1
    assert "another central runs on" in done.stderr
    assert f"process {central.pid}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert httpx.get(address(config) + "/sign-in", trust_env=False).status_code == 200


def test_the_rooms_port_that_is_taken_is_one_clear_line(config: Path) -> None:
    done = run_where_taken(config, rooms_address(config))
    assert "rooms_listen" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_restore_that_nothing_shows_can_be_said(config: Path, central: subprocess.Popen[str]) -> None:
    with open_feed(rooms_address(config), enrolled(config)) as lines:
        before = msgspec.json.decode(next(lines), type=Target)
        done = run("central", "restored", "--config", str(config))
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done.stderr
        after = msgspec.json.decode(next(lines), type=Target)
    assert before.epoch != after.epoch != ""
    assert before.policy_digest == after.policy_digest
    assert after.policy > before.policy
