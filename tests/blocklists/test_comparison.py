"""A copy is believed, or waits for a person, by the last copy, the best one, and that of a month ago."""

import os
from pathlib import Path
from typing import Any

import pytest

from blocklists.canaries import closed_canary, load_canaries
from blocklists.entries import Effect, EntryCondition, Match, NameEntry
from blocklists.fetcher import Fetcher
from blocklists.isolation import ProcessLimits
from blocklists.name_set import NameSetBuilder, read_name_set
from blocklists.sources import Source
from dns.message.names import canonical

DAY = 86400.0


class Publisher:
    """A local list that changes, and the fetcher that follows it, on a clock."""

    def __init__(self, folder: Path, category: str = "ads", **fields: Any) -> None:
        self.time = 1_800_000_000.0
        self.path = folder / "list.txt"
        self.source = Source(name="list", category=category, location=str(self.path), **fields)
        self.fetcher = Fetcher(folder / "copies", lambda: self.time)

    def gives(self, *names: str) -> tuple[str, str]:
        """Publish names; return what became of them, and why."""
        self.time += DAY
        self.path.write_text("".join(f"{name}\n" for name in names))
        outcome = self.fetcher.fetch_source(self.source)
        return outcome.state, outcome.message


def some(count: int, kind: str = "name", first: int = 0) -> list[str]:
    return [f"{kind}{at}.example" for at in range(first, first + count)]


def test_a_list_that_was_swapped_is_held(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.gives(*some(3000))
    assert publisher.gives(*some(2980, "other"))[1].startswith("shares only 0 entries with the 3000")


def test_a_list_with_a_canary_is_held_until_a_person_wants_it_closed(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.gives(*some(3000))
    said = publisher.gives(*some(3000), "google.com", "bbc.co.uk")
    assert said == ("held", "closes google.com, bbc.co.uk, which no honest list does")
    publisher.fetcher.accept_held(publisher.source)
    assert publisher.gives(*some(3001), "google.com", "bbc.co.uk") == ("new", "")
    assert publisher.gives(*some(3002), "google.com", "childline.org.uk")[1].startswith("closes childline.org.uk,")


@pytest.mark.parametrize(
    ("category", "line", "opened"),
    [
        ("pornography", "@@||pornhub.com^", "pornhub.com"),
        ("pornography", "@@||com^$important", "com"),
        ("pornography", "@@/porn/", "pornhub.com"),
        ("gambling", "server=/bet365.com/#", "bet365.com"),
        ("ads", "@@||co.uk^", "co.uk"),
        ("ads", "@@/./", "com"),
    ],
)
def test_a_list_that_opens_what_it_is_there_to_close_is_held(
    category: str, line: str, opened: str, tmp_path: Path
) -> None:
    publisher = Publisher(tmp_path, category)
    publisher.gives(*some(300), "||rule.example^")
    state, said = publisher.gives(*some(300), "||rule.example^", line)
    assert (state, said.split(",")[0]) == ("held", f"opens {opened}")
    publisher.fetcher.accept_held(publisher.source)
    assert publisher.gives(*some(301), "||rule.example^", line) == ("new", "")


def test_a_list_may_open_what_it_is_not_about(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.gives(*some(300), "||rule.example^")
    assert publisher.gives(*some(300), "||rule.example^", "@@||pornhub.com^", "@@||gov.uk^") == ("new", "")


def test_a_list_of_openings_that_opens_what_harms_is_held_and_a_wide_one_is_not(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, "all", action="allow", match="subdomains")
    assert publisher.gives(*some(300), "xvideos.com") == (
        "held", "opens xvideos.com, which no honest list of this category does"
    )  # fmt: skip
    wide = Publisher(tmp_path / "wide", "all", action="allow", match="subdomains", allow_wide=True)
    wide.path.parent.mkdir()
    assert wide.gives("com", *some(30)) == ("new", "")


def test_a_list_that_grows_out_of_all_measure_is_held(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.gives(*some(300))
    assert publisher.gives(*some(1200)) == ("new", "")
    assert publisher.gives(*some(6000)) == ("held", "holds 6000 entries where there were 1200")


def test_a_list_that_loses_a_little_again_and_again_is_held(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.gives(*some(1000))
    assert publisher.gives(*some(700)) == ("new", "")
    assert publisher.gives(*some(490)) == ("held", "holds 490 entries; last time 700, and at most 1000")
    publisher.fetcher.accept_held(publisher.source)
    assert publisher.gives(*some(400)) == ("new", ""), "what a person accepted is the new measure"


def test_a_list_that_is_swapped_a_little_again_and_again_is_held(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    states = [publisher.gives(*some(1000, first=300 * step))[0] for step in range(5)]
    assert states == ["new", "new", "new", "held", "held"]


def test_ordinary_change_is_taken(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    for step in range(40):
        assert publisher.gives(*some(1000 + 5 * step, first=20 * step)) == ("new", "")


@pytest.mark.parametrize("instead", ["fifo", "device", "nothing"])
def test_a_folder_whose_list_is_no_file_fails_at_once(instead: str, tmp_path: Path) -> None:
    folder = tmp_path / "games"
    folder.mkdir()
    if instead == "fifo":
        os.mkfifo(folder / "domains")
    elif instead == "device":
        (folder / "domains").symlink_to("/dev/zero")
    fetcher = Fetcher(tmp_path / "copies", lambda: 1_800_000_000.0, limits=ProcessLimits(seconds=20.0))
    outcome = fetcher.fetch_source(Source(name="games", category="games", location=str(folder)))
    assert (outcome.state, outcome.message.partition(": ")[2]) == (
        "failed",
        "is not there" if instead == "nothing" else "is no file",
    )


def test_lines_that_are_understood_no_more_are_noticed(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.gives(*some(100))
    state, _ = publisher.gives(*some(100), *(f"error {at} in line" for at in range(120)))
    assert state == "held"


def test_every_canary_is_a_name_and_there_are_a_few_hundred() -> None:
    assert len(load_canaries()) > 300
    assert [canonical(name) for name in load_canaries()] == list(load_canaries())


@pytest.mark.parametrize(
    ("entry", "closed"),
    [
        (NameEntry("google.com", Match.EXACT), "google.com"),
        (NameEntry("google.com", Match.SUBDOMAINS), "google.com"),
        (NameEntry("google.com", Match.BELOW), "www.google.com"),
        (NameEntry("cambridge.org", Match.SUBDOMAINS), "dictionary.cambridge.org"),
        (NameEntry("cambridge.org", Match.EXACT), ""),
        (NameEntry("google.com", Match.EXACT, Effect.ALLOW), ""),
        (NameEntry("google.com", Match.EXACT, condition=EntryCondition(types=(65,))), ""),
        (NameEntry("google.com", Match.EXACT, condition=EntryCondition(types=(1, 65))), "google.com"),
        (NameEntry("google.com", Match.EXACT, condition=EntryCondition(not_types=(16,))), "google.com"),
        (NameEntry("google.com", Match.EXACT, condition=EntryCondition(not_types=(1, 28))), ""),
        (
            NameEntry("google.com", Match.SUBDOMAINS, condition=EntryCondition(except_names=("a.google.com",))),
            "google.com",
        ),
        (NameEntry("google.com", Match.SUBDOMAINS, condition=EntryCondition(except_names=("google.com",))), ""),
        (NameEntry("ads.google.com", Match.SUBDOMAINS), ""),
    ],
)
def test_an_entry_closes_a_canary_by_what_it_means(entry: NameEntry, closed: str) -> None:
    assert closed_canary(entry) == closed


def test_sets_of_names_are_kept_and_compared(tmp_path: Path) -> None:
    sets = []
    for first in (0, 500):
        builder = NameSetBuilder()
        for name in [*some(1000, first=first), *some(10, first=first)]:
            builder.add(name)
        sets.append(builder.build())
    assert [len(one) for one in sets] == [1000, 1000]
    assert sets[0].count_common(sets[1]) == 500
    sets[0].write(tmp_path / "names")
    again = read_name_set(tmp_path / "names")
    assert (len(again), "name7.example" in again, "name1700.example" in again) == (1000, True, False)
