"""Lists arrive compressed, in archives, in folders, with every kind of line end."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from blocklists import source_reader
from blocklists.errors import ListError, SourceUnusable
from blocklists.source_reader import is_allowlist_usage, read_lines, read_parts
from blocklists.sources import Source
from tests.blocklists.factories import closed, index_of

TEXT = b"\xef\xbb\xbf# a list\r\nbad.example\r\nworse.example\r\n"


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("list.txt", content)
    return buffer.getvalue()


def tarred(*folders: str, usage: bytes = b"black\n", prefix: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in folders:
            for name, content in (
                ("domains", f"{folder}.example\n".encode()),
                ("urls", b"x.example/y\n"),
                ("usage", usage),
            ):
                member = tarfile.TarInfo(f"{prefix}{folder}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("packed", [bytes, gzip.compress, lzma.compress, bz2.compress, zipped])
def test_a_list_is_unpacked_by_what_it_is(packed: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(packed(TEXT))
    index = index_of(tmp_path, Source(name="a", category="x", location=str(tmp_path / "list")))
    assert closed(index, "bad.example", "worse.example") == {"bad.example": True, "worse.example": True}


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
@pytest.mark.parametrize("prefix", ["", "./", "blacklists/"])
def test_an_archive_of_one_category_is_read_with_its_meaning(
    packed: Callable[[bytes], bytes], prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "gambling.tar.gz").write_bytes(packed(tarred("gambling", prefix=prefix)))
    index = index_of(tmp_path, Source(name="a", category="x", location=str(tmp_path / "gambling.tar.gz")))
    assert closed(index, "gambling.example", "www.gambling.example") == {
        "gambling.example": True,
        "www.gambling.example": True,
    }


def test_an_archive_of_many_categories_must_be_told_which(tmp_path: Path) -> None:
    (tmp_path / "all.tar").write_bytes(tarred("games", "gambling"))
    all_of_it = Source(name="a", category="x", location=str(tmp_path / "all.tar"))
    with pytest.raises(ListError, match=r"name one .*gambling, games"):
        index_of(tmp_path, all_of_it)
    index = index_of(tmp_path, Source(name="a", category="x", location=all_of_it.location, folder="games"))
    assert closed(index, "games.example", "gambling.example") == {"games.example": True, "gambling.example": False}
    with pytest.raises(ListError, match="holds no folder 'chess'"):
        index_of(tmp_path, Source(name="a", category="x", location=all_of_it.location, folder="chess"))


def test_a_white_archive_opens(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tarred("child", usage=b"white\n"))
    (part,) = read_parts(tmp_path / "a.tar")
    assert part.is_allowlist


def test_a_folder_without_domains_names_those_inside(tmp_path: Path) -> None:
    for name in ("chat", "games"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "domains").write_text("a.example\n")
    with pytest.raises(SourceUnusable, match=r"name one of its folders: chat, games"):
        list(read_parts(tmp_path))
    assert [part.name for part in read_parts(tmp_path, "chat")] == ["chat/domains"]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT)[:-9],
        lzma.compress(TEXT)[:-3],
        zipped(TEXT)[:40] + zipped(TEXT)[-60:],
        b"PK\x05\x06" + b"\0" * 18,
        b"\x1f\x8b" + b"junk" * 10,
    ],
    ids=["short gzip", "short xz", "torn zip", "empty zip", "junk gzip"],
)
def test_a_damaged_archive_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(ListError):
        index_of(tmp_path, Source(name="a", category="x", location=str(tmp_path / "list")))


def test_a_bomb_of_lines_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_reader, "MAX_UNPACKED_BYTES", 1_000_000)
    (tmp_path / "list").write_bytes(gzip.compress(b"a.example\n" * 1_000_000))
    with pytest.raises(ListError, match="is longer than"):
        index_of(tmp_path, Source(name="a", category="x", location=str(tmp_path / "list")))


def test_lines_are_cut_at_any_line_end_and_long_ones_are_marked() -> None:
    content = b"\xef\xbb\xbfone\r\ntwo\n" + b"x" * 200_000 + b"\nthree\xff\n" + b"y" * 65536 + b"\nlast"
    assert list(read_lines(io.BytesIO(content))) == ["one", "two", None, "three\ufffd", None, "last"]


@pytest.mark.parametrize(
    ("usage", "white"),
    [(b"black\n", False), (b"white\n", True), (b"black\nwhite\n", False), (b"white\nchild\n", True), (b"", False)],
)
def test_a_usage_file_marks_a_list(usage: bytes, white: bool) -> None:
    assert is_allowlist_usage(usage) is white
