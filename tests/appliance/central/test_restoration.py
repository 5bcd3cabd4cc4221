"""A backup is put back into folders as they are: over nothing, wholly or not at all."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.central.backup_file import BackupError, BackupWriter, FilePart, StoredFile
from tests.fakes.backed_up_machine import PASSPHRASE, SETTINGS, Machine, content, manifest

ROOT = Path(__file__).parents[3]


def test_nothing_is_ever_put_over_something(machine: Machine, tmp_path: Path) -> None:
    file = machine.back_up()
    before = file.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        machine.back_up()
    assert file.read_bytes() == before
    was = content(machine)
    with pytest.raises(BackupError, match="not empty"):
        machine.restore(file)
    assert content(machine) == was
    half = Machine(tmp_path / "half").settle()
    (half.folder / "central").mkdir()
    (half.folder / "central" / "something").touch()
    with pytest.raises(BackupError, match="not empty"):
        half.restore(file)
    assert [path.name for path in (half.folder / "central").iterdir()] == ["something"]


@pytest.mark.usefixtures("quick_key")
def test_a_restore_that_fails_takes_back_every_folder_that_it_made(machine: Machine, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    machine.config.write_text(SETTINGS.format(more='key_file = "keys/k/wrapping.key"\n'))
    (machine.folder / "keys" / "k").mkdir(parents=True)
    (machine.folder / "keys" / "k" / "wrapping.key").write_bytes(b"k" * 32)
    cut.write_bytes(machine.back_up().read_bytes()[:-200])
    other = Machine(tmp_path / "other").settle()
    deep = other.config.read_text().replace('data = "central"', 'data = "a/b/central"\nkey_file = "c/d/w.key"')
    other.config.write_text(deep)
    for config in (other.config, other.folder / "not" / "there" / "central.toml"):
        other.config = config
        with pytest.raises(BackupError, match="cut off"):
            other.restore(cut)
        assert [path.name for path in other.folder.rglob("*")] == ["central.toml"]


@pytest.mark.usefixtures("quick_key")
def test_a_shared_folder_in_the_data_folder_is_kept_once_and_comes_back(machine: Machine, tmp_path: Path) -> None:
    machine.config.write_text(SETTINGS.format(more='shared = "central/for-all"\n'))
    (machine.folder / "central" / "for-all" / "lists").mkdir(parents=True)
    (machine.folder / "central" / "for-all" / "lists" / "own.txt").write_text("bets.example\n")
    was, file = content(machine), machine.back_up()
    empty = Machine(tmp_path / "empty")
    kept = [
        one.name for one in empty.restore(file).files if "for-all" in one.name or one.name.startswith("shared")
    ]
    assert kept == ["shared/lists/own.txt"]
    assert (empty.folder / "central" / "for-all" / "lists" / "own.txt").read_text() == "bets.example\n"
    assert content(empty) == was


@pytest.mark.usefixtures("quick_key")
def test_a_backup_that_has_a_shared_folder_twice_puts_it_back_once(tmp_path: Path) -> None:
    file, names = tmp_path / "backup", ("data/for-all/own.txt", "shared/own.txt")
    with file.open("wb") as stream:
        writer = BackupWriter(stream, PASSPHRASE)
        writer.write(manifest(files=tuple(StoredFile(name, 1) for name in names)))
        for name in names:
            writer.write(FilePart(name=name, content=b"x"))
        writer.finish()
    machine = Machine(tmp_path / "m").settle()
    machine.config.write_text(SETTINGS.format(more='shared = "central/for-all"\n'))
    machine.restore(file)
    assert (machine.folder / "central" / "for-all" / "own.txt").read_bytes() == b"x"


@pytest.mark.usefixtures("quick_key")
def test_a_data_folder_that_is_a_link_to_another_disk_is_filled_there(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other").settle()
    (tmp_path / "disk").mkdir()
    (other.folder / "central").symlink_to(tmp_path / "disk")
    was = content(machine)
    other.restore(machine.back_up())
    assert (other.folder / "central").is_symlink()
    assert content(other) == was


def test_a_disk_that_is_mounted_where_the_data_belongs_is_filled(machine: Machine, tmp_path: Path) -> None:
    """With the folder that each new file system has, and what a restore left that was killed."""
    other = Machine(tmp_path / "other").settle()
    (other.folder / "central").mkdir()
    file, cut, passphrase = machine.back_up(), tmp_path / "cut", tmp_path / "passphrase"
    cut.write_bytes(file.read_bytes()[:-200])
    passphrase.write_text(PASSPHRASE)
    restore = shlex.join((sys.executable, "-m", "appliance", "central", "restore", "--config", str(other.config)))
    restore += f" --passphrase-file {passphrase}"
    script = (
        f"mount -t tmpfs none {other.folder / 'central'} && cd {other.folder / 'central'} && mkdir lost+found && "
        f"! {restore} {cut} && ls -A && echo then && mkdir .restoring && {restore} {file} >&2 && ls -A && ls lists"
    )
    alone = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", "--mount", *alone, "sh", "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = ["central.db", "lists", "lost+found", "pages.key", "empty.txt", "own.txt"]
    assert done.stdout.split() == ["lost+found", "then", *kept], done.stderr


@pytest.mark.usefixtures("quick_key")
def test_a_folder_that_is_there_keeps_its_owner_and_what_it_allows(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other").settle()
    data = other.folder / "central"
    data.mkdir(mode=0o700)
    before = data.stat()
    other.restore(machine.back_up())
    after = data.stat()
    assert (after.st_ino, after.st_mode, after.st_uid) == (before.st_ino, before.st_mode, before.st_uid)


@pytest.mark.usefixtures("quick_key")
def test_a_restore_whose_last_step_fails_leaves_the_folder_empty(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other").settle()
    more = '[tls]\ncertificate = "c.pem"\nkey = "c.key"\n'
    machine.config.write_text(machine.config.read_text() + more)
    for name in ("c.pem", "c.key"):
        (machine.folder / name).write_text("x")
    file = machine.back_up()
    other.config.write_text(other.config.read_text() + more)
    (other.folder / "c.pem.restoring").mkdir()  # in the way of what comes after the data
    (other.folder / "central").mkdir()
    with pytest.raises(BackupError, match="nothing was put back"):
        other.restore(file)
    assert list((other.folder / "central").iterdir()) == []


@pytest.mark.usefixtures("quick_key")
def test_what_a_killed_restore_left_is_cleared_away_by_the_next(machine: Machine, tmp_path: Path) -> None:
    file = machine.back_up()
    empty = Machine(tmp_path / "empty").settle()
    left = empty.folder / ".central.restoring"
    left.mkdir()
    (left / "central.db").write_bytes(b"half a database")
    empty.restore(file)
    assert sorted(path.name for path in empty.folder.iterdir()) == ["central", "central.toml"]
