"""Exported names: what is closed, sorted, without what a listed parent closes anyway."""

from pathlib import Path

import pytest

from blocklists.errors import ListError
from blocklists.export import blocked_names
from tests.blocklists.factories import index_of, index_of_text, source


def test_names_are_sorted_and_those_under_a_listed_parent_are_left_out(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "||z.example^\n||a.example^\n", name="one"),
        source(tmp_path, "||www.a.example^\n||b.example^\n", name="two"),
    )
    assert list(blocked_names(index)) == ["a.example", "b.example", "z.example"]


def test_names_under_an_exact_name_stay(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "a.example\nwww.a.example\n")
    assert list(blocked_names(index)) == ["a.example", "www.a.example"]


def test_a_category_has_its_own_parents(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "||a.example^\n", name="one", category="ads"),
        source(tmp_path, "||www.a.example^\n", name="two", category="games"),
    )
    assert list(blocked_names(index, ["games"])) == ["www.a.example"]
    assert list(blocked_names(index, ["ads", "games"])) == ["a.example"]
    with pytest.raises(ListError, match="did you mean games"):
        blocked_names(index, ["game"])
    with pytest.raises(ListError, match="it has: ads, games"):
        blocked_names(index, ["chat"])


def test_names_that_are_open_after_all_are_not_exported(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "||a.example^\n@@||a.example^\n||b.example^\n@@||c.b.example^\n")
    assert list(blocked_names(index)) == ["b.example"]


def test_a_name_closed_for_some_types_only_is_exported(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "||a.example^$dnstype=AAAA\n||b.example^$dnstype=~A\n||c.d^$denyallow=c.d\n")
    assert list(blocked_names(index)) == ["a.example", "b.example"]


def test_an_entry_for_what_is_under_a_name_is_written_with_a_star(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "$TTL 60\n*.a.example CNAME .\nb.example CNAME .\n")
    assert list(blocked_names(index)) == ["*.a.example", "b.example"]
