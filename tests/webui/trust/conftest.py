from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.trust import FakeTrust


@pytest.fixture
def trust(tmp_path: Path) -> Iterator[FakeTrust]:
    made = FakeTrust(tmp_path / "trust")
    yield made
    made.close()
