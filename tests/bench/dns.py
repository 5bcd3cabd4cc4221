"""Measures the resolver beside Unbound and its other peers: ``python -m tests.bench.dns``.

All ask the same local upstream and run one at a time, in turn, round after round, because a machine has good and
bad minutes: compare the ratios, never a figure with one of another day. Hallpass filters over a million names,
follows a policy, and hands every answer to its recorder; the others log nothing and filter nothing
(tests/bench/peers.py).

Measured is the compiled build, made first where there is none; `--interpreted` measures the sources as they are.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import latency, load, peers, servers
from tests.bench.load import Run
from tests.bench.servers import Server
from tests.fakes import compiled_build

STOLEN_SHARE = 0.01  # of a processor, in one run; a machine of one's own has none
TRIES = 4  # of a run of which the host took more

Results = dict[tuple[str, str], list[Run]]

WORK = ("cached", "refused", "misses", "mixed")
OWN_CACHED = 1.05  # refused answers against its own cached ones
WHOLE_ROOM = {"misses": 1.0}  # with the recorder, against Unbound, which has no log
LATENCY = {"compiled": 1.15, "interpreted": 1.5}
BARS = {
    "compiled": {
        ("cached", "unbound"): 0.85,
        ("cached", "dnsmasq"): 0.85,
        ("misses", "unbound"): 0.75,
        ("mixed", "unbound"): 0.85,
    },
    "interpreted": {
        ("cached", "unbound"): 1.0,
        ("cached", "dnsmasq"): 0.85,
        ("misses", "unbound"): 0.8,
        ("mixed", "unbound"): 1.0,
    },
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
                results[server.name, kind].append(_run(server, kind, files.get(kind), folder, seconds))
    return results


def _run(server: Server, kind: str, names: Path | None, folder: Path, seconds: float) -> Run:
    """Put one work to one server; again, where the host took the processors away, and then the best of these."""
    runs: list[Run] = []
    while not runs or (runs[-1].stolen > STOLEN_SHARE and len(runs) < TRIES):
        data = names or folder / "names-of-this-run.txt"
        fresh = f"{server.name}{time.time_ns():x}"
        if kind == "misses":
            load.write(data, load.new_names(int(60_000 * seconds), fresh))
        elif kind == "mixed":
            load.write(data, load.mixed_names(fresh, 100_000))
        runs.append(load.run(server, data, seconds))
    return min(runs, key=lambda run: run.stolen)


def show(results: Results, build: str, console: Console) -> None:
    """Print the table: medians, and the medians of the ratios within each round."""
    table = Table(title="CPU of all the server's processes, user and system; medians over the rounds")
    for column in ("work", "server", "queries/s", "lost", "CPU µs/query", "recorder µs", "Hallpass ÷ it", "bar"):
        table.add_column(column, justify="left" if column in {"work", "server"} else "right")
    for (name, kind), runs in sorted(results.items(), key=lambda item: (WORK.index(item[0][1]), item[0][0])):
        mine = results.get(("hallpass", kind), [])
        ratio = _ratio(mine, runs) if name != "hallpass" else None
        bar = BARS[build].get((kind, name))
        if kind == "refused":
            ratio, bar = _ratio(runs, results.get(("hallpass", "cached"), [])), OWN_CACHED
        table.add_row(
            kind,
            name,
            f"{statistics.median(run.rate for run in runs):,.0f}",
            str(sum(run.lost for run in runs)),
            f"{statistics.median(run.cpu for run in runs):.2f}",
            f"{statistics.median(run.beside for run in runs):.2f}" if name == "hallpass" else "",
            f"{ratio:.2f}" if ratio else "",
            _judged(ratio, bar) if bar else "",
        )
    console.print(table)
    console.print("refused: the ratio is to Hallpass's own cached answers.")
    for kind in WORK:
        mine, theirs = results.get(("hallpass", kind), []), results.get(("unbound", kind), [])
        if ratio := _ratio(mine, theirs, whole=True):
            bar = WHOLE_ROOM.get(kind)
            judged = f" ({_judged(ratio, bar)})" if bar else ""
            console.print(f"{kind}, the room with its recorder ÷ Unbound: {ratio:.2f}{judged}")
    _show_company(results, console)


def _show_company(results: Results, console: Console) -> None:
    """Say how much the machine did for others meanwhile: then no ratio says much."""
    runs = [run for one in results.values() for run in one]
    stolen, others = [run.stolen for run in runs], [run.others for run in runs]
    for share, who in ((stolen, "the host took"), (others, "other processes used")):
        middle = statistics.median(share)
        console.print(f"of a processor, {who}: {middle:.1%} in the middle run, {max(share):.1%} in the worst")


def show_latency(running: Sequence[Server], results: Results, rounds: int, bar: float, console: Console) -> None:
    """Print the latency of cached answers at half the lower saturation rate of Hallpass and Unbound."""
    beside = [server for server in running if server.name in {"hallpass", "unbound"}]
    if len(beside) < 2 or not all(results.get((server.name, "cached")) for server in beside):
        return
    rates = (statistics.median(run.rate for run in results[server.name, "cached"]) for server in beside)
    for line in latency.describe(latency.measure(beside, min(rates) / 2, rounds), bar):
        console.print(line)


def show_growth(
    folder: Path,
    upstream: int,
    environment: Mapping[str, str],
    *,
    sizes: Sequence[int],
    seconds: float,
    console: Console,
) -> None:
    """Print memory, time to the first answer, and the cost of misses, as the lists grow."""
    table = Table(title="As the lists grow")
    for column in ("names listed", "index MB", "build s", "start to first answer s", "worker PSS MB", "miss µs"):
        table.add_column(column, justify="right")
    for size in sizes:
        begun = time.monotonic()
        index = build_index(folder, size)
        built = time.monotonic() - begun
        server = servers.hallpass(folder, upstream, index, environment)
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


def start_peers(
    asked: Sequence[str], folder: Path, upstream: int, stack: ExitStack, console: Console
) -> list[Server]:
    """Start the peers that are asked for and there; say which are not."""
    running = []
    for peer in peers.PEERS:
        if peer.name not in asked:
            continue
        try:
            running.append(peer.start(folder, upstream))
        except OSError as problem:  # a TimeoutError is one
            why = f"it is not installed (Debian package {peer.package})" if peer.is_missing() else problem
            console.print(f"{peer.name} is left out: {why}")
        else:
            stack.callback(running[-1].stop)
    return running


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    asked = _parser().parse_args(arguments)
    console = Console(width=130 if not sys.stdout.isatty() else None)
    if gone := load.missing():
        sys.stderr.write(f"not found: {', '.join(gone)} (Debian package dnsperf)\n")
        return 1
    build = "interpreted" if asked.interpreted else "compiled"
    environment = dict(os.environ)
    if build == "compiled":
        try:
            environment = compiled_build.environment(compiled_build.compiled_folder())
        except subprocess.CalledProcessError:
            sys.stderr.write("it could not be compiled (see above); --interpreted measures the sources\n")
            return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hp-bench-", dir="/tmp")))
        port = stack.enter_context(servers.upstream())
        console.print(
            f"{sys.version.split()[0]} ({sys.executable}), {build}; {asked.names:,} names listed; "
            f"{load.CACHED_NAMES:,} cached and {load.REFUSED_NAMES:,} refused names; "
            f"{asked.rounds} rounds of {asked.seconds:g} s"
        )
        if asked.work:
            ours = servers.hallpass(folder, port, build_index(folder, asked.names), environment)
            stack.callback(ours.stop)
            if ours.is_compiled() != (build == "compiled"):
                console.print(f"[bold]what runs is not {build}; do not believe it")
            others = start_peers(asked.peers, folder, port, stack, console)
            running = [*others[:1], ours, *others[1:]]  # beside Unbound, the first
            results = measure(running, asked.work, folder, asked.rounds, asked.seconds)
            show(results, build, console)
            for server in running:
                if not server.is_whole():
                    console.print(f"[bold]{server.name}: one of its processes ended on the way; do not believe it")
            show_latency(running, results, asked.rounds, LATENCY[build], console)
        if asked.growth:
            show_growth(folder, port, environment, sizes=asked.growth, seconds=asked.seconds, console=console)
    return 0


def _parser() -> argparse.ArgumentParser:
    names = [peer.name for peer in peers.PEERS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dns", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--names", type=int, default=1_000_000, help="listed")
    parser.add_argument("--work", nargs="*", default=list(WORK), choices=WORK)
    parser.add_argument("--peers", nargs="*", default=names, choices=names)
    parser.add_argument("--growth", nargs="*", type=int, default=[10_000, 1_000_000], help="sizes of lists to try")
    parser.add_argument("--interpreted", action="store_true", help="measure the sources, not the compiled build")
    return parser


def _judged(ratio: float | None, bar: float) -> str:
    return f"≤ {bar:.2f} {'met' if ratio and ratio <= bar else 'MISSED'}"


def _ratio(mine: Sequence[Run], theirs: Sequence[Run], *, whole: bool = False) -> float | None:
    """Return the median of the ratios of each round; with `whole`, with the recorder of the one."""
    rounds = zip(mine, theirs, strict=False)
    pairs = [(one.whole if whole else one.cpu) / other.cpu for one, other in rounds if other.cpu]
    return statistics.median(pairs) if pairs else None


if __name__ == "__main__":
    sys.exit(main())
