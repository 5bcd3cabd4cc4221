"""nginx before central, with the very file of the manual: the pages through it, a room's feed past it."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from appliance.protocol import Target
from tests.e2e.browser import Browser
from tests.e2e.school import Process, hallpass, until
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

pytestmark = pytest.mark.timeout(180)

EXAMPLE = Path(__file__).parents[2] / "docs" / "nginx.conf"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or "nginx"


class Site:
    """Central behind nginx."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.central_port, self.pages_port, self.rooms_port, plain_port = (free_port() for _ in range(4))
        certificate, key = self.authority.sign("central.example.org", "127.0.0.1", file="central")
        self.authority.sign("127.0.0.1", file="pages")
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{self.central_port}"\n'
            f'trusted_proxies = ["127.0.0.1"]\n[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
        )
        text = EXAMPLE.read_text()
        for old, new in {
            "listen 80;": f"listen 127.0.0.1:{plain_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.pages_port} ssl;",
            "listen 8443;": f"listen 127.0.0.1:{self.rooms_port};",
            "127.0.0.1:8081": f"127.0.0.1:{self.central_port}",
            "127.0.0.1:8082": f"127.0.0.1:{self.central_port + 1}",
            "/etc/hallpass/": f"{folder}/",
            "pid /run/nginx.pid;": f"pid {folder}/nginx.pid;\nerror_log stderr notice;\ndaemon off;",
            "user www-data;": "user root;",  # the test's folder is its own
            "http {": f"http {{\n{self._temporary_folders()}",
        }.items():
            assert old in text
            text = text.replace(old, new)
        (folder / "nginx.conf").write_text(text)
        self.processes = [
            Process(folder, "central", *HALLPASS, "central", "--config", str(self.config)),
            Process(folder, "nginx", NGINX, "-c", f"{folder}/nginx.conf", "-p", str(folder)),
        ]

    def _temporary_folders(self) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "".join(f"    {kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)

    def answers(self) -> bool:
        with self.client(self.pages_port) as client:
            try:
                return client.get("/sign-in").status_code == 200
            except httpx.TransportError:
                return False

    def client(self, port: int, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"https://127.0.0.1:{port}",
            verify=self.authority.trust(),
            headers=headers,
            trust_env=False,
            timeout=20,
        )

    def browser(self) -> Browser:
        said = hallpass(
            "account", "add", "coordinator", "--role", "coordinator", "--name", "C. Example", "--generate",
            "--config", str(self.config),
        )  # fmt: skip
        browser = Browser(f"https://127.0.0.1:{self.pages_port}", self.authority.trust())
        return browser.sign_in("coordinator", said.split()[-1])

    def room(self) -> httpx.Client:
        token = self.folder / "room4.token"
        hallpass("central", "enrol", "Room 4", "--config", str(self.config), "--output", str(token))
        return self.client(self.rooms_port, Authorization=f"Bearer {token.read_text().strip()}")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))
    one = Site(folder)
    try:
        until("central behind nginx", one.answers, 40)
        yield one
    finally:
        for process in reversed(one.processes):
            process.stop()
        shutil.rmtree(folder)


def test_a_page_behind_nginx_hears_at_once_of_what_a_room_says_past_it(site: Site) -> None:
    with site.browser() as coordinator, site.room() as room:
        assert "data-events" in coordinator.open("/").text
        with room.stream("GET", "/api/v1/feed") as feed, coordinator.client.stream("GET", "/events") as events:
            target = msgspec.json.decode(next(line for line in feed.iter_lines() if line), type=Target)
            assert target.policy >= 1
            lines = events.iter_lines()
            assert next(lines).startswith("retry:")
            health = {"version": "1", "policy": 1, "index": "", "index_age_seconds": 0.0, "conditions": []}
            with site.client(site.rooms_port, **dict(room.headers)) as other:
                assert other.put("/api/v1/health", json=health).status_code == 200
            assert "event: changed" in (line for line in lines)


def test_the_machine_interface_is_not_among_the_pages(site: Site) -> None:
    with site.client(site.pages_port) as client:
        assert client.get("/api/v1/feed").status_code == 404


def test_a_cookie_of_the_pages_is_for_encrypted_connections_only(site: Site) -> None:
    with site.client(site.pages_port) as client:
        assert re.search(r"hallpass-central=.*;\s*Secure", client.get("/sign-in").headers["Set-Cookie"])
