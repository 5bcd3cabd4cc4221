"""A room with a certificate: nobody types a password in the clear, and the block page stays where it was."""

import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask.testing import FlaskClient

from appliance.room.page_certificate import HeldPage, write_page
from appliance.room.paths import RoomPaths
from appliance.settings.load import SettingsInvalid, load_settings
from appliance.settings.room import RoomSettings
from tests.e2e.school import Process, until
from tests.fakes.authority import Authority
from tests.fakes.list_server import make_certificate
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS
from webui.room.app import create_app

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
    asked = served.clear.post("/hallpass/ask-my-teacher", headers=elsewhere)
    assert "Location" not in asked.headers
    assert served.clear.get("/shared/style.css").status_code == 200


def test_a_page_that_is_not_encrypted_says_so_where_one_signs_in(stranger: FlaskClient) -> None:
    from_the_network = {"REMOTE_ADDR": "192.0.2.7"}
    page = stranger.get("/sign-in", base_url="http://room-4.local", environ_base=from_the_network)
    assert "This page is not encrypted" in page.get_data(as_text=True)
    assert "not encrypted" not in stranger.get("/sign-in").get_data(as_text=True)  # it never leaves the machine


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


def test_a_name_that_no_browser_could_ask_for_is_found_in_the_settings(tmp_path: Path) -> None:
    for name in ("room-4.example.org", "192.0.2.4", "2001:db8::4", ""):
        assert settings_with(tmp_path, f'name = "{name}"\n', clear=80, secure=443).web.tls is not None
    for name in (
        "https://room-4.example.org",
        "room 4",
        "-a.example.org",
        "a..b",
        "room-4.example.org/",
        "é.example",
    ):
        with pytest.raises(SettingsInvalid, match="no name that a browser could ask for"):
            settings_with(tmp_path, f'name = "{name}"\n', clear=80, secure=443)


class Worn:
    """A room whose certificate comes, is damaged, is renewed and ends while its pages run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self.key = folder / "c.pem", folder / "k.pem"
        self.clear_port, self.secure_port = free_port(), free_port()
        settings_with(folder, "", clear=self.clear_port, secure=self.secure_port)
        self.config = folder / "room.toml"

    def put(self, authority: Authority) -> None:
        for made, used in zip(authority.sign("127.0.0.1"), (self.certificate, self.key), strict=True):
            made.replace(used)

    def get(self, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.clear_port}{path}"  # by its name, as from the network
        return httpx.get(url, headers={"Host": "room-4.local"}, trust_env=False, timeout=20)

    def serves(self, authority: Authority) -> bool:
        url = f"https://127.0.0.1:{self.secure_port}/sign-in"
        try:
            return 'type="password"' in httpx.get(url, verify=authority.trust(), trust_env=False, timeout=20).text
        except httpx.TransportError:
            return False

    def leads_to_https(self) -> bool:
        location: str = self.get("/sign-in").headers.get("Location", "")
        return location == f"https://room-4.local:{self.secure_port}/sign-in"

    def answers(self) -> bool:
        try:
            return self.get("/sign-in").status_code == 200
        except httpx.TransportError:
            return False


def test_pages_outlive_their_certificate_ask_for_no_password_meanwhile_and_take_the_next_one(
    tmp_path: Path,
) -> None:
    first, second, over = (tmp_path / name for name in ("first", "second", "over"))
    for folder in (first, second, over):
        folder.mkdir()
    room = Worn(tmp_path)
    process = Process(tmp_path, "web", *HALLPASS, "web", "--config", str(room.config))
    try:
        until("the pages without a certificate", room.answers, 30)
        assert "c.pem: No such file or directory" in process.said
        page = room.get("/sign-in").text
        assert "not encrypted at the moment" in page
        assert 'type="password"' not in page
        url = f"http://127.0.0.1:{room.clear_port}/sign-in"
        form = {"username": "tess", "password": "a long pass phrase"}
        typed = httpx.post(url, data=form, headers={"Host": "room-4.local"}, trust_env=False)
        assert "Location" not in typed.headers
        assert httpx.get(url, headers={"Host": "www.casino.example"}, trust_env=False).status_code == 403

        authority = Authority(first)
        room.put(authority)
        until("HTTPS with the certificate that came", lambda: room.serves(authority))
        until("the way to it", room.leads_to_https)

        room.key.write_text("damaged")
        until("a word about the damage", lambda: room.leads_to_https() and "stays in use" in process.said)
        assert room.serves(authority)
        assert room.leads_to_https()

        renewed = Authority(second)
        room.put(renewed)
        until("HTTPS with the renewed one", lambda: room.serves(renewed))

        room.put(Authority(over, days=-2))
        until("no way to one that has ended", lambda: not room.leads_to_https())
        assert 'type="password"' not in room.get("/sign-in").text
    finally:
        process.stop()
    assert "Traceback" not in process.said


def secure_client(folder: Path, run: Path, more: str = "") -> FlaskClient:
    certificate, key = make_certificate(folder)
    config = folder / "room.toml"
    config.write_text(
        SETTINGS.format(certificate=certificate, key=key, clear=80, secure=443).replace(
            "[dns]", f'run = "{run}"\n[dns]'
        )
        + more
    )
    return create_app(load_settings(config, RoomSettings)).test_client()


def test_browsers_are_told_to_insist_only_over_https_and_only_where_the_settings_say_so(
    tmp_path: Path, short_path: Path
) -> None:
    own = secure_client(tmp_path, short_path)
    assert "Strict-Transport-Security" not in own.get("/sign-in", base_url="https://room-4.local").headers
    public = secure_client(tmp_path, short_path, "publicly_trusted = true\n")
    said = public.get("/sign-in", base_url="https://room-4.local").headers["Strict-Transport-Security"]
    assert said == "max-age=2592000"
    assert "Strict-Transport-Security" not in public.get("/sign-in", base_url="http://room-4.local").headers
    assert "Strict-Transport-Security" not in public.get("/", base_url="http://casino.example").headers


def test_plain_http_leads_to_the_name_of_the_certificate_whatever_was_asked_for(
    tmp_path: Path, short_path: Path
) -> None:
    pages = secure_client(tmp_path, short_path, 'name = "room-4.example.org"\n')
    for host in ("room-4.local", "192.0.2.4", "hallpass"):
        answer = pages.get("/sign-in?next=/classroom", base_url=f"http://{host}")
        assert answer.headers["Location"] == "https://room-4.example.org/sign-in?next=/classroom"


def test_a_cookie_of_the_secure_pages_has_a_name_that_no_page_in_the_clear_can_set(
    tmp_path: Path, short_path: Path
) -> None:
    pages = secure_client(tmp_path, short_path)
    cookie = pages.get("/sign-in", base_url="https://room-4.local").headers["Set-Cookie"]
    assert cookie.startswith("__Host-hallpass-room=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


@pytest.mark.parametrize("is_trusted", [True, False])
def test_browsers_insist_on_https_under_a_certificate_of_centrals_that_all_of_them_trust(
    short_path: Path, *, is_trusted: bool
) -> None:
    config = short_path / "room.toml"
    config.write_text(
        '[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        '[central]\nurl = "https://central.example.org"\ntoken_file = "token"\n'
    )
    settings = load_settings(config, RoomSettings)
    client, paths = create_app(settings).test_client(), RoomPaths.from_settings(settings)
    secure, name = "https://room-4.local", "room-4.rooms.school.example.org"
    assert "Strict-Transport-Security" not in client.get("/sign-in", base_url=secure).headers

    content = b"".join(file.read_bytes() for file in Authority(short_path).sign(name))
    write_page(paths.page_certificate, HeldPage(digest="d", name=name, publicly_trusted=is_trusted), content)

    assert ("Strict-Transport-Security" in client.get("/sign-in", base_url=secure).headers) == is_trusted
    plain = client.get("/sign-in", base_url="http://room-4.local", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert 'type="password"' not in plain.get_data(as_text=True)
