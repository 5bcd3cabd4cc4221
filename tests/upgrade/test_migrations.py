"""Every migration, up from what 0.1 left, down to nothing and up again, with something in every table."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.orm import Session

from appliance.central.audit_verification import verify_audit
from appliance.central.errors import CentralError
from appliance.central.incidents import tables as _incident_tables  # noqa: F401 (so that `Base` knows them)
from appliance.central.models import Base
from appliance.central.schema_migration import migrate_database
from tests.fakes.postgres import database_url
from tests.upgrade import old_data

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
CHANGED_ON_THE_WAY = {"audit", "pulse"}  # an entry says since when it is chained; numbers grow


@pytest.fixture(params=("sqlite", "postgresql"))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database as 0.1 left it."""
    folder = tmp_path / "central"
    old_data.lay_out_central(folder)
    with database_url(request.param) as url:
        if url:
            old_data.move_to_postgres(folder, url)
        found = create_engine(url or f"sqlite:///{folder / 'central.db'}")
        if not url:
            event.listen(found, "connect", lambda made, _record: made.execute("PRAGMA foreign_keys = ON"))
        yield found
        found.dispose()


def value_of(column: Column[Any], connection: Connection) -> Any:
    """Return something that a column may hold: of another table's rows, one that is there."""
    for key in column.foreign_keys:
        return connection.execute(select(key.column)).scalars().first()
    kind = column.type
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, (Integer, Float)):
        return 1
    if isinstance(kind, JSON):
        return {} if "dict" in str(getattr(column.type, "python_type", "")) else []
    if isinstance(kind, LargeBinary):
        return b"x"
    if isinstance(kind, DateTime) or "DATETIME" in str(kind).upper() or "TIMESTAMP" in str(kind).upper():
        return NOW
    return "x"


def fill_empty_tables(engine: Engine) -> list[str]:
    """Put a row into each of today's tables that has none; return which those were."""
    filled = []
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if connection.execute(select(func.count()).select_from(table)).scalar_one():
                continue
            row = {column.name: value_of(column, connection) for column in table.columns}
            connection.execute(table.insert().values(row))
            filled.append(str(table.name))
    return filled


def rows_of(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: sorted(
                (tuple(sorted(row.items())) for row in connection.execute(select(table)).mappings()), key=repr
            )
            for name, table in found.tables.items()
            if name != "alembic_version"
        }


def test_all_go_up_down_and_up_again_and_what_was_there_before_is_there_after(engine: Engine) -> None:
    before = rows_of(engine)
    migrate_database(engine)
    assert len(fill_empty_tables(engine)) >= 15, "tables that 0.1 did not have"
    assert [name for name, rows in rows_of(engine).items() if not rows] == []

    migrate_database(engine, old_data.LAST_MIGRATION, down=True)
    after = rows_of(engine)
    assert after.keys() == before.keys()
    assert {name for name in before if after[name] != before[name]} - CHANGED_ON_THE_WAY == set()
    assert set(before["audit"]) <= set(after["audit"])

    migrate_database(engine)
    with Session(engine) as session:
        assert verify_audit(session).finding is None
    migrate_database(engine, "base", down=True)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate_database(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_fault_half_way_leaves_the_tables_that_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_data.lay_out_central(tmp_path / "central")
    engine = create_engine(f"sqlite:///{tmp_path / 'central' / 'central.db'}")
    before = rows_of(engine)

    def fail(_name: str) -> str:
        raise CentralError("the power is gone")

    monkeypatch.setattr("appliance.central.room_names.room_name_key", fail)  # what a migration in the middle needs
    with pytest.raises(CentralError):
        migrate_database(engine)
    assert rows_of(engine) == before
    monkeypatch.undo()
    migrate_database(engine)
    engine.dispose()
