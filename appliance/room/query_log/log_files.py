"""The two files of the query log, and whether somebody has laid hands on them while they are open."""

from pathlib import Path

from appliance.room import database_file
from appliance.room.query_log.database import read_beginning

LOG_MODE = 0o640  # on a card the pages, a user of their own, read it


class LogFiles:
    """The database and the journal beside it. Methods raise OSError."""

    def __init__(self, database: Path, journal: Path) -> None:
        self.database = database
        self.journal = journal
        self._inodes = (0, 0)  # of the database and of the journal, as they were opened
        self._beginning = b""  # of the database's file

    def prepare(self, now: float) -> None:
        """Bring both to what can be opened, or to nothing."""
        self.database.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        database_file.prepare_database_file(self.database, now, LOG_MODE)
        database_file.prepare_database_file(self.journal, now)

    def remember(self) -> None:
        """Note which files they are: they have just been opened."""
        self._inodes = self.database.stat().st_ino, self.journal.stat().st_ino
        self._beginning = read_beginning(self.database)

    def find_removed(self) -> list[Path]:
        """Return those that somebody took away, or out of our reach."""
        modes = (LOG_MODE, database_file.MODE)
        return [
            path
            for path, inode, mode in zip((self.database, self.journal), self._inodes, modes, strict=True)
            if database_file.is_out_of_reach(path, inode, mode)
        ]

    def put_database_back(self, now: float) -> bool:
        """Write the open database's file, which was taken away, where it was; tell whether that went well."""
        return database_file.copy_open_file(self.database, self._inodes[0], now, LOG_MODE)

    def find_overwriting(self) -> str:
        """Return what somebody did to the database's file ("overwritten", "emptied"), "" for nothing.

        SQLite does not notice: it goes on from what it remembers.
        """
        found = read_beginning(self.database)
        if not self._beginning:  # nothing had been moved there from the write-ahead log yet
            self._beginning = found
        if found == self._beginning:
            return ""
        return "overwritten" if found else "emptied"
