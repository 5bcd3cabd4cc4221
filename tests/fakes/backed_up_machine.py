"""A machine with a central of which backups are made, and which is put back from one."""

from contextlib import closing
from pathlib import Path

import msgspec
from sqlalchemy import select

from appliance.central import backup, restoration, rules
from appliance.central.backup_file import Manifest
from appliance.central.models import Base
from appliance.central.schema_migration import newest_migration
from appliance.central.service import Central
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.fakes.school import MORNING, FakeSchool

PASSPHRASE = "four words are better still"
SETTINGS = '[central]\nschool = "Example Primary"\ndata = "central"\n{more}'


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


def add_rule(school: FakeSchool, name: str) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name=name, action="block", by="cora")


def manifest(**changes: object) -> Manifest:
    """Return what a backup of a school without anything says of itself."""
    plain = Manifest(made_at=MORNING, version="0.1", migration=newest_migration(), school="S", rows={}, files=())
    return msgspec.structs.replace(plain, **changes)


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
