"""A room with a certificate: nobody types a password in the clear, and the block page stays where it was."""

import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask.testing import FlaskClient

from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings
from tests.e2e.school import HALLPASS, Process, until
from tests.fakes.list_server import make_certificate
from tests.fakes.ports import free_port

SETTINGS = """[room]
name = "Room 4"
data = "data"
[dns]
upstreams = ["192.0.2.53"]
[web]
listen = "127.0.0.1:{clear}"
[web.tls]
certificate = "{certificate}"
key = "{key}"
listen = "127.0.0.1:{secure}"
"""


class Served:
    """The pages of a room as they are really run."""

    def __init__(self, folder: Path) -> None:
        self.clear_port, self.secure_port = free_port(), free_port()
        certificate, key = make_certificate(folder)
        config = folder / "room.toml"
        config.write_text(
            SETTINGS.format(clear=self.clear_port, secure=self.secure_port, certificate=certificate, key=key)
        )
        trusted = ssl.create_default_context(cafile=str(certificate))
        self.clear = httpx.Client(base_url=f"http://127.0.0.1:{self.clear_port}", trust_env=False, timeout=20)
        self.secure = httpx.Client(
            base_url=f"https://127.0.0.1:{self.secure_port}", trust_env=False, verify=trusted, timeout=20
        )
        self.process = Process(folder, "web", *HALLPASS, "web", "--config", str(config))
        until("the pages", self._answers, 30)

    def _answers(self) -> bool:
        try:
            return self.secure.get("/sign-in").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        one = Served(Path(folder))
        yield one
        one.clear.close()
        one.secure.close()
        one.process.stop()
        assert "Traceback" not in one.process.said


@pytest.mark.parametrize("path", ["/", "/sign-in?next=/classroom", "/classroom", "/events", "/your-sign-ins"])
def test_what_is_for_people_who_sign_in_is_on_https_alone(served: Served, path: str) -> None:
    answer = served.clear.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"https://127.0.0.1:{served.secure_port}{path}"
    assert "Set-Cookie" not in answer.headers


def test_a_password_that_was_sent_in_the_clear_is_not_taken(served: Served) -> None:
    answer = served.clear.post("/sign-in", data={"username": "tess", "password": "a long pass phrase"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"https://127.0.0.1:{served.secure_port}/sign-in"


def test_cookies_of_the_secure_pages_never_travel_in_the_clear(served: Served) -> None:
    answer = served.secure.get("/sign-in")
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert "not encrypted" not in answer.text
    assert "Set-Cookie" not in served.clear.get("/sign-in").headers


def test_the_block_page_and_what_it_is_made_of_stay_on_plain_http(served: Served) -> None:
    elsewhere = {"Host": "www.casino.example"}
    page = served.clear.get("/anything", headers=elsewhere)
    assert page.status_code == 403
    assert "closed" in page.text.lower()
    told = served.clear.post("/hallpass/tell-a-grown-up", headers=elsewhere)
    assert (told.status_code, "closed" in told.text.lower()) == (503, True)  # a room without anybody to tell
    assert served.clear.get("/shared/style.css").status_code == 200


def test_a_page_that_is_not_encrypted_says_so_where_one_signs_in(stranger: FlaskClient) -> None:
    page = stranger.get("/sign-in").get_data(as_text=True)
    assert "This page is not encrypted" in page


def settings_with(folder: Path, more: str, **ports: int) -> RoomSettings:
    config = folder / "room.toml"
    config.write_text(SETTINGS.format(certificate="c.pem", key="k.pem", **ports) + more)
    return load_settings(config, RoomSettings)


def test_two_servers_on_one_port_are_found_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="that of the pages without TLS"):
        settings_with(tmp_path, "", clear=443, secure=443)
    encrypted_dns = '[dns.tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
    with pytest.raises(SettingsInvalid, match=r"that of \[dns.tls\] https"):
        settings_with(tmp_path, encrypted_dns, clear=80, secure=443)
    assert settings_with(tmp_path, encrypted_dns, clear=80, secure=8443).web.tls is not None


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    settings_with(tmp_path, "", clear=free_port(), secure=free_port())
    command = [*HALLPASS, "web", "--config", str(tmp_path / "room.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "c.pem: there is no such file" in done.stderr
