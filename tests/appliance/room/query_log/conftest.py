from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.room.query_log.log_key import LogKeySource, NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import LogSection


@pytest.fixture
def room(tmp_path: Path) -> Callable[..., QueryLogWriter]:
    """Make the writer of the log in a folder; several times, of the same one."""

    def make(source: LogKeySource | None = None, settings: LogSection | None = None) -> QueryLogWriter:
        return QueryLogWriter(
            tmp_path / "log.db",
            tmp_path / "log.spool",
            settings or LogSection(),
            Pseudonyms(b"s" * 32),
            source or NoKey(),
        )

    return make
