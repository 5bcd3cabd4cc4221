"""Small lists, and indexes of them, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blocklists.compiler import BuildReport, build_index
from blocklists.index import Index, open_index
from blocklists.sources import Source


def source(path: Path, text: str | bytes, name: str = "a", category: str = "ads", **fields: Any) -> Source:
    """Write a list beside `path` and return the source of it."""
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"{name}.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Source(name=name, category=category, location=str(file), **fields)


def report_of(path: Path, *sources: Source) -> BuildReport:
    """Compile sources into `path`/index."""
    return build_index(sources, path / "index")


def index_of(path: Path, *sources: Source) -> Index:
    """Compile sources and open what came of it."""
    report_of(path, *sources)
    return open_index(path / "index")


def index_of_text(path: Path, text: str | bytes, **fields: Any) -> Index:
    """Compile one list and open what came of it."""
    return index_of(path, source(path, text, **fields))


def closed(index: Index, *names: str, qtype: int = 1) -> Mapping[str, bool]:
    """Say for each name whether anything closes it."""
    return {name: any(not entry.is_opened for entry in index.find_block_entries(name, qtype)) for name in names}
