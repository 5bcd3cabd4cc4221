"""A database of before, brought to today's tables."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from appliance.central.schema_migration import MIGRATIONS
from tests.fakes.school import FakeSchool


def upgraded_from_before(words: str, folder: Path, fill: Callable[[sqlite3.Connection], None]) -> FakeSchool:
    """Make a database with the tables of before a migration, fill it, and open it with today's central."""
    (migration,) = (MIGRATIONS / "versions").glob(f"*_{words}.py")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{folder / 'central.db'}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, f"{int(migration.name[:4]) - 1:04d}")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(folder / "central.db")) as database, database:
        fill(database)
    return FakeSchool(folder)
