"""Lists day by day, compiled upon the last build and whole."""

from collections.abc import Sequence
from pathlib import Path

from blocklists import delta
from blocklists.compiler import build_index, local_path, no_progress
from blocklists.container import OVERLAY_NAME
from blocklists.daily_change import DailyChange, make_daily_change
from blocklists.index import Index, open_index
from blocklists.kept_build import TABLE_NAME, LastBuild
from blocklists.sources import Source
from tests.blocklists.factories import source

NAMES = ["a.example", "b.a.example", "c.b.a.example", "d.a.example", "a-b.example", "e.test", "f.e.test"]
STABLE = [f"stays{at}.example" for at in range(400)]  # so that a day's change is a small part of the whole
Day = tuple[list[str], list[str], list[str], list[str], list[str]]
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
