"""A sources file is checked whole: every mistake at once, each with the source it stands in."""

from pathlib import Path

import pytest

from blocklists.entries import Match
from blocklists.errors import SourcesInvalid
from blocklists.sources import load_sources


def written(path: Path, text: str) -> Path:
    (path / "sources.toml").write_text(text)
    return path / "sources.toml"


def test_a_source_is_read_with_its_path_relative_to_the_file(tmp_path: Path) -> None:
    (one, two) = load_sources(
        written(
            tmp_path,
            '[[source]]\nname = "ut1-gambling"\ncategory = "gambling"\nlocation = "lists/bets"\nmatch = "exact"\n'
            '[[source]]\nname = "far"\ncategory = "ads"\nlocation = "https://lists.example/x"\nformat = "hosts"\n',
        )
    )
    assert (one.path, one.format, one.default_match, one.is_url) == (
        tmp_path / "lists/bets",
        "auto",
        Match.EXACT,
        False,
    )
    assert (two.location, two.format, two.default_match, two.is_url) == (
        "https://lists.example/x",
        "hosts",
        None,
        True,
    )


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'title = "mine"\n'
        '[[source]]\nname = "a"\ncategory = "Not An Id"\nlocation = "x"\nformat = "hots"\nmatch = "roughly"\n'
        '[[source]]\nname = "b"\ncategory = 7\nlocaton = "x"\n'
        '[[source]]\nname = "a"\ncategory = "ads"\nlocation = "http://lists.example/x"\n'
        '[[source]]\nname = "../up"\ncategory = "ads"\nlocation = "ftp://lists.example/x"\n',
    )
    with pytest.raises(SourcesInvalid) as caught:
        load_sources(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: 11 mistakes\n")
    for part in (
        "title: is not a setting",
        "source 'a': category: 'Not An Id'",
        "source 'a': format: 'hots' is not one of auto, hosts",
        "source 'a': match: 'roughly'",
        "source 'b': category: expected text",
        "source 'b': locaton: is not a setting; did you mean 'location'?",
        "source 'b': location: is missing",
        "source 'a': location: must be https://",
        "source 'a': name: is used twice",
        "source '../up': name:",
        "source '../up': location:",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names no source"),
        ("source = 3\n", "write [[source]]"),
        ("[[source]\n", "is not TOML"),
        ('[source]\nname = "a"\n', "write [[source]]"),
    ],
)
def test_a_file_that_is_no_sources_file_says_what_to_write(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SourcesInvalid) as caught:
        load_sources(written(tmp_path, text))
    assert reason in str(caught.value)


def test_a_missing_file_and_bytes_that_are_no_text_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(SourcesInvalid, match="cannot be read: No such file"):
        load_sources(tmp_path / "nowhere.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourcesInvalid, match="is not UTF-8"):
        load_sources(tmp_path / "bytes.toml")


def test_a_file_from_notepad_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_bytes(
        b'\xef\xbb\xbf[[source]]\r\nname = "a"\r\ncategory = "ads"\r\nlocation = "http://127.0.0.1:8000/x"\r\n'
    )
    assert load_sources(tmp_path / "s.toml")[0].is_url
