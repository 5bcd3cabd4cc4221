"""`python -m tests.bench.central`: a central service with many rooms, as real processes, over real TLS.

Rooms are simulated (`tests.bench.simulated_rooms`); a room's time is counted to its own acknowledgement: that it
holds the policy. Each row says its bar. `python -m tests.bench.central approval --rooms 100` runs one alone;
`--minutes` makes the long ones shorter, and `--short` is what `make bench` runs: every row in a minute or less,
with fewer rooms than the bars speak of. `--database postgresql` starts a PostgreSQL for the run.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

from tests.bench.central_deliveries import long_outbox, many_requests, new_index
from tests.bench.central_handshakes import handshakes
from tests.bench.central_rows import approvals, at_rest, coming_back, one_room, slow_clients
from tests.bench.central_service import Central
from tests.fakes.postgres import postgres_server

Row = Callable[[Central, argparse.Namespace], Coroutine[None, None, None]]
ROWS: dict[str, tuple[int, Row]] = {
    "rest": (30, at_rest),
    "approval": (100, approvals),
    "one-room": (1000, one_room),
    "all-rooms": (1000, approvals),
    "coming-back": (1000, coming_back),
    "handshakes": (1000, handshakes),
    "index": (30, new_index),
    "requests": (30, many_requests),
    "outbox": (30, long_outbox),
    "slow": (30, slow_clients),
}
SHORT_ROWS = ("rest", "approval", "one-room", "coming-back", "handshakes", "requests", "outbox", "slow")
_SHORT = {"rooms": 30, "minutes": 0.5, "times": 5, "connections": 500}


def main(asked: list[str]) -> int:
    """Run the rows that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows; left out: all")
    parser.add_argument("--rooms", type=int, help="how many rooms, instead of what the row says")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long rest and requests take")
    parser.add_argument("--times", type=int, default=20, help="how many approvals")
    parser.add_argument("--connections", type=int, default=5000, help="how many slow connections")
    parser.add_argument(
        "--database", default="", help="an SQLAlchemy URL, or postgresql for one that is started; left out: SQLite"
    )
    parser.add_argument("--short", action="store_true", help="a minute or less for each row")
    options = parser.parse_args(asked)
    if options.short:
        vars(options).update(_SHORT)
    for name in options.rows or (SHORT_ROWS if options.short else ROWS):
        count, row = ROWS[name]
        count = options.rooms or count
        sys.stdout.write(f"-- {name}, {count} rooms: {row.__doc__}\n")
        with _database(options.database) as url, tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
            asyncio.run(row(Central(Path(folder), count, database=url), options))
    return 0


@contextlib.contextmanager
def _database(asked: str) -> Iterator[str]:
    if asked != "postgresql":
        yield asked
        return
    with postgres_server() as server:
        yield server.url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
