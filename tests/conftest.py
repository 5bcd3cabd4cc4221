"""What tests share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Return an empty folder with a short name: sockets below it have paths of at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        yield Path(folder)
