"""Today's log and today's page with a million rows: the server's time for each, in a room's own application.

    python -m tests.bench.log_page [--rows 1000000]

Prints milliseconds of processor time for a page, the best of five, and how the database finds its rows.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from appliance.protocol import Account
from appliance.room.paths import RoomPaths
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.store import LogStore
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from dns.querylog.records import QueryRecord, RecordBatch
from tests.fakes.signed_in import signed_in_client
from webui.room.app import create_app

PATHS = (
    "/", "/log", "/log?site=example.org", "/log?site=nowhere-in-it", "/log?device=0000002a",
    "/log?verdict=refused", "/log?verdict=refused&site=s7", "/log?verdict=failed",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        settings = RoomSettings(
            room=RoomSection(name="Room 4", data=Path(folder), run=Path(folder) / "run"),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
        )
        write_rows(RoomPaths.from_settings(settings).query_log, rows)
        teacher = signed_in_client(create_app(settings), Account(username="tess", name="Tess", role="teacher"))
        sys.stdout.write(f"{rows:,} rows, all of today\n")
        for path in PATHS:
            times = []
            for _ in range(5):
                begun = time.process_time()
                answer = teacher.get(path)
                times.append(time.process_time() - begun)
                assert answer.status_code == 200, path
            sys.stdout.write(f"{min(times) * 1000:8.1f} ms  {len(answer.data):7,} bytes  {path}\n")
    return 0


def write_rows(path: Path, rows: int) -> None:
    """Write a day of thirty devices and 20,000 names, of which one row in twelve is a refusal."""
    now = int(time.time())
    day = min(now % 86_400, 40_000) or 1
    connection = open_database_for_writing(path, None)
    with contextlib.closing(connection):
        store = LogStore(connection)
        for sequence, first in enumerate(range(0, rows, 50_000), 1):
            records = tuple(
                QueryRecord(
                    second=now - day + at * day // rows, device=f"{at % 60:08x}", group="pupils",
                    name=f"s{at * 7919 % 20_000}.example.org", qtype=1,
                    verdict="allowed" if at % 12 else "refused", step="list", category="" if at % 12 else "games",
                )
                for at in range(first, min(first + 50_000, rows))
            )  # fmt: skip
            store.insert_batches([RecordBatch("w", sequence, records)], now)


if __name__ == "__main__":
    sys.exit(main())
