"""How many workers and how much cache a machine has where nobody wrote it down: a small board must hold them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.room.capacity import (
    cache_megabytes,
    machine_megabytes,
    physical_megabytes,
    standby_seconds,
    worker_count,
)
from dns import cache_defaults

ROOT = Path(__file__).parents[3]
GROUP = "0::/system.slice/hallpass-resolver.service\n"


@pytest.mark.parametrize(
    ("board", "megabytes", "cores", "workers", "megabytes_each"),
    [
        ("Pi Zero 2 W", 416, 4, 2, 13),
        ("Pi 3 A+", 434, 4, 2, 13),
        ("Pi Zero W", 427, 1, 1, 26),
        ("Pi 3 B", 906, 4, 4, 14),
        ("Pi 4, 2 GB", 1848, 4, 4, 28),
        ("Pi 4, 4 GB", 3791, 4, 4, cache_defaults.MEGABYTES),
        ("Pi 5, 8 GB", 8064, 4, 4, cache_defaults.MEGABYTES),
        ("a server", 64000, 32, 32, cache_defaults.MEGABYTES),
        ("a container", 128, 8, 1, 8),
        ("a tiny container", 40, 8, 1, 4),
    ],
)
def test_what_nobody_wrote_down_follows_the_machine(
    board: str, megabytes: int, cores: int, workers: int, megabytes_each: int
) -> None:
    assert worker_count(0, cores=cores, megabytes=megabytes) == workers, board
    assert cache_megabytes(None, workers, megabytes=megabytes) == megabytes_each, board
    if megabytes > 400:  # what they take together leaves room for everything else
        assert workers * (30 + megabytes_each) <= megabytes / 3


def test_what_is_written_down_holds_on_any_machine() -> None:
    assert worker_count(6, cores=1, megabytes=64) == 6
    assert cache_megabytes(256, 6, megabytes=64) == 256
    assert cache_megabytes(1, 6, megabytes=64000) == 1


@pytest.mark.parametrize(
    ("minutes", "megabytes", "seconds"),
    [(None, 416, 900), (None, 906, None), (None, 8064, None), (0, 416, None), (0.5, 416, 30), (20, 8064, 1200)],
)
def test_pages_stand_by_where_memory_is_short_or_the_settings_say_so(
    minutes: float | None, megabytes: int, seconds: float | None
) -> None:
    assert standby_seconds(minutes, megabytes=megabytes) == seconds


def machine(root: Path, *, total: str = "MemTotal:  8000000 kB\n", group: str = GROUP, **limits: str) -> Path:
    """Write the files of a machine of 8 GB; `limits`: what is written at the top, the slice and the unit."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(total)
    (root / "proc/self/cgroup").write_text(group)
    places = {"top": "", "slice": "system.slice", "unit": "system.slice/hallpass-resolver.service"}
    for name, place in places.items():
        folder = root / "sys/fs/cgroup" / place
        folder.mkdir(parents=True, exist_ok=True)
        if name in limits:
            (folder / "memory.max").write_text(limits[name])
    return root


@pytest.mark.parametrize(
    ("limits", "megabytes"),
    [
        ({}, 7812),
        ({"unit": "max\n", "slice": "max\n"}, 7812),
        ({"unit": "268435456\n"}, 256),
        ({"slice": "134217728\n", "unit": "max\n"}, 128),
        ({"top": "134217728\n"}, 128),
        ({"unit": "odd\n"}, 7812),
        ({"unit": ""}, 7812),
    ],
)
def test_a_limit_of_the_unit_or_of_a_container_counts_as_the_machine(
    tmp_path: Path, limits: dict[str, str], megabytes: int
) -> None:
    assert machine_megabytes(machine(tmp_path, **limits)) == megabytes


@pytest.mark.parametrize("total", ["", "MemTotal:\n", "MemTotal: much kB\n", "MemFree: 1 kB\n"])
def test_where_nobody_says_how_much_there_is_the_usual_holds(tmp_path: Path, total: str) -> None:
    assert machine_megabytes(machine(tmp_path, total=total, group="")) is None
    assert machine_megabytes(tmp_path / "nothing") is None


def test_a_unit_that_sees_no_processes_but_its_own_knows_how_much_the_machine_has() -> None:
    apart = ("unshare", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--mount", "sh", "-c")
    ask = "from appliance.room.capacity import physical_megabytes; print(physical_megabytes())"
    hide = f"mount -t tmpfs none /proc && exec {sys.executable} -c '{ask}'"
    done = subprocess.run([*apart, hide], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert done.stdout == f"{physical_megabytes()}\n", done.stderr


def test_this_machine_says_so() -> None:
    found = machine_megabytes()
    assert found is not None
    assert found > 64
