"""The audit's chain on both databases: what was changed is found, whoever writes at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import delete, event, insert, select, text, update

from appliance.central import audit, audit_search, audit_witnesses
from appliance.central.audit_chain import CHAIN_BEGINS, DATABASE_RESTORED, hash_fields
from appliance.central.audit_search import AuditFilter
from appliance.central.audit_verification import Finding, verify_audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import AuditHeadRow, AuditRow
from appliance.central.room_actions import receive_room_actions
from appliance.central.schema_migration import MIGRATIONS
from appliance.central.sign_in import PAGES, CentralSignIn, room_origin
from appliance.central.store import Store
from appliance.protocol import Account, KeptHead, KeptHeads, RoomAction
from appliance.sign_in_throttle import SignInOrigin
from tests.fakes.postgres import database_url
from tests.fakes.school import MORNING, PASSWORD, FakeSchool, settings

TEXTS = ("who", "room", "what", "detail", "previous", "hash")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSchool]:
    with ExitStack() as stack:
        url = stack.enter_context(database_url(request.param))
        made = FakeSchool(tmp_path_factory.mktemp("central"), database=url)
        stack.callback(made.close)
        yield made


@pytest.fixture
def school(served: FakeSchool) -> FakeSchool:
    """An audit of five entries, whatever was done to it before."""
    served.clock.time = MORNING
    with served.store.write_session(affects_rooms=False) as session:
        session.execute(text("DELETE FROM audit_witnesses"))
        session.execute(delete(AuditRow))
        session.execute(update(AuditHeadRow).values(number=0, hash=""))
    for number in range(5):
        write(served, f"entry {number}, naïve: 1,2:3")
    return served


def write(school: FakeSchool, detail: str, what: str = "rule: block", who: str = "cora") -> None:
    with school.store.write_session(affects_rooms=False) as session:
        audit.record_audit(session, school.clock(), who, what, detail)


def finding(school: FakeSchool, kept: tuple[KeptHead, ...] = ()) -> Finding | None:
    with school.store.read_session() as session:
        return verify_audit(session, kept).finding


def head(school: FakeSchool) -> KeptHead:
    with school.store.read_session() as session:
        found = audit.read_head(session)
    return KeptHead(number=found.number, hash=found.hash, at=school.clock())


def run(school: FakeSchool, *statements: object) -> None:
    with school.store.write_session(affects_rooms=False) as session:
        for one in statements:
            session.execute(text(one) if isinstance(one, str) else one)  # type: ignore[call-overload]  # either kind


def kind_and_number(found: Finding | None) -> tuple[str, int] | None:
    return (found.kind, found.number) if found else None


def test_an_audit_that_nobody_touched_is_whole(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        found = verify_audit(session)
    assert (found.entries, found.head.number, found.finding, found.forks) == (5, 5, None, ())


@pytest.mark.parametrize("column", [*TEXTS, "at"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_any_single_bit_that_changes_in_any_field_is_found(school: FakeSchool, column: str, number: int) -> None:
    """On SQLite every bit of what stands in the file; on PostgreSQL what it keeps as a text, or as a time."""
    with school.store.read_session() as session:
        row = session.get_one(AuditRow, number)
        kept = getattr(row, column)
        raw = session.scalar(text(f"SELECT {column} FROM audit WHERE id = {number}"))
    changes: list[object] = []
    if school.store.is_sqlite:
        content = str(raw).encode()
        for bit in range(len(content) * 8):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            changes.append(bytes(changed))
        where = f"UPDATE audit SET {column} = CAST(:value AS TEXT) WHERE id = {number}"
    else:
        where = f"UPDATE audit SET {column} = :value WHERE id = {number}"
        if column == "at":
            changes = [kept + timedelta(microseconds=1 << bit) for bit in range(40)]
        else:
            flipped = (
                kept[:i] + chr(ord(kept[i]) ^ 1 << b) + kept[i + 1 :] for i in range(len(kept)) for b in (0, 6)
            )
            changes = [one for one in flipped if "\x00" not in one]
    assert changes or column in ("room", "previous")
    for change in changes[:: 1 if len(changes) < 300 else 7]:
        with school.store._sessions() as session:  # never committed
            session.execute(text(where), {"value": change})
            found = verify_audit(session).finding
            assert found is not None, change
            assert found.kind == "altered"
            assert found.number == number


@pytest.mark.parametrize("number", [1, 2, 4, 5])
def test_an_entry_that_was_removed_is_named(school: FakeSchool, number: int) -> None:
    run(school, delete(AuditRow).where(AuditRow.id == number))
    assert kind_and_number(finding(school)) == ("removed", number)
    write(school, "what comes after hides nothing")
    assert kind_and_number(finding(school)) == ("removed", number)


def test_an_entry_that_was_inserted_is_named(school: FakeSchool) -> None:
    """One that fits the entry before it, with a hash that is right: only what follows tells."""
    with school.store.read_session() as session:
        before = session.get_one(AuditRow, 5)
    made = hash_fields(6, school.clock(), "head", "", "approved", "x", before.hash)
    run(
        school,
        insert(AuditRow).values(
            id=6, at=school.clock(), who="head", room="", what="approved", detail="x", previous=before.hash,
            hash=made,
        ),
    )  # fmt: skip
    assert kind_and_number(finding(school)) == ("inserted", 6)
    write(school, "what comes after hides nothing")
    assert kind_and_number(finding(school)) == ("inserted", 6)


def test_an_entry_whose_hash_was_made_anew_is_named(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        row = session.get_one(AuditRow, 3)
    made = hash_fields(3, row.at, "head", "", row.what, row.detail, row.previous)
    run(school, update(AuditRow).where(AuditRow.id == 3).values(who="head", hash=made))
    assert kind_and_number(finding(school)) == ("altered", 3)


def test_a_chain_that_was_made_anew_as_a_whole_is_found_by_what_a_room_has_kept(school: FakeSchool) -> None:
    kept = []
    for number in (6, 7, 8):
        write(school, f"entry {number}")
        kept.append(head(school))
    with school.store.write_session(affects_rooms=False) as session:
        previous = session.get_one(AuditRow, 6).hash
        for number in (7, 8):
            row = session.get_one(AuditRow, number)
            row.who, row.previous = "head", previous
            row.hash = previous = hash_fields(number, row.at, "head", "", row.what, row.detail, previous)
        session.get_one(AuditHeadRow, 1).hash = previous
    assert finding(school) is None
    assert kind_and_number(finding(school, tuple(kept))) == ("altered", 7)
    run(school, delete(AuditRow).where(AuditRow.id > 6), update(AuditHeadRow).values(number=6, hash=kept[0].hash))
    assert finding(school) is None
    assert kind_and_number(finding(school, tuple(kept))) == ("removed", 7)


def test_a_restore_shows_its_fork_and_is_no_alteration(school: FakeSchool) -> None:
    kept = [head(school)]
    for number in (6, 7):
        school.clock.pass_minutes(5)
        write(school, f"lost {number}")
        kept.append(head(school))
    school.clock.pass_minutes(60)
    run(school, delete(AuditRow).where(AuditRow.id > 5), update(AuditHeadRow).values(number=5, hash=kept[0].hash))
    write(school, "every room looks at everything anew", DATABASE_RESTORED, "central")
    write(school, "after it")
    kept.append(head(school))
    with school.store.read_session() as session:
        found = verify_audit(session, kept)
    assert found.finding is None
    ((fork),) = found.forks
    assert (fork.first, fork.newest, fork.restored_at) == (6, 7, school.clock())
    write(school, "and what is changed after it is found")
    later = KeptHead(number=8, hash="a" * 64, at=school.clock() + timedelta(minutes=1))
    assert kind_and_number(finding(school, (*kept, later))) == ("altered", 8)


def test_writers_at_once_make_one_chain(school: FakeSchool) -> None:
    """Each store stands for a central of its own: they share the database, and no lock."""
    database = "" if school.store.is_sqlite else school.store._engine.url.render_as_string(hide_password=False)
    centrals = [Store.from_settings(settings(school.store._folder, database=database)) for _ in range(3)]

    def append(number: int) -> None:
        with centrals[number % 3].write_session(affects_rooms=False) as session:
            for part in range(2):
                audit.record_audit(session, school.clock(), "cora", "approved", f"{number}.{part}")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(append, range(30)))
    for one in centrals:
        one.close()
    with school.store.read_session() as session:
        found = verify_audit(session)
    assert (found.entries, found.head.number, found.finding) == (65, 65, None)


def test_a_block_that_raises_leaves_no_gap(school: FakeSchool) -> None:
    with suppress(ValueError), school.store.write_session() as session:
        audit.record_audit(session, school.clock(), "cora", "approved", "never")
        raise ValueError("undone")
    write(school, "next")
    assert head(school).number == 6
    assert finding(school) is None


def test_a_clock_that_goes_back_breaks_nothing(school: FakeSchool) -> None:
    school.clock.pass_minutes(-600)
    write(school, "earlier than the one before it")
    assert finding(school) is None


def test_a_head_that_somebody_took_away_stops_nobody_and_is_told(school: FakeSchool) -> None:
    run(school, delete(AuditHeadRow))
    assert kind_and_number(finding(school)) == ("removed", 5)
    write(school, "all the same")
    assert head(school).number == 6


def test_a_room_that_contradicts_the_audit_is_written_into_it_once(school: FakeSchool) -> None:
    name = f"Room of {school.store.is_sqlite}"
    school.enrol(name)
    honest = head(school)
    forged = KeptHead(number=2, hash="a" * 64, at=school.clock())
    for _ in range(2):
        with school.store.write_session(affects_rooms=False) as session:
            room = session.get_one(type(school.room(name)), school.room(name).id)
            audit_witnesses.receive_heads(session, school.clock(), room, KeptHeads((forged, honest)))
    with school.store.read_session() as session:
        assert audit_witnesses.list_kept_heads(session, name) == [honest, forged]
        lines = audit_search.find_entries(session, AuditFilter(kind=audit_witnesses.CONTRADICTED)).entries
        with pytest.raises(NotFound):
            audit_witnesses.list_kept_heads(session, "Room 99")
    (line,) = lines
    assert (line.room, line.who) == (name, "")
    assert line.detail.startswith("entry 1 was altered")


def test_sign_ins_and_failed_ones_stand_in_it_and_are_bounded(school: FakeSchool) -> None:
    if not hasattr(school, "named"):
        school.account("sam", "coordinator")
        school.enrol("Room 12")
        school.named = True  # type: ignore[attr-defined]  # once for each database
    signing = CentralSignIn(school.store, school.clock, school.central.keys)
    room, pages = room_origin(school.room("Room 12").id, "a device"), SignInOrigin(place=PAGES, source="192.0.2.1")
    before = head(school).number
    assert isinstance(signing.sign_in(pages, "sam", PASSWORD), Account)
    assert isinstance(signing.sign_in(room, "sam", PASSWORD), Account)
    for number in range(4):
        signing.sign_in(pages, "sam", f"wrong {number}")
        signing.sign_in(pages, f"hunter2 typed into the name {number}", "x")
    with school.store.read_session() as session:
        lines = audit_search.find_entries(session, AuditFilter(), after=before).entries[::-1]
    assert [(line.who, line.room, line.what, line.detail) for line in lines] == [
        ("sam", "", "signed in", "at central's pages"),
        ("sam", "", "signed in", "in Room 12"),
        ("sam", "", "failed sign-in", "at central's pages"),
        ("", "", "failed sign-in", "at central's pages, for no account"),
    ]
    assert finding(school) is None


def test_entries_are_found_by_person_kind_day_and_words(school: FakeSchool) -> None:
    school.clock.pass_minutes(24 * 60)
    write(school, "games.example.org in Room 4", "approved", "dora")
    write(school, "100% of_it", "rule removed: block", "dora")

    def found(**wanted: object) -> list[int]:
        with school.store.read_session() as session:
            return [one.number for one in audit_search.find_entries(session, AuditFilter(**wanted)).entries]  # type: ignore[arg-type]  # fields of a filter

    assert found(person="Dora ") == [7, 6]
    assert found(kind="rule") == [7, 5, 4, 3, 2, 1]
    assert found(since=MORNING + timedelta(days=1)) == [7, 6]
    assert found(until=MORNING + timedelta(days=1), person="cora") == [5, 4, 3, 2, 1]
    assert found(words="GAMES.example") == [6]
    assert found(words="0% of_") == [7]
    assert found(words="%") == [7]
    with school.store.read_session() as session:
        assert audit_search.list_kinds(session) == ["approved", "rule removed: block", "rule: block"]


def test_pages_hold_still_and_meet(school: FakeSchool) -> None:
    with school.store.read_session() as session:

        def page(**where: int) -> tuple[list[int], bool, bool]:
            found = audit_search.find_entries(session, AuditFilter(), limit=2, **where)
            return [one.number for one in found.entries], found.has_newer, found.has_older

        assert page() == ([5, 4], False, True)
        assert page(before=4) == ([3, 2], True, True)
        assert page(before=2) == ([1], True, False)
        assert page(after=1) == ([3, 2], True, True)
        assert page(after=3) == ([5, 4], False, True)


def test_a_file_for_a_spreadsheet_holds_no_formula(school: FakeSchool) -> None:
    write(school, '=HYPERLINK("https://example.org")', "report")
    with school.store.read_session() as session:
        lines = "".join(audit_search.render_csv(audit_search.iterate_entries(session, AuditFilter()))).splitlines()
        newest = session.scalars(select(AuditRow).order_by(AuditRow.id.desc())).first()
    assert newest is not None
    assert lines[0] == "number,at,who,room,what,detail,hash"
    assert (
        lines[-1]
        == f'6,2026-11-24T09:00:00+00:00,cora,,report,"\'=HYPERLINK(""https://example.org"")",{newest.hash}'
    )


@pytest.mark.parametrize("entries", [0, 3])
def test_entries_of_before_are_chained_and_an_entry_says_so(tmp_path: Path, entries: int) -> None:
    """Old numbers had gaps where a transaction was taken back."""
    school = FakeSchool(tmp_path / "central")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    (file,) = (MIGRATIONS / "versions").glob("*_audit_chain.py")
    with school.store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, f"{int(file.name[:4]) - 1:04}")
        for number in range(entries):
            connection.execute(
                text(
                    "INSERT INTO audit (id, at, who, room, what, detail)"
                    " VALUES (:id, :at, 'cora', '', 'denied', 'x')"
                ),
                {"id": 1 + number * 3, "at": "2026-09-01 08:00:00.000000"},
            )
    school.store.migrate()
    with school.store.read_session() as session:
        found = verify_audit(session)
        lines = audit.list_audit_entries(session)
    assert found.finding is None
    assert found.entries == (entries + 1 if entries else 0)
    if entries:
        assert (lines[0].what, lines[0].detail) == (
            CHAIN_BEGINS,
            "entries up to 7 are from before, and were chained as they were found",
        )
        run(school, delete(AuditRow).where(AuditRow.id == 4))
        assert kind_and_number(finding(school)) == ("removed", 2)
    write(school, "the first of today's")
    assert head(school).number == (9 if entries else 1)
    school.close()


def count_statements(school: FakeSchool, actions: int) -> int:
    """Return how many statements it takes to receive so many actions of a room."""
    school.enrol()
    sent = tuple(
        RoomAction(id=uuid4().hex, who=("tess", "cora", "")[at % 3], what="lesson", happened_at=school.clock())
        for at in range(actions)
    )
    statements: list[object] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    with school.store.write_session(affects_rooms=False) as session:
        room = session.merge(school.room())
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        try:
            assert receive_room_actions(session, school.clock(), room, sent) == actions
            session.flush()
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert receive_room_actions(session, school.clock(), room, sent) == 0
    return len(statements)


def test_many_entries_of_a_room_take_as_many_statements_as_a_few_in_one_chain(
    school: FakeSchool,
) -> None:
    assert count_statements(school, 64) == count_statements(school, 3)
    assert finding(school) is None
    with school.store.read_session() as session:
        found = [one for one in audit.list_audit_entries(session) if one.what == "lesson"]
    assert len(found) == 67
    assert {one.who: "no account" in one.detail for one in found} == {"tess": True, "cora": True, "": False}


def test_an_action_that_another_room_has_sent_keeps_all_of_them_out(school: FakeSchool) -> None:
    school.enrol("Room 4")
    school.enrol("Room 5")
    one, other = (
        RoomAction(id=uuid4().hex, who="tess", what="lesson", happened_at=school.clock()) for _ in range(2)
    )
    before = head(school)
    with school.store.write_session(affects_rooms=False) as session:
        receive_room_actions(session, school.clock(), session.merge(school.room("Room 5")), (one,))
    with (
        pytest.raises(NotPossible, match="another room"),
        school.store.write_session(affects_rooms=False) as session,
    ):
        receive_room_actions(session, school.clock(), session.merge(school.room()), (other, one))
    assert head(school).number == before.number + 1
