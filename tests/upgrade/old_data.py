"""What 0.1 left behind (tests/upgrade/0.1/README.md), laid out as it lay on its machines."""

import contextlib
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import DateTime, MetaData, create_engine, func, select, text

from appliance.central.schema_migration import MIGRATIONS
from appliance.rights import Role

OLD = Path(__file__).parent / "0.1"
PASSWORD = "made-for-a-test"  # of every account
PEOPLE: tuple[Role, ...] = ("teacher", "coordinator", "safeguarding", "head", "governor", "technician")
AFTER_IT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)  # the school's next morning: what waited still waits
LAST_MIGRATION = "0002"
SITE = "coolmathgames.com"  # of the list that Hallpass brings
_THEIR_FOLDER = "/var/lib/hallpass/central"  # where central had its things, by its own word


def lay_out_central(folder: Path) -> None:
    """Lay central's data out as its folder."""
    shutil.copytree(OLD / "central", folder, ignore=shutil.ignore_patterns("*.sql", "*.toml"))
    with contextlib.closing(sqlite3.connect(folder / "central.db")) as database:
        database.executescript((OLD / "central" / "central.sql").read_text().replace(_THEIR_FOLDER, str(folder)))
        database.execute("PRAGMA journal_mode = WAL")


def move_to_postgres(folder: Path, url: str) -> None:
    """Load the rows of a laid out central into a PostgreSQL database with 0.1's tables, instead of its file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    theirs, ours = create_engine(f"sqlite:///{folder / 'central.db'}"), create_engine(url)
    with theirs.connect() as source, ours.begin() as target:
        config.attributes["connection"] = target
        command.upgrade(config, LAST_MIGRATION)
        tables = MetaData()
        tables.reflect(target)
        for table in tables.sorted_tables:
            if table.name in {"pulse", "alembic_version"}:
                target.execute(table.delete())
            found = MetaData()
            found.reflect(source, only=[table.name])
            rows = [dict(row) for row in source.execute(select(found.tables[table.name])).mappings()]
            for row in rows:
                for column in table.columns:
                    if isinstance(column.type, DateTime) and row[column.name] is not None:
                        row[column.name] = row[column.name].replace(tzinfo=UTC)
            if rows:
                target.execute(table.insert(), rows)
            if "id" in table.columns and rows and isinstance(rows[0]["id"], int):
                sequence = func.pg_get_serial_sequence(table.name, "id")
                target.execute(select(func.setval(sequence, max(row["id"] for row in rows))))
    theirs.dispose()
    ours.dispose()
    (folder / "central.db").unlink()


def lay_out_room(
    folder: Path, *, dns_port: int = 0, web_port: int = 8080, upstream_port: int = 1, central: str = ""
) -> Path:
    """Lay a room's folder out, with other ports and another address of central; return its settings file."""
    shutil.copytree(OLD / "room", folder, symlinks=True)
    for secret in ("room.token", "data/device-tokens.key", "data/pages.key", "data/state.db"):
        (folder / secret).chmod(0o600)
    file = folder / "room.toml"
    settings = file.read_text()
    for before, after in (
        ("127.0.0.1:43525", f"127.0.0.1:{dns_port}"),
        ("127.0.0.1:45223", f"127.0.0.1:{web_port}"),
        ("127.0.0.1:53741", f"127.0.0.1:{upstream_port}"),
        ("http://127.0.0.1:48885", central or "http://127.0.0.1:48885"),
    ):
        assert before in settings
        settings = settings.replace(before, after)
    file.write_text(settings)
    return file


def count_old_rows(folder: Path) -> dict[str, int]:
    """Return how many rows each table of a laid out central has."""
    engine = create_engine(f"sqlite:///{folder / 'central.db'}")
    tables = MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        found = {
            name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in tables.tables
        }
    engine.dispose()
    return found
