from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.trust import FakeTrust


@pytest.fixture(scope="session")
def prepared_trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a trust with nothing in it: to migrate a database takes longer than most tests."""
    folder = tmp_path_factory.mktemp("trust") / "prepared"
    FakeTrust(folder).close()
    return folder


@pytest.fixture
def trust(tmp_path: Path, prepared_trust: Path) -> Iterator[FakeTrust]:
    made = FakeTrust(tmp_path / "trust", prepared=prepared_trust)
    yield made
    made.close()
