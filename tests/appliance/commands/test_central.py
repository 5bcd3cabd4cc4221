"""`hallpass central` and `hallpass account`, as a technician runs them: real processes on loopback."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import httpx
import msgspec
import pytest

from appliance.card import enrolment_file
from appliance.central.folder_lock import folder_lock
from appliance.commands.central import SUBCOMMANDS, command
from appliance.protocol import Target
from tests.bench.servers import family, pss, rss
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS, run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "central.toml"
    path.write_text(
        f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'rooms_listen = "127.0.0.1:{free_port()}"\n'
    )
    return path


def address(config: Path) -> str:
    return "http://" + config.read_text().split('\nlisten = "')[1].split('"')[0]


def rooms_address(config: Path) -> str:
    return "http://" + config.read_text().split('\nrooms_listen = "')[1].split('"')[0]


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


def until_answering(process: subprocess.Popen[str], config: Path) -> None:
    """Wait until pages and rooms are served."""
    for url in (address(config) + "/sign-in", rooms_address(config) + "/api/v1/feed"):
        answers = threading.Event()
        while process.poll() is None and not answers.wait(0.1):
            try:
                httpx.get(url, trust_env=False, timeout=20)
                answers.set()
            except httpx.TransportError:
                continue


def enrolled(config: Path, name: str = "Room 4") -> dict[str, str]:
    """Enrol a room, and return the headers by which it is known."""
    done = run("central", "enrol", name, "--config", str(config))
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def test_a_room_is_enrolled_into_a_file_that_only_its_owner_reads(config: Path, tmp_path: Path) -> None:
    token = tmp_path / "room4.token"
    done = run("central", "enrol", "Room 4", "--config", str(config), "--output", str(token))
    assert (done.returncode, done.stdout) == (0, "")
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text().strip()) > 40
    again = run("central", "enrol", "Room 4", "--config", str(config), "--output", str(token))
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def with_address(config: Path, more: str = "") -> Path:
    config.write_text(f'{config.read_text()}url = "https://central.example.org"\n{more}')
    return config


def test_a_room_is_enrolled_into_the_file_that_its_card_takes(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "room4.bundle"
    done = run("central", "enrol", "Room 4", "--config", str(with_address(config)), "--bundle", str(path))
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    made = enrolment_file.decode_enrolment(path.read_bytes())
    assert (made.room, made.url, made.certificate) == ("Room 4", "https://central.example.org", "")
    assert len(made.token) > 40
    assert "for the card of Room 4" in done.stdout
    assert made.token not in done.stdout
    listed = ("central", "room", "list", "--config", str(config))
    assert run(*listed).stdout == "Room 4: enrolled, waits for its card\n"
    [said] = json.loads(run(*listed, "--json").stdout)
    assert (said["waits_for_card"], said["in_step"]) == (True, False)


def test_the_bundle_brings_an_authority_that_no_machine_knows_by_itself(config: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("central.example.org")
    tls = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    plain = tmp_path / "plain.bundle"
    ours = tmp_path / "ours.bundle"
    where = ("--config", str(with_address(config, tls)))
    assert run("central", "enrol", "Room 4", *where, "--bundle", str(plain)).returncode == 0
    assert enrolment_file.decode_enrolment(plain.read_bytes()).certificate == ""
    config.write_text(f'{config.read_text()}authority = "{authority.file}"\n')
    assert run("central", "enrol", "Room 4", "--replace", *where, "--bundle", str(ours)).returncode == 0
    assert enrolment_file.decode_enrolment(ours.read_bytes()).certificate == authority.file.read_text()


def test_without_centrals_address_no_token_ends_for_nothing(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "room4.bundle"
    done = run("central", "enrol", "Room 4", "--config", str(config), "--bundle", str(path))
    assert done.returncode == 1
    assert "Set url in [central]" in done.stderr
    assert not path.exists()
    assert not (tmp_path / "central").exists()
    both = run("central", "enrol", "x", "--config", str(config), "--bundle", "a", "--output", "b")
    assert both.returncode == 2


def test_a_name_in_use_is_asked_about_and_its_card_stops_only_where_that_was_said(
    config: Path, tmp_path: Path
) -> None:
    where, bundle = ("--config", str(with_address(config))), tmp_path / "room4.bundle"
    assert run("central", "enrol", "Room 4", *where).returncode == 0
    again = run("central", "enrol", "ROOM 4", *where, "--bundle", str(bundle))
    assert (again.returncode, again.stdout) == (1, "")
    assert "Room 4 is enrolled already" in again.stderr
    assert "--replace" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert not bundle.exists()
    assert run("central", "enrol", "ROOM 4", "--replace", *where, "--bundle", str(bundle)).returncode == 0
    assert enrolment_file.decode_enrolment(bundle.read_bytes()).room == "ROOM 4"


def test_every_room_of_a_table_is_enrolled_or_none(config: Path, tmp_path: Path) -> None:
    where, table, folder = ("--config", str(with_address(config))), tmp_path / "rooms.csv", tmp_path / "bundles"
    table.write_text("room,bundle,address\nRoom 4,,192.0.2.4/24\nLibrary,lib.bundle,192.0.2.5/24\n")
    into = ("--csv", str(table), "--folder", str(folder))
    done = run("central", "enrol", *into, *where)
    assert done.returncode == 0, done.stderr
    made = [folder / "room-4.bundle", tmp_path / "lib.bundle"]
    assert [enrolment_file.decode_enrolment(one.read_bytes()).room for one in made] == ["Room 4", "Library"]
    table.write_text("room\nRoom 5\nlibrary\n")
    again = run("central", "enrol", *into, *where)
    assert (again.returncode, "Library is enrolled already" in again.stderr) == (1, True)
    assert not (folder / "room-5.bundle").exists()
    table.write_text("room\nRoom 5\nROOM  5\n" + "x" * 101 + "\n")
    twice = run("central", "enrol", *into, *where)
    assert twice.returncode == 1
    assert len(twice.stderr.splitlines()) == 2, "every mistake at once"
    listed = run("central", "room", "list", "--json", *where)
    assert [one["name"] for one in msgspec.json.decode(listed.stdout)] == ["Library", "Room 4"]
    for wrong in ((), ("Room 9", *into), (*into, "--output", "x")):
        assert run("central", "enrol", *wrong, *where).returncode == 2


def test_a_room_is_renamed_retired_put_back_and_revoked_by_command(config: Path) -> None:
    where = ("--config", str(config))
    run("central", "enrol", "Room 4", *where)
    for step in (
        ("rename", "room 4", "Library"),
        ("retire", "LIBRARY"),
        ("put-back", "Library"),
        ("revoke", "Library"),
    ):
        assert run("central", "room", *step, *where).returncode == 0, step
    refused = run("central", "room", "put-back", "Library", *where)
    assert (refused.returncode, "never works again" in refused.stderr) == (1, True)
    assert run("central", "room", "retire", "Room 4", *where).stderr == "hallpass: there is no room 'Room 4'\n"
    assert "Library: revoked, never heard of" in run("central", "room", "list", *where).stdout


def test_accounts_are_added_listed_and_ended(config: Path) -> None:
    where = ("--config", str(config))
    added = run("account", "add", "ada", "--role", "teacher", "--name", "Ada", "--generate", *where)
    assert added.stdout.startswith("password of ada: ")
    assert run("account", "add", "ada", "--role", "teacher", "--generate", *where).returncode == 1
    assert run("account", "end", "nobody", *where).returncode == 1
    assert run("account", "add", "ben", "--role", "king", "--generate", *where).returncode == 2
    assert run("account", "end", "ada", *where).returncode == 0
    assert "ada" in run("account", "list", *where).stdout


def test_an_account_is_invited_changed_ended_and_returns_at_the_command_line(config: Path) -> None:
    where = ("--config", str(config), "--json")
    past = run("account", "add", "sam", "--role", "supply", "--link", "--ends", "2020-01-01", *where)
    assert (past.returncode, "that day is over" in past.stderr) == (1, True)
    ends = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    added = json.loads(run("account", "add", "sam", "--role", "supply", "--link", "--ends", ends, *where).stdout)
    assert (added["roles"], added["ends"][:7]) == (["supply"], ends[:7])
    assert "/new-password/" in added["link"]
    changed = run("account", "change", "sam", "--role", "head", "--role", "teacher", "--no-end", *where)
    assert json.loads(changed.stdout)["roles"] == ["teacher", "head"]
    assert json.loads(run("account", "end", "sam", *where).stdout)["ends"] is not None
    assert run("account", "link", "sam", *where).returncode == 1
    assert "/new-password/" in json.loads(run("account", "return", "sam", *where).stdout)["link"]
    assert run("account", "change", "sam", "--room", "nowhere", *where).returncode == 1


def test_a_password_may_be_typed(config: Path) -> None:
    where = ("--role", "coordinator", "--config", str(config))
    assert run("account", "add", "cora", *where, typed="a long one indeed\na long one indeed\n").returncode == 0
    short = run("account", "add", "ben", *where, typed="short\nshort\n")
    assert short.returncode == 1
    assert "10 characters" in short.stderr


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


def test_a_bundle_says_the_rooms_own_port_where_there_is_one(config: Path, tmp_path: Path) -> None:
    where = ("--config", str(with_address(config, 'rooms_url = "https://central.example.org:8082"\n')))
    path = tmp_path / "room4.bundle"
    assert run("central", "enrol", "Room 4", *where, "--bundle", str(path)).returncode == 0
    assert enrolment_file.decode_enrolment(path.read_bytes()).url == "https://central.example.org:8082"


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
