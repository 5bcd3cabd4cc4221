"""How much of what is well known the starter list closes (`python -m tests.bench.starter_list`).

Prints for each kind how many names of `tests/blocklists/well_known_names.toml` a room closes that has nothing but
the starter list, and which it leaves open. `--lists FOLDER...` reads public lists (files, squidGuard folders) and
prints the names of the starter list that none of them knows: for a person to look at, because nobody else vouches
for them.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from blocklists import builtin_list
from blocklists.compiler import build_index
from blocklists.errors import ListError
from blocklists.index import Index, open_index
from blocklists.sources import Source
from dns.message.names import name_to_key

WELL_KNOWN = Path(__file__).parents[1] / "blocklists" / "well_known_names.toml"


class Coverage(msgspec.Struct, frozen=True):
    """What the starter list does to the well-known names of one kind."""

    kind: str
    names: int
    left_open: tuple[str, ...]

    @property
    def closed(self) -> float:
        """The share that is closed, 0 to 1."""
        return 1 - len(self.left_open) / self.names


def load_well_known() -> Mapping[str, tuple[str, ...]]:
    """Return the well-known names by kind; a kind is a category."""
    table = tomllib.loads(WELL_KNOWN.read_text("utf-8"))
    return {kind: tuple(words.split()) for kind, words in table.items()}


def measure_coverage(index: Index) -> tuple[Coverage, ...]:
    """Return for each kind what an index closes of it, in whatever category."""
    return tuple(
        Coverage(kind, len(names), tuple(name for name in names if not index.find_block_entries(name)))
        for kind, names in load_well_known().items()
    )


def find_unknown(lists: Index) -> Mapping[str, tuple[str, ...]]:
    """Return the starter list's names by category that no list of an index knows, nor a name above or below."""
    return {
        category: tuple(
            name
            for name in names
            if not lists.find_listed(name_to_key(name)) and next(lists.iter_entries(name), None) is None
        )
        for category, names in builtin_list.builtin_names().items()
    }


def index_of_files(paths: Iterable[Path], output: Path) -> Index:
    """Compile whatever lists lie in some folders, each a source of its own. Raises ListError."""
    files = sorted(
        one for path in paths for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file()
    )
    lists = [one for one in files if one.name == "domains" or one.suffix in (".txt", ".hosts", ".list")]
    sources = [
        Source(name=f"list-{number}", category="known", location=str(one), match="subdomains")
        for number, one in enumerate(lists)
    ]
    build_index(sources, output)
    return open_index(output)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.starter_list", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--lists", nargs="+", type=Path, default=[], help="public lists to look the names up in")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for one in measure_coverage(builtin_list.build_builtin_index(Path(folder) / "starter")):
            _print_line(f"{one.kind:16} {one.names:4} names, {one.closed:4.0%} closed", *one.left_open[:20])
        if not options.lists:
            return 0
        try:
            known = index_of_files(options.lists, Path(folder) / "known")
        except ListError as problem:
            sys.stderr.write(f"{problem}\n")
            return 1
        for category, names in find_unknown(known).items():
            _print_line(f"{category}: {len(names)} in none of these lists:", *names)
    return 0


def _print_line(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")


if __name__ == "__main__":
    sys.exit(main())
