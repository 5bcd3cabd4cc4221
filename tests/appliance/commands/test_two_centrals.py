"""Two centrals on one PostgreSQL and one shared folder: started together, and either knows what the other does."""

import contextlib
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from appliance.protocol import Target
from tests.e2e.browser import Browser
from tests.e2e.school import Process, answers, until
from tests.fakes.ports import free_port
from tests.fakes.postgres import postgres_server
from tests.fakes.programs import HALLPASS

pytestmark = pytest.mark.timeout(300)

PASSWORD = "a long pass phrase"
IN_STEP_SECONDS = 30.0  # after a central was cut off


class Central:
    """One of them: its own data folder and ports."""

    def __init__(self, folder: Path, name: str, database: str, *, timezone: str = "Europe/London") -> None:
        pages, rooms = free_port(), free_port()
        self.config = folder / f"{name}.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "{name}"\nshared = "shared"\ndatabase = "{database}"\n'
            f'listen = "127.0.0.1:{pages}"\nrooms_listen = "127.0.0.1:{rooms}"\ntimezone = "{timezone}"\n'
        )
        self.pages, self.rooms = f"http://127.0.0.1:{pages}", f"http://127.0.0.1:{rooms}"
        self.process = Process(folder, name, *HALLPASS, "central", "--config", str(self.config))

    def run(self, *arguments: str, typed: str | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "appliance", *arguments, "--config", str(self.config)],
            capture_output=True, text=True, timeout=60, check=False, input=typed,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


class Balancer:
    """What deals out connections to several centrals, and can lose the way to one of them without a word."""

    def __init__(self, *ports: int) -> None:
        self._ports = ports
        self._cut: set[int] = set()
        self._held: dict[int, list[socket.socket]] = {port: [] for port in ports}  # of a central, both ends
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def used(self) -> int:
        """Return the port of the central that has a connection."""
        return next((port for port, held in self._held.items() if held), 0)

    def cut_off(self, port: int) -> None:
        """Lose the way to one: nothing passes on its connections any more, and none of them is closed."""
        self._cut.add(port)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in itertools.chain(*self._held.values()):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted = self._server.accept()[0]
                port = next(one for one in self._ports if one not in self._cut)
                out = socket.create_connection(("127.0.0.1", port))
                self._held[port] += [accepted, out]
                for ends in ((accepted, out), (out, accepted)):
                    threading.Thread(target=self._pump, args=(port, *ends), daemon=True).start()

    def _pump(self, port: int, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if port not in self._cut:  # else it is lost on the way
                    target.sendall(data)
            if port not in self._cut:
                target.shutdown(socket.SHUT_WR)


@pytest.fixture
def centrals(tmp_path: Path) -> Iterator[tuple[Central, Central]]:
    with postgres_server() as server:
        both = (Central(tmp_path, "one", server.url), Central(tmp_path, "two", server.url))
        try:
            for central in both:
                for url in (central.pages, central.rooms):
                    until(f"{url} ({central.process.said})", lambda url=url: answers(url), 60)  # type: ignore[misc]  # bound at once
            yield both
        finally:
            for central in both:
                central.process.stop()


def test_two_centrals_are_one(centrals: tuple[Central, Central], tmp_path: Path) -> None:
    one, two = centrals
    one.run("account", "add", "cora", "--role", "coordinator", typed=f"{PASSWORD}\n{PASSWORD}\n")
    headers = {"Authorization": f"Bearer {one.run('central', 'enrol', 'Room 4').strip()}"}
    feed = httpx.stream("GET", f"{two.rooms}/api/v1/feed", headers=headers, trust_env=False, timeout=60)
    with feed as answer, Browser(one.pages) as at_one:
        targets = (msgspec.json.decode(line, type=Target) for line in answer.iter_lines() if line)
        first = next(targets)
        at_one.sign_in("cora", PASSWORD)

        # What is decided at one is heard by a room that follows the other.
        at_one.open("/rules")
        at_one.send(at_one.form_with("name", "action"), name="bad.example.org", action="block")
        news = next(target for target in targets if target.policy_digest != first.policy_digest)
        assert news.document is not None
        assert [rule.name for rule in news.document.rules] == ["bad.example.org"]
        assert news.epoch == first.epoch

        # A session of one is a session of the other: they share the key of the pages.
        with httpx.Client(
            base_url=two.pages, cookies=at_one.client.cookies, trust_env=False, timeout=20
        ) as at_two:
            assert at_two.get("/rules").status_code == 200

        # A list that is handed in at one is compiled, and the index found by a room at the other.
        at_one.open("/lists")
        handed_in = {"file": ("ours.txt", b"listed.example.org\n")}
        form = at_one.form_with("name", "category")
        at_one.send(form, files=handed_in, name="ours", category="games", location="")
        published = until(
            "the index with the list in it",
            lambda: next((target.index for target in targets if target.index not in ("", news.index)), ""),
            120,
        )
        for central in centrals:
            found = httpx.get(
                f"{central.rooms}/api/v1/index/{published}", headers=headers, trust_env=False, timeout=60
            )
            assert found.status_code == 200
            assert len(found.content) > 1000

    # Neither made a new epoch of the other's start, and neither had anything to complain of.
    for central in centrals:
        assert not re.search("Traceback|restored", central.process.said), central.process.said


@pytest.fixture
def balancer(centrals: tuple[Central, Central]) -> Iterator[Balancer]:
    made = Balancer(*(int(one.rooms.rpartition(":")[2]) for one in centrals))
    yield made
    made.close()


@pytest.mark.parametrize("how", ["its way is lost", pytest.param("it is killed", marks=pytest.mark.exhaustive)])
def test_a_room_whose_central_is_cut_off_is_in_step_with_the_other_within_thirty_seconds(
    centrals: tuple[Central, Central], balancer: Balancer, short_path: Path, how: str
) -> None:
    one, two = centrals
    two.run("account", "add", "cora", "--role", "coordinator", typed=f"{PASSWORD}\n{PASSWORD}\n")
    (short_path / "token").write_text(two.run("central", "enrol", "Room 4").strip())
    config = short_path / "room.toml"
    config.write_text(
        '[room]\nname = "Room 4"\ndata = "data"\nrun = "run"\n[dns]\nupstreams = ["192.0.2.53"]\n'
        f'[central]\nurl = "http://127.0.0.1:{balancer.port}"\ntoken_file = "token"\n'
    )

    def rules() -> list[str]:
        policy = short_path / "data" / "policy.json"
        if not policy.exists():
            return []
        return [rule["name"] for rule in json.loads(policy.read_bytes()).get("rules", ())]

    def block(name: str) -> None:
        two.run("central", "rules", "add", "block", name)

    room = Process(short_path, "room", *HALLPASS, "agent", "--config", str(config))
    try:
        block("before.example.org")
        until(f"the room to follow ({room.said})", lambda: rules() == ["before.example.org"], 60)
        first = balancer.used()
        assert one.rooms.endswith(f":{first}"), "the room follows the first of them"

        if how == "it is killed":
            one.process.kill()
        balancer.cut_off(first)
        block("after.example.org")  # decided at the other one
        until("the room to be in step", lambda: "after.example.org" in rules(), IN_STEP_SECONDS)
    finally:
        room.stop()
