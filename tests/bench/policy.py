"""How fast a policy decides, and how fast it is replaced: `python -m tests.bench.policy [--names 5000000]`.

Times are of this process's CPU, so that a busy machine says the same.

* A first decision for a name nobody asked for before: against a compiled index of five million names, with the
  ten thousand rules, five hundred unblocks and fifty groups of a large school. Bar: 25 µs.
* Replacing the policy of a worker that holds 100,000 finished answers: one more rule. Bar: 50 ms, and only answers
  that the rule touches are dropped.
* Making a large policy ready, for the record: it happens once for each change.
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from blocklists.compiler import build_index
from blocklists.index import Index, open_index
from blocklists.keywords import Keywords
from blocklists.sources import Source
from dns.clients import Clients
from dns.packet_cache import CachedResponse, PacketCache
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Group, PolicyDocument, Profile, Rule, Unblock
from dns.policy.verdict import BlocklistLookup
from dns.querylog.records import LogEntry
from tests.fakes.policies import NOW, minutes
from tests.fakes.traces import letters

CATEGORIES = 20
DECIDE_BAR, SWAP_BAR = 25.0, 50.0
ANSWERS = 100_000
NAMES_IN_ONE_RUN = 20_000


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def index_of(count: int, folder: Path) -> tuple[Index, list[str]]:
    """Compile an index of that many made-up names over twenty categories; also return some of the names.

    One that was compiled into the folder before is taken as it is.
    """
    chance = Random(1)
    some, sources = [], []
    for number in range(CATEGORIES):
        file = folder / f"c{number}.txt"
        with file.open("w") as lines:
            for line in range(count // CATEGORIES):
                name = f"{letters(chance, 7)}.{letters(chance, 9)}.{chance.choice(('com', 'net', 'org'))}"
                lines.write(f"{name}\n")
                if line < NAMES_IN_ONE_RUN // CATEGORIES:
                    some.append(name)
        sources.append(
            Source(
                name=f"s{number}",
                category=f"c{number}",
                location=str(file),
                format="domains",
                match="subdomains",
            )
        )
    chance.shuffle(some)
    if not (folder / "index").exists():
        build_index(sources, folder / "index")
    return open_index(folder / "index"), some


def large_school(extra: tuple[Rule, ...] = ()) -> PolicyDocument:
    """Return a document of ten thousand rules, five hundred unblocks and fifty groups."""
    return PolicyDocument(
        version=1 + len(extra),
        default_group="g0",
        groups=tuple(
            Group(name=f"g{number}", profile=f"p{number % 5}", members=(f"10.{number}.0.0/16",))
            for number in range(50)
        ),
        profiles=tuple(
            Profile(
                name=f"p{number}",
                closed=tuple(f"c{category}" for category in range(CATEGORIES // 2)),
                keywords=True,
                safe_search=True,
            )
            for number in range(5)
        ),
        rules=(
            *(Rule(name=f"site{number}.example", action="block") for number in range(10_000)),
            *extra,
        ),
        unblocks=tuple(
            Unblock(id=str(number), site=f"open{number}.example", until=minutes(30)) for number in range(500)
        ),
        locked_categories=("c0",),
    )


def decide(index: Index, some: list[str]) -> bool:
    """Time first decisions; return whether the bar was kept."""
    policy = CompiledPolicy(large_school(), index, Keywords.load_builtin())
    view = policy.view("10.1.2.3")
    chance = Random(2)
    unlisted = [f"www.{letters(chance, 8)}.{letters(chance, 10)}.com" for _ in range(NAMES_IN_ONE_RUN)]
    listed = [f"www.{name}" for name in some]
    kept = True
    for kind, names in (("not listed", unlisted), ("listed", listed)):
        each = min(per_name(view.decide, names) for _ in range(5))
        kept &= each <= DECIDE_BAR
        say(f"first decision, four labels, {kind:12}{each:8.1f} µs   (bar {DECIDE_BAR:.0f} µs)")
    return kept


def per_name(ask: Callable[[str, int, float], object], names: list[str]) -> float:
    began = time.process_time()
    for name in names:
        ask(name, 1, NOW)
    return (time.process_time() - began) / len(names) * 1e6


def swap(index: BlocklistLookup) -> bool:
    """Time the replacement of a policy in a worker full of finished answers; return whether the bar was kept."""
    keywords = Keywords.load_builtin()
    times = []
    for _ in range(5):
        document = large_school()
        policy = CompiledPolicy(document, index, keywords)
        replay = PacketCache(entries=4 * ANSWERS)
        clients = Clients(("10.0.0.0/8",), 0, policy, replay)
        for number in range(50):
            clients.lookup_client(bytes((10, number, 0, 1)))
        noted = LogEntry("", "x.example", 1, "allowed")
        views = [policy.view(f"10.{number}.0.1") for number in range(50)]
        for number in range(ANSWERS):
            name = f"n{number}.host.example"
            replay.store_response(
                views[number % 50], name.encode(), CachedResponse(b"x", noted, (name,), expires_at=NOW + 300)
            )
        gc.collect()
        body = msgspec.json.encode(large_school((Rule(name="n7.host.example", action="block"),)))
        began = time.process_time()
        newer = CompiledPolicy(msgspec.json.decode(body, type=PolicyDocument), index, keywords)
        ready = time.process_time()
        replay.begin_policy_change(newer.names_changed_since(policy))
        clients.replace_policy(newer)
        replay.end_policy_change()
        times.append((ready - began, time.process_time() - ready))
        still = sum(
            replay.refresh_response(newer.view(f"10.{number % 50}.0.1"), f"n{number}.host.example".encode(), NOW)
            is not None
            for number in range(ANSWERS)
        )
        if still != ANSWERS - 1:
            say(f"{ANSWERS - still} answers were dropped instead of 1")
            return False
    making, swapping = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    say(f"making a large policy ready                {making:8.1f} ms   (10,000 rules, 500 unblocks, 50 groups)")
    say(f"swap, {ANSWERS} finished answers, 1 dropped {swapping:6.1f} ms   (bar {SWAP_BAR:.0f} ms)")
    return bool(swapping <= SWAP_BAR)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=5_000_000, help="names in the index (default: 5000000)")
    parser.add_argument("--folder", type=Path, help="keep the index there for the next time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        index, some = index_of(asked.names, folder)
        seconds = time.perf_counter() - began
        say(f"index of {len(index)} names over {CATEGORIES} categories, ready in {seconds:.0f} s")
        kept = decide(index, some) & swap(index)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
