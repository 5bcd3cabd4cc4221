"""`hallpass agent lists-from`: a stick in a room without network, and everything that may be on it."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import hallpass
from appliance.errors import HallpassError
from appliance.room.agent import installer
from appliance.room.agent.installer import installed_index_version
from appliance.room.agent.lists_folder import ListsFolder, ListsRefused
from appliance.room.agent.room_identity import RoomIdentity
from appliance.room.agent.signed_lists import SignedLists
from appliance.room.index_age import read_index_age
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from blocklists import delta
from blocklists.container import OVERLAY_NAME, delta_name
from blocklists.index import open_index
from tests.fakes.enrolled import compiled
from tests.fakes.list_mirror import export
from tests.fakes.signing_central import SigningCentral

SETTINGS = """
[room]
name = "Room 4"
data = "data"
[dns]
upstreams = ["192.0.2.53"]
[central]
url = "http://127.0.0.1:9"
token_file = "token"
"""
NOBODY = 65534


class Technician:
    """A room that has seen yesterday's signatures of its central, and sticks with lists."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.central = SigningCentral(folder / "central")
        self.central.pass_days((time.time() - self.central.now.timestamp()) / 86_400 - 2)
        self.config = folder / "room.toml"
        self.config.write_text(SETTINGS)
        (folder / "token").write_text("a-token")
        self.settings = load_settings(self.config, RoomSettings)
        self.paths = RoomPaths.from_settings(self.settings)
        self.first, self.second = (compiled(folder, name, f"{name}.example") for name in ("one", "two"))
        self.central.sign(*self.first)
        self.yesterday = export(self.central, folder / "yesterday")
        self.paths.identity.mkdir(parents=True)
        asyncio.run(self._see_signatures())
        self.central.pass_days(1)
        self.central.sign(*self.second)
        self.today = export(self.central, folder / "today")
        self.stick = folder / "stick"
        self._kept = shutil.copytree(self.paths.data, folder / "kept")

    async def _see_signatures(self) -> None:
        async def fetch(name: str, max_bytes: int) -> bytes | None:
            return self.central.fetch(name, max_bytes)

        folder = RoomIdentity(self.paths.identity, "a-token").lists_folder
        await SignedLists(folder, fetch, time.time, is_pinned=lambda: True).find_terms(self.first[0])

    def start_anew(self) -> None:
        """Have the room as it was, and a stick with today's lists."""
        for used, fresh in ((self.paths.data, self._kept), (self.stick, self.today)):
            shutil.rmtree(used, ignore_errors=True)
            shutil.copytree(fresh, used)

    def another_central(self) -> Path:
        """Return a stick with the same lists, signed by somebody else."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        other = SigningCentral(folder)
        other.now = self.central.now
        other.sign(*self.second)
        return export(other, folder / "stick")

    def puts_in(self, stick: Path | None = None) -> str:
        """Say `lists-from`; return what is said, in one line."""
        arguments = ["agent", "lists-from", str(stick or self.stick), "--config", str(self.config)]
        result = CliRunner().invoke(hallpass, arguments)
        assert isinstance(result.exception, HallpassError | None), result.exception
        said = str(result.exception) if result.exception else result.stdout.strip()
        assert "\n" not in said
        return said

    def has(self, version: str) -> bool:
        return installed_index_version(self.paths) == version

    @property
    def index(self) -> Path:
        return self.stick / "indexes" / self.second[0] / "index.hpx"


@pytest.fixture(scope="module")
def prepared() -> Iterator[Technician]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # where another user may look
    folder.chmod(0o755)
    yield Technician(folder)
    shutil.rmtree(folder)


@pytest.fixture
def technician(prepared: Technician) -> Technician:
    prepared.start_anew()
    return prepared


def test_the_lists_of_a_stick_are_in_use_and_are_as_old_as_their_signature(technician: Technician) -> None:
    said = technician.puts_in()
    assert "in use now" in said
    assert technician.second[0][:12] in said
    assert technician.has(technician.second[0])
    age = read_index_age(technician.settings, technician.paths, time.time())
    assert age is not None
    assert 80_000 < age < 95_000, "a day"
    assert "already" in technician.puts_in()
    said = technician.puts_in(technician.yesterday)
    assert "older than the lists that this room has seen" in said
    assert "keeps the lists that it has" in said
    assert technician.has(technician.second[0])


def test_lists_in_layers_are_taken_piece_by_piece_by_a_room_that_has_none(technician: Technician) -> None:
    base, target = technician.folder / "one", technician.folder / "layers"
    compiled(technician.folder, "layers", "one.example", "added.example")
    overlay = technician.folder / "overlay.hpx"
    report = delta.make_overlay(base, target, overlay)
    technician.central.put(report.target, overlay.read_bytes(), OVERLAY_NAME)
    technician.central.put(report.target, overlay.read_bytes(), delta_name(report.base))
    technician.central.sign(report.target, technician.first[1])
    assert "in use now" in technician.puts_in(export(technician.central, technician.folder / "in-layers"))
    assert technician.has(report.target)
    index = open_index(technician.paths.index)
    assert index.find_block_entries("www.added.example")
    assert index.find_block_entries("one.example")


def test_what_the_agent_is_fetching_meanwhile_is_left_to_it_and_what_is_left_over_is_cleared(
    technician: Technician,
) -> None:
    fetching = installer._WorkFolder(technician.paths)
    (fetching.path / "index.hpx").write_bytes(b"a part")
    technician.puts_in()
    assert (fetching.path / "index.hpx").read_bytes() == b"a part"
    path = fetching.path
    del fetching  # the agent was cut off

    async def nobody(base: str, path: Path) -> None:
        pytest.fail(f"{path} is there, over {base}")

    asyncio.run(installer.install_index(technician.paths, technician.second[0], nobody))
    assert not path.exists()


@pytest.mark.usefixtures("without_coverage")
def test_a_command_of_root_leaves_everything_to_the_user_of_the_agent(technician: Technician) -> None:
    owner = NOBODY if os.geteuid() == 0 else os.geteuid()
    token = technician.folder / "token"
    for path in (token, technician.paths.data, *technician.paths.data.rglob("*")):
        os.chown(path, owner, -1)
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "agent", "lists-from", str(technician.stick),
         "--config", str(technician.config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "in use now" in done.stdout
    assert technician.has(technician.second[0])
    assert {path.lstat().st_uid for path in technician.paths.data.rglob("*")} == {owner}


def cut_short(technician: Technician) -> None:
    technician.index.write_bytes(technician.index.read_bytes()[:-1])


def alter(technician: Technician) -> None:
    technician.index.write_bytes(technician.index.read_bytes()[:-1] + b"?")


def link_out(technician: Technician) -> None:
    technician.index.unlink()
    technician.index.symlink_to(technician.today / technician.index.relative_to(technician.stick))


def link_folder_out(technician: Technician) -> None:
    shutil.rmtree(technician.stick / "indexes")
    (technician.stick / "indexes").symlink_to(technician.today / "indexes")


BAD_STICKS: dict[str, tuple[Callable[[Technician], object], str]] = {
    "truncated": (cut_short, "altered or cut short"),
    "altered": (alter, "altered or cut short"),
    "without its index": (lambda one: shutil.rmtree(one.stick / "indexes"), "not a whole export"),
    "without signatures": (lambda one: shutil.rmtree(one.stick / "signatures"), "not a whole export"),
    "with a link out of it": (link_out, "no plain file"),
    "with a folder's link out of it": (link_folder_out, "cannot be read"),
    "that is not there": (lambda one: shutil.rmtree(one.stick), "No such file"),
}


# The other kinds of the same lot: each costs a process that checks.
RARE = ("altered", "without its index", "with a folder's link out of it")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.exhaustive) if kind in RARE else kind for kind in BAD_STICKS]
)
def test_a_stick_that_is_not_whole_changes_nothing(technician: Technician, kind: str) -> None:
    spoil, words = BAD_STICKS[kind]
    spoil(technician)
    said = technician.puts_in()
    assert words in said
    assert "keeps the lists that it has" in said
    assert technician.has("")
    assert not list(technician.paths.indexes.glob("*")), "nothing is left of it"


def test_lists_of_another_central_and_of_one_that_was_never_seen_are_refused(technician: Technician) -> None:
    assert "keys that this room does not trust" in technician.puts_in(technician.another_central())
    shutil.rmtree(technician.paths.identity)
    assert "has not seen its central's signatures" in technician.puts_in()
    technician.paths.identity.mkdir()
    assert "has not seen its central's signatures" in technician.puts_in()
    assert technician.has("")


def test_lists_whose_signatures_have_ended_are_refused(technician: Technician) -> None:
    folder = RoomIdentity(technician.paths.identity, "a-token").lists_folder
    with ListsFolder(technician.stick, lambda _done, _of: None) as lists:
        later = time.time() + 40 * 86_400
        signed = SignedLists(folder, lists.fetch_signature, lambda: later, is_pinned=lambda: False)
        with pytest.raises(HallpassError, match="have ended"):
            asyncio.run(signed.find_terms_elsewhere(lists.fetch_signature))


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_in_a_circle(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [a_pipe, a_socket, a_link_to_a_device, a_link_in_a_circle, Path.mkdir])
def test_what_is_no_plain_file_is_not_even_opened(technician: Technician, make: Callable[[Path], None]) -> None:
    path = technician.stick / "signatures" / "timestamp.json"
    path.unlink()
    make(path)
    with (
        ListsFolder(technician.stick, lambda _done, _of: None) as lists,
        pytest.raises(ListsRefused, match="no plain file"),
    ):
        asyncio.run(lists.fetch_signature("timestamp.json", 1000))


def test_a_file_without_an_end_is_read_as_far_as_it_may_be(technician: Technician) -> None:
    path = technician.stick / "signatures" / "timestamp.json"
    os.truncate(path, 10**12)
    assert "larger than metadata are" in technician.puts_in()


def test_a_room_alone_has_no_central_whose_lists_it_could_know(technician: Technician, tmp_path: Path) -> None:
    alone = tmp_path / "room.toml"
    alone.write_text(SETTINGS.partition("[central]")[0])
    arguments = ["agent", "lists-from", str(technician.stick), "--config", str(alone)]
    assert "no central" in str(CliRunner().invoke(hallpass, arguments).exception)
