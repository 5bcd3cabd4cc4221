"""How large, how fast: the index over millions of names (`python -m tests.bench.lists`).

Prints the table of the bars, each with what was measured, and ends with status 1 where one is not met. The
names are made up (fixed seed), shaped like those of public lists: words, hyphens and digits under common
top-level domains, a third of them hosts below a site; a twentieth stands in two categories. Everything happens
in a temporary folder.

Times are CPU time, so that a busy machine says nearly the same; a build uses one core, and its time by the clock
stands beside it.
"""

import argparse
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from blocklists import delta
from blocklists.compiler import build_index, local_path, no_progress
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.daily_change import make_daily_change
from blocklists.index import Index, iter_differences, open_index
from blocklists.kept_build import LastBuild
from blocklists.sources import Source

CATEGORIES = 20
CHANGES = 21_000  # at least 20,000 of them differ in the end
SEED = 20_261_124
_SUFFIXES = ["com"] * 10 + [
    "net",
    "net",
    "org",
    "org",
    "info",
    "ru",
    "de",
    "fr",
    "co.uk",
    "xyz",
    "top",
    "io",
    "com.br",
]
_HOSTS = ["www", "m", "cdn", "ads", "img", "static", "track", "api", "blog", "shop"]


class Bar(msgspec.Struct, frozen=True):
    """A bar, and what was measured against it."""

    what: str
    limit: float
    measured: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether it is met."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        met = "ok" if self.is_met else "NOT MET"
        return f"{self.what:<58} {self.measured:>9.2f} {self.unit:<4} (bar {self.limit:g})  {met}"


class Taken(msgspec.Struct, frozen=True):
    """What a piece of work took, as its process saw it."""

    result: int  # names in an index, or changes in an overlay
    seconds: float
    cpu: float
    megabytes: float


def names(count: int, seed: int) -> Iterator[str]:
    """Yield made-up names, nearly all different."""
    chance = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(3, 8))) for _ in range(40_000)]
    pick, number = chance.choice, chance.random
    for _ in range(count):
        roll = number()
        site = pick(words) + ("-" if roll < 0.3 else "") + pick(words)
        if roll > 0.7:
            site += str(int(roll * 1000) % 100)
        name = f"{site}.{pick(_SUFFIXES)}"
        yield f"{pick(_HOSTS)}.{name}" if number() < 0.3 else name


def write_sources(folder: Path, count: int) -> list[Source]:
    """Write lists of `count` names in all, one for each category, and return their sources."""
    folder.mkdir()
    paths = [folder / f"category{at:02}.txt" for at in range(CATEGORIES)]
    files = [path.open("w") for path in paths]
    for at, name in enumerate(names(count, SEED)):
        files[at % CATEGORIES].write(f"{name}\n")
        if not at % CATEGORIES:
            files[(at // CATEGORIES) % CATEGORIES].write(f"{name}\n")
    for file in files:
        file.close()
    return [
        Source(name=path.stem, category=path.stem, location=str(path), format="domains", match="subdomains")
        for path in paths
    ]


def change(folder: Path, sources: Sequence[Source], count: int) -> list[Source]:
    """Write the lists of the day after: half of `count` names gone, as many new ones."""
    folder.mkdir()
    fresh = names(count // 2, SEED + 1)
    each = count // 2 // len(sources)
    changed = []
    for source in sources:
        lines = source.path.read_text().splitlines()
        step = max(1, len(lines) // each)
        kept = [line for at, line in enumerate(lines) if at % step or at // step >= each]
        path = folder / source.path.name
        path.write_text("\n".join([*kept, *(f"new-{next(fresh)}" for _ in range(each))]) + "\n")
        changed.append(msgspec.structs.replace(source, location=str(path)))
    return changed


def build_elsewhere(sources: Sequence[Source], output: Path, *keep: Path) -> Taken:
    """Build in a process of its own, so that its memory can be told apart."""
    return _run_elsewhere("--build", output, *keep, given=msgspec.json.encode(sources))


def change_elsewhere(sources: Sequence[Source], index: Path, kept: Path, output: Path) -> Taken:
    """Make the overlay of a day's change in a process of its own, as central does."""
    return _run_elsewhere("--change", index, kept, output, given=msgspec.json.encode(sources))


def make_overlay_elsewhere(base: Path, target: Path, overlay: Path) -> Taken:
    """Make an overlay in a process of its own, as central does."""
    return _run_elsewhere("--overlay", base, target, overlay)


def _run_elsewhere(what: str, *paths: Path, given: bytes = b"") -> Taken:
    command = [sys.executable, "-m", "tests.bench.lists", what, *map(str, paths)]
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Taken)


def build_here(output: Path, keep: Path | None = None) -> int:
    """Build the sources on standard input; return the number of names."""
    return build_index(_given_sources(), output, keep=keep).names


def change_here(index: Path, kept: Path, output: Path) -> int:
    """Make the overlay that leads to the sources on standard input; return the number of changes."""
    last = LastBuild(kept=kept, index=index)
    made = make_daily_change(_given_sources(), last, output, output / "kept", no_progress, locate=local_path)
    return made.changes


def _given_sources() -> list[Source]:
    return msgspec.json.decode(sys.stdin.buffer.read(), type=list[Source])


def say_what_it_takes(work: Callable[[], int]) -> None:
    """Do something and say what it took."""
    begun = time.perf_counter()
    result = work()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # Not what `getrusage` says: that counts what the process was before it began this program.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    taken = Taken(
        result, time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, int(peak.split()[1]) / 1024
    )
    sys.stdout.buffer.write(msgspec.json.encode(taken))


def microseconds(index: Index, asked: Sequence[str]) -> float:
    """Return what one look-up takes, the best of several rounds."""
    find = index.find_block_entries
    for name in asked:
        find(name)

    def all_of_them() -> None:
        for name in asked:
            find(name)

    return best(all_of_them, 7) / len(asked) * 1e6


def best(work: Callable[[], object], rounds: int) -> float:
    """Return the seconds of CPU of the quickest of several rounds: what the work costs when nobody disturbs it."""
    quickest = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        work()
        quickest = min(quickest, time.process_time() - begun)
    return quickest


def four_labels(count: int) -> list[str]:
    """Return names of four labels that no list has."""
    return [f"a.b.unlisted-{at}.org" for at in range(count)]


def listed(sources: Sequence[Source], count: int) -> list[str]:
    """Return names of four labels under a listed one."""
    found = []
    for source in sources:
        with source.path.open() as file:
            for line in file:
                name = line.strip()
                missing = 4 - len(name.split("."))
                if missing >= 0:
                    found.append("".join(f"{'wx'[at]}." for at in range(missing)) + name)
                if len(found) * len(sources) >= count * (sources.index(source) + 1):
                    break
    return found


def measure(folder: Path, count: int, *, whole_table: bool) -> list[Bar]:
    """Build lists of `count` names and measure; the look-ups and overlays only for the whole table."""
    sources = write_sources(folder / "lists", count)
    text = sum(source.path.stat().st_size for source in sources)
    keep = (folder / "kept",) if whole_table else ()  # as central does, and a build by hand does not
    built = build_elsewhere(sources, folder / "index", *keep)
    size = (folder / "index" / INDEX_NAME).stat().st_size
    sys.stdout.write(
        f"input: {count:,} lines in {CATEGORIES} categories, {text / 1e6:.1f} MB of text; {built.result:,} names;"
        f" index {size / 1e6:.1f} MB; build took {built.seconds:.1f} s by the clock\n"
    )
    scale = count / 5_000_000
    if not whole_table:
        return [
            Bar(f"building {count:,} names", 8.0 * count / 1_000_000, built.cpu, "s"),
            Bar(f"building {count:,} names, memory", 200.0, built.megabytes, "MB"),
        ]
    index = open_index(folder / "index")
    after = change(folder / "after", sources, CHANGES)
    rebuilt = build_elsewhere(after, folder / "index-after")
    compared = make_overlay_elsewhere(folder / "index", folder / "index-after", folder / "compared")
    made = change_elsewhere(after, folder / "index", folder / "kept", folder / "change")
    (folder / "change" / OVERLAY_NAME).rename(folder / "overlay")
    applying = best(lambda: delta.apply_overlay(folder / "index", folder / "overlay", folder / "layered"), 3)
    layered = open_index(folder / "layered")
    differences = sum(1 for _ in iter_differences(layered, open_index(folder / "index-after")))
    kept_bytes = sum(path.stat().st_size for path in (folder / "kept").iterdir())
    overlay_bytes = (folder / "overlay").stat().st_size
    sys.stdout.write(
        f"a day's change: {made.result:,} names, {made.seconds:.1f} s by the clock; without what is kept"
        f" ({kept_bytes / 1e6:.0f} MB) it takes {rebuilt.seconds:.1f} s by the clock and {rebuilt.cpu:.1f} s of"
        f" CPU to compile, and {compared.seconds:.1f} s and {compared.cpu:.1f} s for the overlay\n"
    )
    return [
        Bar(f"index of {count:,} names, on disk", 31.1 * scale, size / 1e6, "MB"),
        Bar("opening it", 20.0, best(lambda: open_index(folder / "index"), 5) * 1e3, "ms"),
        Bar("a look-up, four labels, not listed", 1.2, microseconds(index, four_labels(2000)), "us"),
        Bar("a look-up, four labels, listed", 7.0, microseconds(index, listed(sources, 2000)), "us"),
        Bar("  the same through an overlay, not listed", 6.0, microseconds(layered, four_labels(2000)), "us"),
        Bar(f"building {count:,} names", 60.0 * scale, built.cpu, "s"),
        Bar(f"building {count:,} names, memory", 400.0 * scale, built.megabytes, "MB"),
        Bar(f"a change of {made.result:,} names, text to overlay", 5.0 * scale, made.cpu, "s"),
        Bar("  its memory", 250.0, made.megabytes, "MB"),
        Bar("  names at which it differs from the whole compilation", 0.0, float(differences), ""),
        Bar("  to download", 400.0, overlay_bytes / 1e3, "kB"),
        Bar("  applying it", 2.0, applying, "s"),
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=5_000_000, help="names in the large index")
    parser.add_argument("--small", type=int, default=1_000_000, help="names in the second build; 0: leave it out")
    parser.add_argument("--build", type=Path, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--change", type=Path, nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--overlay", type=Path, nargs=3, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.build is not None:
        say_what_it_takes(lambda: build_here(*wanted.build))
        return 0
    if wanted.change is not None:
        say_what_it_takes(lambda: change_here(*wanted.change))
        return 0
    if wanted.overlay is not None:
        say_what_it_takes(lambda: delta.make_overlay(*wanted.overlay).changes)
        return 0
    cores = len(os.sched_getaffinity(0))
    sys.stdout.write(
        f"lists: {platform.python_implementation()} {platform.python_version()}, {cores} cores,"
        f" load {os.getloadavg()[0]:.1f}\n"
    )
    bars: list[Bar] = []
    for count, whole in ((wanted.small, False), (wanted.names, True)):
        if count:
            with tempfile.TemporaryDirectory(prefix="hallpass-bench-") as folder:
                bars += measure(Path(folder), count, whole_table=whole)
    for bar in bars:
        sys.stdout.write(f"{bar}\n")
    return 0 if all(bar.is_met for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
