"""What the last update brought is told by the index from before it."""

from pathlib import Path

import pytest

from blocklists.compiler import build_index
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError
from blocklists.index import open_index
from blocklists.previous_index import PREVIOUS, keep_previous_index, open_previous_index
from blocklists.search import search_index
from blocklists.sources import Source
from tests.blocklists.factories import source


def build(folder: Path, *sources: Source) -> str:
    with keep_previous_index(folder / "index"):
        return build_index(sources, folder / "index").version


def test_a_search_says_which_lists_named_it_new(tmp_path: Path) -> None:
    one = source(tmp_path, "old.example\nother.example\n", name="one")
    two = source(tmp_path, "other.example\n", name="two")
    build(tmp_path, one, two)
    assert open_previous_index(tmp_path / "index") is None
    build(tmp_path, one, source(tmp_path, "old.example\nnew.example\n", name="two"))
    kept = open_previous_index(tmp_path / "index")
    assert kept is not None
    index = open_index(tmp_path / "index")
    for name, sources, new in (
        ("old.example", ("one", "two"), ("two",)),
        ("other.example", ("one",), ()),
        ("new.example", ("two",), ("two",)),
    ):
        (touch,) = search_index(index, name, previous=kept[0]).touches
        assert (touch.sources, touch.new_sources) == (sources, new)


def test_a_build_that_changes_nothing_or_fails_keeps_what_was_kept(tmp_path: Path) -> None:
    first = build(tmp_path, source(tmp_path, "a.example\n"))
    second = build(tmp_path, source(tmp_path, "b.example\n"))
    assert build(tmp_path, source(tmp_path, "b.example\n")) == second
    with pytest.raises(ListError):
        build(tmp_path, source(tmp_path, "what is this\n"))
    kept = open_previous_index(tmp_path / "index")
    assert kept is not None
    assert kept[0].version == first
    assert [path.name for path in (tmp_path / "index" / PREVIOUS).iterdir()] == [INDEX_NAME]


def test_a_damaged_previous_index_is_none(tmp_path: Path) -> None:
    build(tmp_path, source(tmp_path, "a.example\n"))
    build(tmp_path, source(tmp_path, "b.example\n"))
    (tmp_path / "index" / PREVIOUS / INDEX_NAME).write_bytes(b"HALLPASS")
    assert open_previous_index(tmp_path / "index") is None
