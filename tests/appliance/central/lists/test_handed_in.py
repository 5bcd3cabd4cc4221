"""Files of lists that were handed in: kept, looked at, and never lost."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.central.errors import NotPossible
from appliance.central.lists import handed_in, sources
from appliance.central.lists.handed_in_upkeep import prune_files
from appliance.central.models import SourceRow
from blocklists.isolation import ProcessLimits
from tests.fakes.school import FakeSchool

NAMES = b"".join(b"name%d.example\n" % at for at in range(30))


def kept(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def subscribe(school: FakeSchool, location: str) -> SourceRow:
    with school.store.write_session() as session:
        return sources.subscribe_source(
            session, school.clock(), name="ours", category="games", location=location, by="cora"
        )


def test_a_file_in_use_is_not_touched_by_whoever_hands_it_in_again(tmp_path: Path) -> None:
    place = handed_in.store_file(tmp_path, NAMES)
    before = place.stat()
    assert handed_in.store_file(tmp_path, NAMES) == place
    with pytest.raises(NotPossible, match="this file is no list"):
        handed_in.store_file(tmp_path, NAMES, "rpz")
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert kept(tmp_path) == {place.name: NAMES}


def test_what_is_larger_than_a_list_can_be_is_refused_before_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(NotPossible, match="larger than 64 MB"):
        handed_in.store_file(tmp_path, bytes(handed_in.MAX_UPLOAD_BYTES + 1))
    assert kept(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "lists").write_bytes(b"")
    with pytest.raises(NotPossible, match="the file cannot be kept: "):
        handed_in.store_file(tmp_path / "lists", NAMES)


def test_a_list_whose_file_was_lost_can_be_given_another(school: FakeSchool, tmp_path: Path) -> None:
    row = subscribe(school, str(tmp_path / "gone.list"))
    looked = handed_in.look_at_replacement(tmp_path, row, NAMES)
    assert (looked.found.entries_before, looked.found.difference.added, looked.found.doubt) == (0, 30, "")
    with school.store.write_session() as session:
        done = handed_in.replace_file(
            session, school.clock(), tmp_path, source_id=row.id, stored=looked.stored, before=looked.before, by="a"
        )
    assert done
    with school.store.read_session() as session:
        assert Path(sources.find_source(session, "ours").location).read_bytes() == NAMES


def test_a_list_of_the_trusts_is_not_replaced(school: FakeSchool, tmp_path: Path) -> None:
    row = subscribe(school, str(tmp_path / "file"))
    row.by_trust = True
    with pytest.raises(NotPossible, match="a list of the trust's"):
        handed_in.look_at_replacement(tmp_path, row, NAMES)


def test_a_machine_that_is_too_busy_is_said_to_be_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handed_in, "_LIMITS", ProcessLimits(seconds=0.0))
    with pytest.raises(NotPossible, match="reading this file took longer than 0 seconds: try again later"):
        handed_in.store_file(tmp_path, NAMES)
    assert kept(tmp_path) == {}


def test_what_nobody_uses_goes_after_a_day_and_what_an_undo_would_bring_back_stays(
    school: FakeSchool, tmp_path: Path
) -> None:
    first, second, looked_at = (tmp_path / f"{letter * 32}.list" for letter in "abc")
    row = subscribe(school, str(first))
    for path in (first, second, looked_at):
        path.write_bytes(NAMES)
        os.utime(path, (school.clock().timestamp() - 23 * 3600,) * 2)
    with school.store.write_session() as session:
        handed_in.replace_file(
            session, school.clock(), tmp_path, source_id=row.id, stored=second.stem, before=first.stem, by="cora"
        )
    for hours, left in ((0, {first, second, looked_at}), (2, {first, second})):
        with school.store.write_session() as session:
            prune_files(session, school.clock() + timedelta(hours=hours), tmp_path)
        assert set(tmp_path.glob("*.list")) == left


def test_files_that_are_looked_at_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed_in, "MAX_KEPT_BYTES", 2 * len(NAMES) - 1)
    (tmp_path / f"{'a' * 32}.list").write_bytes(NAMES)
    with pytest.raises(NotPossible, match="the file cannot be kept: "):
        handed_in.store_file(tmp_path, NAMES)
