"""Looking into an index: what touches a name, and what changed between two."""

from pathlib import Path

from blocklists.search import diff_indexes, search_index
from tests.blocklists.factories import index_of, source


def test_a_search_names_every_list_entry_and_category(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "||bad.example^\n@@||good.bad.example^\n", name="rules", category="ads"),
        source(tmp_path, "bad.example\n", name="names", category="games"),
        source(tmp_path, "/^b.d\\./\n", name="patterns", category="chat"),
    )
    found = search_index(index, "bad.example")
    assert [(one.category, one.sources, one.entry, one.does, one.decides) for one in found.touches] == [
        ("ads", ("rules",), "||bad.example^", "closes", True),
        ("games", ("names",), "bad.example", "closes", True),
        ("chat", ("patterns",), "/^b.d\\./", "closes", True),
    ]
    assert (found.below, found.below_count) == (("good.bad.example",), 1)


def test_a_search_shows_what_an_exception_undid(tmp_path: Path) -> None:
    index = index_of(tmp_path, source(tmp_path, "||bad.example^\n@@||good.bad.example^\n", name="rules"))
    found = search_index(index, "www.good.bad.example")
    assert found.closings == ()
    assert [(one.entry, one.does, one.decides) for one in found.touches] == [
        ("@@||good.bad.example^", "opens", False),
        ("||bad.example^", "closes", False),
    ]


def test_a_search_for_an_unlisted_name_finds_nothing(tmp_path: Path) -> None:
    found = search_index(index_of(tmp_path, source(tmp_path, "bad.example\n")), "good.example")
    assert (found.closings, found.touches, found.below_count) == ((), (), 0)


def test_many_listed_names_below_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    text = "".join(f"n{at}.site.example\n" for at in range(100))
    found = search_index(index_of(tmp_path, source(tmp_path, text)), "site.example")
    assert (len(found.below), found.below_count) == (20, 100)


def test_a_difference_is_told_by_category(tmp_path: Path) -> None:
    old = index_of(
        tmp_path / "old",
        source(tmp_path / "old", "a.example\nb.example\n", name="one", category="ads"),
        source(tmp_path / "old", "/^x[0-9]/\n", name="two", category="games"),
    )
    new = index_of(
        tmp_path / "new",
        source(tmp_path / "new", "b.example\nc.example\nd.example\n", name="one", category="ads"),
        source(tmp_path / "new", "/^y[0-9]/\n", name="two", category="games"),
    )
    assert [(one.category, one.added, one.removed) for one in diff_indexes(old, new)] == [
        ("ads", ("c.example", "d.example"), ("a.example",)),
        ("games", ("/^y[0-9]/",), ("/^x[0-9]/",)),
    ]
    assert diff_indexes(old, old) == ()
