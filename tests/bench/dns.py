"""Measures the resolver beside Unbound and dnsmasq: ``python -m tests.bench.dns``.

All three ask the same local upstream and run one at a time, in turn, round after round, because a machine has good
and bad minutes: compare the ratios, never a figure with one of another day. Hallpass filters over a million names,
follows a policy, and hands every answer to its recorder; the others log nothing.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import load, servers
from tests.bench.load import Run
from tests.bench.servers import Server

STOLEN_SECONDS = 0.01  # in a round, of all processors together; a machine of one's own has none
ROUNDS_ASIDE = 3  # for each that is wanted, at most

Results = dict[tuple[str, str], list[Run]]

WORK = ("cached", "refused", "misses", "mixed")
BARS = {
    ("cached", "unbound"): 1.0,
    ("cached", "dnsmasq"): 0.85,
    ("misses", "unbound"): 0.8,
    ("mixed", "unbound"): 1.0,
}


def build_index(folder: Path, names: int) -> Path:
    """Compile a list of some synthetic names; return the index's folder."""
    (folder / "names.txt").write_text("".join(f"{load.listed_name(number)}\n" for number in range(names)))
    sources = folder / "sources.toml"
    sources.write_text(
        '[[source]]\nname = "bench"\ncategory = "gambling"\nlocation = "names.txt"\nformat = "domains"\n'
    )
    index = folder / f"index-{names}"
    command = [sys.executable, "-m", "appliance", "lists", "build", str(sources), "--output", str(index)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return index


def measure(running: Sequence[Server], work: Sequence[str], folder: Path, rounds: int, seconds: float) -> Results:
    """Put every work to every server in turn, round after round."""
    files = {
        "cached": load.write(folder / "cached.txt", load.cached_names()),
        "refused": load.write(folder / "refused.txt", [load.listed_name(n) for n in range(load.REFUSED_NAMES)]),
    }
    for server in running:
        load.warm(server, files["cached"])
        if server.name == "hallpass":
            load.warm(server, files["refused"])
    results: Results = defaultdict(list)
    for number in range(rounds):
        for kind in work:
            for server in running if number % 2 else reversed(running):
                if kind == "refused" and server.name != "hallpass":
                    continue
                run = f"{server.name}{number}{time.time_ns():x}"
                data = files.get(kind) or folder / "names-of-this-run.txt"
                if kind == "misses":
                    load.write(data, load.new_names(int(60_000 * seconds), run))
                elif kind == "mixed":
                    load.write(data, load.mixed_names(run, 100_000))
                results[server.name, kind].append(load.run(server, data, seconds))
                server.settle()
    return results


def show(results: Results, console: Console) -> None:
    """Print the table: medians, and the medians of the ratios within each round."""
    table = Table(title="CPU of all the server's processes, user and system; medians over the rounds")
    for column in ("work", "server", "queries/s", "lost", "CPU µs/query", "recorder µs", "Hallpass ÷ it", "bar"):
        table.add_column(column, justify="left" if column in {"work", "server"} else "right")
    for (name, kind), runs in sorted(results.items(), key=lambda item: (WORK.index(item[0][1]), item[0][0])):
        mine = results.get(("hallpass", kind), [])
        ratio = _ratio(mine, runs) if name != "hallpass" else None
        bar = BARS.get((kind, name))
        if kind == "refused":
            ratio, bar = _ratio(runs, results.get(("hallpass", "cached"), [])), 1.05
        table.add_row(
            kind,
            name,
            f"{statistics.median(run.rate for run in runs):,.0f}",
            str(sum(run.lost for run in runs)),
            f"{statistics.median(run.cpu for run in runs):.2f}",
            f"{statistics.median(run.beside for run in runs):.2f}" if name == "hallpass" else "",
            f"{ratio:.2f}" if ratio else "",
            f"≤ {bar:.2f} {'met' if ratio and ratio <= bar else 'MISSED'}" if bar else "",
        )
    console.print(table)
    console.print("refused: the ratio is to Hallpass's own cached answers.")


def show_latency(running: Sequence[Server], results: Results, rounds: int, console: Console) -> None:
    """Print the latency of cached answers at half the lower saturation rate of Hallpass and Unbound.

    The client has a core for itself, as a room's devices do: it never sleeps, and a server that the scheduler put
    behind it would wait out its slice of some milliseconds.

    The slowest hundredth of three seconds is thirty milliseconds. A virtual machine whose host takes the processor
    away for that long measures its neighbours: such rounds are put aside, for both servers, and others made.
    """
    names = [server for server in running if server.name in {"hallpass", "unbound"}]
    if len(names) < 2 or not all(results.get((server.name, "cached")) for server in names):
        return
    rate = min(statistics.median(run.rate for run in results[server.name, "cached"]) for server in names) / 2
    rate = min(rate, 15_000.0)  # what one client in this language can send on time
    kept: list[dict[str, tuple[float, float]]] = []  # of each round: median and p99 by server
    cores = os.sched_getaffinity(0)
    mine, theirs = ({min(cores)}, cores - {min(cores)}) if len(cores) > 1 else (cores, cores)
    for server in names:
        server.keep_to(theirs)
    os.sched_setaffinity(0, mine)
    wanted = 2 * rounds + 1  # a hundredth is made by few stalls: one round says little
    aside = 0
    while len(kept) < wanted:
        pair, stolen = {}, 0.0
        for server in names if (len(kept) + aside) % 2 else reversed(names):
            before = servers.stolen_seconds()
            taken = load.latencies(server, rate)
            stolen = max(stolen, servers.stolen_seconds() - before)
            server.settle()
            pair[server.name] = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
        if stolen > STOLEN_SECONDS and aside < ROUNDS_ASIDE * wanted:
            aside += 1
        else:
            kept.append(pair)
    os.sched_setaffinity(0, cores)
    if aside:
        console.print(
            f"{aside} rounds were put aside: the host took more than {STOLEN_SECONDS * 1000:.0f} ms of the "
            "processors' time"
        )
    if aside == ROUNDS_ASIDE * wanted:
        console.print("[bold]the host did so again and again: do not believe what follows")
    for server in names:
        server.keep_to(cores)
    for server in names:
        median, late = (statistics.median(pair[server.name][at] for pair in kept) for at in (0, 1))
        console.print(f"latency at {rate:,.0f}/s, {server.name}: median {median:.0f} µs, p99 {late:.0f} µs")
    ratios = [pair["hallpass"][1] / pair["unbound"][1] for pair in kept]
    shown = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    console.print(f"p99 Hallpass ÷ Unbound: {statistics.median(ratios):.2f} (bar ≤ 1.50; of the rounds: {shown})")


def show_growth(folder: Path, upstream: int, sizes: Sequence[int], seconds: float, console: Console) -> None:
    """Print memory, time to the first answer, and the cost of misses, as the lists grow."""
    table = Table(title="As the lists grow")
    for column in ("names listed", "index MB", "build s", "start to first answer s", "worker PSS MB", "miss µs"):
        table.add_column(column, justify="right")
    for size in sizes:
        begun = time.monotonic()
        index = build_index(folder, size)
        built = time.monotonic() - begun
        server = servers.hallpass(folder, upstream, index)
        try:
            data = load.write(folder / "grow.txt", load.new_names(int(40_000 * seconds), f"grow{size}"))
            miss = load.run(server, data, seconds)
            megabytes = sum(file.stat().st_size for file in index.iterdir()) / 1e6
            memory = server.proportional_bytes() / 1e6
            table.add_row(
                f"{size:,}",
                f"{megabytes:.1f}",
                f"{built:.1f}",
                f"{server.start_seconds:.2f}",
                f"{memory:.1f}",
                f"{miss.cpu:.1f}",
            )
        finally:
            server.stop()
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dns", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--names", type=int, default=1_000_000, help="listed")
    parser.add_argument("--work", nargs="*", default=list(WORK), choices=WORK)
    parser.add_argument("--growth", nargs="*", type=int, default=[10_000, 1_000_000], help="sizes of lists to try")
    parser.add_argument("--without-dnsmasq", action="store_true")
    asked = parser.parse_args(arguments)
    if gone := servers.missing():
        sys.stderr.write(f"not found: {', '.join(gone)} (Debian packages unbound, dnsmasq-base, dnsperf)\n")
        return 1
    console = Console(width=130 if not sys.stdout.isatty() else None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hp-bench-", dir="/tmp")))
        port = stack.enter_context(servers.upstream())
        console.print(
            f"{sys.version.split()[0]} ({sys.executable}); {asked.names:,} names listed; "
            f"{load.CACHED_NAMES:,} cached and {load.REFUSED_NAMES:,} refused names; "
            f"{asked.rounds} rounds of {asked.seconds:g} s"
        )
        if asked.work:
            index = build_index(folder, asked.names)
            makers: list[Callable[[], Server]] = [
                lambda: servers.unbound(folder, port),
                lambda: servers.hallpass(folder, port, index),
            ]
            if not asked.without_dnsmasq:
                makers.append(lambda: servers.dnsmasq(folder, port))
            running = []
            for make in makers:
                running.append(make())
                stack.callback(running[-1].stop)
            results = measure(running, asked.work, folder, asked.rounds, asked.seconds)
            show(results, console)
            for server in running:
                if not server.is_whole():
                    console.print(f"[bold]{server.name}: one of its processes ended on the way; do not believe it")
            show_latency(running, results, asked.rounds, console)
        if asked.growth:
            show_growth(folder, port, asked.growth, asked.seconds, console)
    return 0


def _ratio(mine: Sequence[Run], theirs: Sequence[Run]) -> float | None:
    pairs = [one.cpu / other.cpu for one, other in zip(mine, theirs, strict=False) if other.cpu]
    return statistics.median(pairs) if pairs else None


if __name__ == "__main__":
    sys.exit(main())
