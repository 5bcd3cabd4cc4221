"""A stolen card, replaced by the commands of docs/lost-card.md and by no others: real processes, two cards.

What a Pi does at its start is done by `hallpass card settle` below a folder, and by `hallpass room` on ports of
the test's own; everything else is what the technician reads.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.central.rooms_tls_files import FOLDER
from appliance.pinned_tls import AUTHORITIES_FILE
from tests.e2e.school import HALLPASS, Dig, Process, until
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port

ROOT = Path(__file__).parents[2]
CHECKLIST = (ROOT / "docs/lost-card.md").read_text()
USERS = ("root", "hallpass", *(f"hallpass-{name}" for name in ("resolver", "recorder", "agent", "web", "lamp")))
DRIVE = "/media/$USER/HALLPASS"


class Desk:
    """The machine of central, where the technician types, and a stand-in for the internet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority(folder)
        certificate, key = authority.sign("127.0.0.1")
        port, rooms_port = free_port(), free_port()
        (folder / "central.toml").write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{port}"\n'
            f'rooms_listen = "127.0.0.1:{rooms_port}"\nrooms_url = "https://127.0.0.1:{rooms_port}"\n'
            f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\nauthority = "{authority.file}"\n'
        )
        self.upstream_port = free_port()
        serve = f"asyncio.run(serve_dns('127.0.0.1', {self.upstream_port}))"
        self.processes = [
            Process(folder, "central", *HALLPASS, "central", "--config", str(folder / "central.toml")),
            Process(
                folder, "internet", sys.executable, "-c",
                f"import asyncio; from appliance.demo.stand_in import serve_dns; {serve}",
            ),
        ]  # fmt: skip
        authorities = folder / "central" / FOLDER / AUTHORITIES_FILE
        until("central's authority, which the file for a card names then", authorities.exists, 60)

    def type(self, command: str, *, fails: bool = False) -> str:
        """Run a line of the document, as it stands there; `hallpass` and `rm` are all that it may call."""
        program, *arguments = shlex.split(command)
        assert program in ("hallpass", "rm"), command
        done = subprocess.run(
            [*(HALLPASS if program == "hallpass" else (program,)), *arguments],
            cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr


class Card:
    """A flashed card below a folder, and the Pi that it is put into."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk = desk
        self.name = name
        self.root = desk.folder / name
        self.drive = self.root / "boot/firmware"
        for folder in (self.drive, self.root / "data", self.root / "etc", self.root / "run"):
            folder.mkdir(parents=True)
        for file in (ROOT / "image-build/boot").iterdir():
            (self.drive / file.name).write_bytes(file.read_bytes())
        (self.root / "etc/hallpass-release").write_text("a card of the tests\n")
        lines = {"passwd": os.getuid(), "group": os.getgid()}  # all its users are whoever runs the test
        for file_name, number in lines.items():
            (self.root / "etc" / file_name).write_text("".join(f"{user}:x:{number}:\n" for user in USERS))
        self.dns_port, self.web_port, self.https_port = free_port(), free_port(), free_port()
        self.settings = self.root / "run/hallpass/room.toml"
        self.dig = Dig(self.dns_port)

    def start(self) -> None:
        """Put it into the Pi, and switch that on."""
        subprocess.run([*HALLPASS, "card", "settle", "--root", str(self.root)], check=True, timeout=60)
        text = self.settings.read_text()
        own = {
            r"^\[dns\]$": f'[dns]\nlisten = ["127.0.0.1:{self.dns_port}"]\nclients = ["127.0.0.0/8"]\nworkers = 1',
            r"^\[web\]$": f'[web]\nlisten = "127.0.0.1:{self.web_port}"\n'
            f'https_listen = "127.0.0.1:{self.https_port}"',
            r"^\[led\]$": '[led]\ndriver = "simulated"',
            r'"192\.0\.2\.53"': f'"127.0.0.1:{self._desk.upstream_port}"',
        }
        for found, instead in own.items():
            text, count = re.subn(found, instead, text, flags=re.MULTILINE)
            assert count == 1, found
        self.settings.write_text(text)
        self._desk.processes.append(
            Process(self._desk.folder, self.name, *HALLPASS, "room", "--config", str(self.settings))
        )

    def doctor(self) -> str:
        """Return what `hallpass doctor` says on the Pi."""
        command = [*HALLPASS, "doctor", "--config", str(self.settings)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    def page(self) -> str:
        """Return the room's own page; "": there is none yet."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.web_port}/", follow_redirects=True, trust_env=False).text
        except httpx.TransportError:
            return ""

    def refuses(self, name: str) -> bool:
        """Tell whether the room refuses a name, as a device sees it."""
        return self.dig(name)[1] == ["0.0.0.0"]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:  # short: sockets live below it
        made = Desk(Path(folder))
        try:
            yield made
        finally:
            for process in reversed(made.processes):
                process.stop()


def _documented() -> list[str]:
    """Return the commands of the document in their order: those of the table's last column, then the block's."""
    steps = [line for line in CHECKLIST.splitlines() if re.match(r"\| \d \|", line)]
    assert len(steps) == 5
    found = [one for line in steps for one in re.findall(r"`((?:hallpass|rm) [^`]+)`", line.split("|")[-2])]
    return [*found, *re.findall(r"^hallpass .*$", CHECKLIST, re.MULTILINE)]


def test_a_stolen_card_is_replaced_by_the_checklist_and_is_worth_nothing_afterwards(desk: Desk) -> None:
    revoke, enrol, personalise, remove, look, doctor = _documented()
    desk.type('hallpass central enrol "Room 4" --bundle first.bundle')
    stolen = Card(desk, "c1")
    own = "--set dns.upstreams=192.0.2.53"  # what the room has of its own, from the table of the cards
    desk.type(f"hallpass image personalise {stolen.drive} --bundle first.bundle {own}")
    stolen.start()
    desk.type("hallpass central rules add block before.example.com")
    until("the room to filter by the school's policy", lambda: stolen.refuses("before.example.com"), 90)
    until("the key of its own", lambda: "in step" in desk.type(look) and "alone" not in desk.type(look), 60)

    said = desk.type(revoke)
    assert "its card is revoked" in said
    assert enrol in said.replace("'", '"'), "it says the next step as the document does"
    assert "revoked" in desk.type(look)
    until("the stolen card to be told", lambda: "card was revoked at central" in stolen.page(), 60)
    desk.type("hallpass central rules add block after.example.com")

    assert "HALLPASS" in desk.type(enrol)
    assert "waits for its new card" in desk.type(look), "what the old card was is not taken for the new one"
    new = Card(desk, "c2")
    desk.type(f"{personalise.replace(DRIVE, str(new.drive))} {own}")
    desk.type(remove)
    assert not (desk.folder / "hallpass.bundle").exists()
    new.start()
    until("the new card to filter by the school's policy", lambda: new.refuses("after.example.com"), 90)
    until("the room to be in step", lambda: "in step" in desk.type(look), 60)
    assert new.refuses("before.example.com")
    assert new.dig("example.org")[1] not in ([], ["0.0.0.0"])
    ports = f"--port {new.dns_port} --web-port {new.web_port} --https-port {new.https_port}"
    assert "problem" not in desk.type(f"{doctor.replace('192.0.2.14', '127.0.0.1')} {ports}")
    assert "problem  central" not in new.doctor()

    until("the old card to be told that there is another", lambda: "has another card by now" in stolen.page(), 90)
    assert not stolen.refuses("after.example.com"), "nothing new reaches it"
    assert stolen.refuses("before.example.com"), "and it opens nothing that was closed"
    told = stolen.doctor()
    assert "problem  central" in told
    assert "put this one away" in told
    assert "in step" in desk.type(look), "its calls have changed nothing of the new one"


def test_what_the_checklist_says_stands_in_the_way_is_what_is_said(desk: Desk) -> None:
    _, enrol, *_ = _documented()
    desk.type('hallpass central enrol "Room 4" --bundle hallpass.bundle')
    for typed in (enrol.replace(" --replace", "").replace("hallpass.bundle", "other.bundle"), enrol):
        said = desk.type(typed, fails=True)
        quoted = [one for one in re.findall(r"\| central: \*(.+?)\* \||\| \*(.+?)\* \|", CHECKLIST) if any(one)]
        assert any(any(words and words in said for words in one) for one in quoted), said
