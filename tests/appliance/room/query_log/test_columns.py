"""A column is one line in the query record, and a migration; everything else follows."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.room.query_log.columns import LIVE_FIELDS, LOG_FIELDS, shown_names
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.redaction import make_redactor
from appliance.room.query_log.store import LogStore
from dns.querylog.records import COLUMNS, QueryRecord, RecordBatch

REPOSITORY = Path(__file__).parents[4]
NOW = 1_790_000_000
RECORD = QueryRecord(
    NOW, "192.0.2.7", "pupils", "casino.example", 1, "refused", "list", "games", "src", "casino.example", 0, 2, 1.5
)

LINE = "    count: Annotated[int, _SHOWN] = 1\n"
NEW_LINE = "    ede: Annotated[int, _SHOWN] = 0\n"
MIGRATIONS = "MIGRATIONS: tuple[Migration, ...] = ("
NEW_MIGRATION = 'lambda db: add_outcome_column(db, "ede", "INTEGER", 0),'

STORY = """
import asyncio, csv, io, json, sys
from pathlib import Path
from appliance.commands import log as log_commands
from appliance.room.query_log.columns import LIVE_FIELDS, LOG_FIELDS, describe_entry
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.redaction import make_redactor
from appliance.room.query_log.store import LogStore
from dns.querylog import codec
from dns.querylog.records import FrameReader, LogEntry, decode_batch

folder, now = Path(sys.argv[1]), int(sys.argv[2])
entries = {
    LogEntry("pupils", "casino.example", 1, "refused", "list", "games", "src", "casino.example", 0, ede): count
    for ede, count in ((15, 1), (17, 4))
}
records = codec.pack_replayed(now + 1, "192.0.2.7", entries)
(body,) = FrameReader().feed(codec.pack_frame("new", 1, records))
store = LogStore(open_database_for_writing(folder / "log.db", None))
journal = Journal(folder / "log.spool", None)
redact = make_redactor("everything", Pseudonyms.load_or_create(folder))
store.insert_batches([*journal.read_batches(), redact(decode_batch(body))], now)
store.close()
log = QueryLogReader(folder / "log.db")
found = log.read_tail(9)
database = open_database_for_writing(folder / "log.db", None)
view = database.execute("SELECT ede, sum(count) FROM query_log GROUP BY 1")
print(json.dumps({
    "log": [describe_entry(entry, LOG_FIELDS) for entry in found],
    "live": describe_entry(found[-1], LIVE_FIELDS),
    "view": view.fetchall(),
    "blocked": [entry.ede for entry in log.read_blocked(__import__("datetime").datetime.fromtimestamp(now))],
}))
"""


@pytest.fixture
def patched(tmp_path: Path) -> Path:
    """Return a copy of the code with one more column: the line and the migration, and nothing else."""
    code = tmp_path / "code"
    for package in ("dns", "blocklists", "hardware", "appliance"):
        shutil.copytree(REPOSITORY / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    records, schema = code / "dns/querylog/records.py", code / "appliance/room/query_log/schema.py"
    assert LINE in records.read_text()
    records.write_text(records.read_text().replace(LINE, NEW_LINE + LINE))
    before, _, rest = schema.read_text().rpartition(MIGRATIONS)
    listed, _, after = rest.partition(")")
    schema.write_text(f"{before}{MIGRATIONS}{listed}, {NEW_MIGRATION}){after}")
    return code


def test_a_column_is_one_line_and_a_migration(patched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    store = LogStore(open_database_for_writing(folder / "log.db", None))
    redact = make_redactor("everything", Pseudonyms.load_or_create(folder))
    store.insert_batches([redact(RecordBatch("old", 1, (RECORD,)))], NOW)
    store.close()
    journal = Journal(folder / "log.spool", None)  # what was received and not taken in before the new version came
    journal.append_batches([redact(RecordBatch("old", 2, (RECORD,)))], durable=False)
    journal.close()

    done = subprocess.run(
        [sys.executable, "-c", STORY, str(folder), str(NOW)],
        env={"PYTHONPATH": str(patched)}, cwd=patched, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [(one["ede"], one["count"], one["milliseconds"]) for one in said["log"]] == [
        (0, 2, 1.5), (0, 2, 1.5), (15, 1, 0.0), (17, 4, 0.0)
    ]  # fmt: skip
    assert said["live"]["ede"] == 17
    assert said["view"] == [[0, 4], [15, 1], [17, 4]]
    assert said["blocked"] == [17]


def test_readers_are_shown_what_they_always_were() -> None:
    shown = ("time", "device", "group", "name", "type", "verdict", "category", "source")
    assert shown_names(LOG_FIELDS) == (*shown, "count", "milliseconds")
    assert shown_names(LIVE_FIELDS) == (*shown, "entry", "count")


def test_where_only_counts_are_kept_nothing_that_identifies_is(tmp_path: Path) -> None:
    redact = make_redactor("counts", Pseudonyms.load_or_create(tmp_path))
    (kept,) = redact(RecordBatch("worker", 1, (RECORD,))).records
    for field, column in COLUMNS.items():
        assert getattr(kept, field) == ("" if column.identifies else getattr(RECORD, field)), field
