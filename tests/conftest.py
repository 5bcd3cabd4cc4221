"""What tests share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does: a deadline would fail a right program.
settings.register_profile("hallpass", deadline=None)
settings.load_profile("hallpass")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Return an empty folder with a short name: sockets below it have paths of at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        yield Path(folder)
