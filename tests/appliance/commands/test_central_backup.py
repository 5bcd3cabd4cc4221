"""`hallpass central backup`, `backup-verify` and `restore`, as a technician and a timer use them."""

import os
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from appliance.cli import hallpass
from tests.appliance.room.test_file_modes import open_to_others
from tests.fakes.school import FakeSchool

PASSPHRASE = "four words are better still"


def run(*words: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(hallpass, ["central", *map(str, words)], input=typed)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    school = FakeSchool(tmp_path / "old" / "central")
    school.enrol("Room 4")
    school.close()
    path = tmp_path / "old" / "central.toml"
    path.write_text('[central]\nschool = "S"\ndata = "central"\n')
    return path


def test_a_backup_is_made_looked_at_and_put_back(config: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "backup", tmp_path / "new" / "central.toml"
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    new.parent.mkdir()
    made = run("backup", file, "--config", config, typed=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert made.exit_code == 0, made.output
    assert "holds Example Primary, as of" in made.stdout, "by the name that is set, not by that of the file"
    looked = run("backup-verify", file, "--passphrase-file", tmp_path / "passphrase", "--json")
    assert msgspec.json.decode(looked.stdout)["rows"]["rooms"] == 1
    before = os.umask(0)
    assert run("restore", file, "--config", new, typed=f"{PASSPHRASE}\n").exit_code == 0
    os.umask(before)
    assert open_to_others(new.parent / "central") == {}, "passwords' hashes and rooms' keys are in it"
    assert (new.parent / "central" / "central.db").exists()
    again = run("restore", file, "--config", new, typed=f"{PASSPHRASE}\n")
    assert again.exit_code == 1
    assert str(again.exception).endswith("a backup is never put over an installation")
    file.write_bytes(file.read_bytes()[:-10])
    cut = run("backup-verify", file, typed=f"{PASSPHRASE}\n")
    assert (cut.exit_code, str(cut.exception)) == (1, "the file was cut off: its end is missing")
    assert run("backup-verify", tmp_path / "nowhere", typed="x\n").exit_code == 1
