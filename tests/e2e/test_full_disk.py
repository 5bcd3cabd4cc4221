"""Central's disk is full: nothing that was acknowledged is lost, pages say so in words, rooms go on.

The disk is a small one of the test's own, in a mount namespace where central and its commands run.
"""

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, answers, until
from tests.e2e.test_the_story import SITE, approve, ask_to_open, refuses
from tests.fakes.programs import HALLPASS

pytestmark = pytest.mark.timeout(400)

DISK_MEGABYTES = 24
MOST_RULES = 400  # that a disk without room can have taken: what SQLite had asked for before it was full


class Disk:
    """A small file system at a folder, for whoever enters its namespace with `prefix`."""

    def __init__(self, folder: Path) -> None:
        mount = f"mount -t tmpfs -o size={DISK_MEGABYTES}m tmpfs {folder} && echo ready && exec sleep 900"
        alone = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", "--mount", *alone, "sh", "-c", mount], stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        pid = str(self._holder.pid)
        users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.prefix = ("nsenter", "--target", pid, *users, "--mount", f"--wd={Path.cwd()}")
        self._filler = Path(f"/proc/{pid}/root{folder}/filler")

    def fill(self) -> None:
        """Write until there is no room for a single byte."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(size))
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                filler.write(b"x")

    def make_room(self) -> None:
        """Delete what filled it."""
        self._filler.unlink()

    def close(self) -> None:
        """Give it back."""
        self._holder.kill()
        self._holder.communicate()


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets live below it
    (path / "central").mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def disk(folder: Path) -> Iterator[Disk]:
    one = Disk(folder / "central")
    yield one
    one.close()


@pytest.fixture
def school(folder: Path, disk: Disk) -> Iterator[School]:
    with School(folder=folder, prefix=disk.prefix) as one:
        yield one


@pytest.fixture
def room(school: School) -> Room:
    one = school.room("Room 4")
    one.wait_until_answering()
    until("the room to follow central", partial(refuses, one, SITE))
    return one


def block(coordinator: Browser, name: str) -> int:
    """Try to close a name, and return the status of the answer."""
    coordinator.open("/rules")
    form = coordinator.form_with("name", action="/rules")
    answer = coordinator.client.post("/rules", data=form.fields | {"name": name, "action": "block"})
    coordinator.response = answer
    return answer.status_code


def block_until_full(coordinator: Browser, prefix: str) -> tuple[list[str], str]:
    """Close names until one is not taken; return those that were, and that one."""
    taken: list[str] = []
    while (status := block(coordinator, name := f"{prefix}{len(taken)}.example.org")) == 200:
        taken.append(name)
        assert len(taken) < MOST_RULES
    assert status == 503
    assert "the disk of central is full" in coordinator.text
    return taken, name


def test_with_a_full_disk_nothing_is_lost_and_afterwards_all_goes_on(
    school: School, room: Room, disk: Disk
) -> None:
    assert school.central is not None
    teacher = Browser(room.url).sign_in("teacher", school.account("teacher", "teacher"))
    coordinator = school.coordinator(school.account("coordinator", "coordinator"))
    with teacher, coordinator:
        assert block(coordinator, "before.example.org") == 200
        until("the rule", partial(refuses, room, "before.example.org"))

        disk.fill()
        taken, refused = block_until_full(coordinator, "a")
        assert "before.example.org" in coordinator.open("/rules").text, "pages that change nothing are there"
        for name in taken:
            until(f"{name}, which was acknowledged", partial(refuses, room, name))
        ask_to_open(teacher, SITE)
        assert "kept here" in teacher.text
        assert refuses(room, SITE)
        assert room.dig.addresses("example.org")[0].startswith("192.0.2.")

        # Killed at this moment, it comes back, reads what it has, and has lost nothing.
        school.central.kill()
        school.central.start()
        until("central's page", lambda: answers(school.url), 60)
        until("the rules", lambda: all(name in signed_in_page_of(coordinator, "/rules") for name in taken), 60)
        more, refused_again = block_until_full(coordinator, "b")  # SQLite may have tidied up
        assert "Traceback" not in school.central.said

        disk.make_room()
        until("room for a rule", lambda: block(coordinator, "after.example.org") == 200, 30)
        until("the rule after it", partial(refuses, room, "after.example.org"))
        page = coordinator.open("/rules").text
        assert all(name in page for name in ("before.example.org", *taken, *more))
        assert refused not in page, "what was refused was not done by half"
        assert refused_again not in page
        approve(coordinator, SITE)
        until("the request that waited to be answered", lambda: not refuses(room, SITE))


def signed_in_page_of(browser: Browser, path: str) -> str:
    """Return a page, or nothing while central comes back."""
    try:
        return browser.open(path).text
    except Exception:  # noqa: BLE001 (whatever the client says meanwhile is no page)
        return ""


def test_central_that_cannot_start_for_want_of_room_says_so_in_one_line(school: School, disk: Disk) -> None:
    assert school.central is not None
    assert school.central.stop() == 0
    disk.fill()
    done = subprocess.run(
        [*disk.prefix, *HALLPASS, "central", "--config", str(school.config)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "full" in done.stderr
    assert len(done.stderr.splitlines()) == 1
