import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
