"""A copied card beside its original: real processes of central and of two rooms with the same data."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from appliance.room.agent.room_identity import PROVEN_FILE
from appliance.room.conditions import Condition
from tests.e2e.school import hallpass
from tests.fakes.central import FakeCentral
from tests.fakes.enrolled import FAILED, OPEN, EnrolledRoom, wait_until
from tests.fakes.ports import free_port
from tests.fakes.upstream import FakeUpstream

COMMAND = (sys.executable, "-m", "appliance")


@contextmanager
def central_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Run central; yield its settings and where rooms reach it."""
    config, rooms = folder / "central.toml", free_port()
    config.write_text(
        f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'rooms_listen = "127.0.0.1:{rooms}"\n'
    )
    with subprocess.Popen(
        [*COMMAND, "central", "--config", str(config)], stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield config, f"http://127.0.0.1:{rooms}"
        finally:
            process.terminate()


def test_of_a_card_and_its_copy_the_newer_one_is_stopped_and_its_dns_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(FakeUpstream())
        config, url = stack.enter_context(central_of(tmp_path))
        folders = [tmp_path / "card", tmp_path / "copy"]
        folders[0].mkdir()
        card = EnrolledRoom(folders[0], upstream, FakeCentral())
        stack.callback(card.stop)
        token = hallpass("central", "enrol", "Room 4", "--config", str(config))
        (folders[0] / "token").write_text(token)
        text = card.file.read_text().splitlines()
        card.file.write_text("\n".join(f'url = "{url}"' if line.startswith("url") else line for line in text))
        card.start_agent()
        wait_until("the policy", lambda: _room(config)["last_seen"] is not None, 60)
        # What is copied is a card that is in use: before it, the two would be told apart by their keys alone.
        wait_until("the card's certificate", (card.paths.identity / PROVEN_FILE).exists, 60)
        shutil.copytree(folders[0], folders[1], ignore=_no_sockets)
        copy = card.at(folders[1])
        stack.callback(copy.stop)
        copy.start()
        copy.start_agent()

        def conditions(room: EnrolledRoom) -> set[Condition]:
            return {one for process in room.said() if process.process == "agent" for one in process.conditions}

        wait_until("the copy's end", lambda: Condition.COPY_STOPPED in conditions(copy), 90)
        assert Condition.COPY_STOPPED not in conditions(card)
        assert copy.ask("www.example.org") == OPEN
        assert copy.ask("use-application-dns.net") == FAILED, "it is the filter that answers"
        assert _room(config)["two_cards_since"] is not None
        hallpass("central", "room", "keep-running", "Room 4", "--config", str(config))
        assert _room(config)["two_cards_since"] is None
        assert Condition.COPY_STOPPED in conditions(copy)

        hallpass("central", "room", "revoke", "Room 4", "--config", str(config))
        wait_until("the card's end", lambda: Condition.NO_LONGER_ENROLLED in conditions(card), 30)
        (said,) = [one.details["no-longer-enrolled"] for one in card.said() if one.process == "agent"]
        assert "revoked at central" in said


def _room(config: Path) -> dict[str, object]:
    listed = hallpass("central", "room", "list", "--json", "--config", str(config))
    (room,) = msgspec.json.decode(listed, type=list[dict[str, object]])
    return room


def _no_sockets(folder: str, names: list[str]) -> list[str]:
    paths = (Path(folder) / name for name in names)
    return [path.name for path in paths if not path.is_symlink() and not path.is_file() and not path.is_dir()]
