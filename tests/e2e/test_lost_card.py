"""A stolen card, replaced by the buttons and the commands of docs/lost-card.md and by no others: real processes.

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
from tests.e2e.browser import Browser
from tests.e2e.school import Dig, Process, until
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

ROOT = Path(__file__).parents[2]
CHECKLIST = (ROOT / "docs/lost-card.md").read_text()
STEPS = [line for line in CHECKLIST.splitlines() if re.match(r"\| \d \|", line)]
NEW_CARD, LIST, DOCTOR = re.findall(r"^hallpass .*$", CHECKLIST, re.MULTILINE)
USERS = ("root", "hallpass", *(f"hallpass-{name}" for name in ("resolver", "recorder", "agent", "web", "lamp")))
DRIVE = "/media/$USER/HALLPASS"
CENTRAL = "central.example.org"  # as its files for cards name it; here it is found on this machine


class Desk:
    """The machine of central, where the technician types, and a stand-in for the internet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority(folder)
        certificate, key = authority.sign(CENTRAL, "127.0.0.1")
        port, rooms_port = free_port(), free_port()
        self.pages, self.trust = f"https://127.0.0.1:{port}", authority.trust()
        (folder / "central.toml").write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{port}"\n'
            f'rooms_listen = "127.0.0.1:{rooms_port}"\nrooms_url = "https://{CENTRAL}:{rooms_port}"\n'
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
        """Run a line of the document, as it stands there; `hallpass` is all that it may call."""
        program, *arguments = shlex.split(command)
        assert program == "hallpass", command
        done = subprocess.run(
            [*HALLPASS, *arguments],
            cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr


class Pages:
    """Central's pages, and a technician who knows the words of the document."""

    def __init__(self, desk: Desk, browser: Browser) -> None:
        self._browser = browser
        said = desk.type("hallpass account add tess --role technician --generate")
        browser.sign_in("tess", said.split(": ")[1].strip())

    def follow(self, words: str) -> bytes:
        """Open what a link with these words leads to, and return it."""
        found = re.search(rf'<a\b[^>]*href="([^"]+)"[^>]*>{re.escape(words)}<', self._browser.text)
        assert found, f"no link {words!r} on the page\n{self._browser.text}"
        response = self._browser.client.get(found[1])
        assert response.status_code == 200, response.text
        if (sent := response.headers.get("Content-Disposition")) is None:
            self._browser.response = response
        else:
            assert "filename=hallpass.bundle" in sent
        return response.content

    def press(self, words: str) -> None:
        """Press the button with these words; where a page asks about it first, say yes there."""
        if re.search(rf'<a\b[^>]*class="btn[^>]*>{re.escape(words)}<', self._browser.text):
            self.follow(words)
        self._send(rf"<button\b[^>]*>{re.escape(words)}</button>")

    def _send(self, button: str) -> None:
        form = next(
            one for one in re.findall(r"(?s)<form.*?</form>", self._browser.text) if re.search(button, one)
        )
        action = re.search(r'action="([^"]+)"', form)
        assert action
        self._browser.send(self._browser.form_with(action=action[1]))

    def says(self, words: str) -> bool:
        """Tell whether the page, tags left out, says this."""
        return words in " ".join(re.sub(r"<[^>]+>", " ", self._browser.text).split())


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
            re.escape(f'url = "https://{CENTRAL}:'): 'url = "https://127.0.0.1:',
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


@pytest.fixture
def stolen(desk: Desk) -> Card:
    """The card that filters by the school's policy, and has shown a key of its own."""
    desk.type('hallpass central enrol "Room 4" --bundle first.bundle')
    card = Card(desk, "c1")
    desk.type(f"hallpass image personalise {card.drive} --bundle first.bundle {_own_settings()[1]}")
    card.start()
    desk.type("hallpass central rules add block before.example.com")
    until("the room to filter by the school's policy", lambda: card.refuses("before.example.com"), 90)
    until("the key of its own", lambda: "up to date" in desk.type(LIST) and "alone" not in desk.type(LIST), 60)
    return card


def _own_settings() -> tuple[str, str]:
    """Return how the document writes a room's own name servers: into the file, and behind the command."""
    found = re.search(r"^\| name servers \| `(.+?)` below `\[dns\]` \| `(.+?)` \|$", CHECKLIST, re.MULTILINE)
    assert found
    return found[1], found[2]


def _require_at_work(desk: Desk, new: Card, stolen: Card) -> None:
    """The new card filters and is in step; the stolen one is told, learns nothing and opens nothing."""
    until("the new card to filter by the school's policy", lambda: new.refuses("after.example.com"), 90)
    until("the room to be in step", lambda: "up to date" in desk.type(LIST), 60)
    assert new.refuses("before.example.com")
    assert new.dig("example.org")[1] not in ([], ["0.0.0.0"])
    ports = f"--port {new.dns_port} --web-port {new.web_port} --https-port {new.https_port}"
    said = desk.type(f"{DOCTOR.replace('192.0.2.14', '127.0.0.1')} {ports}")
    assert "problem" not in said
    unknown = [line for line in said.splitlines() if line.startswith("-")]
    assert unknown
    assert all("as in every room that was given none" in line for line in unknown), "no line looks like a fault"
    assert "problem  central" not in new.doctor()

    until("the old card to be told that there is another", lambda: "has another card by now" in stolen.page(), 90)
    assert not stolen.refuses("after.example.com"), "nothing new reaches it"
    assert stolen.refuses("before.example.com"), "and it opens nothing that was closed"
    told = stolen.doctor()
    assert "problem  central" in told
    assert "put this one away" in told
    assert "up to date" in desk.type(LIST), "its calls have changed nothing of the new one"


def test_a_stolen_card_is_replaced_by_the_table_and_is_worth_nothing_afterwards(desk: Desk, stolen: Card) -> None:
    rooms, revoke, make, save, is_saved, _move, _rooms = re.findall(r"\*\*(.+?)\*\*", "".join(STEPS))
    with Browser(desk.pages, desk.trust) as browser:
        pages = Pages(desk, browser)
        pages.follow(rooms)
        pages.follow("Room 4")
        pages.press(revoke)
        assert pages.says(re.findall(r"\*([^*]+)\*", STEPS[0].split("|")[3])[0])
        until("the stolen card to be told", lambda: "card was revoked at central" in stolen.page(), 60)
        desk.type("hallpass central rules add block after.example.com")
        pages.press(make)
        bundle = pages.follow(save)
        pages.press(is_saved)
        assert "waits for its new card" in desk.type(LIST), "what the old card was is not taken for the new one"

        new = Card(desk, "c2")
        (new.drive / "hallpass.bundle").write_bytes(bundle)
        settings = new.drive / "hallpass.toml"
        written = re.sub(
            r"^# upstreams = .*$", _own_settings()[0], settings.read_text(), count=1, flags=re.MULTILINE
        )
        assert written != settings.read_text()
        settings.write_text(written)
        new.start()
        _require_at_work(desk, new, stolen)
        pages.follow(rooms)
        pages.follow("Room 4")
        up_to_date, yes, card_before, revoked = re.findall(r"\*([^*]+)\*", STEPS[-1].split("|")[3])
        assert pages.says(f"{up_to_date} {yes}")
        assert pages.says(f"{card_before} {revoked} (")


@pytest.mark.exhaustive
def test_one_command_does_the_same_and_ends_nothing_where_the_card_cannot_be_written(
    desk: Desk, stolen: Card
) -> None:
    new = Card(desk, "c2")
    typed = f"{NEW_CARD.replace(DRIVE, str(new.drive))} {_own_settings()[1]}"
    for wrong, words in (
        (NEW_CARD.replace("$USER", "nobody-is-called-this"), "does not exist"),
        (NEW_CARD.replace(DRIVE, str(new.root)), "is no boot partition of a card"),
        (typed.replace("Room 4", "Room 5"), "there is no room 'Room 5'"),
        (typed.replace("192.0.2.53", "192.0.2"), "nothing was written"),
    ):
        assert words in desk.type(wrong, fails=True)
    (new.drive / "hallpass.bundle").mkdir()  # the card takes no such file, whoever asks
    said = desk.type(typed, fails=True)
    assert "cannot be written" in said
    assert "nothing was changed at central" in said
    (new.drive / "hallpass.bundle").rmdir()
    assert "Room 4: enrolled" in desk.type(LIST)
    until(
        "the card that is in use to go on", lambda: "up to date" in desk.type(LIST), 60
    )  # a new index may be on its way

    said = desk.type(typed)
    [promised] = re.findall(r"^It says \*(Room 4: .+?)\*", CHECKLIST, re.MULTILINE)
    assert promised in said
    assert "waits for its new card" in desk.type(LIST)
    desk.type("hallpass central rules add block after.example.com")
    new.start()
    _require_at_work(desk, new, stolen)
    [before] = re.findall(r"^\*(the card before this one was revoked) …\*", CHECKLIST, re.MULTILINE)
    assert before in desk.type(LIST)
