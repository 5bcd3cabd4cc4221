"""`hallpass central signatures` and `hallpass agent trust-new-lists`, as a technician uses them."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from appliance.cli import hallpass
from appliance.errors import HallpassError
from tests.fakes.school import FakeSchool
from tests.fakes.signing_central import SigningCentral

PASSPHRASE = "correct horse battery staple"


def why(result: Result) -> str:
    """Return the one line with which a command was refused."""
    assert isinstance(result.exception, HallpassError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


class Technician:
    """At central's machine."""

    def __init__(self, folder: Path) -> None:
        self.lists = SigningCentral(folder / "central")
        self.config = folder / "central.toml"
        self.config.write_text('[central]\nschool = "S"\ndata = "central"\n')
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")

    def says(self, *words: object) -> Result:
        arguments = ("central", "signatures", *map(str, words), "--config", str(self.config))
        return CliRunner().invoke(hallpass, arguments)

    def says_with_passphrase(self, *words: object) -> Result:
        return self.says(*words, "--passphrase-file", self.passphrase)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    FakeSchool(folder / "central").close()
    return folder


@pytest.fixture
def technician(tmp_path: Path, prepared: Path) -> Technician:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    made = Technician(tmp_path)
    made.lists.sign("a1" * 32, b"an index")
    return made


def test_the_root_key_is_stored_confirmed_and_used(technician: Technician, tmp_path: Path) -> None:
    stick = tmp_path / "root.pem"
    assert "stands on this machine alone" in technician.says("show").stdout
    made = technician.says_with_passphrase("export-root", stick)
    assert made.exit_code == 0, made.output
    assert "confirm-root" in made.stdout
    again = technician.says_with_passphrase("export-root", stick)
    assert "exists already" in why(again)
    assert technician.says_with_passphrase("confirm-root", stick).exit_code == 0
    gone = technician.says_with_passphrase("export-root", tmp_path / "second")
    assert "stick alone" in why(gone)
    found = msgspec.json.decode(technician.says("show", "--json").stdout)
    assert (found["signed"]["is_root_stored"], found["signed"]["root_version"]) == (True, 1)
    assert "stick alone" in why(technician.says("rotate"))
    assert technician.says_with_passphrase("rotate", "--root-file", stick).exit_code == 0
    turned = technician.says_with_passphrase("rotate", "--root-key", "--root-file", stick)
    assert "Store the new root key" in turned.stdout
    found = msgspec.json.decode(technician.says("show", "--json").stdout)
    assert (found["signed"]["is_root_stored"], found["signed"]["root_version"]) == (False, 3)
    stale = technician.says_with_passphrase("confirm-root", stick)
    assert "another one" in why(stale)


def test_what_is_no_key_is_said_in_one_line(technician: Technician, tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\0" * 20_000)
    (tmp_path / "empty").write_bytes(b"")
    for file in ("none", "odd", "empty", "."):
        answer = technician.says_with_passphrase("confirm-root", tmp_path / file)
        assert str(tmp_path / file) in why(answer)
    technician.passphrase.write_text("short")
    assert "characters" in why(technician.says_with_passphrase("export-root", tmp_path / "root"))
    assert not (tmp_path / "root").exists()


def test_beginning_anew_asks_first_and_takes_the_root_from_nobody(technician: Technician) -> None:
    before = technician.lists.copy()
    refused = technician.says("begin-anew")
    assert "--force" in why(refused)
    assert technician.lists.copy() == before
    assert technician.says("begin-anew", "--force").exit_code == 0
    assert technician.lists.read("root.json") != before["root.json"]


def test_before_anything_was_signed_that_is_said(technician: Technician) -> None:
    shutil.rmtree(technician.lists.folder)
    assert "Nothing is signed yet" in technician.says("show").stdout


def test_lists_are_exported_into_a_folder_and_it_is_said_until_when_they_are_good(
    technician: Technician, tmp_path: Path
) -> None:
    technician.lists.now = datetime.now(UTC)
    technician.lists.sign("b2" * 32, b"an index of today")
    made = technician.says("export-lists", tmp_path / "stick")
    assert made.exit_code == 0, made.output
    assert "b2b2b2b2b2b2" in made.stdout
    assert f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}" in made.stdout
    found = msgspec.json.decode(technician.says("export-lists", tmp_path / "stick", "--json").stdout)
    assert (found["index"], found["files"]) == ("b2" * 32, 1)
    assert "something else" in why(technician.says("export-lists", tmp_path / "central"))


def test_a_room_forgets_whom_it_trusts_and_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "room.toml"
    config.write_text('[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.1:53"]\n')
    kept = tmp_path / "data" / "identity" / "lists-0123" / "metadata" / "timestamp.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"{}")
    (tmp_path / "data" / "identity" / "key.pem").write_bytes(b"key")
    for _ in range(2):
        assert CliRunner().invoke(hallpass, ["agent", "trust-new-lists", "--config", str(config)]).exit_code == 0
    assert [path.name for path in (tmp_path / "data" / "identity").iterdir()] == ["key.pem"]
