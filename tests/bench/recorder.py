"""What the query log costs: `python -m tests.bench.recorder [cpu|pages|wear ...]`.

* `cpu`: CPU of the recorder for each query, from the frame of a worker to the database. Bars: 2 µs where names
  repeat (thirty devices, two hundred names each, 50,000 queries a second), 12 µs where every name is new.
* `pages`: a million rows of a month; each query of the pages, and the size. Bars: 100 ms, 90 MB. With a key too.
* `wear`: what is written on a school day of six and a half hours: thirty devices, 100,000 queries, one in fifty of
  them refused, the clock run fast. Counted is every byte given to the kernel (`wchar` of /proc/self/io), more than
  a card sees: there, what is written again within seconds is written once. Bar: 15 MB.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from appliance.room.incidents.monitor import IncidentMonitor
from appliance.room.paths import RoomPaths
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.log_key import NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.dns import DnsSection
from appliance.settings.room import LogSection, RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from dns.querylog.records import FrameReader, QueryRecord, RecordBatch, decode_batch, encode_frame
from tests.fakes.traces import letters

DAY_SECONDS = 23_400
DAY_QUERIES = 100_000
DEVICES = 30
START = 1_795_000_000


class BenchKey:
    """A key like a real one."""

    def load_key(self) -> bytes | None:
        return bytes(range(32))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def record(second: int, device: int, name: str, *, count: int = 1, refused: bool = False) -> QueryRecord:
    if refused:
        return QueryRecord(
            second,
            f"192.0.2.{device}",
            "pupils",
            name,
            1,
            "refused",
            "list",
            "games",
            "starter",
            name,
            0,
            count,
            0.1,
        )
    return QueryRecord(
        second, f"192.0.2.{device}", "pupils", name, 1, "allowed", "default", "", "", "", 0, count, 0.4
    )


class Bench:
    """A recorder's way of a batch, without the sockets."""

    def __init__(self, folder: Path, *, key: bool = False) -> None:
        self.folder = folder
        settings = RoomSettings(
            room=RoomSection(name="Bench", data=folder),
            dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
        )
        paths = RoomPaths.from_settings(settings)
        tokens = Pseudonyms(b"b" * 32)
        self.source = BenchKey() if key else NoKey()
        self.ledger = QueryLogWriter(paths.query_log, paths.query_log_journal, LogSection(), tokens, self.source)
        self.watch = IncidentMonitor(settings, paths, tokens)
        self.log = QueryLogReader(paths.query_log, self.source)
        self._sequence = 0
        self._frames = FrameReader()

    def frames(self, records: list[QueryRecord]) -> list[bytes]:
        made = []
        for at in range(0, len(records), 1000):
            self._sequence += 1
            made.append(encode_frame(RecordBatch("bench", self._sequence, tuple(records[at : at + 1000]))))
        return made

    def ledger_size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("log.*"))

    def take(self, frames: list[bytes], now: float, *, durable: bool = False) -> None:
        batches = [decode_batch(body) for data in frames for body in self._frames.feed(data)]
        for batch in batches:
            self.watch.observe_batch(batch, now)
        self.ledger.write_batches(batches, now, durable=durable)


def cpu(folder: Path) -> bool:
    """Time both kinds of load."""
    chance = Random(1)
    kept = True
    names = [[f"www.{letters(chance, 8)}.example" for _ in range(200)] for _ in range(DEVICES)]
    repeated = [
        [
            record(START + second, device, name, count=count)
            for device in range(DEVICES)
            for name, count in spread(chance, names[device], 50_000 // DEVICES)
        ]
        for second in range(10)
    ]
    fresh = [
        [
            record(
                START + second, chance.randrange(DEVICES), f"{letters(chance, 12)}.{letters(chance, 6)}.example"
            )
            for _ in range(10_000)
        ]
        for second in range(10)
    ]
    for kind, load, bar in (("names repeat", repeated, 2.0), ("every name is new", fresh, 12.0)):
        (folder / kind).mkdir()
        bench = Bench(folder / kind)
        # The first batch opens the database. It is made first: batches before it would count as stored already.
        bench.take(bench.frames([record(START, 1, "example.org")]), START)
        frames = [bench.frames(records) for records in load]
        queries = sum(one.count for records in load for one in records)
        before = time.process_time()
        for second, data in enumerate(frames):
            bench.take(data, START + second)
        each = (time.process_time() - before) / queries * 1e6
        bench.ledger.close(START + 10)
        kept &= each <= bar and bench.log.read_stats().queries == queries + 1
        say(f"{kind:20} {each:6.2f} µs a query   (bar {bar:.0f} µs; {queries} queries)")
    return kept


def spread(chance: Random, names: list[str], queries: int) -> list[tuple[str, int]]:
    """Share out queries: a few names are asked for often, most seldom."""
    asked: dict[str, int] = {}
    for name in chance.choices(names, weights=[1 / rank for rank in range(1, len(names) + 1)], k=queries):
        asked[name] = asked.get(name, 0) + 1
    return list(asked.items())


def pages(folder: Path) -> bool:
    """Time the pages' queries over a million rows."""
    kept = True
    for key in (False, True):
        own = folder / ("with a key" if key else "without a key")
        own.mkdir()
        chance = Random(2)
        popular = [f"www.{letters(chance, 9)}.example" for _ in range(20_000)]
        bench = Bench(own, key=key)
        for day in range(10):
            for part in range(10):
                second = START + day * 86_400 + part * 2340
                records = [
                    record(
                        second + number // 5,
                        number % DEVICES,
                        chance.choice(popular),
                        refused=number % 50 == 0,
                    )
                    for number in range(10_000)
                ]
                bench.take(bench.frames(records), second)
        bench.ledger.close(START)
        size = bench.ledger_size()
        rows = bench.log.read_stats().rows
        say(f"{own.name}: {rows} rows, {size / 1e6:.1f} MB (bar 90 MB)")
        kept &= size <= 90e6
        kept &= asked_by_pages(bench.log)
    return kept


def asked_by_pages(log: QueryLogReader) -> bool:
    """Time what the pages ask; beside it, without a bar, what only the command line does."""
    today = datetime.fromtimestamp(START + 9 * 86_400, UTC)
    week = datetime.fromtimestamp(START + 3 * 86_400, UTC)
    of_pages: list[tuple[str, Callable[[], object]]] = [
        ("refused today", lambda: log.read_blocked(today)),
        ("refused this week", lambda: log.read_blocked(week)),
        ("counted today", lambda: log.read_hourly_totals(today)),
        ("hours of this week", lambda: log.read_by_hour(week)),
        ("top refused names this week", lambda: log.read_top("names", since=week, blocked_only=True)),
        ("the newest hundred", lambda: log.read_tail(100)),
        ("refusals of one name", lambda: log.search_entries(QueryLogFilter(name="abc", verdict="refused"))),
    ]
    kept = [timed(what, ask, bar=100.0) for what, ask in of_pages]  # each is shown, whatever the others took
    timed("log stats --since today", lambda: log.read_stats(today))
    timed("log search NAME", lambda: log.search_entries(QueryLogFilter(name="abcd")))
    timed("log stats", log.read_stats)
    return all(kept)


def timed(what: str, ask: Callable[[], object], bar: float | None = None) -> bool:
    took = []
    for _ in range(5):
        before = time.perf_counter()
        ask()
        took.append((time.perf_counter() - before) * 1000)
    middle = statistics.median(took)
    say(f"  {what:32} {middle:7.1f} ms" + (f"   (bar {bar:.0f} ms)" if bar else ""))
    return bar is None or middle <= bar


def wear(folder: Path) -> bool:
    """Count the bytes of a school day."""
    kept = True
    for key in (False, True):
        own = folder / ("with a key" if key else "without a key")
        own.mkdir()
        chance = Random(3)
        sites = [f"www.{letters(chance, 9)}.example" for _ in range(5000)]
        weights = [1 / rank for rank in range(1, len(sites) + 1)]
        bench = Bench(own, key=key)
        seconds = sorted(chance.randrange(DAY_SECONDS) for _ in range(DAY_QUERIES))
        asked = chance.choices(sites, weights=weights, k=DAY_QUERIES)
        before, at, refused = written(), 0, 0
        for second in range(DAY_SECONDS):
            now = START + second
            allowed = []
            while at < len(seconds) and seconds[at] <= second:
                device = chance.randrange(DEVICES)
                if chance.random() < 0.02:
                    refused += 1
                    bench.take(bench.frames([record(now, device, asked[at], refused=True)]), now, durable=True)
                else:
                    allowed.append(record(now, device, asked[at]))
                at += 1
            if allowed:
                bench.take(bench.frames(allowed), now)
            bench.ledger.run_maintenance(now)
        bench.ledger.close(START + DAY_SECONDS)
        megabytes = (written() - before) / 1e6
        stats = bench.log.read_stats()
        kept &= megabytes <= 15 and stats.queries == DAY_QUERIES
        say(
            f"{own.name:14} {megabytes:5.1f} MB written for {stats.queries} queries in {stats.rows} rows,"
            f" {refused} refused; the log has {bench.ledger_size() / 1e6:.1f} MB   (bar 15 MB)"
        )
    return kept


def written() -> int:
    """Return the bytes that this process has given to the kernel to write."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return 0


def main(asked: list[str]) -> int:
    benchmarks = {"cpu": cpu, "pages": pages, "wear": wear}
    kept = True
    for name in asked or list(benchmarks):
        with tempfile.TemporaryDirectory() as folder:
            kept &= benchmarks[name](Path(folder))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
