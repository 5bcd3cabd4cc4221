"""A backup of an older Hallpass is brought to today's tables with what stands in it, on either database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine, select

from appliance.central.backup_file import BackupWriter, FilePart, Manifest, Rows, StoredFile
from appliance.central.restoration import restore_backup
from tests.fakes.postgres import database_url
from tests.fakes.school import FakeSchool
from tests.upgrade import old_data

PASSPHRASE = "four words made up"


def write_backup(target: Path, folder: Path, settings: bytes) -> dict[str, int]:
    """Write what 0.1 left as a backup of that time would have held it; return how many rows each table has."""
    engine = create_engine(f"sqlite:///{folder / 'central.db'}")
    tables = MetaData()
    tables.reflect(engine)
    with target.open("wb") as file, engine.connect() as connection:
        found = {
            str(table.name): [tuple(map(_with_zone, row)) for row in connection.execute(select(table))]
            for table in tables.sorted_tables
            if table.name != "alembic_version"
        }
        counts = {name: len(rows) for name, rows in found.items()}
        writer = BackupWriter(file, PASSPHRASE)
        stored = (StoredFile("settings/central.toml", len(settings)),)
        writer.write(
            Manifest(
                made_at=old_data.AFTER_IT, version="0.1.0", migration=old_data.LAST_MIGRATION, school="Example",
                rows=counts, files=stored,
            )
        )  # fmt: skip
        writer.write(FilePart(name=stored[0].name, content=settings))
        for name, rows in found.items():
            columns = tuple(str(column.name) for column in tables.tables[name].columns)
            writer.write(Rows(table=name, columns=columns, rows=tuple(rows)))
        writer.finish()
    engine.dispose()
    return counts


def _with_zone(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)])
def test_a_backup_of_before_with_something_in_every_table_is_put_back(tmp_path: Path, kind: str) -> None:
    old_data.lay_out_central(tmp_path / "before")
    (tmp_path / "machine").mkdir()
    with database_url(kind) as url:
        settings = f'[central]\nschool = "Example Primary"\ndata = "central"\ndatabase = "{url}"\n'.encode()
        counts = write_backup(tmp_path / "backup", tmp_path / "before", settings)
        with (tmp_path / "backup").open("rb") as file:
            restore_backup(file, PASSPHRASE, tmp_path / "machine" / "central.toml")
        school = FakeSchool(tmp_path / "machine" / "central", database=url)
        try:
            with school.store.read_session() as session:
                assert counts["requests"] == 6
                assert school.room().name == "Room 4"
                assert session.connection().exec_driver_sql("SELECT count(*) FROM incidents").scalar() == 6
        finally:
            school.close()
