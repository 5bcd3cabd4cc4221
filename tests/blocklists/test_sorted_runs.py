"""More lines than memory should hold come out sorted, as often as they came, whatever stood on disk in between."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.compiler import build_index
from blocklists.container import INDEX_NAME
from blocklists.sorted_runs import SortedRuns
from blocklists.table import BuildTable, Compacted
from tests.blocklists.factories import source

LINES = st.lists(st.text("abz.- 019", max_size=6), max_size=200)


@given(lines=LINES, most=st.integers(1, 50))
@settings(deadline=None)
def test_lines_come_out_sorted_each_as_often_as_it_came(lines: list[str], most: int) -> None:
    runs = SortedRuns(most=most)
    for line in lines:
        runs.add(line)
    assert list(runs) == sorted(lines)
    assert list(runs) == sorted(lines)  # again, for whoever counts first
    runs.close()


def test_long_runs_are_read_a_block_at_a_time_and_leave_nothing_behind(tmp_path: Path) -> None:
    lines = [f"com.name-{at * 7919 % 100_003:06}. {at % 3}" for at in range(100_003)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    runs = SortedRuns(tmp_path, most=20_000)
    for line in lines + lines[:30_000]:
        runs.add(line)
    assert list(runs) == sorted(lines + lines[:30_000])
    assert list(tmp_path.iterdir()) == []  # files without a name: gone with the process, whatever ends it
    runs.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("most", [1, 7, 400])
def test_an_index_has_the_same_bytes_however_little_was_held_in_memory(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "||a.example^\n||b.a.example^\n||n1.example^$badfilter\n@@||n2.example^\n||n3.example^$important\n"
    rules += "address=/q.example/#\nserver=/r.q.example/#\naddress=/s.r.q.example/#\n"
    sources = [
        source(tmp_path, rules, name="rules"),
        source(tmp_path, "".join(f"n{at * 37 % 500}.example\n" for at in range(600)), name="names"),
        source(
            tmp_path, "".join(f"w{at}.n{at % 90}.example\n" for at in range(200)), name="more", category="games"
        ),
    ]
    build_index(sources, tmp_path / "whole")

    class Small(BuildTable):
        def __init__(self, categories: list[str], never_block: list[str], *, folder: Path) -> None:
            super().__init__(categories, never_block, folder=folder, most_held=most)

    monkeypatch.setattr("blocklists.compiler.BuildTable", Small)
    build_index(sources, tmp_path / "parts")
    assert (tmp_path / "parts" / INDEX_NAME).read_bytes() == (tmp_path / "whole" / INDEX_NAME).read_bytes()


def test_compacting_gives_keys_one_by_one(tmp_path: Path) -> None:
    table = BuildTable(["x"], folder=tmp_path, most_held=2)
    found = Compacted()
    assert list(table.compact(lambda done: None, found)) == []
    assert (list(found.numbers), found.sets) == ([], ())
