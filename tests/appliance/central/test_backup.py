"""A backup of a central that runs, and what becomes of it: whole into an empty machine, or told."""

import asyncio
import errno
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from appliance.central import audit, backup, restoration, rules
from appliance.central.audit_verification import verify_audit
from appliance.central.backup_file import BackupError
from appliance.central.models import RuleRow
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.backed_up_machine import PASSPHRASE, Machine, add_rule, content, rows
from tests.fakes.ports import free_port
from tests.fakes.postgres import running_postgres
from tests.fakes.school import FakeSchool
from tests.webui.conftest import ServedSchool


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp", ignore_cleanup_errors=True)
        )
        yield stack.enter_context(running_postgres(Path(folder)))


@pytest.mark.usefixtures("quick_key")
def test_both_certificates_and_their_keys_come_back(machine: Machine, tmp_path: Path) -> None:
    sections = '[tls]\ncertificate = "c.pem"\nkey = "c.key"\n[central.tls]\ncertificate = "p.pem"\nkey = "p.key"\n'
    url = 'url = "https://central.example.org"\n'
    machine.config.write_text(machine.config.read_text() + url + sections)
    for name in ("c.pem", "c.key", "p.pem", "p.key"):
        (machine.folder / name).write_text(f"the content of {name}")
    empty = Machine(tmp_path / "empty")
    empty.restore(machine.back_up())
    for name in ("c.pem", "c.key", "p.pem", "p.key"):
        assert (empty.folder / name).read_text() == f"the content of {name}"


def test_what_is_put_back_into_an_empty_machine_is_what_was_there(
    machine: Machine, tmp_path: Path, postgres: str
) -> None:
    """From SQLite into PostgreSQL, and from there into SQLite again."""
    was = content(machine)
    first = machine.back_up()
    newest = was["audit"][-1]
    other = Machine(tmp_path / "other", postgres.replace("/postgres?", "/hallpass?")).settle()
    _create_database(postgres)
    other.restore(first)
    assert content(other) == was
    central = other.central()
    third = Machine(tmp_path / "third").settle()
    third.restore(other.back_up("again"))
    with central.store.read_session() as session:
        assert verify_audit(session).finding is None
        assert backup.last_backup(session) is not None
    central.prepare_database()  # where rows are numbered by a sequence, new ones get numbers of their own
    with central.store.write_session() as session:
        rules.add_rule(session, central.now(), name="new.example.org", action="block", by="cora")
    central.store.close()
    found = content(third)
    assert found["audit"][: len(was["audit"])] == was["audit"]
    assert {**found, "audit": [], "audit_head": []} == {**was, "audit": [], "audit_head": []}
    other = third
    assert newest in content(other)["audit"]
    for name in ("lists/own.txt", "lists/empty.txt", "pages.key"):
        kept = [folder / "central" / name for folder in (machine.folder, other.folder)]
        assert kept[0].read_bytes() == kept[1].read_bytes()
    assert not (other.folder / "central" / "indexes").exists()
    central = other.central()
    central.prepare_database()
    school_rules = rows(central)["rules"]
    with central.store.write_session() as session:  # new rows get numbers of their own
        rules.add_rule(session, central.now(), name="new.example.org", action="block", by="cora")
    assert len(rows(central)["rules"]) == len(school_rules) + 1
    with central.store.read_session() as session:
        assert verify_audit(session).finding is None
        assert "database restored" in [one.what for one in audit.list_audit_entries(session)]
    central.store.close()


def test_the_settings_come_along_where_there_are_none(machine: Machine, tmp_path: Path) -> None:
    empty = Machine(tmp_path / "empty")
    manifest = empty.restore(machine.back_up())
    assert empty.config.read_text() == machine.config.read_text()
    assert manifest.school == "Example Primary"
    assert manifest.rows["rooms"] == 1
    assert {path.name for path in empty.folder.iterdir()} == {"central", "central.toml"}
    assert (empty.folder / "central" / "pages.key").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("quick_key")
def test_the_key_of_keys_comes_along_wherever_it_lies(machine: Machine, tmp_path: Path) -> None:
    key = tmp_path / "safe" / "wrapping.key"
    key.parent.mkdir()
    key.write_text("the key")
    machine.config.write_text(machine.config.read_text() + f'key_file = "{key}"\n')
    file = machine.back_up()
    plain = Machine(tmp_path / "plain").settle()
    plain.restore(file)
    assert (plain.folder / "central" / "wrapping.key").read_text() == "the key"
    key.rename(tmp_path / "elsewhere")
    Machine(tmp_path / "same").restore(file)
    assert key.read_text() == "the key"


def test_a_room_that_is_connected_comes_back_in_step(tmp_path: Path) -> None:
    """What it heard after the backup was made is gone with the machine."""
    old, new, room = (tmp_path / name for name in ("old", "new", "room"))
    room.mkdir()
    port = free_port()
    machine = Machine(old).settle()
    school = ServedSchool(old / "central", port=port)
    token = school.enrol("Room 4")
    add_rule(school, "before.example.org")

    async def story() -> None:
        with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
            async with Agent(Path(folder), f"http://127.0.0.1:{port}", token).running() as agent:
                policy = agent.paths.policy

                def has(*names: str) -> Callable[[], bool]:
                    return lambda: policy.exists() and all(name in policy.read_text() for name in names)

                await until("the rule", has("before.example.org"))
                file = await asyncio.to_thread(machine.back_up)
                add_rule(school, "forgotten.example.org")
                await until("what comes after the backup", has("forgotten.example.org"))
                await asyncio.to_thread(school.close)
                await asyncio.to_thread(Machine(new).restore, file)
                again = await asyncio.to_thread(lambda: ServedSchool(new / "central", port=port))
                try:
                    add_rule(again, "after.example.org")
                    await until("the restored central", has("before.example.org", "after.example.org"))
                    assert "forgotten.example.org" not in policy.read_text()
                finally:
                    await asyncio.to_thread(again.close)

    asyncio.run(story())


def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(machine: Machine, tmp_path: Path) -> None:
    school = FakeSchool(machine.folder / "central")
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            add_rule(school, f"site{number}.example.org")
            number += 1
            begun.set()
            stop.wait(0.01)  # SQLite is fair to nobody: without a breath the backup's own entry would starve

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(20)
    try:
        file = machine.back_up()
    finally:
        stop.set()
        writer.join()
        school.close()
    copy = Machine(tmp_path / "copy").settle()
    copy.restore(file)
    central = copy.central()
    with central.store.read_session() as session:
        made = len(session.scalars(select(RuleRow.id)).all())
        noted = [one for one in audit.list_audit_entries(session, 10_000) if one.what == "rule: block"]
        assert verify_audit(session).finding is None
    central.store.close()
    assert made == len(noted) > 1


@pytest.mark.usefixtures("quick_key")
def test_what_links_lead_to_is_in_the_backup_and_what_cannot_be_is_named(machine: Machine, tmp_path: Path) -> None:
    data = machine.folder / "central"
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "disk" / "deep" / "more.txt").write_text("more.example\n")
    (tmp_path / "disk" / "back").symlink_to(data)
    (tmp_path / "key").write_text("the key")
    (data / "wrapping.key").symlink_to(tmp_path / "key")
    (data / "lists" / "elsewhere").symlink_to(tmp_path / "disk")
    (data / "lists" / "round").symlink_to(data / "lists")
    (data / "lists" / "root").symlink_to("/")
    (data / "lists" / "nowhere.txt").symlink_to(tmp_path / "gone")
    os.mkfifo(data / "lists" / "pipe")
    file = machine.back_up()
    with file.open("rb") as stream:
        said = restoration.verify_backup(stream, PASSPHRASE)
    names = ("elsewhere/back", "nowhere.txt", "pipe", "root", "round")
    assert sorted(said.left_out) == [f"data/lists/{name}" for name in names]
    other = Machine(tmp_path / "other").settle()
    other.restore(file)
    kept = other.folder / "central"
    assert (kept / "wrapping.key").read_text() == "the key"
    assert not (kept / "wrapping.key").is_symlink()
    assert (kept / "lists" / "elsewhere" / "deep" / "more.txt").read_text() == "more.example\n"


def test_links_that_lead_to_each_other_are_no_maze(machine: Machine) -> None:
    data = machine.folder / "central"
    for one, other in (("a", "b"), ("b", "a")):
        (data / one).mkdir()
        (data / one / "file").write_text(one)
        (data / one / other).symlink_to(data / other)
    with machine.back_up().open("rb") as stream:
        said = restoration.verify_backup(stream, PASSPHRASE)
    assert {one.name for one in said.files} >= {"data/a/file", "data/b/file"}
    assert len(said.files) < 20


def test_a_database_that_is_away_is_told_in_one_line_and_nothing_is_put_back(
    machine: Machine, tmp_path: Path
) -> None:
    away = f"postgresql+psycopg://hallpass@127.0.0.1:{free_port()}/hallpass"
    other = Machine(tmp_path / "other", away).settle()
    with pytest.raises(BackupError, match="nothing was put back: connection failed") as told:
        other.restore(machine.back_up())
    assert len(str(told.value).splitlines()) == 1
    assert [path.name for path in other.folder.iterdir()] == ["central.toml"]


def test_a_wrong_passphrase_is_told_and_nothing_is_done(machine: Machine, tmp_path: Path) -> None:
    file = machine.back_up()
    empty = Machine(tmp_path / "empty").settle()
    with pytest.raises(BackupError, match="the passphrase is not right"):
        empty.restore(file, PASSPHRASE + "!")
    with pytest.raises(BackupError, match="12 characters"):
        machine.back_up("other", "short")
    assert [path.name for path in empty.folder.iterdir()] == ["central.toml"]
    assert not (machine.folder / "other").exists()
    assert b"bets.example" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("quick_key")
def test_a_disk_that_is_full_leaves_no_backup_and_no_rest_of_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", is_full)
    before = sorted(machine.folder.iterdir())
    with pytest.raises(BackupError, match="No space left on device"):
        machine.back_up()
    assert sorted(machine.folder.iterdir()) == before


@pytest.mark.usefixtures("quick_key")
def test_the_age_of_the_last_backup_is_known(machine: Machine) -> None:
    machine.back_up()
    central = machine.central()
    with central.store.read_session() as session:
        made = backup.last_backup(session)
    assert made is not None
    assert abs((central.now() - made).total_seconds()) < 60
    central.store.close()


def _create_database(url: str) -> None:
    from sqlalchemy import create_engine, text  # noqa: PLC0415 (only here)

    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS hallpass"))
        connection.execute(text("CREATE DATABASE hallpass"))
    engine.dispose()
