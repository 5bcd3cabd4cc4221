from pathlib import Path

import pytest

from tests.fakes.card import FakeCard


@pytest.fixture
def card(short_path: Path) -> FakeCard:
    return FakeCard(short_path / "c")
