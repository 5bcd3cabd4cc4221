"""Lists are as old as the time for which central has not named them, or as their file where nobody names any."""

import os
from pathlib import Path

import msgspec
import pytest

from appliance.room.index_age import NOTE_SECONDS, STALE_SECONDS, note_confirmed_index, read_index_age
from appliance.room.paths import RoomPaths
from appliance.settings.dns import DnsSection
from appliance.settings.room import CentralLink, ListsSection, RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from blocklists.container import INDEX_NAME, OVERLAY_NAME

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture
def alone(tmp_path: Path) -> RoomSettings:
    return RoomSettings(
        room=RoomSection(name="Room 4", data=tmp_path, run=Path("/run/x")),
        dns=DnsSection(upstreams=(UpstreamSetting.parse("192.0.2.1"),)),
    )


@pytest.fixture
def enrolled(alone: RoomSettings, tmp_path: Path) -> RoomSettings:
    link = CentralLink(url="https://central.example.org", token_file=tmp_path / "token")
    return msgspec.structs.replace(alone, central=link)


@pytest.fixture
def paths(enrolled: RoomSettings) -> RoomPaths:
    """Return those of a room whose index, "ab12", was fetched thirty days ago."""
    paths = RoomPaths.from_settings(enrolled)
    index(paths.indexes / "ab12", NOW - 30 * DAY)
    paths.index.symlink_to(paths.indexes / "ab12")
    return paths


def index(folder: Path, fetched_at: float) -> None:
    folder.mkdir(parents=True)
    (folder / INDEX_NAME).write_bytes(b"")
    os.utime(folder / INDEX_NAME, (fetched_at, fetched_at))


def test_lists_that_nobody_names_are_as_old_as_their_file(enrolled: RoomSettings, paths: RoomPaths) -> None:
    assert read_index_age(enrolled, paths, NOW) == 30 * DAY


def test_lists_that_central_named_an_hour_ago_are_an_hour_old(enrolled: RoomSettings, paths: RoomPaths) -> None:
    note_confirmed_index(paths, "ab12", NOW - 3600)
    assert read_index_age(enrolled, paths, NOW) == 3600
    assert read_index_age(enrolled, paths, NOW - 3600 + STALE_SECONDS + 1) == STALE_SECONDS + 1


def test_what_central_said_of_other_lists_does_not_renew_these(enrolled: RoomSettings, paths: RoomPaths) -> None:
    note_confirmed_index(paths, "cd34", NOW)
    assert read_index_age(enrolled, paths, NOW) == 30 * DAY


def test_a_confirmation_is_written_once_an_hour(enrolled: RoomSettings, paths: RoomPaths) -> None:
    note_confirmed_index(paths, "ab12", NOW)
    before = paths.confirmed_index.stat().st_ino
    note_confirmed_index(paths, "ab12", NOW + NOTE_SECONDS - 1)
    assert paths.confirmed_index.stat().st_ino == before
    note_confirmed_index(paths, "ab12", NOW + NOTE_SECONDS)
    assert read_index_age(enrolled, paths, NOW + NOTE_SECONDS) == 0


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": "ab12", "time": "x"}', b"\xff" * 9])
def test_a_damaged_note_counts_as_none_and_is_written_again(
    enrolled: RoomSettings, paths: RoomPaths, damage: bytes
) -> None:
    paths.confirmed_index.write_bytes(damage)
    assert read_index_age(enrolled, paths, NOW) == 30 * DAY
    note_confirmed_index(paths, "ab12", NOW)
    assert read_index_age(enrolled, paths, NOW) == 0


def test_a_clock_that_went_back_makes_no_lists_old(enrolled: RoomSettings, paths: RoomPaths) -> None:
    note_confirmed_index(paths, "ab12", NOW)
    assert read_index_age(enrolled, paths, 0.0) == 0


def test_a_room_alone_counts_from_the_day_on_which_its_lists_were_compiled(
    alone: RoomSettings, paths: RoomPaths, tmp_path: Path
) -> None:
    index(tmp_path / "own", NOW - 9 * DAY)
    by_hand = msgspec.structs.replace(alone, lists=ListsSection(index=tmp_path / "own"))
    assert read_index_age(by_hand, paths, NOW) == 9 * DAY


def test_lists_that_were_renewed_by_an_overlay_are_as_old_as_that(
    enrolled: RoomSettings, paths: RoomPaths
) -> None:
    overlay = paths.index / OVERLAY_NAME
    overlay.write_bytes(b"")
    os.utime(overlay, (NOW - 2 * DAY, NOW - 2 * DAY))
    assert read_index_age(enrolled, paths, NOW) == 2 * DAY


def test_the_list_that_hallpass_brings_and_a_list_that_is_missing_have_no_age(
    alone: RoomSettings, enrolled: RoomSettings, paths: RoomPaths
) -> None:
    assert read_index_age(alone, paths, NOW) is None
    paths.index.unlink()
    assert read_index_age(enrolled, paths, NOW) is None
    paths.index.symlink_to(paths.index)
    assert read_index_age(enrolled, paths, NOW) is None
