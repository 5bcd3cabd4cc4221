"""Whatever stands in a list, parsers raise only their own errors, and what they give back is well formed."""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blocklists.compiler import build_index
from blocklists.entries import BadFilter, Item, NameEntry, PatternEntry
from blocklists.errors import ListError, NotUnderstood, SourceUnusable
from blocklists.format_detection import detect_format
from blocklists.formats import FORMATS
from blocklists.keywords import Keywords
from blocklists.patterns import check_pattern
from blocklists.source_reader import read_lines
from blocklists.sources import Source
from dns.message.names import canonical

SYNTAX = r"""|| @@ ^ $ | / * . , = ~ # ! ; [ ( ) " ' : + ? example com a b-c 0.0.0.0 127.0.0.1 ::1 \. xn-- ü İ
    address=/ server=/ local-zone: local-data: always_nxdomain CNAME SOA $ORIGIN $TTL rpz-passthru. rpz-ip
    important badfilter denyallow= dnstype= dnsrewrite= client= A AAAA TYPE99999 [[:alpha:]] (? {1,9}"""
PIECES = st.sampled_from(SYNTAX.split()) | st.sampled_from([" ", "\t", "\x00", "\ufffd", "\u202e", "a" * 70])
LINES = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60)


@pytest.mark.parametrize("name", FORMATS)
@given(text=st.lists(LINES, min_size=1, max_size=6))
@example(text=["0.0.0.0 example ||"])
@settings(max_examples=150, deadline=None)
def test_a_parser_raises_only_its_own_error_and_gives_canonical_names(name: str, text: list[str]) -> None:
    parser = FORMATS[name]()
    for line in text:
        try:
            items = list(parser.parse_line(line))
        except NotUnderstood:
            continue
        for item in items:
            assert isinstance(item, Item)
            if isinstance(item, NameEntry):
                assert canonical(item.name) == item.name
            elif isinstance(item, PatternEntry):
                re.compile(item.regex)
    assert all(isinstance(item, BadFilter) for item in parser.finish_file())


@given(content=st.binary(max_size=400) | st.lists(LINES, max_size=20).map(lambda text: "\n".join(text).encode()))
@example(content=b"\x1f\x8b\x08")
@example(content=b"PK\x03\x04")
@example(content=b"\xfd7zXZ\x00")
@example(content=b"BZh9")
@settings(max_examples=200, deadline=None)
def test_a_build_of_any_bytes_raises_only_its_own_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "list").write_bytes(content)
        with contextlib.suppress(ListError):
            build_index([Source(name="a", category="x", location=str(path / "list"))], path / "index")


@given(content=st.binary(max_size=300))
def test_any_bytes_are_cut_into_lines(content: bytes) -> None:
    text = list(read_lines(io.BytesIO(content)))
    assert all(line is None or "\n" not in line for line in text)
    with contextlib.suppress(SourceUnusable):
        assert detect_format(text) in FORMATS


@given(text=st.lists(PIECES, max_size=15).map("".join))
@settings(max_examples=300, deadline=None)
def test_a_pattern_that_is_taken_runs(text: str) -> None:
    try:
        regex = check_pattern(text)
    except NotUnderstood:
        return
    re.compile(regex, re.IGNORECASE).search("a.b-c.example." * 10)


@pytest.mark.parametrize(
    "evil",
    [
        "(a+)+$",
        "(a*)*b",
        "(ab|a|b)*tracker",
        "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaaaaaaaaaaa",
        "a.*b.*c.*d.*e",
        "(.*a){20}",
        "(?:a?){50}a{50}",
        "((a+)b?)+c",
        "(a+.?)+b",
        "([a-z]+)*@",
        "(.+)+[_.-]x",
        "(a|ab)(c|bcd)(d*)(e+)+f",
        "(?:[^.]+[.-])+x",
        "(x+x+)+y",
        "(a{1,99}){1,99}b",
        "(a?a?)*b",
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused(evil: str) -> None:
    with pytest.raises(NotUnderstood):
        check_pattern(evil)


@pytest.mark.parametrize(
    "kind",
    [
        r"^ad([sxv]?[0-9]*|system)[_.-]([^.[:space:]]+\.){1,}|[_.-]ad([sxv]?[0-9]*|system)[_.-]",
        r"^(.+[_.-])?adse?rv(er?|ice)?s?[0-9]*[_.-]",
        r"^(.+[_.-])?telemetry[_.-]",
        r"^adim(age|g)s?[0-9]*[_.-]",
        r"^adtrack(er|ing)?[0-9]*[_.-]",
        r"^advert(s|is(ing|ements?))?[0-9]*[_.-]",
        r"^aff(iliat(es?|ion))?[_.-]",
        r"^analytics?[_.-]",
        r"^banners?[_.-]",
        r"^beacons?[0-9]*[_.-]",
        r"^count(ers?)?[0-9]*[_.-]",
        r"^pixels?[-.]",
        r"^stat(s|istics)?[0-9]*[_.-]",
        r"(^|\.)track(ing)?\.",
        r".*facebook.*",
        r"track.*pixel",
    ],
)
def test_a_pattern_as_lists_have_them_is_taken(kind: str) -> None:
    check_pattern(kind)


@given(name=st.text(max_size=60))
def test_keywords_look_at_any_name(name: str) -> None:
    for closing in Keywords.load_builtin().find_block_entries(name):
        assert closing.category


LONG = 60_000


@pytest.mark.parametrize(
    "line",
    [
        "^" * LONG + " x",
        ";a" * (LONG // 2) + "!",
        "@ " + "1" * LONG + "x CNAME .",
        "1" * LONG,
        "a." * (LONG // 2),
        "*" * LONG,
        "a*" * (LONG // 2),
        "||" + "a." * (LONG // 2) + "^$" + "denyallow=a|" * 2000,
        "/" * LONG,
        "(" * LONG,
        "#" * LONG,
        " CNAME" * (LONG // 6),
        'local-data: "' + "a " * (LONG // 2),
        "address=/" + "a/" * (LONG // 2),
        "\t" * LONG + "x",
        "0.0.0.0" + " -" * (LONG // 2),
        "\u00fc" * LONG,
        "\u0661\u200d" * (LONG // 2),
    ],
    ids=lambda line: line[:12],
)
def test_a_long_line_of_junk_is_done_with_in_time(line: str) -> None:
    # Without a bound some of these would take minutes: the time limit of the test would end it.
    with contextlib.suppress(SourceUnusable):
        detect_format([line])
    for parser in FORMATS.values():
        with contextlib.suppress(NotUnderstood):
            list(parser().parse_line(line))
