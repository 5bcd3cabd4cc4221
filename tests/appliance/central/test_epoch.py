"""A restored central: what was told and is forgotten is noticed, whatever the numbers say."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.central import account_links, accounts, audit, rules
from appliance.central.account_states import list_account_states
from appliance.central.epoch import NUMBERS_JUMP
from appliance.central.errors import NotFound
from appliance.central.room_targets import RoomEntry
from appliance.protocol import Target
from tests.fakes.school import PASSWORD, FakeSchool


def block(school: FakeSchool, name: str) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", by="cora")


def entry(school: FakeSchool, room: str = "Room 4") -> RoomEntry:
    found = school.central.targets.current_entry(school.room(room).id)
    assert found is not None
    return found


def told(school: FakeSchool, room: str = "Room 4") -> Target:
    return entry(school, room).target


def back_up(folder: Path, to: Path) -> None:
    """Make a backup as the manual says: with SQLite's own `.backup`."""
    with closing(sqlite3.connect(folder / "central.db")) as live, closing(sqlite3.connect(to)) as copy:
        live.backup(copy)


def restore(folder: Path, backup: Path) -> None:
    for left in folder.glob("central.db*"):
        left.unlink()
    shutil.copy(backup, folder / "central.db")


def started(folder: Path) -> FakeSchool:
    return FakeSchool(folder)


def restarted_epoch(folder: Path) -> str:
    """Start central once more, and return the epoch that it is in."""
    again = started(folder)
    epoch = again.store.revisions().epoch
    again.close()
    return epoch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "central"


def test_a_new_central_has_an_epoch_and_keeps_it_over_restarts(folder: Path) -> None:
    school = started(folder)
    school.enrol()
    epoch = told(school).epoch
    assert len(epoch) == 32
    block(school, "bad.example.org")
    assert told(school).epoch == epoch
    school.close()
    assert restarted_epoch(folder) == epoch == restarted_epoch(folder)


def test_a_room_that_was_away_over_a_restore_gets_the_other_content(folder: Path, tmp_path: Path) -> None:
    """The backup is at version 2; what the room got as version 3 and what is version 3 now are two things."""
    school = started(folder)
    school.enrol()
    told(school)
    block(school, "two.example.org")
    assert told(school).policy == 2
    back_up(folder, tmp_path / "backup.db")
    block(school, "three.example.org")
    before = told(school)
    assert before.policy == 3
    school.close()

    restore(folder, tmp_path / "backup.db")
    again = started(folder)
    block(again, "another-three.example.org")
    after = told(again)
    assert after.epoch != before.epoch
    assert after.policy_digest != before.policy_digest
    assert after.policy == 3 + NUMBERS_JUMP  # so a room that follows the number alone gets the other content too
    assert [rule.name for rule in again.document().rules] == ["another-three.example.org", "two.example.org"]
    with again.store.read_session() as session:
        assert "database restored" in [one.what for one in audit.list_audit_entries(session)]
    epoch = told(again).epoch
    again.close()
    assert restarted_epoch(folder) == epoch, "one restore is one new epoch"


def test_a_backup_of_which_rooms_have_heard_nothing_newer_is_no_new_epoch(folder: Path, tmp_path: Path) -> None:
    school = started(folder)
    school.enrol()
    epoch = told(school).epoch
    back_up(folder, tmp_path / "backup.db")
    block(school, "bad.example.org")  # of which nobody was told
    school.close()
    restore(folder, tmp_path / "backup.db")
    assert restarted_epoch(folder) == epoch


def test_the_whole_folder_put_back_is_noticed(folder: Path, tmp_path: Path) -> None:
    school = started(folder)
    school.enrol()
    epoch = told(school).epoch
    school.close()
    shutil.copytree(folder, tmp_path / "backup")
    again = started(folder)
    block(again, "bad.example.org")
    assert told(again).epoch == epoch
    again.close()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    assert restarted_epoch(folder) != epoch


def test_a_file_that_was_put_back_into_the_inode_of_the_one_before_is_noticed(folder: Path) -> None:
    """A disk gives the number of a file that was removed to the next one."""
    school = started(folder)
    school.enrol()
    epoch = told(school).epoch
    school.close()
    assert restarted_epoch(folder) == epoch
    record = json.loads((folder / "epoch").read_text())
    with (folder / "epoch").open("r+") as file:  # in place: the inode stays
        file.write(json.dumps(record | {"born": record["born"] - 1}))
        file.truncate()
    assert restarted_epoch(folder) != epoch


def test_a_file_of_before_births_were_known_begins_no_epoch(folder: Path) -> None:
    school = started(folder)
    school.enrol()
    epoch = told(school).epoch
    school.close()
    record = json.loads((folder / "epoch").read_text())
    with (folder / "epoch").open("r+") as file:
        file.write(json.dumps({name: record[name] for name in ("epoch", "revision", "inode")}))
        file.truncate()
    assert restarted_epoch(folder) == epoch


@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 300, b'{"epoch": 7}'])
def test_a_file_that_cannot_be_read_is_a_new_epoch_and_no_trouble(folder: Path, content: bytes) -> None:
    school = started(folder)
    epoch = school.store.revisions().epoch
    school.close()
    (folder / "epoch").write_bytes(content)
    renewed = restarted_epoch(folder)
    assert renewed != epoch
    assert restarted_epoch(folder) == renewed


@pytest.mark.parametrize("damage", ["folder", "pipe", "link"])
def test_what_is_no_file_in_its_place_is_a_new_epoch_and_stops_no_start(folder: Path, damage: str) -> None:
    school = started(folder)
    epoch = school.store.revisions().epoch
    school.close()
    path = folder / "epoch"
    path.unlink()
    if damage == "folder":
        (path / "x").mkdir(parents=True)
    elif damage == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(folder / "not" / "there")
    renewed = restarted_epoch(folder)
    assert renewed != epoch
    assert restarted_epoch(folder) == renewed
    assert path.is_file()


def test_a_database_on_a_new_machine_is_a_new_epoch(folder: Path, tmp_path: Path) -> None:
    school = started(folder)
    school.enrol()
    epoch = told(school).epoch
    school.close()
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(folder / "central.db", new)
    assert restarted_epoch(new) != epoch


def test_a_restore_under_a_central_that_runs_is_noticed(folder: Path, tmp_path: Path) -> None:
    school = started(folder)
    school.enrol()
    back_up(folder, tmp_path / "backup.db")
    block(school, "bad.example.org")
    before = told(school)
    with (
        closing(sqlite3.connect(tmp_path / "backup.db")) as copy,
        closing(sqlite3.connect(folder / "central.db")) as live,
    ):
        copy.backup(live)
    after = told(school)
    assert after.epoch != before.epoch
    assert school.document().rules == ()
    assert school.room().policy_version == after.policy > before.policy
    school.close()


def test_a_file_that_cannot_be_written_stops_no_room(folder: Path) -> None:
    school = started(folder)
    school.enrol()
    before = told(school)
    (folder / "epoch").unlink()
    (folder / "epoch").mkdir()
    block(school, "bad.example.org")
    assert told(school).policy == before.policy + 1
    school.close()


def test_what_was_over_when_the_backup_did_not_know_it_yet_stays_over(folder: Path, tmp_path: Path) -> None:
    school = started(folder)
    school.enrol()
    school.account("ada", "coordinator")
    account = accounts.authenticate(school.store, school.clock(), "ada", PASSWORD)
    assert account is not None
    cookie = school.central.sessions.start_session(account, "a browser")
    with school.store.write_session() as session:
        link = account_links.make_link(session, school.clock(), username="ada", by="cora")
    back_up(folder, tmp_path / "backup.db")
    with school.store.write_session() as session:
        account_links.use_link(session, school.clock(), token=link.token, password="another pass phrase")
    school.central.sessions.end_session(cookie)
    told(school)
    school.close()

    restore(folder, tmp_path / "backup.db")
    again = started(folder)
    assert again.central.sessions.find_session(cookie) is None
    with again.store.write_session() as session, pytest.raises(NotFound, match="does not work any more"):
        account_links.use_link(session, again.clock(), token=link.token, password="a third pass phrase")
    with again.store.read_session() as session:
        (state,) = list_account_states(session)
    assert state.valid_after == again.clock()  # rooms hear it too: kept sign-ins of before are over
    again.close()
