"""An image brings the lists of a ready-made set: compiled, attributed, used where a room has nothing better."""

import stat
from pathlib import Path

import pytest

from appliance.image.errors import ImageError
from appliance.image.lists import NOTICE_NAME, ImageLists, compile_image_lists, install_image_lists
from blocklists import builtin_list
from blocklists.catalogue import load_catalogue
from blocklists.container import INDEX_NAME
from blocklists.index import Index
from dns.message.names import name_to_key

SET = "primary-school"
LISTED = "a-name-of-the-set.example"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Return a folder with copies of all lists of the set but the last one."""
    folder = tmp_path / "copies"
    folder.mkdir()
    for one in load_catalogue().find_lists([SET])[:-1]:
        (folder / f"{one.id}.txt").write_text("".join(f"{word}{LISTED}\n" for word in ("", "x.", "y.")))
    return folder


@pytest.fixture
def compiled(tmp_path: Path, copies: Path) -> ImageLists:
    return compile_image_lists(SET, tmp_path / "work", tmp_path / "cache", copies=copies)


def is_listed(index: Index, name: str) -> bool:
    return any(key == name_to_key(name) for key, _ in index.iter_entries())


def test_an_image_brings_the_set_and_the_built_in_list(compiled: ImageLists, tmp_path: Path) -> None:
    install_image_lists(compiled, tmp_path / "root")
    index = builtin_list.open_brought_index(tmp_path / "data", tmp_path / "root/usr/share/hallpass/lists")
    assert is_listed(index, LISTED)
    for names in builtin_list.builtin_names().values():
        assert is_listed(index, names[0])


def test_everybody_on_the_card_may_read_them_and_whose_work_they_are(compiled: ImageLists, tmp_path: Path) -> None:
    install_image_lists(compiled, tmp_path / "root")
    folder = tmp_path / "root/usr/share/hallpass/lists"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    notice = (folder / NOTICE_NAME).read_text()
    *brought, missing = load_catalogue().find_lists([SET])
    for one in brought:
        assert f"{one.id}\n  licence: {one.licence}\n  from:    {one.homepage}\n  as of:   20" in notice
    assert f"{missing.id} could not be had and is left out: not in " in notice


def test_a_list_that_is_not_there_is_said_and_costs_no_other(compiled: ImageLists) -> None:
    assert list(compiled.left_out) == [load_catalogue().find_lists([SET])[-1].id]
    assert compiled.names > sum(map(len, builtin_list.builtin_names().values())) * 0.9


def test_a_set_that_does_not_exist_or_has_no_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no set 'primary'; there are .*primary-school"):
        compile_image_lists("primary", tmp_path / "work", tmp_path / "cache", copies=tmp_path)
    with pytest.raises(ImageError, match="holds none of the lists"):
        compile_image_lists(SET, tmp_path / "work", tmp_path / "cache", copies=tmp_path)


def test_where_they_are_damaged_the_built_in_list_stands_in(compiled: ImageLists, tmp_path: Path) -> None:
    install_image_lists(compiled, tmp_path / "root")
    folder = tmp_path / "root/usr/share/hallpass/lists"
    content = bytearray((folder / INDEX_NAME).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / INDEX_NAME).write_bytes(content)
    index = builtin_list.open_brought_index(tmp_path / "data", folder)
    assert not is_listed(index, LISTED)
    assert is_listed(index, builtin_list.builtin_names()["gambling"][0])
