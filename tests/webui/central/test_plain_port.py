"""Central's pages with a certificate of their own: what the plain port does, and what a broken one costs."""

import tempfile
from pathlib import Path

import httpx
import pytest

from appliance.settings.central import CentralSettings
from appliance.settings.load import SettingsInvalid, load_settings
from tests.e2e.school import Process, until
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

SETTINGS = """[central]
school = "Example Primary"
data = "central"
listen = "127.0.0.1:{port}"
rooms_listen = "127.0.0.1:{rooms}"
url = "{url}"
[central.tls]
certificate = "pages.pem"
key = "pages.key"
plain_listen = "127.0.0.1:{plain}"
{more}
"""


def settings_with(
    folder: Path, more: str = "", url: str = "https://127.0.0.1:8443", **ports: int
) -> CentralSettings:
    file = folder / "central.toml"
    file.write_text(SETTINGS.format(url=url, more=more, **({"port": 8443, "rooms": 8444, "plain": 8080} | ports)))
    return load_settings(file, CentralSettings)


def test_every_mistake_in_the_certificate_of_the_pages_is_said(tmp_path: Path) -> None:
    made = settings_with(tmp_path, "publicly_trusted = true")
    assert made.central.tls is not None
    with pytest.raises(SettingsInvalid, match="leads to url, which must be https"):
        settings_with(tmp_path, url="http://127.0.0.1:8081")
    with pytest.raises(SettingsInvalid, match="leads to url, which must be https"):
        settings_with(tmp_path, url="")
    for taken in (8443, 8444):
        with pytest.raises(SettingsInvalid, match="is taken by listen or rooms_listen"):
            settings_with(tmp_path, plain=taken)
    with pytest.raises(SettingsInvalid, match="publicly_trusted"):
        settings_with(tmp_path, 'publicly_trusted = "perhaps"')


def test_pages_may_be_seen_beyond_this_machine_with_a_certificate_of_their_own_rooms_still_need_tls() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = SETTINGS.format(url="https://central.example.org", port=1, rooms=2, plain=3, more="")
        (folder / "central.toml").write_text(text.replace('listen = "127.0.0.1:1"', 'listen = "192.0.2.8:443"', 1))
        assert load_settings(folder / "central.toml", CentralSettings).page_certificates
        (folder / "central.toml").write_text(text.replace("127.0.0.1:2", "192.0.2.8:8082"))
        with pytest.raises(SettingsInvalid, match="tls: is missing"):
            load_settings(folder / "central.toml", CentralSettings)


def test_rooms_are_served_while_the_certificate_of_the_pages_is_missing_and_pages_once_it_is_there(
    tmp_path: Path,
) -> None:
    port, rooms, plain = free_port(), free_port(), free_port()
    settings_with(tmp_path, "", f"https://127.0.0.1:{port}", port=port, rooms=rooms, plain=plain)
    process = Process(tmp_path, "central", *HALLPASS, "central", "--config", str(tmp_path / "central.toml"))
    clear = httpx.Client(base_url=f"http://127.0.0.1:{plain}", trust_env=False, timeout=20)

    def status(client: httpx.Client, path: str) -> int:
        try:
            return client.get(path).status_code
        except httpx.TransportError:
            return 0

    try:
        until("the plain port", lambda: status(clear, "/sign-in"), 60)
        assert "pages.pem: No such file" in process.said
        page = clear.get("/sign-in")
        assert (page.status_code, 'type="password"' in page.text) == (503, False)
        with httpx.Client(base_url=f"http://127.0.0.1:{rooms}", trust_env=False, timeout=20) as room:
            until("the rooms' port", lambda: status(room, "/api/v1/policy") == 401, 60)

        authority = Authority(tmp_path)
        for made, name in zip(authority.sign("127.0.0.1"), ("pages.pem", "pages.key"), strict=True):
            made.replace(tmp_path / name)
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}", verify=authority.trust(), trust_env=False, timeout=20
        ) as pages:
            until("the pages", lambda: status(pages, "/sign-in") == 200)
            assert "__Host-hallpass-central=" in pages.get("/sign-in").headers["Set-Cookie"]

        until("the way there", lambda: status(clear, "/sign-in") == 302)
        for hostile in (
            {},
            {"Host": "evil.example"},
            {"X-Forwarded-Proto": "https"},
            {"X-Forwarded-Host": "evil.example"},
        ):
            answer = clear.get("/sign-in?next=//evil.example", headers=hostile)
            assert answer.headers["Location"] == f"https://127.0.0.1:{port}/sign-in?next=//evil.example"
            assert "Set-Cookie" not in answer.headers
        typed = clear.post("/sign-in", data={"username": "cora", "password": "a long pass phrase"})
        assert (typed.status_code, typed.headers["Location"]) == (303, f"https://127.0.0.1:{port}/")
        assert clear.get("//evil.example/").headers["Location"].startswith(f"https://127.0.0.1:{port}/")
    finally:
        clear.close()
        process.stop()
    assert "Traceback" not in process.said
