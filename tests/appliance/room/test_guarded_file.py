"""A small file that decides something outlives its damage, by its copy and by what was read last."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.room import guarded_file
from appliance.room.guarded_file import copy_path, read_guarded_file, repair_file, write_guarded_file

NOW = 1_764_000_000.0


def is_text(content: bytes) -> bool:
    return content.isalnum()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "own.json"
    write_guarded_file(file, b"before")
    write_guarded_file(file, b"decided")
    return file


def forget() -> None:
    """Be another process."""
    guarded_file._last_read.clear()


def remove(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def empty(path: Path) -> None:
    os.truncate(path, 0)


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    (path / "below").mkdir(parents=True)


def put_a_pipe_there(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = (remove, flip, empty, put_a_folder_there, put_a_pipe_there)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("of_copy", [False, True])
def test_one_of_the_two_is_enough_and_the_other_is_repaired(
    path: Path, damage: Callable[[Path], None], of_copy: bool
) -> None:
    damage(copy_path(path) if of_copy else path)
    forget()
    found = read_guarded_file(path, is_text)
    assert (found.content, found.needs_repair, bool(found.problem)) == (b"decided", True, not of_copy)
    repair_file(path, is_text, NOW)
    again = read_guarded_file(path, is_text)
    assert (again.content, again.needs_repair, again.problem) == (b"decided", False, "")
    assert bool(list(path.parent.glob("own.set-aside-*"))) == (not of_copy and damage is not remove)


@pytest.mark.parametrize("damage", DAMAGES)
def test_who_has_read_it_still_knows_it_when_both_are_gone(path: Path, damage: Callable[[Path], None]) -> None:
    assert read_guarded_file(path, is_text).content == b"decided"
    damage(path)
    damage(copy_path(path))
    found = read_guarded_file(path, is_text)
    assert (found.content, found.needs_repair, bool(found.problem)) == (b"decided", True, True)
    repair_file(path, is_text, NOW)
    forget()
    assert read_guarded_file(path, is_text).content == b"decided"


@pytest.mark.parametrize("damage", [empty, put_a_folder_there, put_a_pipe_there])
def test_where_nobody_knows_it_any_more_that_is_said(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    damage(copy_path(path))
    forget()
    found = read_guarded_file(path, is_text)
    assert found.content is None
    assert found.problem


def test_a_power_cut_between_the_copy_and_the_file_is_no_damage(path: Path) -> None:
    copied = copy_path(path).read_bytes()
    path.write_bytes(b"before")  # as it was when the power went
    copy_path(path).write_bytes(copied)
    found = read_guarded_file(path, is_text)
    assert (found.content, found.problem, found.needs_repair) == (b"decided", "", True)
    repair_file(path, is_text, NOW)
    assert path.read_bytes() == b"decided"
    assert not list(path.parent.glob("*set-aside*"))


def test_a_file_of_before_there_were_copies_is_believed_and_gets_one(path: Path) -> None:
    copy_path(path).unlink()
    path.write_bytes(b"older")
    forget()
    assert read_guarded_file(path, is_text).content == b"older"
    repair_file(path, is_text, NOW)
    assert copy_path(path).exists()


def test_what_never_was_there_decides_nothing(tmp_path: Path) -> None:
    assert read_guarded_file(tmp_path / "none", is_text) == guarded_file.GuardedContent(None)
    repair_file(tmp_path / "none", is_text, NOW)
    assert all(".spare" in one.name for one in tmp_path.iterdir())  # so that it can be there, on a full disk too


def test_nothing_of_a_secret_lies_elsewhere(tmp_path: Path) -> None:
    write_guarded_file(tmp_path / "key", b"secret", is_secret=True)
    repair_file(tmp_path / "key", is_text, NOW, is_secret=True)
    assert {one.name for one in tmp_path.iterdir()} == {"key", "key.copy"}
