"""Files that are whole or as they were."""

import os
import resource
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.files import (
    read_regular_file,
    remove_folder_in_the_way,
    sync_folder,
    write_file_atomically,
    write_private_file,
)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("has_other_writers", [False, True])
def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path, has_other_writers: bool) -> None:
    path = tmp_path / "a.json"
    for content in (b"first", b"second"):
        write_file_atomically(path, content, has_other_writers=has_other_writers)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_mode_that_was_asked_for_less_the_umask(tmp_path: Path) -> None:
    write_file_atomically(tmp_path / "open", b"")
    write_file_atomically(tmp_path / "secret", b"", mode=0o600)
    write_file_atomically(tmp_path / "shared", b"", has_other_writers=True)
    assert [mode_of(tmp_path / name) for name in ("open", "secret", "shared")] == [0o644, 0o600, 0o600]


def test_where_it_cannot_be_written_the_one_before_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_file_atomically(path, b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))  # root writes through permissions, and not past this
    try:
        with pytest.raises(OSError, match="too large"):
            write_file_atomically(path, b"after it")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def a_folder(path: Path) -> None:
    (path / "below").mkdir(parents=True)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def a_link_in_a_circle(path: Path) -> None:
    path.symlink_to(path)


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


NO_FILES = (a_folder, a_pipe, a_socket, a_link_in_a_circle, a_link_to_a_device)


@pytest.mark.parametrize("make", NO_FILES)
def test_who_reads_what_is_no_file_is_told_at_once(short_path: Path, make: Callable[[Path], None]) -> None:
    make(short_path / "a")
    with pytest.raises(OSError, match=r"\w"):
        read_regular_file(short_path / "a")


@pytest.mark.parametrize("make", NO_FILES)
@pytest.mark.parametrize("name", ["a.json", "a.new"])
def test_what_is_no_file_makes_way_for_one(short_path: Path, name: str, make: Callable[[Path], None]) -> None:
    make(short_path / name)
    write_file_atomically(short_path / "a.json", b"a file")
    assert read_regular_file(short_path / "a.json") == b"a file"


def test_a_file_that_is_missing_or_too_large_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular_file(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="larger"):
        read_regular_file(tmp_path / "a", 4)


def test_a_folder_where_the_file_belongs_makes_way_and_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "a.json" / "below").mkdir(parents=True)
    write_file_atomically(tmp_path / "a.json", b"a file")
    assert (tmp_path / "a.json").read_bytes() == b"a file"

    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove_folder_in_the_way(tmp_path / "link")
    assert (tmp_path / "folder").is_dir()
    assert (tmp_path / "link").is_symlink()


def test_what_is_written_and_its_renaming_are_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_file_atomically(tmp_path / "a.json", b"content")
    assert synced == [False, True], "the file, then its folder"
    sync_folder(tmp_path)
    assert synced == [False, True, True]


def test_a_file_that_says_nothing_of_its_size_is_read_whole_or_refused() -> None:
    path = Path("/proc/self/status")  # zero bytes, by its own account
    assert read_regular_file(path).endswith(b"\n")
    with pytest.raises(OSError, match="larger"):
        read_regular_file(path, max_bytes=10)


@pytest.mark.parametrize("umask", [0, 0o022])
def test_a_file_that_somebody_named_is_its_owners_alone_whatever_stood_there(tmp_path: Path, umask: int) -> None:
    os.umask(umask)
    there = tmp_path / "there.json"
    there.write_text("much longer than what comes")
    there.chmod(0o644)
    for path in (there, tmp_path / "new.json"):
        write_private_file(path, b"held")
        assert (path.read_bytes(), mode_of(path)) == (b"held", 0o600)


def test_what_is_no_file_is_written_to_as_it_stands(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_private_file(tmp_path / "pipe", b"held")
    assert os.read(reading, 100) == b"held"
    os.close(reading)
    assert mode_of(tmp_path / "pipe") == 0o644
