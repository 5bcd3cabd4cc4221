"""The file of a backup: whatever is cut off, changed or lies in it is told."""

import io
import zlib
from pathlib import Path

import pytest

from appliance.central import backup_file, restoration
from appliance.central.backup_file import BackupError, BackupWriter, FilePart, Manifest, Rows, StoredFile
from tests.fakes.backed_up_machine import PASSPHRASE, Machine, manifest


def verify(content: bytes) -> Manifest:
    return restoration.verify_backup(io.BytesIO(content), PASSPHRASE)


@pytest.mark.usefixtures("quick_key")
def test_a_file_that_is_cut_off_anywhere_or_changed_anywhere_is_told() -> None:
    file = io.BytesIO()
    writer = BackupWriter(file, PASSPHRASE)
    writer.write(manifest(files=(StoredFile("data/a", 3),)))
    writer.write(FilePart(name="data/a", content=b"abc"))
    writer.finish()
    whole = file.getvalue()
    assert verify(whole).school == "S"
    for length in range(len(whole)):
        with pytest.raises(BackupError):
            verify(whole[:length])
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(BackupError):
            verify(bytes(changed))
    with pytest.raises(BackupError, match="added"):
        verify(whole + b"x")


@pytest.mark.usefixtures("quick_key")
@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ((), "order|cut off"),
        ((FilePart(name="data/a", content=b"x"),), "order"),
        ((manifest(), manifest()), "order"),
        ((manifest(), FilePart(name="data/a", content=b"x")), "does not name"),
        ((manifest(files=(StoredFile("data/a", 1),)), FilePart(name="data/a", content=b"xx")), "does not name"),
        ((manifest(files=(StoredFile("data/a", 2),)), FilePart(name="data/a", content=b"x")), "not what it says"),
        ((manifest(rows={"rules": 1}), Rows(table="rules", columns=("id",), rows=((1,), (2,)))), "does not name"),
        ((manifest(rows={"rules": 9}),), "has not what it says"),
    ],
)
def test_a_file_that_does_not_keep_to_what_it_says_is_told(
    frames: tuple[backup_file.Frame, ...], words: str
) -> None:
    file = io.BytesIO()
    writer = BackupWriter(file, PASSPHRASE)
    for frame in frames:
        writer.write(frame)
    writer.finish()
    with pytest.raises(BackupError, match=words):
        verify(file.getvalue())


@pytest.mark.usefixtures("quick_key")
@pytest.mark.parametrize(
    "name",
    ["data/../../escaped", "/tmp/escaped", "data//tmp/escaped", "elsewhere/x", "data/", "tls/other"],
)
def test_a_file_of_a_backup_leaves_its_folder_nowhere(tmp_path: Path, name: str) -> None:
    file = tmp_path / "backup"
    with file.open("wb") as content:
        writer = BackupWriter(content, PASSPHRASE)
        writer.write(manifest(files=(StoredFile(name, 1),)))
        writer.write(FilePart(name=name, content=b"x"))
        writer.finish()
    machine = Machine(tmp_path / "m").settle()
    if name == "tls/other":
        machine.restore(file)
    else:
        with pytest.raises(BackupError):
            machine.restore(file)
    assert not [path for path in tmp_path.rglob("*") if path.name in {"escaped", "x", "other"}]


@pytest.mark.usefixtures("quick_key")
def test_what_unpacks_to_more_than_a_part_may_have_is_told_before_it_does() -> None:
    file = io.BytesIO()
    writer = BackupWriter(file, PASSPHRASE)
    bomb = zlib.compress(b"\0" * (backup_file.MAX_FRAME_BYTES * 20), 9)
    sealed = writer._cipher.encrypt(backup_file._nonce(0), bomb, writer._header)
    file.write(len(sealed).to_bytes(4, "big") + sealed)
    with pytest.raises(BackupError, match="too large when unpacked"):
        verify(file.getvalue())
    huge = io.BytesIO()
    BackupWriter(huge, PASSPHRASE)
    huge.write((2**32 - 1).to_bytes(4, "big"))
    with pytest.raises(BackupError, match="too large"):
        verify(huge.getvalue())


@pytest.mark.usefixtures("quick_key")
def test_more_than_there_is_room_for_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with file.open("wb") as content:
        writer = BackupWriter(content, PASSPHRASE)
        writer.write(manifest(files=(StoredFile("data/a", 2**60),)))
        writer.write(FilePart(name="data/a", content=b"x"))
        writer.finish()
    machine = Machine(tmp_path / "m").settle()
    with pytest.raises(BackupError, match="there is no room for it"):
        machine.restore(file)
    assert [path.name for path in machine.folder.iterdir()] == ["central.toml"]


@pytest.mark.usefixtures("quick_key")
def test_a_backup_of_a_newer_hallpass_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with file.open("wb") as content:
        writer = BackupWriter(content, PASSPHRASE)
        writer.write(manifest(migration="9999", files=(StoredFile("data/a", 1),)))
        writer.write(FilePart(name="data/a", content=b"x"))
        writer.finish()
    with pytest.raises(BackupError, match="a newer Hallpass"):
        Machine(tmp_path / "m").settle().restore(file)
