"""Older databases come to today's tables with what stands in them, and back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text

from appliance.central.schema_migration import MIGRATIONS

ASKED = "2026-11-24 09:00:00.000000"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path / 'central.db'}")
    event.listen(engine, "connect", lambda made, _record: made.execute("PRAGMA foreign_keys = ON"))
    with engine.begin() as made:
        yield made
    engine.dispose()


def migration(words: str) -> tuple[str, str]:
    """Return the number of the migration whose file is named so, and that of the one before it."""
    (path,) = MIGRATIONS.glob(f"versions/*_{words}.py")
    found = ScriptDirectory(str(MIGRATIONS)).get_revision(path.name[:4])
    assert found is not None
    assert isinstance(found.down_revision, str)
    return found.revision, found.down_revision


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["connection"] = connection
    return made


def test_what_waits_since_before_gets_an_end_and_the_way_back_keeps_every_request(connection: Connection) -> None:
    today, before = migration("requests_that_end")
    command.upgrade(config(connection), before)
    connection.execute(
        text("INSERT INTO rooms (id, name, token_hash, log_key, enrolled_at, policy_version, policy_digest,"
             " requests_changed, revision) VALUES (1, 'Room 4', 'a', 'b', :at, 0, '', 0, 0)"), {"at": ASKED}
    )  # fmt: skip
    insert = text(
        "INSERT INTO requests (id, room_id, site, also, reason, lesson, minutes, teacher, asked_at, state,"
        " decided_by, answer)"
        " VALUES (:id, 1, 'maps.example.org', '[]', 'maps', '', 30, 'tess', :at, :state, '', '')"
    )
    for request_id, state in (("a" * 32, "waiting"), ("b" * 32, "approved")):
        connection.execute(insert, {"id": request_id, "at": ASKED, "state": state})
    connection.execute(
        text("INSERT INTO unblocks (request_id, room_id, site, also, groups, since, until, by)"
             " VALUES (:id, 1, 'maps.example.org', '[]', '[]', :at, :at, 'cora')"), {"id": "b" * 32, "at": ASKED}
    )  # fmt: skip

    command.upgrade(config(connection), today)

    ends = {
        row.state: row.expires_at for row in connection.execute(text("SELECT state, expires_at FROM requests"))
    }
    assert ends["approved"] is None
    assert datetime.fromisoformat(ends["waiting"]).replace(tzinfo=UTC) == datetime(
        2026, 11, 24, 9, tzinfo=UTC
    ) + timedelta(days=4)

    command.downgrade(config(connection), before)
    assert connection.execute(text("SELECT count(*) FROM requests")).scalar() == 2
    assert connection.execute(text("SELECT count(*) FROM unblocks")).scalar() == 1


def test_every_account_keeps_its_role_and_the_way_back_gives_nobody_more(connection: Connection) -> None:
    today, before = migration("several_roles")
    command.upgrade(config(connection), before)
    known = ("teacher", "coordinator", "safeguarding", "head", "governor", "technician")
    insert = text("INSERT INTO users (username, name, role, password, email) VALUES (:name, '', :name, 'x', '')")
    for role in known:
        connection.execute(insert, {"name": role})
    command.upgrade(config(connection), today)
    kept = connection.execute(text("SELECT username, roles, room_ids FROM users")).all()
    assert {(name, roles, rooms) for name, roles, rooms in kept} == {(role, f'["{role}"]', "[]") for role in known}
    for name, roles in (("office", '["office"]'), ("deputy", '["deputy_coordinator"]'), ("supply", '["supply"]'),
                        ("both", '["coordinator", "head"]')):  # fmt: skip
        connection.execute(
            text("INSERT INTO users (username, name, roles, room_ids, password, email)"
                 " VALUES (:name, :name, :roles, '[]', 'x', '')"), {"name": name, "roles": roles},
        )  # fmt: skip
    command.downgrade(config(connection), before)
    rows = connection.execute(text("SELECT username, role FROM users"))
    back = {row.username: row.role for row in rows}
    assert back == {role: role for role in known} | {
        "office": "governor", "deputy": "teacher", "supply": "teacher", "both": "coordinator"
    }  # fmt: skip


def test_profiles_and_delegations_of_before_go_on_as_they_did_and_come_back(connection: Connection) -> None:
    today, before = migration("profiles_and_the_school_year")
    command.upgrade(config(connection), before)
    connection.execute(
        text("INSERT INTO profiles (name, closed, safe_search, keywords, members, is_default, only_from)"
             " VALUES ('pupils', '[\"games\"]', 1, 1, '[]', 1, '[]')")
    )  # fmt: skip
    connection.execute(text("INSERT INTO delegations VALUES ('games', 30, 5)"))

    command.upgrade(config(connection), today)

    kept = connection.execute(
        text("SELECT closed, youtube, safe_search_except, strip_ech, refusal, timetable FROM profiles")
    )
    assert kept.all() == [('["games"]', "strict", "[]", 0, "null", "[]")]
    assert connection.execute(text("SELECT * FROM delegations")).all() == [("games", "", 30, 5)]

    connection.execute(text("INSERT INTO delegations VALUES ('chat', 'staff', 30, 5)"))
    command.downgrade(config(connection), before)
    assert connection.execute(text("SELECT * FROM delegations")).all() == [("games", 30, 5)]
    assert connection.execute(text("SELECT name, closed FROM profiles")).all() == [("pupils", '["games"]')]


def test_incidents_of_before_become_groups_and_those_that_were_acknowledged_are_closed(
    connection: Connection,
) -> None:
    today, before = migration("incident_groups")
    command.upgrade(config(connection), before)
    connection.execute(
        text("INSERT INTO rooms (id, name, token_hash, log_key, enrolled_at, policy_version, policy_digest,"
             " requests_changed, revision) VALUES (1, 'Room 4', 'a', 'b', :at, 0, '', 0, 0)"), {"at": ASKED}
    )  # fmt: skip
    for incident_id, by in (("a" * 32, ""), ("b" * 32, "lead")):
        connection.execute(
            text("INSERT INTO incidents (id, room_id, kind, happened_at, device, evidence, acknowledged_by)"
                 " VALUES (:id, 1, 'tunnel', :at, 'd1', '[\"x.example\"]', :by)"),
            {"id": incident_id, "at": ASKED, "by": by},
        )  # fmt: skip

    command.upgrade(config(connection), today)

    groups = "SELECT g.id, g.state, g.unseen, g.changed_by, i.device FROM incidents i JOIN incident_groups g"
    rows = connection.execute(text(f"{groups} ON g.id = i.group_id ORDER BY g.id")).all()
    assert [tuple(row) for row in rows] == [
        ("a" * 32, "new", 1, "", "d1"), ("b" * 32, "closed", 0, "lead", "d1"),
    ]  # fmt: skip

    command.downgrade(config(connection), before)
    kept = connection.execute(text("SELECT acknowledged_by FROM incidents ORDER BY id")).scalars().all()
    assert kept == ["", "lead"]


def test_a_school_of_before_begins_with_nothing_set_and_the_way_back_forgets_it(connection: Connection) -> None:
    today, before = migration("school_settings")
    command.upgrade(config(connection), before)
    connection.execute(
        text("INSERT INTO school (id, name, timezone, starter_list, locked_categories)"
             " VALUES (1, 'Example Primary', 'Europe/London', 1, '[\"malware\"]')")
    )  # fmt: skip

    command.upgrade(config(connection), today)

    assert connection.execute(text("SELECT locked_categories, settings FROM school")).all() == [
        ('["malware"]', "{}")
    ]
    command.downgrade(config(connection), before)
    assert connection.execute(text("SELECT locked_categories FROM school")).scalar() == '["malware"]'


def test_lists_of_before_close_and_the_way_back_drops_those_that_open(connection: Connection) -> None:
    today, before = migration("how_lists_are_used")
    command.upgrade(config(connection), before)
    insert = "INSERT INTO sources (name, category, location, format, match, by, made_at"
    values = "'games', 'https://lists.example.org/1', 'auto', '', 'cora', :at"
    connection.execute(text(f"{insert}) VALUES ('ours', {values})"), {"at": ASKED})

    command.upgrade(config(connection), today)

    assert connection.execute(text("SELECT action, allow_wide FROM sources")).all() == [("block", None)]
    connection.execute(text(f"{insert}, action) VALUES ('opens', {values}, 'allow')"), {"at": ASKED})
    command.downgrade(config(connection), before)
    assert connection.execute(text("SELECT name FROM sources")).scalars().all() == ["ours"]


def test_rules_of_before_are_for_everybody_and_the_way_back_opens_nothing_for_more(connection: Connection) -> None:
    today, before = migration("rules_for_groups")
    command.upgrade(config(connection), before)
    insert = "INSERT INTO rules (name, action, locked, note, by, made_at"
    values = "0, '', 'cora', :at"
    connection.execute(text(f"{insert}) VALUES ('old.example.org', 'allow', {values})"), {"at": ASKED})

    command.upgrade(config(connection), today)

    read = "SELECT subdomains, groups, category, safe_search FROM rules"
    assert connection.execute(text(read)).all() == [(1, "[]", "", 1)]
    for action in ("allow", "block"):
        values_for_some = f"('{action}.example.org', '{action}', {values}, '[\"staff\"]')"
        connection.execute(text(f"{insert}, groups) VALUES {values_for_some}"), {"at": ASKED})
    command.downgrade(config(connection), before)
    kept = connection.execute(text("SELECT name FROM rules ORDER BY name")).scalars().all()
    assert kept == ["block.example.org", "old.example.org"]
