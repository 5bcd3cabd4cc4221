"""Names in several tries are found and listed like names in one, and no trie grows past what it may hold."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import delta, name_tries
from blocklists.container import INDEX_NAME, map_index_file
from blocklists.errors import IndexDamaged
from blocklists.index import Index, open_index, verify_index
from blocklists.name_tries import make_tries, map_tries
from tests.blocklists.factories import index_of, report_of, source

KEYS = st.sets(
    st.lists(st.sampled_from(["a", "a-b", "b", "c1", "xn--a"]), min_size=1, max_size=4).map(
        lambda labels: "".join(f"{label}." for label in labels)
    ),
    max_size=40,
)
NAMES = [f"w{at % 7}.n{at * 37 % 50}.example" for at in range(120)] + [f"n{at}.example" for at in range(9)]
FORMAT_AT = -8 - 32 - 8  # from the end of a file: magic, checksum, format and width of a number


@pytest.fixture
def few_names_in_a_trie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blocklists.compiler.make_tries", partial(make_tries, most=10))
    monkeypatch.setattr("blocklists.delta.make_tries", partial(make_tries, most=3))


def file_of(path: Path) -> Path:
    return path / "index" / INDEX_NAME


def build(path: Path, names: list[str] = NAMES) -> Index:
    half = len(names) // 2
    return index_of(
        path,
        source(path, "".join(f"|{name}^\n" for name in names[: half + 20]), name="one"),
        source(path, "".join(f"{name}\n" for name in names[half:]), name="two", category="games"),
    )


@given(keys=KEYS, asked=KEYS, most=st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_several_tries_answer_like_a_set_of_their_keys(keys: set[str], asked: set[str], most: int) -> None:
    tries = make_tries(sorted(keys), len(keys), most)
    items = list(tries.iteritems())
    assert [key for key, _ in items] == sorted(keys)
    assert sorted(number for _, number in items) == list(range(len(keys))) == list(range(len(tries)))
    ids = dict(items)
    assert [tries.by_id(range(len(keys)))[number] for _, number in items] == list(range(len(keys)))
    for key in asked | {f"{one}deeper." for one in keys}:
        above = sorted(one for one in keys if key.startswith(one))
        assert tries.prefixes(key) == above
        at = bisect_right(tries.firsts, key)
        found = tries.tries[at].iter_prefixes_with_ids(key)
        assert [(one, tries.begins[at] + number) for one, number in found] == [(one, ids[one]) for one in above]
        assert [one for one, _ in tries.iteritems(key)] == sorted(one for one in keys if one.startswith(key))


def test_however_many_keys_come_no_trie_holds_more_than_it_may_and_no_key_comes_before_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[int] = []
    taken = 0
    build_trie = name_tries._make_trie

    def watched(keys: Iterable[str], nested: int) -> Any:
        trie = build_trie(keys, nested)
        built.append(len(trie))
        assert taken <= sum(built) + 1  # the one by which it was seen that the trie is full
        return trie

    def keys() -> Iterator[str]:
        nonlocal taken
        for at in range(1_000):
            taken += 1
            yield f"com.name{at:04}."

    monkeypatch.setattr(name_tries, "_make_trie", watched)
    assert len(make_tries(keys(), 1_000, most=64)) == taken == 1_000
    assert built == [64] * 15 + [40]


def test_a_listed_name_stays_in_one_trie_with_what_is_listed_under_it() -> None:
    family = ["com.a.", *(f"com.a.b{at}." for at in range(9)), "com.a.b9.c."]
    tries = make_tries(["com.0.", *family, "com.b.", "com.c."], 14, most=2)
    assert [[key for key, _ in trie.iteritems()] for trie in tries.tries] == [
        ["com.0.", *family],
        ["com.b.", "com.c."],
    ]
    assert tries.prefixes("com.a.b9.c.d.") == ["com.a.", "com.a.b9.c."]


def test_no_names_at_all_are_one_empty_trie() -> None:
    tries = make_tries([], 0)
    assert (len(tries), list(tries.iteritems()), tries.prefixes("com.")) == (0, [], [])


def test_an_index_of_several_tries_says_what_the_same_lists_in_one_say(
    tmp_path: Path, few_names_in_a_trie: None
) -> None:
    several = build(tmp_path / "several")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blocklists.compiler.make_tries", make_tries)
        one = build(tmp_path / "one")
    assert len(map_index_file(file_of(tmp_path / "several")).names.tries) > 5
    assert len(map_index_file(file_of(tmp_path / "one")).names.tries) == 1
    assert len(several) == len(one)
    assert several.sources == one.sources
    assert list(several.iter_entries()) == list(one.iter_entries())
    assert list(several.iter_entries("n7.example")) == list(one.iter_entries("n7.example"))
    for name in [*NAMES, *(f"x.{name}" for name in NAMES), "none.example", "example"]:
        assert several.find_block_entries(name) == one.find_block_entries(name), name
    assert several.is_whole()
    assert verify_index(tmp_path / "several" / "index") == several.version


def test_an_overlay_leads_from_several_tries_to_several(tmp_path: Path, few_names_in_a_trie: None) -> None:
    build(tmp_path / "old")
    target = build(tmp_path / "new", [*NAMES[40:], *(f"fresh{at}.example" for at in range(20))])
    base = tmp_path / "old" / "index"
    delta.make_overlay(base, tmp_path / "new" / "index", tmp_path / "overlay")
    delta.apply_overlay(base, tmp_path / "overlay", tmp_path / "layered")
    layered = open_index(tmp_path / "layered")
    assert len(map_index_file(tmp_path / "overlay").names.tries) > 1
    assert layered.version == target.version
    assert list(layered.iter_entries()) == list(target.iter_entries())


def test_the_same_lists_give_the_same_bytes_in_several_tries_too(
    tmp_path: Path, few_names_in_a_trie: None
) -> None:
    assert build(tmp_path / "first").version == build(tmp_path / "second").version
    assert file_of(tmp_path / "first").read_bytes() == file_of(tmp_path / "second").read_bytes()


def test_only_an_index_of_several_tries_needs_the_newer_format(tmp_path: Path) -> None:
    build(tmp_path / "one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blocklists.compiler.make_tries", partial(make_tries, most=10))
        build(tmp_path / "several")
    assert file_of(tmp_path / "one").read_bytes()[FORMAT_AT] == 2
    assert b"tries" not in file_of(tmp_path / "one").read_bytes()
    assert file_of(tmp_path / "several").read_bytes()[FORMAT_AT] == 3


def test_damage_to_an_index_of_several_tries_is_found(tmp_path: Path, few_names_in_a_trie: None) -> None:
    report_of(tmp_path, source(tmp_path, "".join(f"{name}\n" for name in NAMES)))
    path = file_of(tmp_path)
    whole = path.read_bytes()
    for at in range(0, len(whole) - 40, len(whole) // 100):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(IndexDamaged):
            open_index(tmp_path / "index")


@pytest.mark.parametrize("begins", [(0, 8), (0, 8, 16), (0, 1 << 40), (0, -8), (24, 0)])
def test_tries_that_lie_elsewhere_than_a_file_says_are_an_error_and_not_a_crash(begins: tuple[int, ...]) -> None:
    section = memoryview(make_tries(["com.a.", "com.b."], 2).tries[0].tobytes())
    assert len(map_tries(section, (0,))) == 2
    with pytest.raises((RuntimeError, ValueError)):
        map_tries(section, begins)
