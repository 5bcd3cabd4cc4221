"""Whatever lists became since the last build: the overlay leads to what compiling them whole gives."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists import delta
from blocklists.compiler import build_index, local_path, no_progress
from blocklists.container import OVERLAY_NAME
from blocklists.daily_change import make_daily_change
from blocklists.entries import Item
from blocklists.formats.mixed_lines import MixedParser
from blocklists.index import LayeredIndex, open_index, verify_index
from blocklists.kept_table import KeptUnusable
from blocklists.sources import Source
from tests.blocklists.days_of_lists import (
    MANY,
    NAMES,
    TEXT,
    Day,
    Days,
    assert_same,
    assert_same_kept,
    changed,
    house_of,
    lists_of,
    with_beginning,
)
from tests.blocklists.factories import source


def lines_of(*forms: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.builds(str.format, st.sampled_from(forms), st.sampled_from(NAMES)), max_size=9)


PLAIN = lines_of("{}", "{}", "*.{}", ".{}", "https://{}/", "{} # note", "{}/path", "not a name {}", "# {}")
HOSTS = lines_of("0.0.0.0 {}", "127.0.0.1 {0} bad*name x.{0}", "0.0.0.0 {}\r", "# {}", "192.0.2.1 {}")
ADBLOCK = lines_of(
    "||{}^", "|{}^", "@@||{}^", "||{}^$important", "||{}^$dnstype=A", "||{0}^$denyallow=x.{0}", "{}"
)
DNSMASQ = lines_of("address=/{}/", "server=/{}/#", "address=/x.{0}/{0}/")
RPZ = lines_of("{} CNAME .", "*.{} CNAME .", "{} CNAME rpz-passthru.")
DAYS = st.lists(st.tuples(PLAIN, HOSTS, ADBLOCK, DNSMASQ, RPZ), min_size=2, max_size=4)


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
