"""A whole day on a network that somebody listens to: no password, session or policy is said in clear.

Central, a room with a certificate and one without, teacher and coordinator, in a network of their own of which
every packet is captured. What docs/https.md declares ("What this does not hide") is seen: so the capture works.
"""

import contextlib
import re
import shutil
import socket
import ssl
import sys
import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.central.rooms_tls_files import FOLDER
from appliance.pinned_tls import AUTHORITIES_FILE
from tests.e2e.browser import Browser
from tests.e2e.school import Dig, Process, hallpass, until
from tests.fakes.authority import Authority
from tests.fakes.network_namespace import add_address, run_in_network_namespace
from tests.fakes.packet_capture import PacketCapture, Said
from tests.fakes.programs import HALLPASS

CENTRAL, SECURE, PLAIN, TEACHER, OFFICE, INTERNET = (f"192.0.2.{number}" for number in (1, 4, 5, 7, 8, 53))
SITE, ASKED = "coolmathgames.com", "asked-of-the-list.example"
SECRET_REASON, PLAIN_REASON = "reason-typed-over-https", "reason-typed-in-clear"
RULE, LISTED = "named-by-a-rule.example", "named-by-a-list.example"
REFUSED = "0.0.0.0"


class Device(Browser):
    """Somebody's browser, on a device with an address of its own, which asks for nothing compressed."""

    def __init__(self, base: str, trust: ssl.SSLContext, address: str) -> None:
        super().__init__(base, trust)
        self._client.close()
        transport = httpx.HTTPTransport(verify=trust, local_address=address, trust_env=False)
        self._client = httpx.Client(
            base_url=base, follow_redirects=True, timeout=30, transport=transport,
            headers={"Accept-Encoding": "identity"},
        )  # fmt: skip

    def secrets(self, host: str = "") -> set[str]:
        """Return the values of the cookies that it holds, for one host."""
        held = [(one.domain, one.value or "") for one in self._client.cookies.jar]
        return {value for domain, value in held if len(value) > 16 and host in ("", domain)}

    def form_secrets(self) -> set[str]:
        """Return what the page that it is on has against forged forms."""
        return {form.fields["csrf_token"] for form in self.forms() if form.fields.get("csrf_token")}


class Day:
    """The school, and what must stay secret."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.secret: dict[str, set[str]] = {}
        for number, address in enumerate((CENTRAL, SECURE, PLAIN, TEACHER, OFFICE, INTERNET), 1):
            add_address(address, f"lo:{number}")
        self.authority = Authority(folder)
        self.trust = self.authority.trust()
        serve = "import asyncio; from appliance.demo.stand_in import serve_dns; asyncio.run(serve_dns({!r}, 53))"
        stack.callback(Process(folder, "internet", sys.executable, "-c", serve.format(INTERNET)).stop)
        pages, rooms = (self.authority.sign(CENTRAL, file=name) for name in ("pages", "rooms"))
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "{CENTRAL}:443"\n'
            f'url = "https://{CENTRAL}"\nrooms_listen = "{CENTRAL}:8443"\nrooms_url = "https://{CENTRAL}:8443"\n'
            f'[central.tls]\ncertificate = "{pages[0]}"\nkey = "{pages[1]}"\nplain_listen = "{CENTRAL}:80"\n'
            f'[tls]\ncertificate = "{rooms[0]}"\nkey = "{rooms[1]}"\nauthority = "{self.authority.file}"\n'
        )
        self.central = Process(folder, "central", *HALLPASS, "central", "--config", str(self.config))
        stack.callback(self.central.stop)
        until("central", (folder / "central" / FOLDER / AUTHORITIES_FILE).exists, 90)
        self.passwords = {name: self._account(name) for name in ("teacher", "coordinator")}
        self.secret["password"] = set(self.passwords.values())
        for name, address in (("Room 4", SECURE), ("Room 5", PLAIN)):
            stack.callback(self._start_room(name, address).stop)
        self.teacher_here = stack.enter_context(Device(f"https://{SECURE}", self.trust, TEACHER))
        self.teacher_there = stack.enter_context(Device(f"http://{PLAIN}", self.trust, TEACHER))
        self.coordinator = stack.enter_context(Device(f"https://{CENTRAL}", self.trust, OFFICE))

    def _account(self, name: str) -> str:
        said = hallpass(
            "account",
            "add",
            name,
            "--role",
            name,
            "--name",
            name.title(),
            "--generate",
            "--config",
            str(self.config),
        )
        return said.split()[-1]

    def _start_room(self, name: str, address: str) -> Process:
        folder = self.folder / address
        folder.mkdir()
        token = folder / "token"
        hallpass("central", "enrol", name, "--config", str(self.config), "--output", str(token))
        self.keep_secret("token", token.read_text().strip())
        config = folder / "room.toml"
        text = (
            f'[room]\nname = "{name}"\ndata = "data"\n[led]\ndriver = "simulated"\n'
            f'[dns]\nlisten = ["{address}:53"]\nupstreams = ["{INTERNET}"]\nclients = ["192.0.2.0/24"]\n'
            f'[web]\nlisten = "{address}:80"\n[log]\nkey_from_central = true\n'
            f'[central]\nurl = "https://{CENTRAL}:8443"\ntoken_file = "token"\nindex_spread_seconds = 0\n'
            f'certificate = "{self.authority.file}"\n'
        )
        if address == SECURE:
            certificate, key = self.authority.sign(address, file="room")
            text += f'[web.tls]\nlisten = "{address}:443"\ncertificate = "{certificate}"\nkey = "{key}"\n'
        config.write_text(text)
        return Process(folder, "room", *HALLPASS, "room", "--config", str(config))

    def keep_secret(self, what: str, *values: str) -> None:
        self.secret.setdefault(what, set()).update(value for value in values if value)

    def refuses(self, room: str, name: str) -> bool:
        with contextlib.suppress(TimeoutError):  # it begins
            return Dig(53, room).addresses(name) == [REFUSED]
        return False


def ask_to_open(teacher: Device, site: str, reason: str) -> None:
    teacher.open("/")
    teacher.send(teacher.form_with("site", "reason", "minutes"), site=site, reason=reason, minutes="10")


def approve(coordinator: Device, site: str) -> None:
    until("the request at central", lambda: f'Request for {site}"' in coordinator.open("/").text)
    action = re.search("/requests/[0-9a-f]+/decide", coordinator.text.partition(f'Request for {site}"')[2])
    assert action
    form = coordinator.form_with("minutes", "scope", action=action[0])
    coordinator.send(form, decision="approve", minutes="10")


def sign_in_through_central(day: Day) -> None:
    """Sign in on a page without a certificate, as docs/https.md says."""
    teacher = day.teacher_there
    until("the page of the room", partial(answers, teacher), 60)
    until("central's offer", lambda: 'type="password"' not in teacher.open("/sign-in").text, 60)
    at_central = teacher.client.get("/sign-in/central", follow_redirects=False).headers["Location"]
    assert at_central.startswith(f"https://{CENTRAL}/")
    teacher.sign_in("teacher", day.passwords["teacher"], at_central)
    day.keep_secret("form", *teacher.form_secrets())
    form = teacher.forms()[-1]
    answer = teacher.client.post(
        at_central, data=form.fields, follow_redirects=False, headers={"Referer": at_central}
    )
    back = answer.headers["Location"]
    day.keep_secret("session", *teacher.secrets(CENTRAL))
    assert urlsplit(back).scheme == "http"
    teacher.open(back)
    teacher.send(teacher.form_with("csrf_token"))


def live(day: Day) -> None:
    """Live the day."""
    for room in (SECURE, PLAIN):
        until(f"{room} to follow central", partial(day.refuses, room, SITE), 90)
    here, coordinator = day.teacher_here, day.coordinator
    coordinator.sign_in("coordinator", day.passwords["coordinator"])
    until("the page of the room", partial(answers, here), 60)
    here.sign_in("teacher", day.passwords["teacher"])
    ask_to_open(here, SITE, SECRET_REASON)
    approve(coordinator, SITE)
    until("the site to open", lambda: not day.refuses(SECURE, SITE))
    here.client.get(f"http://{SECURE}/", follow_redirects=False)  # somebody types the address without https

    sign_in_through_central(day)
    ask_to_open(day.teacher_there, SITE, PLAIN_REASON)

    form = coordinator.open("/rules").form_with("name", action="/rules")
    coordinator.send(form, name=RULE, action="block")
    day.keep_secret("form", *coordinator.form_secrets())
    coordinator.open("/lists").send(
        coordinator.form_with("name", action="/lists"),
        files={"file": ("list.txt", f"{LISTED}\n{ASKED}\n".encode())},
        name="our-list", category="games", format="domains", match="subdomains",
    )  # fmt: skip
    for room in (SECURE, PLAIN):
        until(f"the list in {room}", partial(day.refuses, room, ASKED), 90)
        policy = day.folder / room / "data" / "policy.json"
        until(f"the rule in {room}", partial(names_rule, policy), 60)
    day.keep_secret("session", *here.secrets(), *coordinator.secrets())
    day.keep_secret("form", *here.form_secrets(), *coordinator.form_secrets())
    day.keep_secret("policy", RULE, LISTED, SECRET_REASON)


def names_rule(policy: Path) -> bool:
    return RULE in policy.read_text()


def answers(device: Device) -> bool:
    try:
        return device.client.get("/sign-in").status_code == 200
    except httpx.TransportError:
        return False


def story() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets live below it
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        with PacketCapture(folder / "day.pcap") as capture:
            day = Day(folder, stack)
            live(day)
        assert not capture.dropped
        said = Said(capture)
        kinds = ("password", "session", "form", "policy", "token")
        assert all(day.secret[kind] for kind in kinds), "there was something to hide"
        found = [kind for kind in kinds for secret in day.secret[kind] if said.has(secret)]
        assert found == [], "said in clear"
        # What is declared, so that the capture has seen the day.
        assert said.has(PLAIN_REASON)
        assert all(said.has(cookie) for cookie in day.teacher_there.secrets(PLAIN))
        assert day.teacher_there.secrets(PLAIN)

        password = day.passwords["teacher"].encode()
        with PacketCapture(folder / "slip.pcap") as capture:
            slip(password)
        assert Said(capture).has(password.decode()), "a slip would have been seen"


def slip(password: bytes) -> None:
    """Say a password in clear, in two segments."""
    with socket.create_server((TEACHER, 0)) as server, socket.create_connection(server.getsockname()) as careless:
        careless.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted, _ = server.accept()
        with accepted:
            for half in (b"password=" + password[:4], password[4:] + b"&"):
                careless.sendall(half)
                accepted.recv(100)


@pytest.mark.exhaustive  # a whole school, for a minute
@pytest.mark.timeout(600)
def test_a_whole_day_shows_no_password_no_session_and_no_policy_to_who_listens() -> None:
    assert not run_in_network_namespace(story)
