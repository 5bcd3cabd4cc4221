"""An index is built of what can be had; what stands in the index of now is never lost with its list."""

from pathlib import Path

import pytest

from blocklists.available_build import build_available
from blocklists.compiler import local_path, no_progress
from blocklists.errors import ListError, SourceUnusable
from blocklists.index import open_index
from blocklists.sources import Source


def write(folder: Path, name: str, content: bytes = b"") -> Source:
    path = folder / f"{name}.txt"
    path.write_bytes(content or f"{name}.example\n".encode())
    return Source(name=name, category="ads", location=str(path))


def locate(source: Source) -> Path:
    if not source.path.exists():
        raise SourceUnusable(f"source {source.name!r}: has not been fetched yet")
    return local_path(source)


def test_what_was_never_had_is_left_out_with_its_reason(tmp_path: Path) -> None:
    there, gone = write(tmp_path, "there"), Source(name="gone", category="ads", location=str(tmp_path / "gone"))
    built = build_available([there, gone], tmp_path / "index", no_progress, locate=locate)
    assert built.left_out == {"gone": "has not been fetched yet"}
    told = build_available(
        [there, gone], tmp_path / "index", no_progress, locate=locate, failures={"gone": "answered 404"}
    )
    assert told.left_out == {"gone": "answered 404"}
    assert open_index(tmp_path / "index").find_block_entries("there.example")


def test_a_list_that_the_compiler_stumbles_over_is_found_and_left_out(tmp_path: Path) -> None:
    there, page = write(tmp_path, "there"), write(tmp_path, "page", b"<!doctype html><html></html>\n")
    built = build_available([there, page], tmp_path / "index", no_progress, locate=locate)
    assert built.report.names == 1
    assert "web page" in built.left_out["page"]


def test_what_is_in_force_is_not_opened_by_the_loss_of_its_list(tmp_path: Path) -> None:
    there, lost = write(tmp_path, "there"), write(tmp_path, "lost")
    build_available([there, lost], tmp_path / "index", no_progress, locate=locate)
    lost.path.unlink()
    with pytest.raises(ListError, match="lost: has not been fetched yet; the index of now stays"):
        build_available([there, lost], tmp_path / "index", no_progress, locate=locate, in_force={"lost", "there"})
    assert open_index(tmp_path / "index").find_block_entries("lost.example")


def test_no_list_at_all_is_no_index(tmp_path: Path) -> None:
    gone = Source(name="gone", category="ads", location=str(tmp_path / "gone"))
    with pytest.raises(ListError, match="no list can be had: gone: has not been fetched yet"):
        build_available([gone], tmp_path / "index", no_progress, locate=locate)
