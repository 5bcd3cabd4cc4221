"""A backup of a central that runs, and what becomes of it: whole into an empty machine, or told."""

import asyncio
import errno
import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from appliance.central import audit, backup, backup_file, restoration, rules
from appliance.central.audit_verification import verify_audit
from appliance.central.backup_file import BackupError, BackupWriter, FilePart, Manifest, Rows, StoredFile
from appliance.central.models import Base, RuleRow
from appliance.central.service import Central
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.ports import free_port
from tests.fakes.postgres import running_postgres
from tests.fakes.school import FakeSchool
from tests.webui.conftest import ServedSchool

ROOT = Path(__file__).parents[3]
PASSPHRASE = "four words are better still"
SETTINGS = '[central]\nschool = "Example Primary"\ndata = "central"\n{more}'


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp", ignore_cleanup_errors=True)
        )
        yield stack.enter_context(running_postgres(Path(folder)))


class Machine:
    """A machine with a settings file, on which a central may be."""

    def __init__(self, folder: Path, database: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config = folder / "central.toml"
        self.database = database

    def settle(self) -> "Machine":
        more = f'database = "{self.database}"\n' if self.database else ""
        self.config.write_text(SETTINGS.format(more=more))
        return self

    def central(self) -> Central:
        return Central(load_settings(self.config, CentralSettings))

    def back_up(self, name: str = "backup", passphrase: str = PASSPHRASE) -> Path:
        central = self.central()
        try:
            backup.make_backup(central, self.config, self.folder / name, passphrase)
        finally:
            central.store.close()
        return self.folder / name

    def restore(self, file: Path, passphrase: str = PASSPHRASE) -> Manifest:
        with file.open("rb") as content:
            return restoration.restore_backup(content, passphrase, self.config)


@pytest.fixture
def machine(prepared_machine: Machine, tmp_path: Path) -> Machine:
    """A school with a room, rules, a list that was handed in, and a request that waits."""
    shutil.copytree(prepared_machine.folder, tmp_path / "old")
    return Machine(tmp_path / "old")


@pytest.fixture(scope="module")
def prepared_machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made = Machine(tmp_path_factory.mktemp("prepared") / "old").settle()
    school = FakeSchool(made.folder / "central")
    school.enrol("Room 4")
    school.request()
    add_rule(school, "bad.example.org")
    (made.folder / "central" / "lists").mkdir(exist_ok=True)
    (made.folder / "central" / "lists" / "own.txt").write_bytes(b"bets.example\n" * 200_000)
    (made.folder / "central" / "lists" / "empty.txt").touch()
    (made.folder / "central" / "pages.key").write_bytes(b"k" * 32)
    (made.folder / "central" / "indexes").mkdir(exist_ok=True)
    (made.folder / "central" / "indexes" / "large").write_bytes(b"compiled anew")
    school.close()
    return made


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


def add_rule(school: FakeSchool, name: str) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", by="cora")


def rows(central: Central) -> dict[str, list[tuple[object, ...]]]:
    """Return what stands in every table but what a start changes."""
    with central.store.read_session() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
            if table.name != "pulse"
        }


def content(machine: Machine) -> dict[str, list[tuple[object, ...]]]:
    central = machine.central()
    with closing(central.store):
        return rows(central)


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


@pytest.fixture(scope="module")
def small() -> bytes:
    """A backup's file of a few frames."""
    file = io.BytesIO()
    writer = BackupWriter(file, PASSPHRASE)
    writer.write(manifest(files=(StoredFile("data/a", 3),)))
    writer.write(FilePart(name="data/a", content=b"abc"))
    writer.finish()
    return file.getvalue()


def manifest(**changes: object) -> Manifest:
    from appliance.central.schema_migration import newest_migration  # noqa: PLC0415 (only here)
    from tests.fakes.school import MORNING  # noqa: PLC0415 (only here)

    plain = Manifest(
        made_at=MORNING, version="0.1", migration=newest_migration(), school="S", rows={}, files=()
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def verify(content: bytes) -> Manifest:
    return restoration.verify_backup(io.BytesIO(content), PASSPHRASE)


@pytest.fixture
def quick_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make keys quickly: what a passphrase costs is not what is proved."""
    monkeypatch.setattr(backup_file, "_SCRYPT", {"n": 2, "r": 8, "p": 1})


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
    words = words.replace("not what it says", "has not what it says") if words == "not what it says" else words
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
    import zlib  # noqa: PLC0415 (only here)

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
def test_what_a_killed_restore_left_is_cleared_away_by_the_next(machine: Machine, tmp_path: Path) -> None:
    file = machine.back_up()
    empty = Machine(tmp_path / "empty").settle()
    left = empty.folder / ".central.restoring"
    left.mkdir()
    (left / "central.db").write_bytes(b"half a database")
    empty.restore(file)
    assert sorted(path.name for path in empty.folder.iterdir()) == ["central", "central.toml"]


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
