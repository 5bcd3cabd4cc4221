import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.central import backup_file
from tests.fakes.backed_up_machine import Machine, add_rule
from tests.fakes.school import FakeSchool


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is made once: the migrations take longer than most tests."""
    folder = tmp_path_factory.mktemp("prepared")
    FakeSchool(folder).close()
    return folder / "central.db"


@pytest.fixture
def school(tmp_path: Path, prepared: Path) -> Iterator[FakeSchool]:
    folder = tmp_path / "central"
    folder.mkdir()
    shutil.copy(prepared, folder)
    made = FakeSchool(folder, prepared=True)
    yield made
    made.close()


@pytest.fixture
def rooms_of_the_school(school: FakeSchool) -> None:
    school.enrol("Room 4")
    school.enrol("Room 5")


@pytest.fixture
def machine(prepared_machine: Machine, tmp_path: Path) -> Machine:
    """A school with a room, rules, a list that was handed in, and a request that waits."""
    shutil.copytree(prepared_machine.folder, tmp_path / "old")
    return Machine(tmp_path / "old")


@pytest.fixture(scope="session")
def prepared_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made = Machine(tmp_path_factory.mktemp("prepared") / "old").settle()
    school = FakeSchool(made.folder / "central")
    school.enrol("Room 4")
    school.request()
    add_rule(school, "bad.example.org")
    (made.folder / "central" / "lists").mkdir(exist_ok=True)
    (made.folder / "central" / "lists" / "own.txt").write_bytes(b"bets.example\n" * 200_000)
    (made.folder / "central" / "lists" / "empty.txt").touch()
    (made.folder / "central" / "pages.key").write_bytes(b"k" * 32)
    (made.folder / "central" / "indexes").mkdir(exist_ok=True)
    (made.folder / "central" / "indexes" / "large").write_bytes(b"compiled anew")
    school.close()
    return made


@pytest.fixture
def quick_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make keys quickly: what a passphrase costs is not what is proved."""
    monkeypatch.setattr(backup_file, "_SCRYPT", {"n": 2, "r": 8, "p": 1})
