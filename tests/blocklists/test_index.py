"""The compiled index says what a plain reading of the entries says, whatever was dropped or joined in between."""

import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.container import INDEX_NAME
from blocklists.entries import Effect, Match, NameEntry
from blocklists.errors import IndexDamaged
from blocklists.export import blocked_names
from blocklists.formats import FORMATS, Parser
from blocklists.index import Index, open_index, verify_index
from dns.message.names import is_under, parents
from tests.blocklists.factories import closed, index_of, index_of_text, report_of, source

LABELS = st.sampled_from(["a", "b", "c", "a-b", "xn--a"])
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(lambda labels: ".".join([*labels, "example"]))
ENTRIES = st.builds(NameEntry, NAMES, st.sampled_from(Match), st.sampled_from(Effect))
LISTS = st.lists(st.lists(ENTRIES, max_size=12), min_size=1, max_size=3)
CATEGORIES = ("ads", "ads", "games")


def as_rules(entries: Iterable[NameEntry]) -> str:
    """Write entries down in the syntax that the test format reads."""
    return "\n".join(f"{entry.match.name} {entry.effect.name} {entry.name}" for entry in entries) + "\n"


def speaks_of(entry: NameEntry, name: str) -> bool:
    if entry.match is Match.EXACT:
        return name == entry.name
    return is_under(name, entry.name) and (entry.match is Match.SUBDOMAINS or name != entry.name)


def plainly_closed(lists: Sequence[Sequence[NameEntry]], category: str, name: str) -> bool:
    """Weigh the entries of a category by reading them all, one after the other."""
    here = [
        entry
        for at, entries in enumerate(lists)
        if CATEGORIES[at] == category
        for entry in entries
        if speaks_of(entry, name)
    ]
    effects = {entry.effect for entry in here}
    if Effect.ALLOW_IMPORTANT in effects:
        return False
    if Effect.BLOCK_IMPORTANT in effects:
        return True
    if Effect.ALLOW in effects:
        return False
    opened = max((len(entry.name) for entry in here if entry.effect is Effect.ALLOW_LONGEST), default=-1)
    return any(entry.effect is Effect.BLOCK and len(entry.name) > opened for entry in here)


class Plain(Parser):
    """Reads lists that can say everything that any format can say."""

    def parse_line(self, text: str) -> Iterable[NameEntry]:
        if not text:
            return ()
        match, effect, name = text.split()
        return (NameEntry(name, Match[match], Effect[effect]),)


@pytest.fixture(autouse=True, scope="module")
def plain_format() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FORMATS, "plain", Plain)
        yield


def index_of_lists(path: Path, lists: Sequence[Sequence[NameEntry]]) -> Index:
    return index_of(
        path,
        *(
            source(path, as_rules(entries), name=f"list{at}", category=CATEGORIES[at], format="plain")
            for at, entries in enumerate(lists)
        ),
    )


def in_a_folder() -> Path:
    return Path(tempfile.mkdtemp())


@given(lists=LISTS, names=st.lists(NAMES, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_an_index_decides_like_a_plain_reading_of_its_lists(
    lists: list[list[NameEntry]], names: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = index_of_lists(Path(folder), lists)
        asked = {*names, *(entry.name for entries in lists for entry in entries)}
        for name in sorted({parent for one in asked for parent in parents(f"x.{one}")}):
            for category in ("ads", "games"):
                found = [closing for closing in index.find_block_entries(name) if closing.category == category]
                assert bool(found) == plainly_closed(lists, category, name), (name, category)


@given(lists=LISTS)
@settings(max_examples=60, deadline=None)
def test_what_is_exported_is_closed_and_covers_every_closed_entry(lists: list[list[NameEntry]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = index_of_lists(Path(folder), lists)
        exported = list(blocked_names(index))
        assert exported == sorted(set(exported))
        for name in exported:
            assert index.find_block_entries(name.replace("*.", "some-thing."))
        for name in {entry.name for entries in lists for entry in entries if index.find_block_entries(entry.name)}:
            assert any(is_under(name, one.removeprefix("*.")) for one in exported)


def test_an_exact_name_and_a_name_with_subdomains_are_kept_apart(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "|exact.example^\n||below.example^\n")
    assert closed(index, "exact.example", "www.exact.example", "below.example", "www.below.example") == {
        "exact.example": True,
        "www.exact.example": False,
        "below.example": True,
        "www.below.example": True,
    }
    assert not index.find_block_entries("notbelow.example")


def test_every_source_that_gave_an_entry_is_remembered(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "bad.example\n", name="one", category="ads"),
        source(tmp_path, "bad.example\n", name="two", category="ads"),
        source(tmp_path, "bad.example\n", name="three", category="games"),
    )
    assert [(one.category, one.source, one.entry) for one in index.find_block_entries("bad.example")] == [
        ("ads", "one, two", "bad.example"),
        ("games", "three", "bad.example"),
    ]


def test_an_exception_opens_its_own_category_only(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "||site.example^\n@@||site.example^\n", name="adverts", category="ads"),
        source(tmp_path, "||site.example^\n", name="adult", category="pornography"),
    )
    assert [closing.category for closing in index.find_block_entries("site.example")] == ["pornography"]


def test_the_entry_is_written_as_in_the_list(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        source(tmp_path, "||a.example^\n/^b[0-9]+\\./\n||c.example^$important\n", name="rules"),
        source(tmp_path, "*.d.example CNAME .\n", name="zone"),
    )
    assert index.find_block_entries("www.a.example")[0].entry == "||a.example^"
    assert index.find_block_entries("b12.example")[0].entry == r"/^b[0-9]+\./"
    assert index.find_block_entries("c.example")[0].entry == "||c.example^$important"
    assert index.find_block_entries("www.d.example")[0].entry == "*.d.example"


def test_conditions_limit_an_entry(tmp_path: Path) -> None:
    index = index_of_text(
        tmp_path,
        "||deny.example^$denyallow=good.deny.example\n||typed.example^$dnstype=AAAA\n||not.example^$dnstype=~A\n",
    )
    assert index.find_block_entries("bad.deny.example")
    assert not index.find_block_entries("www.good.deny.example")
    assert closed(index, "typed.example", qtype=28) == {"typed.example": True}
    assert closed(index, "typed.example", qtype=1) == {"typed.example": False}
    assert closed(index, "not.example", qtype=1) == {"not.example": False}


def test_the_root_and_strange_names_are_not_closed(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "bad.example\n")
    for name in ("", "example", "\\000.example", "a" * 63, ".".join(["a"] * 120)):
        assert index.find_block_entries(name) == ()


def test_a_file_that_is_not_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexDamaged, match="holds no index"):
        open_index(tmp_path)
    for content in (b"", b"x", b"something else" * 1000, b"HALLPASS", b"\0" * 100 + b"HALLPASS"):
        (tmp_path / INDEX_NAME).write_bytes(content)
        with pytest.raises(IndexDamaged):
            open_index(tmp_path)
        with pytest.raises(IndexDamaged):
            verify_index(tmp_path)


def test_an_index_cut_short_is_refused(tmp_path: Path) -> None:
    report_of(tmp_path, source(tmp_path, "one.example\ntwo.example\n"))
    path = tmp_path / "index" / INDEX_NAME
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 300):
        path.write_bytes(whole[:length])
        with pytest.raises(IndexDamaged):
            open_index(tmp_path / "index")


def test_any_byte_that_changed_is_found_when_opened(tmp_path: Path) -> None:
    report_of(tmp_path, source(tmp_path, "one.example\ntwo.example\n"))
    path = tmp_path / "index" / INDEX_NAME
    whole = path.read_bytes()
    checksum_and_magic = 40
    for at in range(0, len(whole) - checksum_and_magic, len(whole) // 300):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(IndexDamaged):
            open_index(tmp_path / "index")


def test_any_byte_that_changed_is_found_when_verified(tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, "one.example\ntwo.example\n"))
    path = tmp_path / "index" / INDEX_NAME
    whole = path.read_bytes()
    assert verify_index(tmp_path / "index") == report.version
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        with pytest.raises(IndexDamaged):
            verify_index(tmp_path / "index")


def test_an_index_of_another_format_version_says_so(tmp_path: Path) -> None:
    report_of(tmp_path, source(tmp_path, "one.example\n"))
    path = tmp_path / "index" / INDEX_NAME
    whole = bytearray(path.read_bytes())
    at = len(whole) - 8 - 32 - 8
    whole[at : at + 4] = (99).to_bytes(4, "little")
    path.write_bytes(whole)
    with pytest.raises(IndexDamaged, match="format 99"):
        open_index(tmp_path / "index")


def test_an_index_that_is_replaced_while_it_is_opened_is_the_one_or_the_other(tmp_path: Path) -> None:
    names = {}
    for name in ("one", "two"):
        text = "".join(f"{name}-{at}.example\n" for at in range(50))
        names[report_of(tmp_path / name, source(tmp_path / name, text)).version] = name
    used = tmp_path / "used"
    used.mkdir()
    done = threading.Event()

    def replace() -> None:
        for name in itertools.cycle(("one", "two")):
            (used / "new").hardlink_to(tmp_path / name / "index" / INDEX_NAME)
            (used / "new").replace(used / INDEX_NAME)
            if (used / "new").exists():  # renaming a link onto the same file does nothing
                (used / "new").unlink()
            if done.is_set():
                return

    shutil.copy(tmp_path / "one" / "index" / INDEX_NAME, used / INDEX_NAME)
    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(300):
            index = open_index(used)
            name = names[index.version]
            assert all(index.find_block_entries(f"{name}-{at}.example") for at in range(50))
            assert not index.find_block_entries("neither.example")
    finally:
        done.set()
        writer.join()


def test_an_opened_index_goes_on_while_another_takes_its_place(tmp_path: Path) -> None:
    old = index_of_text(tmp_path, "old.example\n")
    new = index_of_text(tmp_path, "new.example\n")
    assert old.find_block_entries("old.example")
    assert new.find_block_entries("new.example")
    assert not new.find_block_entries("old.example")
    assert old.version != new.version
