"""A query log in a folder: its writer, its reader, and keys that can be taken away."""

from pathlib import Path

import pytest

from appliance.room.query_log import flush_pace
from appliance.room.query_log.log_key import LogKeySource, LogKeyUnavailable
from appliance.room.query_log.reader import QueryLogReader
from dns.querylog.records import QueryRecord

NOW = 1_795_000_000.0
DAY = 86_400


class Key:
    """A key that can be taken away."""

    def __init__(self, key: bytes | None) -> None:
        self.value = key

    def load_key(self) -> bytes | None:
        if self.value is None:
            raise LogKeyUnavailable("central has not said it yet")
        return self.value


def record(
    name: str = "example.org", *, second: float = NOW, verdict: str = "allowed", count: int = 1
) -> QueryRecord:
    category = "gambling" if verdict == "refused" else ""
    return QueryRecord(
        int(second), "192.0.2.7", "pupils", name, 1, verdict, "list", category, "starter", name, 0, count, 0.5
    )


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few records wait in the spool from the beginning."""
    monkeypatch.setattr(flush_pace, "PROMPT_FLUSHES", 0)


def read(tmp_path: Path, source: LogKeySource | None = None) -> QueryLogReader:
    return QueryLogReader(tmp_path / "log.db", source)
