"""A trust, two schools' centrals and a room, all processes: a lock is handed down, holds, and is taken back."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.school import Process, Room, School, answers, hallpass, until
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("trust")]


class Trust:
    """The trust's process, and its command line."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "trust.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Trust"\ndata = "trust"\nlisten = "127.0.0.1:{self.port}"\n'
            f'url = "{self.url}"\n'
        )
        self.run("init")
        self.process = Process(folder, "trust", *HALLPASS, "trust", "--config", str(self.config))
        until(f"the trust ({self.process.said})", lambda: answers(self.url), 60)

    def run(self, *arguments: str) -> str:
        return hallpass("trust", *arguments, "--config", str(self.config))

    def take_in(self, name: str, school: School) -> None:
        """Register a school, and have its central join."""
        invitation = self.folder / f"{name}.invitation"
        self.run("schools", "add", name)
        self.run("schools", "invite", name, "--output", str(invitation))
        hallpass("central", "trust", "join", str(invitation), "--config", str(school.config))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trust, School, School, Room]]:
    with School() as one, School() as two:
        trust = Trust(tmp_path_factory.mktemp("trust") / "t")
        try:
            trust.take_in("School One", one)
            trust.take_in("School Two", two)
            room = one.room("Room 4")
            room.wait_until_answering()
            yield trust, one, two, room
        finally:
            trust.process.stop()


def sync(school: School) -> None:
    hallpass("central", "trust", "sync", "--config", str(school.config))


def shown(school: School) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        hallpass("central", "trust", "show", "--json", "--config", str(school.config))
    )
    return found


def refusal(school: School, *arguments: str) -> str:
    done = subprocess.run(
        [*HALLPASS, "central", *arguments, "--config", str(school.config)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_a_lock_of_the_trusts_holds_in_a_room_whatever_the_school_says(
    story: tuple[Trust, School, School, Room],
) -> None:
    trust, one, two, room = story
    assert room.dig("bad.example.org")[1] != ["0.0.0.0"]
    hallpass("central", "rules", "add", "allow", "bad.example.org", "--config", str(one.config))

    number = json.loads(trust.run("locks", "add", "name", "bad.example.org", "--school", "School One", "--json"))
    sync(one)
    sync(two)

    # In force in the room, against the school's own rule of before; and in no other school.
    until("the room to refuse it", lambda: room.dig("bad.example.org")[1] == ["0.0.0.0"], 30)
    explained = hallpass("check", "www.bad.example.org", "--config", str(room.config))
    assert "the trust (Example Trust)" in explained
    assert "Closed by the trust: nobody at the school can open it." in explained
    assert "rules" not in json.dumps(shown(two)["document"])

    # Nobody at the school opens it, and is told why.
    said = refusal(one, "openings", "open", "bad.example.org", "--minutes", "5")
    assert "Closed by the trust: nobody at the school can open it" in said

    # A trust that is away changes nothing, also where central begins anew.
    trust.process.kill()
    assert "what it laid down last holds" in refusal(one, "trust", "sync")
    assert one.central is not None
    one.central.stop()
    one.central.start()
    until("central again", lambda: answers(one.url), 60)
    assert room.dig("bad.example.org")[1] == ["0.0.0.0"]

    # Taken back, the school's own rule counts again.
    trust.process.start()
    until("the trust again", lambda: answers(trust.url), 60)
    trust.run("locks", "remove", str(number["number"]))
    sync(one)
    until("the room to open it", lambda: room.dig("bad.example.org")[1] not in ([], ["0.0.0.0"]), 30)


def test_numbers_go_up_and_no_names(story: tuple[Trust, School, School, Room]) -> None:
    trust, one, _, room = story
    until("the room to be in step", lambda: '"rooms_in_step": 1' in numbers_of(one), 60)
    sync(one)

    found = json.loads(trust.run("numbers", "--json"))
    text = json.dumps(found)

    known = {school["name"]: school for school in found["schools"]}
    assert known["School One"]["numbers"]["rooms"] == 1
    assert known["School One"]["state"] == "enrolled"
    assert room.name not in text


def numbers_of(school: School) -> str:
    return hallpass("central", "trust", "numbers", "--config", str(school.config))
