"""A file that carries decisions is replaced on a full disk too, and is whole at each moment."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from appliance import files, spare_file
from appliance.spare_file import MARGIN_BYTES, keep_spare, release_spare, replace_with_spare, spare_path
from tests.fakes.small_disk import fill, make_read_only, run_on_small_disk

NOBODY = 65534

Story = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def on_small_disk(folder: Path, story: Story, options: str = "size=1m") -> None:
    assert not run_on_small_disk(folder, lambda: story(folder / "policy.json"), options)


def test_a_full_disk_keeps_no_decision_waiting_however_many_come(tmp_path: Path) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"first" * 1000, mode=0o640)
        for number in range(30):
            fill(tmp_path)  # whatever became free is somebody else's
            content = str(number).encode() * (1000 + 500 * (number % 13))  # longer and shorter
            replace_with_spare(path, content, mode=0o640)
            assert path.read_bytes() == content
            assert path.stat().st_mode & 0o777 == 0o640

    on_small_disk(tmp_path, story)


def test_a_file_that_was_never_there_is_written_on_a_full_disk_too(tmp_path: Path) -> None:
    def story(path: Path) -> None:
        assert keep_spare(path)
        for content in (b"the first decision", b"the second", b"the third"):
            fill(tmp_path)
            replace_with_spare(path, content)
            assert path.read_bytes() == content
        (tmp_path / "filler").unlink()
        assert keep_spare(path)
        assert sorted(one.name for one in tmp_path.iterdir()) == ["policy.json", "policy.json.spare"]

    on_small_disk(tmp_path, story)


def test_where_there_is_room_again_no_older_decision_lies_in_the_spare(tmp_path: Path) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before")
        fill(tmp_path)
        replace_with_spare(path, b"now")
        assert spare_path(path).read_bytes() == b"before"
        (tmp_path / "filler").unlink()
        assert keep_spare(path)
        assert spare_path(path).read_bytes() == b""
        fill(tmp_path)
        replace_with_spare(path, b"later")
        assert path.read_bytes() == b"later"

    on_small_disk(tmp_path, story)


def test_a_disk_without_another_inode_keeps_no_decision_waiting(tmp_path: Path) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before")
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):  # noqa: PT012 (whichever is the last)
            for number in range(20):
                (tmp_path / str(number)).touch()
        replace_with_spare(path, b"now")
        assert path.read_bytes() == b"now"

    on_small_disk(tmp_path, story, "size=1m,nr_inodes=9")


def missing(spare: Path) -> None:
    spare.unlink()


def without_blocks(spare: Path) -> None:
    os.truncate(spare, 1)
    os.truncate(spare, 0)


def a_folder_instead(spare: Path) -> None:
    spare.unlink()
    (spare / "below").mkdir(parents=True)


def a_pipe_instead(spare: Path) -> None:
    spare.unlink()
    os.mkfifo(spare)


def a_link_to_the_file(spare: Path) -> None:
    spare.unlink()
    spare.symlink_to("policy.json")


def a_second_name(spare: Path) -> None:
    os.link(spare, spare.with_name("second"))


def of_another_owner(spare: Path) -> None:
    os.chown(spare, NOBODY, NOBODY)


DAMAGES = (missing, without_blocks, a_folder_instead, a_pipe_instead, a_link_to_the_file, a_second_name) + (
    (of_another_owner,) if os.geteuid() == 0 else ()
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_spare_is_none_and_is_made_anew_where_there_is_room(tmp_path: Path, damage: Story) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before")
        damage(spare_path(path))
        fill(tmp_path)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            replace_with_spare(path, b"now")
        assert path.read_bytes() == b"before"
        (tmp_path / "filler").unlink()
        assert keep_spare(path)
        fill(tmp_path)
        replace_with_spare(path, b"now")
        assert path.read_bytes() == b"now"

    on_small_disk(tmp_path, story)


@pytest.mark.parametrize("mode", [0o400, 0o000, 0o777])
def test_a_spare_with_other_permissions_becomes_a_file_with_its_own(tmp_path: Path, mode: int) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before", mode=0o640)
        spare_path(path).chmod(mode)
        fill(tmp_path)
        replace_with_spare(path, b"now", mode=0o640)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"now", 0o640)

    on_small_disk(tmp_path, story)


@pytest.mark.parametrize("damage", [missing, a_folder_instead, a_pipe_instead])
def test_whatever_stands_in_the_files_place_makes_way_on_a_full_disk_too(tmp_path: Path, damage: Story) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before")
        damage(path)
        fill(tmp_path)
        replace_with_spare(path, b"now")
        assert path.read_bytes() == b"now"

    on_small_disk(tmp_path, story)


def test_what_is_too_large_for_the_spare_waits_and_what_comes_after_it_does_not(tmp_path: Path) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before")
        fill(tmp_path)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            replace_with_spare(path, bytes(10 * MARGIN_BYTES))
        assert path.read_bytes() == b"before"
        replace_with_spare(path, b"now")
        assert path.read_bytes() == b"now"

    on_small_disk(tmp_path, story)


def test_a_disk_that_takes_nothing_keeps_what_was_there(tmp_path: Path) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"before")
        make_read_only(tmp_path)
        with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
            replace_with_spare(path, b"now")
        assert not release_spare(path)
        assert path.read_bytes() == b"before"

    on_small_disk(tmp_path, story)


def killed_at(line: int, work: Callable[[], None]) -> bool:
    """Do something in a child that is killed at the so-manieth line of our code; return whether it came so far."""
    child = os.fork()
    if child == 0:
        left = line
        ours = (files.__file__, spare_file.__file__)

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in ours:
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os._exit(9)
            return trace

        sys.settrace(trace)
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_who_is_killed_between_two_steps_leaves_the_one_or_the_other_and_the_next_decision_comes(
    tmp_path: Path,
) -> None:
    def story(path: Path) -> None:
        replace_with_spare(path, b"0" * 5000)
        fill(tmp_path)
        line, seen = 0, set()
        before = path.read_bytes()
        while killed_at(line, partial(replace_with_spare, path, new := str(line % 10).encode() * (4000 + line))):
            after = path.read_bytes()
            assert after in (before, new)
            seen.add(after == before)
            replace_with_spare(path, before := b"between" * 700)
            assert path.read_bytes() == before
            fill(tmp_path)
            line += 1
        assert seen == {True, False}

    on_small_disk(tmp_path, story)
