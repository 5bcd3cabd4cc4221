"""Whatever lists became since the last build: the overlay leads to what compiling them whole gives."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import delta
from blocklists.available_build import build_available
from blocklists.compiler import build_index, local_path, no_progress
from blocklists.container import OVERLAY_NAME
from blocklists.daily_change import DailyChange, make_daily_change
from blocklists.entries import Item
from blocklists.formats.mixed_lines import MixedParser
from blocklists.index import Index, LayeredIndex, open_index, verify_index
from blocklists.kept_build import MANIFEST_NAME, TABLE_NAME, LastBuild
from blocklists.kept_table import KeptUnusable
from blocklists.sources import Source
from tests.blocklists.factories import source

NAMES = ["a.example", "b.a.example", "c.b.a.example", "d.a.example", "a-b.example", "e.test", "f.e.test"]
STABLE = [f"stays{at}.example" for at in range(400)]  # so that a day's change is a small part of the whole


def lines_of(*forms: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.builds(str.format, st.sampled_from(forms), st.sampled_from(NAMES)), max_size=9)


PLAIN = lines_of("{}", "{}", "*.{}", ".{}", "https://{}/", "{} # note", "{}/path", "not a name {}", "# {}")
HOSTS = lines_of("0.0.0.0 {}", "127.0.0.1 {0} bad*name x.{0}", "0.0.0.0 {}\r", "# {}", "192.0.2.1 {}")
ADBLOCK = lines_of(
    "||{}^", "|{}^", "@@||{}^", "||{}^$important", "||{}^$dnstype=A", "||{0}^$denyallow=x.{0}", "{}"
)
DNSMASQ = lines_of("address=/{}/", "server=/{}/#", "address=/x.{0}/{0}/")
RPZ = lines_of("{} CNAME .", "*.{} CNAME .", "{} CNAME rpz-passthru.")
Day = tuple[list[str], list[str], list[str], list[str], list[str]]
DAYS = st.lists(st.tuples(PLAIN, HOSTS, ADBLOCK, DNSMASQ, RPZ), min_size=2, max_size=4)
RULES = ["||back.a.example^", "||back.a.example^$badfilter", "/^ad[0-9]+\\.a\\.example$/", "@@||open.a.example^"]
FORMATS = ("domains", "hosts", "adblock", "dnsmasq", "rpz")
CATEGORIES = ("ads", "ads", "games", "games", "ads")


def lists_of(folder: Path, day: Sequence[list[str]], forms: Sequence[str] = FORMATS) -> list[Source]:
    found = [
        source(folder, "\n".join(lines), name=f"list{at}", category=CATEGORIES[at], format=forms[at])
        for at, lines in enumerate(day)
    ]
    return [source(folder, "\n".join([*RULES, *STABLE]), name="stable", match="subdomains"), *found]


def with_beginning(day: Day) -> Day:
    """Give each list what makes it one, whatever else it has."""
    first = ("first.example", "0.0.0.0 first.example", "||first.example^", "address=/first.example/", "$TTL 1h")
    more = ("", "", "", "", "first.example CNAME .")
    begun = ([one, other, *lines] for one, other, lines in zip(first, more, day, strict=True))
    return tuple(begun)  # type: ignore[return-value]  # as many as there are lists


class Days:
    """One installation, day after day."""

    def __init__(self, path: Path, lists: Sequence[Source]) -> None:
        self.path = path
        self.count = 0
        self.last = LastBuild(kept=path / "kept", index=path / "index")
        build_index(lists, self.last.index, keep=self.last.kept)

    def change(self, lists: Sequence[Source]) -> DailyChange:
        """Make an overlay, and take both together as the index in force."""
        self.count += 1
        out, kept = self.path / f"out{self.count}", self.path / f"kept{self.count}"
        made = make_daily_change(lists, self.last, out, kept, no_progress, locate=local_path)
        index = self.last.index
        if made.base:
            index = self.path / f"both{self.count}"
            delta.apply_overlay(self.last.index, out / OVERLAY_NAME, index)
        self.last = LastBuild(kept=kept, index=index)
        return made


def assert_same(layered: Index, whole: Index) -> None:
    assert list(layered.iter_entries()) == list(whole.iter_entries())
    assert layered.sources == whole.sources
    assert [one.text for one in layered.tables.patterns] == [one.text for one in whole.tables.patterns]
    assert layered.tables.never_block == whole.tables.never_block
    for name in [*NAMES, *(f"w.{name}" for name in NAMES), "first.example", "ad7.a.example", "back.a.example"]:
        for qtype in (1, 28):
            assert layered.find_block_entries(name, qtype) == whole.find_block_entries(name, qtype), name


@given(days=DAYS)
@settings(max_examples=12, deadline=None)
def test_any_sequence_of_lists_gives_day_by_day_what_compiling_them_whole_gives(days: list[Day]) -> None:
    assert_same_day_by_day(days)


@pytest.mark.exhaustive
@given(days=DAYS)
@settings(max_examples=300, deadline=None)
def test_many_sequences_of_lists_give_day_by_day_what_compiling_them_whole_gives(days: list[Day]) -> None:
    assert_same_day_by_day(days)


def assert_same_day_by_day(days: list[Day]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        house = Days(path / "house", lists_of(path / "lists0", with_beginning(days[0])))
        for at, day in enumerate(days[1:], 1):
            lists = lists_of(path / f"lists{at}", with_beginning(day))
            report = build_index(lists, path / f"whole{at}", keep=path / f"whole-kept{at}")
            made = house.change(lists)
            layered, whole = open_index(house.last.index), open_index(path / f"whole{at}")
            assert_same(layered, whole)
            assert layered.version == verify_index(house.last.index) == made.report.version
            assert made.report.sources == report.sources
            assert (made.report.names, made.report.patterns) == (report.names, report.patterns)
            # What is kept is what a whole build would have kept, so that every day after is as good as the first.
            assert_same_kept(house.last.kept, path / f"whole-kept{at}")


def assert_same_kept(one: Path, other: Path) -> None:
    texts = sorted(path.name for path in other.glob("*.text"))
    assert sorted(path.name for path in one.glob("*.text")) == texts
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in texts)
    lines = [(folder / TABLE_NAME).read_text().splitlines() for folder in (one, other)]
    assert [len(found) for found in lines] == [len(lines[0])] * 2
    assert lines[0] == sorted(lines[0])
    assert [line.partition(" ")[0] for line in lines[0]] == [line.partition(" ")[0] for line in lines[1]]


MANY = [f"name{at:04}.example" for at in range(700)]
TEXT = "".join(f"{name}\n" for name in MANY)


def house_of(path: Path, text: str, **fields: str) -> Days:
    return Days(path / "house", [source(path / "before", text, name="ours", **fields)])


def changed(house: Days, text: str | bytes, **fields: str) -> Index:
    """Let the list say something else, and return what is in force then, as compiling it whole would."""
    lists = [source(house.path / f"lists{house.count}", text, name="ours", **fields)]
    report = build_index(lists, house.path / f"whole{house.count}")
    made = house.change(lists)
    found, whole = open_index(house.last.index), open_index(house.path / f"whole{house.count - 1}")
    assert list(found.iter_entries()) == list(whole.iter_entries())
    assert found.sources == whole.sources
    assert made.report.sources == report.sources
    return found


def test_what_a_closed_name_had_made_needless_comes_back_when_it_goes(tmp_path: Path) -> None:
    text = "".join(f"{name}\n" for name in [*MANY, "site.example", "www.site.example", "a.www.site.example"])
    house = house_of(tmp_path, text, match="subdomains")
    assert "example.site.www." not in dict(open_index(house.last.index).iter_entries())
    found = changed(house, text.replace("\nsite.example", ""), match="subdomains")
    assert found.find_block_entries("www.site.example")
    assert not found.find_block_entries("site.example")
    again = changed(house, text, match="subdomains")
    assert again.find_block_entries("site.example")
    assert isinstance(again, LayeredIndex)
    assert again.overlay_size == 0  # it is the base again


def test_a_name_that_a_list_says_twice_goes_when_the_last_of_them_goes(tmp_path: Path) -> None:
    text = "".join(
        f"{name}\n" for name in [*MANY, "twice.example", "other.example", "twice.example", "TWICE.example"]
    )
    house = house_of(tmp_path, TEXT)
    assert changed(house, text.replace("\ntwice.example", "", 1)).find_block_entries("twice.example")
    assert changed(house, text.replace("\ntwice.example", "")).find_block_entries("twice.example")
    gone = text.replace("\ntwice.example", "").replace("\nTWICE.example", "")
    assert not changed(house, gone).find_block_entries("twice.example")


def test_only_the_lines_that_changed_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = house_of(tmp_path, TEXT)
    lists = [source(tmp_path / "after", TEXT.replace("name0007.", "fresh.") + "last.example\n", name="ours")]
    parsed: list[str] = []
    parse_line = MixedParser.parse_line

    def watched(parser: MixedParser, line: str) -> Iterable[Item]:
        parsed.append(line)
        return parse_line(parser, line)

    monkeypatch.setattr(MixedParser, "parse_line", watched)
    assert house.change(lists).changes == 3
    assert parsed == ["name0007.example", "fresh.example", "last.example"]


def test_lines_passed_over_keep_their_places_when_others_come_and_go_above_them(tmp_path: Path) -> None:
    lines = [*MANY[:50], "no name/at all", *MANY[50:90], "192.0.2.1", *MANY[90:], "another/path"]
    house = house_of(tmp_path, "\n".join(lines))
    lines[20:20] = ["new.example", "bad word here", "newer.example"]
    del lines[60:70]
    changed(house, "\n".join(lines) + "\n")


def test_the_order_of_lines_may_change_wholly_where_a_list_is_short(tmp_path: Path) -> None:
    lines = [f"{name}\n" for name in MANY]
    house = house_of(tmp_path, "".join(lines))
    assert changed(house, "".join([*reversed(lines), "new.example\n"])).find_block_entries("new.example")


def test_conditions_within_a_list_are_followed_though_they_stand_far_from_what_changed(tmp_path: Path) -> None:
    lines = [f"||{name}^" for name in MANY]
    house = house_of(tmp_path, "\n".join(lines))
    lines[100:100], lines[110:110] = ["!#if (adguard)"], ["!#endif"]
    found = changed(house, "\n".join(lines))
    assert not found.find_block_entries(MANY[105])
    assert found.find_block_entries(MANY[120])
    del lines[100]
    assert changed(house, "\n".join(lines)).find_block_entries(MANY[105])


def test_a_list_in_utf_16_is_read_as_what_it_is(tmp_path: Path) -> None:
    house = Days(tmp_path / "house", [source(tmp_path / "before", TEXT.encode("utf-16"), name="ours")])
    assert changed(house, (TEXT + "new.example\n").encode("utf-16")).find_block_entries("new.example")


def test_the_same_lists_again_are_the_same_index(tmp_path: Path) -> None:
    house = house_of(tmp_path, TEXT)
    version = open_index(house.last.index).version
    lists = [source(tmp_path / "again", "# a comment that nobody counts\n" + TEXT, name="ours")]
    made = make_daily_change(
        lists, house.last, tmp_path / "out", tmp_path / "kept", no_progress, locate=local_path
    )
    assert (made.base, made.changes, made.report.version) == ("", 0, version)
    assert not (tmp_path / "out" / OVERLAY_NAME).exists()


def test_what_comes_of_the_same_change_has_the_same_name_wherever_it_is_made(tmp_path: Path) -> None:
    versions = set()
    for place in ("one", "other"):
        house = house_of(tmp_path / place, TEXT)
        changed(house, TEXT + "new.example\n")
        versions.add(open_index(house.last.index).version)
    assert len(versions) == 1
    changed(house, TEXT + "newer.example\n")
    assert open_index(house.last.index).version not in versions


def test_an_overlay_leads_from_an_older_index_to_one_in_layers(tmp_path: Path) -> None:
    older = house_of(tmp_path / "older", TEXT.replace("name0009", "name0009.older")).last.index
    house = house_of(tmp_path, TEXT)
    newest = changed(house, TEXT + "||new.example^\n")
    assert delta.make_overlay(older, house.last.index, tmp_path / "overlay").changes == 3
    assert delta.apply_overlay(older, tmp_path / "overlay", tmp_path / "both") == newest.version
    assert list(open_index(tmp_path / "both").iter_entries()) == list(newest.iter_entries())


def test_a_list_that_comes_from_another_file_is_built_upon_and_says_so(tmp_path: Path) -> None:
    house = house_of(tmp_path, TEXT + "no name/at all\n")
    (house.path / "lists0").mkdir()
    (house.path / "lists0" / "elsewhere").write_text(TEXT + "new.example\nno name/at all\n")
    lists = [Source(name="ours", category="ads", location=str(house.path / "lists0" / "elsewhere"))]
    made = house.change(lists)
    assert made.changes == 1
    assert [(one.file, one.line) for one in made.report.sources[0].problems] == [("elsewhere", len(MANY) + 2)]


def test_a_folder_whose_usage_turns_white_is_no_small_change(tmp_path: Path) -> None:
    folder = tmp_path / "games"
    folder.mkdir()
    (folder / "domains").write_text(TEXT)
    (folder / "usage").write_text("black\n")
    lists = [Source(name="ours", category="games", location=str(folder))]
    house = Days(tmp_path / "house", lists)
    assert house.change(lists).base == ""
    (folder / "usage").write_text("white\n")
    with pytest.raises(KeptUnusable, match="of another format now"):
        house.change(lists)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing kept": (shutil.rmtree, "nothing is kept"),
    "no manifest": (lambda kept: (kept / MANIFEST_NAME).unlink(), "nothing is kept"),
    "half a manifest": (lambda kept: _cut(kept / MANIFEST_NAME), "is damaged"),
    "no table": (lambda kept: (kept / TABLE_NAME).unlink(), "No such file"),
    "half a table": (lambda kept: _cut(kept / TABLE_NAME), "cut short"),
    "a bit of the table": (lambda kept: _flip(kept / TABLE_NAME), "table of the last build"),
    "no text": (lambda kept: (kept / "0.text").unlink(), "No such file"),
    "half a text": (lambda kept: _cut(kept / "0.text"), "damaged"),
    "a bit of a text": (lambda kept: _flip(kept / "0.text"), "damaged"),
    "an empty table": (lambda kept: _empty(kept / TABLE_NAME), "the last build"),
}


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first build left: the lists, the index, what is kept; for copies."""
    path = tmp_path_factory.mktemp("first-day")
    house_of(path, TEXT)
    return path


def copied(first_day: Path, path: Path) -> LastBuild:
    shutil.copytree(first_day, path / "first-day")
    return LastBuild(kept=path / "first-day/house/kept", index=path / "first-day/house/index")


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_kept_is_not_built_upon_where_anything_of_it_is_damaged(
    damage: str, first_day: Path, tmp_path: Path
) -> None:
    last = copied(first_day, tmp_path)
    break_it, reason = DAMAGES[damage]
    break_it(last.kept)
    lists = [source(tmp_path / "after", TEXT.replace("name0007.example\n", "") + "new.example\n", name="ours")]
    built = build_available(
        lists, tmp_path / "out", no_progress, locate=local_path, last=last, keep=tmp_path / "kept"
    )
    assert reason in built.whole_because
    assert "\n" not in built.whole_because
    assert built.base == ""
    assert not (tmp_path / "out" / OVERLAY_NAME).exists()
    whole = open_index(tmp_path / "out")
    assert whole.version == built.report.version
    assert whole.find_block_entries("new.example")
    assert not whole.find_block_entries("name0007.example")


def test_the_next_change_is_built_upon_what_was_compiled_whole_for_want_of_it(tmp_path: Path) -> None:
    house = house_of(tmp_path, TEXT)
    shutil.rmtree(house.last.kept)
    lists = [source(tmp_path / "after", TEXT + "new.example\n", name="ours")]
    for out in ("out", "again"):
        built = build_available(
            lists, tmp_path / out, no_progress, locate=local_path, last=house.last, keep=tmp_path / f"{out}-kept"
        )
        house.last = LastBuild(kept=tmp_path / f"{out}-kept", index=tmp_path / "out")
        assert bool(built.whole_because) is (out == "out")
    assert not changed(house, TEXT).find_block_entries("new.example")


Prepare = Callable[[pytest.MonkeyPatch, LastBuild], None]


def _as_it_is(_monkeypatch: pytest.MonkeyPatch, _last: LastBuild) -> None:
    pass


def _other_version(monkeypatch: pytest.MonkeyPatch, _last: LastBuild) -> None:
    monkeypatch.setattr("blocklists.kept_build.program_digest", lambda: "another")


def _other_index(_monkeypatch: pytest.MonkeyPatch, last: LastBuild) -> None:
    build_index([source(last.index.parent, "another.example\n")], last.index)


def _little_allowed(monkeypatch: pytest.MonkeyPatch, _last: LastBuild) -> None:
    monkeypatch.setattr("blocklists.daily_change.MOST_CHANGES", 1)


FRESH = "".join(f"fresh{at}.example\n" for at in range(900))
WHOLE: tuple[tuple[Prepare, str, dict[str, str], str], ...] = (
    (_other_version, "new.example\n", {}, "another version"),
    (_other_index, "new.example\n", {}, "another build than the index in force"),
    (_little_allowed, "new.example\nnewer.example\n", {}, "entries changed"),
    (_as_it_is, "new.example\n", {"category": "games"}, "their settings"),
    (_as_it_is, "new.example\n", {"match": "subdomains"}, "their settings"),
    (_as_it_is, "new.example\n", {"action": "allow"}, "their settings"),
    (_as_it_is, "/^ad[0-9]+\\./\n", {}, "more than names changed"),
    (_as_it_is, "||name0001.example^$badfilter\n", {}, "more than names changed"),
    (_as_it_is, FRESH, {}, "differ from the whole index"),
    (_as_it_is, FRESH.replace("fresh", "0.0.0.0 fresh"), {}, "of another format now"),
    (_as_it_is, "no list at all\n" * 2_000, {}, "is no list"),
)


@pytest.mark.parametrize(("prepare", "after", "fields", "reason"), WHOLE)
def test_what_no_small_change_can_tell_is_left_to_a_whole_compilation(
    *, prepare: Prepare, after: str, fields: dict[str, str], reason: str,
    first_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    last = copied(first_day, tmp_path)
    prepare(monkeypatch, last)
    lists = [source(tmp_path / "after", TEXT + after, name="ours", **fields)]
    with pytest.raises(KeptUnusable, match=reason):
        make_daily_change(lists, last, tmp_path / "out", tmp_path / "kept", no_progress, locate=local_path)
    assert not (tmp_path / "out" / OVERLAY_NAME).exists()


def test_a_disk_without_room_for_what_would_be_kept_costs_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    lists = [source(tmp_path, "".join(f"{name}\n" for name in MANY))]
    built = build_available(lists, tmp_path / "out", no_progress, locate=local_path, keep=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert built.report.version == build_index(lists, tmp_path / "whole").version
