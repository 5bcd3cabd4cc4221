"""What was kept of the last build is built upon only where it is whole, and for small changes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from blocklists.available_build import build_available
from blocklists.compiler import build_index, local_path, no_progress
from blocklists.container import OVERLAY_NAME
from blocklists.daily_change import make_daily_change
from blocklists.index import open_index
from blocklists.kept_build import MANIFEST_NAME, TABLE_NAME, LastBuild
from blocklists.kept_table import KeptUnusable
from tests.blocklists.days_of_lists import MANY, TEXT, changed, house_of
from tests.blocklists.factories import source


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
