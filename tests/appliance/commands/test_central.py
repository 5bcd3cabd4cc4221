"""`hallpass central` and `hallpass account`, as a technician runs them: real processes on loopback."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.card import enrolment_file
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port

HALLPASS = (sys.executable, "-m", "appliance")


def run(*arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HALLPASS, *arguments], capture_output=True, text=True, timeout=60, check=False, input=typed
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "central.toml"
    path.write_text(
        f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
    )
    return path


def address(config: Path) -> str:
    return "http://" + config.read_text().split('listen = "')[1].split('"')[0]


@pytest.fixture
def central(config: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*HALLPASS, "central", "--config", str(config)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    answers = threading.Event()
    while process.poll() is None and not answers.wait(0.1):
        try:
            httpx.get(address(config) + "/sign-in", trust_env=False, timeout=20)
            answers.set()
        except httpx.TransportError:
            continue
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


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
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    made = enrolment_file.decode_enrolment(path.read_bytes())
    assert (made.room, made.url, made.certificate) == ("Room 4", "https://central.example.org", "")
    assert len(made.token) > 40


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
    assert run("central", "enrol", "Room 4", *where, "--bundle", str(ours)).returncode == 0
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


def test_accounts_are_added_listed_and_ended(config: Path) -> None:
    where = ("--config", str(config))
    added = run("account", "add", "ada", "--role", "teacher", "--name", "Ada", "--generate", *where)
    assert added.stdout.startswith("password of ada: ")
    assert run("account", "add", "ada", "--role", "teacher", "--generate", *where).returncode == 1
    assert run("account", "end", "nobody", *where).returncode == 1
    assert run("account", "add", "ben", "--role", "king", "--generate", *where).returncode == 2
    assert run("account", "end", "ada", *where).returncode == 0
    assert "ada" in run("account", "list", *where).stdout


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


def test_a_port_that_is_taken_is_one_clear_line(config: Path) -> None:
    host, port = address(config).removeprefix("http://").split(":")
    with socket.socket() as other:
        other.bind((host, int(port)))
        other.listen()
        done = run("central", "--config", str(config))
    assert done.returncode == 1
    assert f"{host}:{port} cannot be used" in done.stderr
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


def test_it_serves_pages_and_rooms_and_stops_with_a_feed_open(
    config: Path, tmp_path: Path, central: subprocess.Popen[str]
) -> None:
    assert "Sign in" in httpx.get(address(config) + "/sign-in", trust_env=False).text
    token = tmp_path / "token"
    assert run("central", "enrol", "Room 4", "--config", str(config), "--output", str(token)).returncode == 0
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    with httpx.stream(
        "GET", address(config) + "/api/v1/feed", headers=headers, trust_env=False, timeout=30
    ) as feed:
        lines = feed.iter_lines()
        assert '"policy":1' in next(lines)
        central.send_signal(signal.SIGTERM)
        try:
            for _ in lines:
                continue  # what was on its way
        except httpx.TransportError:
            pass  # the line was cut: that is what stopping means
    assert central.wait(timeout=15) == 0
    assert central.stderr is not None
    assert "Traceback" not in central.stderr.read()
