"""A base with an overlay over it is, to every question, the index that the overlay leads to."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import delta
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.errors import IndexDamaged, ListError
from blocklists.export import blocked_names
from blocklists.index import LayeredIndex, open_index, verify_index
from dns.message.names import key_to_name
from tests.blocklists.factories import report_of, source

RULES = st.lists(
    st.builds(
        "{}{}.example{}".format,
        st.sampled_from(["||", "@@||", "|", "@@|"]),
        st.sampled_from(["a", "b", "c", "a.b", "b.a", "c.a.b", "x.b"]),
        st.sampled_from(["^", "^$important", "^$dnstype=A", "^$denyallow=x.b.example"]),
    )
    | st.sampled_from(["/^q[0-9]/", "/zed/"]),
    min_size=1,
    max_size=10,
)


def built(path: Path, name: str, *lists: Iterable[str]) -> Path:
    folder = path / name
    categories = ("ads", "games")
    report_of(
        folder,
        *(
            source(folder, "\n".join(["! rules", *rules]), name=f"list{at}", category=categories[at])
            for at, rules in enumerate(lists)
        ),
    )
    return folder / "index"


def layered(path: Path, old: Path, new: Path) -> Path:
    delta.make_overlay(old, new, path / "overlay")
    delta.apply_overlay(old, path / "overlay", path / "layered")
    return path / "layered"


@given(old=st.tuples(RULES, RULES), new=st.tuples(RULES, RULES))
@settings(max_examples=60, deadline=None)
def test_a_layered_index_answers_like_the_index_it_leads_to(
    old: tuple[list[str], list[str]], new: tuple[list[str], list[str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        target = built(path, "new", *new)
        both = layered(path, built(path, "old", *old), target)
        over, whole = open_index(both), open_index(target)
        assert over.version == whole.version == verify_index(both)
        assert list(over.iter_entries()) == list(whole.iter_entries())
        assert list(blocked_names(over)) == list(blocked_names(whole))
        for reversed_key, _ in open_index(path / "old" / "index").iter_entries():
            for name in (key_to_name(reversed_key), f"w.{key_to_name(reversed_key)}", "q1.zed"):
                assert over.find_block_entries(name) == whole.find_block_entries(name)
                assert over.find_block_entries(name, 28) == whole.find_block_entries(name, 28)


def test_an_overlay_says_how_large_it_is_against_its_base(tmp_path: Path) -> None:
    names = [f"||name{at}.example^" for at in range(100)]
    old = built(tmp_path, "old", names)
    few = delta.make_overlay(old, built(tmp_path, "few", names[5:]), tmp_path / "few.hpx")
    many = delta.make_overlay(old, built(tmp_path, "many", names[20:]), tmp_path / "many.hpx")
    assert (few.changes, few.is_worthwhile) == (5, True)
    assert (many.changes, many.is_worthwhile) == (20, False)
    assert few.size == (tmp_path / "few.hpx").stat().st_size


def test_an_overlay_is_refused_on_another_base(tmp_path: Path) -> None:
    old = built(tmp_path, "old", ["||a.example^"])
    new = built(tmp_path, "new", ["||b.example^"])
    other = built(tmp_path, "other", ["||c.example^"])
    delta.make_overlay(old, new, tmp_path / "overlay")
    with pytest.raises(IndexDamaged, match="needs the base"):
        delta.apply_overlay(other, tmp_path / "overlay", tmp_path / "out")
    assert not (tmp_path / "out" / INDEX_NAME).exists()


def test_a_damaged_overlay_is_refused(tmp_path: Path) -> None:
    old = built(tmp_path, "old", ["||a.example^"])
    delta.make_overlay(old, built(tmp_path, "new", ["||b.example^"]), tmp_path / "overlay")
    content = bytearray((tmp_path / "overlay").read_bytes())
    content[20] ^= 1
    (tmp_path / "overlay").write_bytes(content)
    with pytest.raises(IndexDamaged):
        delta.apply_overlay(old, tmp_path / "overlay", tmp_path / "out")


def test_neither_an_index_as_overlay_nor_an_overlay_as_index_is_taken(tmp_path: Path) -> None:
    old = built(tmp_path, "old", ["||a.example^"])
    new = built(tmp_path, "new", ["||b.example^"])
    with pytest.raises(IndexDamaged, match="is no overlay"):
        delta.apply_overlay(old, new / INDEX_NAME, tmp_path / "out")
    both = layered(tmp_path, old, new)
    with pytest.raises(ListError, match="over a whole index"):
        delta.make_overlay(both, new, tmp_path / "again")
    alone = tmp_path / "alone"
    alone.mkdir()
    (both / OVERLAY_NAME).rename(alone / INDEX_NAME)
    with pytest.raises(IndexDamaged, match="needs its base"):
        open_index(alone)


def test_a_base_that_was_replaced_under_its_overlay_is_noticed(tmp_path: Path) -> None:
    old = built(tmp_path, "old", ["||a.example^"])
    both = layered(tmp_path, old, built(tmp_path, "new", ["||b.example^"]))
    assert isinstance(open_index(both), LayeredIndex)
    other = built(tmp_path, "other", ["||c.example^"])
    (both / INDEX_NAME).unlink()
    (other / INDEX_NAME).rename(both / INDEX_NAME)
    with pytest.raises(IndexDamaged, match="belongs to another base"):
        open_index(both)
