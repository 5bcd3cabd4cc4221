"""A ready-made set becomes a sources file: of publishers' addresses, or of copies in a folder."""

from pathlib import Path

import pytest

from blocklists.catalogue import load_catalogue
from blocklists.errors import ListError
from blocklists.set_subscription import SOURCES_NAME, add_to_sources_file, sources_of
from blocklists.sources import load_sources

PRIMARY = load_catalogue().find_lists(["primary-school"])


def test_a_set_comes_from_its_publishers() -> None:
    wanted = sources_of(PRIMARY)
    assert [one.name for one in wanted.sources] == [one.id for one in PRIMARY]
    assert all(one.is_url for one in wanted.sources)
    assert wanted.missing == ()


def test_copies_in_a_folder_are_found_by_id_and_by_the_names_of_the_publisher(tmp_path: Path) -> None:
    (tmp_path / "ut1-gambling.tar.gz").write_bytes(b"x")
    (tmp_path / "games").mkdir()
    (tmp_path / "dangerous_material").mkdir()
    wanted = sources_of(PRIMARY, tmp_path)
    assert {one.name: Path(one.location).name for one in wanted.sources} == {
        "ut1-gambling": "ut1-gambling.tar.gz",
        "ut1-games": "games",
        "ut1-dangerous-material": "dangerous_material",
    }
    assert len(wanted.missing) == len(PRIMARY) - 3


def test_a_folder_without_any_of_the_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="holds none of the lists; name each by its id"):
        sources_of(PRIMARY, tmp_path)


def test_what_a_sources_file_names_already_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / SOURCES_NAME
    file.write_text('[[source]]\nname = "ut1-games"\ncategory = "games"\nlocation = "/srv/our games.txt"\n')
    held = add_to_sources_file(file, sources_of(PRIMARY).sources)
    assert load_sources(file) == held
    assert {one.name for one in held} == {one.id for one in PRIMARY}
    assert next(one for one in held if one.name == "ut1-games").location == "/srv/our games.txt"
    assert add_to_sources_file(file, sources_of(PRIMARY).sources) == held
