"""What tests share."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does: a deadline would fail a right program.
settings.register_profile("hallpass", deadline=None)
settings.load_profile("hallpass")


@pytest.hookimpl(optionalhook=True)  # `-p no:xdist`: `make guides` and `make image-test`
def pytest_xdist_auto_num_workers() -> int:
    """Return what `-n auto` is: half as many workers again as processors, since many tests wait."""
    return max(1, len(os.sched_getaffinity(0)) * 3 // 2)


@pytest.fixture
def without_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that the test starts run unmeasured: coverage imports, writes and needs memory of its own."""
    for name in [one for one in os.environ if one.startswith("COVERAGE_PROCESS")]:
        monkeypatch.delenv(name)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Return an empty folder with a short name: sockets below it have paths of at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        yield Path(folder)
