"""A damaged installation takes the built-in list from nobody."""

from pathlib import Path

from appliance.central.lists.builder import BuildJob, build_in_process
from blocklists.builtin_copy import keep_builtin_sources
from blocklists.builtin_list import builtin_sources
from blocklists.compiler import no_progress
from blocklists.index import open_index
from blocklists.sources import Source


def damaged(_folder: Path) -> list[Source]:
    raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


def test_the_files_of_the_last_build_are_used_and_the_reason_is_said(tmp_path: Path) -> None:
    fresh, reason = keep_builtin_sources(tmp_path)
    assert reason == ""
    assert [one.name for one in fresh] == [one.name for one in builtin_sources(tmp_path)]
    kept, reason = keep_builtin_sources(tmp_path, damaged)
    assert reason.startswith("the list that comes with Hallpass is damaged")
    assert kept == fresh
    assert all(one.path.is_file() for one in kept)


def test_without_any_copy_nothing_is_made_up(tmp_path: Path) -> None:
    assert keep_builtin_sources(tmp_path, damaged)[0] == []
    (tmp_path / "builtin").mkdir()
    (tmp_path / "builtin" / "sources.json").write_text("{")
    assert keep_builtin_sources(tmp_path, damaged)[0] == []


def test_a_build_uses_the_kept_files(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    job = BuildJob(sources=(), folder=tmp_path / "work", downloads=tmp_path / "downloads", with_builtin_list=True)
    assert build_in_process(job, no_progress).builtin_note == ""
    assert (tmp_path / "downloads" / "builtin" / "sources.json").is_file()
    assert open_index(tmp_path / "work" / "index").find_block_entries("www.coolmathgames.com")
