"""A list closes no public suffix and nothing as wide, whatever it writes; openings may be as wide as they like."""

import functools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.entries import Effect, Match, NameEntry, PatternEntry
from blocklists.formats import FORMATS
from blocklists.formats.mixed_lines import MixedParser
from blocklists.popular_names import POPULAR_NAMES
from blocklists.width import WidthLimit
from dns.public_suffix import Section, SuffixTable, is_public_suffix
from tests.blocklists.factories import closed, index_of_text, report_of, source

SUFFIXES = dict(SuffixTable().names())
# How each format writes "this name and everything under it".
WRITTEN = {
    "domains": (".{}", "*.{}"),
    "squidguard": ("{}", ".{}", "*.{}"),
    "wildcards": ("*.{}", "*{}", "*.*.{}"),
    "dnsmasq": ("address=/{}/", "address=/{}/#", "server=/{}/", "local=/.{}/"),
    "unbound": ('local-zone: "{}." always_nxdomain', 'local-zone: "{}" refuse'),
    "rpz": ("*.{} CNAME .",),
    "adblock": ("||{}^", "||{}", "||*.{}^", "*.{}^", "||{}^$important", "||{}^$denyallow=a.example", "*{}|"),
}
REGEXES = (r"\.{}$", r"(^|\.){}$", r"^[^.]+\.{}$", r"^www\.[^.]+\.{}$", r".*\.{}", r"\.(example|{})$")


@functools.cache
def limit() -> WidthLimit:
    return WidthLimit()


def refused(format_name: str, line: str) -> list[str | None]:
    answers: list[str | None] = []
    for item in MixedParser(format_name, None).parse_line(line):
        if isinstance(item, NameEntry):
            answers.append(limit().refuse_entry(item))
        elif isinstance(item, PatternEntry):
            answers.append(limit().refuse_pattern(item))
    return answers


@pytest.mark.parametrize("format_name", WRITTEN)
@given(suffix=st.sampled_from(sorted(SUFFIXES)))
@settings(max_examples=25, deadline=None)
def test_no_format_closes_a_public_suffix_in_any_spelling(format_name: str, suffix: str) -> None:
    for written in WRITTEN[format_name]:
        for answer in refused(format_name, written.format(suffix)) or ["no entry at all"]:
            assert answer is not None, written.format(suffix)


@given(suffix=st.sampled_from(sorted(SUFFIXES)), regex=st.sampled_from(REGEXES))
@settings(max_examples=60, deadline=None)
def test_no_expression_closes_a_public_suffix(suffix: str, regex: str) -> None:
    pattern = PatternEntry(regex.format(suffix.replace(".", r"\.").replace("-", r"\-")))
    assert limit().refuse_pattern(pattern) is not None


@given(
    suffix=st.sampled_from(sorted(SUFFIXES)),
    match=st.sampled_from(Match),
    effect=st.sampled_from([effect for effect in Effect if effect >= Effect.ALLOW]),
)
@settings(deadline=None)
def test_an_opening_may_be_as_wide_as_it_likes(suffix: str, match: Match, effect: Effect) -> None:
    assert limit().refuse_entry(NameEntry(suffix, match, effect)) is None
    assert limit().refuse_pattern(PatternEntry(".*", effect)) is None


@given(suffix=st.sampled_from(sorted(SUFFIXES)), site=st.from_regex(r"[a-z][a-z0-9]{2,8}", fullmatch=True))
@settings(deadline=None)
def test_a_site_under_a_suffix_may_be_closed_and_so_may_a_company_s_own_name(suffix: str, site: str) -> None:
    name = f"{site}.{suffix}"
    if not is_public_suffix(name):
        assert limit().refuse_entry(NameEntry(name, Match.SUBDOMAINS)) is None
    own = limit().refuse_entry(NameEntry(suffix, Match.EXACT))
    assert (own is None) == (SUFFIXES[suffix] is Section.PRIVATE)


@given(st.sampled_from(sorted(SUFFIXES)), st.sampled_from(["", "a.", "www.", "a.b.", "city.", "other."]))
@settings(deadline=None)
def test_the_table_says_what_the_list_says(suffix: str, before: str) -> None:
    assert (limit()._section(before + suffix) is not None) == is_public_suffix(before + suffix)


@pytest.mark.parametrize(
    "line",
    ["||io^", "||academy^", "||wales^", "*co.uk", "www.*", r"/^www\./", r"/\.(ru|cn)$/", "||github.io^",
     "||co.ck^", r"/\.wales/", r"/\.co\./", "*", "*.*", "x*", "a*", r"/-/", r"/[0-9]/", r"/^m\./", r"/e/",
     r"/^[a-z0-9-]+\.com$/",
     "/^.{0,30}$/", "||*.uk^", "||co.*^", "*.xn--p1ai", "||com^$denyallow=x", "||io^$dnstype=HTTPS", "||corp^"],
)  # fmt: skip
def test_a_closing_that_is_too_wide_is_refused_with_its_reason_and_the_rest_of_the_list_counts(
    line: str, tmp_path: Path
) -> None:
    report = report_of(tmp_path, source(tmp_path, f"{line}\n||bad.example^\n"))
    assert (report.names, report.patterns) == (1, 0)
    (problem,) = report.sources[0].problems
    assert (problem.line, problem.text) == (1, line)
    assert "too wide for a list" in problem.reason or problem.reason.startswith("a single word")


@pytest.mark.parametrize(
    "regex",
    ["facebook", "casino", "porn", "sex", "bet", "game", "blog", "google", r"^ad[0-9]+\.", r"(^|\.)ads?\.",
     r"[_.-]ad([sxv]?[0-9]*|system)[_.-]", r"^stat(s|istics)?[0-9]*[_.-]", r"^(.+[_.-])?telemetry[_.-]"],
)  # fmt: skip
def test_an_expression_that_finds_a_word_is_taken_although_a_suffix_holds_that_word(regex: str) -> None:
    assert limit().refuse_pattern(PatternEntry(regex)) is None


def test_a_source_may_be_allowed_to_close_widely(tmp_path: Path) -> None:
    text = "||io^\n||github.io^\n||zip^\n/^www\\./\n*co.uk\n"
    index = index_of_text(tmp_path, text, allow_wide=True)
    asked = ("a.io", "a.github.io", "a.zip", "www.example.org", "shop.co.uk", "example.org")
    assert list(closed(index, *asked).values()) == [True, True, True, True, True, False]


def test_a_bare_top_level_domain_closes_only_where_wide_closings_are_allowed_and_prose_never_does(
    tmp_path: Path,
) -> None:
    for allowed in (False, True):
        index = index_of_text(
            tmp_path / str(allowed), "ru\nhello\nbad.example\n", format="squidguard", allow_wide=allowed
        )
        assert closed(index, "a.ru", "bad.example") == {"a.ru": allowed, "bad.example": True}


def test_a_wide_opening_opens(tmp_path: Path) -> None:
    index = index_of_text(tmp_path, "||a.example.org^\n||b.example.net^\n@@||org^\n@@/^b\\./\n@@*\n")
    assert not any(closed(index, "a.example.org", "b.example.net").values())


def test_the_well_known_sites_have_owners_of_their_own() -> None:
    assert len(set(POPULAR_NAMES)) == len(POPULAR_NAMES) >= 200
    for name in POPULAR_NAMES:
        assert limit().refuse_entry(NameEntry(name, Match.SUBDOMAINS)) is None


def test_every_format_that_closes_what_is_under_a_name_is_tried() -> None:
    assert set(FORMATS) - set(WRITTEN) == {
        "hosts",
        "regex",
    }  # which close exactly a name, or say it in an expression
