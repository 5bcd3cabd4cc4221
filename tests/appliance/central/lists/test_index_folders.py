"""What the processes of central tell each other about indexes, by files."""

from pathlib import Path

import pytest

from appliance.central.lists.index_folders import BUILD_WANTED, IndexFolders


def test_a_build_is_wanted_once_and_a_wish_of_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders, unlink = IndexFolders(tmp_path), Path.unlink
    assert not folders.take_wanted_build()

    def unlink_late(path: Path, missing_ok: bool = False) -> None:
        if not (tmp_path / "late").exists():
            (tmp_path / "late").touch()
            folders.want_build()  # another process, between the look and this
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_late)
    assert folders.take_wanted_build()
    assert not folders.take_wanted_build()


def test_a_wish_that_cannot_be_taken_away_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / BUILD_WANTED).mkdir()
    assert not IndexFolders(tmp_path).take_wanted_build()
