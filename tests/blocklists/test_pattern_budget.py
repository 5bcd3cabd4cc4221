"""Regular expressions from lists, however many, never make a name wait; those over the budget are counted."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.errors import NotUnderstood
from blocklists.pattern_budget import MOST_ALIKE, PatternBudget
from blocklists.pattern_literals import literal_choices
from blocklists.patterns import check_pattern
from tests.blocklists.factories import closed, index_of_text, report_of, source

PIECES = [
    "ad",
    "track",
    r"\.",
    "-",
    "[0-9]+",
    "[a-z]",
    "(er|ing)?",
    "(com|net)",
    "x{2}",
    "^",
    "$",
    ".*",
    "(a|)",
    "k",
]
NAMES = st.lists(
    st.sampled_from(["ad", "track", ".", "-", "7", "er", "ing", "com", "net", "xx", "k", "a", "q"]), max_size=10
)


@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), name=NAMES)
@settings(max_examples=400, deadline=None)
def test_of_each_choice_a_text_stands_in_every_name_that_is_found(pieces: list[str], name: list[str]) -> None:
    try:
        regex = check_pattern("".join(pieces))
    except NotUnderstood:
        return
    text = "".join(name)
    if re.search(regex, text, re.IGNORECASE):
        for choice in literal_choices(regex):
            assert any(one in text for one in choice)


@pytest.mark.parametrize(
    ("regex", "choices"),
    [
        (r"^ad[0-9]+\.track\.", (("ad",), (".track.",))),
        (r"\.(ru|cn)$", ((".",), ("cn", "ru"))),
        (r"(^|\.)ads?\.", (("ad",), (".",))),
        (r"(tracker)+x{3}", (("tracker",), ("x",))),
        (r"(tracker)?", ()),
        (r"[ab]", ()),
        ("\u017ftat", (("tat",),)),  # a long s is found in "stat"
        ("Upper", (("upper",),)),
    ],
)
def test_the_texts_of_an_expression(regex: str, choices: tuple[tuple[str, ...], ...]) -> None:
    assert literal_choices(regex) == choices


def test_an_expression_is_filed_under_the_text_that_is_least_used() -> None:
    budget = PatternBudget()
    assert budget.admit(r"^tracker\.one\.") == ("tracker.one.",)
    assert {budget.admit(rf"^phish[0-9]+\.bad{at}\.") for at in range(3)} == {
        (".bad0.",),
        (".bad1.",),
        (".bad2.",),
    } or budget.admit("phish") == ("phish",)


def test_what_says_nothing_of_the_names_it_finds_is_tried_on_every_name_up_to_a_number() -> None:
    budget = PatternBudget()
    for at in range(MOST_ALIKE):
        assert budget.admit(f"^[a-z]{{{at % 50 + 10}}}[0-9]\\.") == ()
    with pytest.raises(NotUnderstood, match="say too little"):
        budget.admit("^[0-9]")


def test_the_same_text_serves_only_so_many(tmp_path: Path) -> None:
    text = "".join(f"/^tracker[0-9]{{{at % 50 + 1}}}[a-z]{{{at // 50 + 1}}}$/\n" for at in range(1000))
    report = report_of(tmp_path, source(tmp_path, text))
    assert report.patterns == MOST_ALIKE
    assert sum(report.sources[0].passed_over.values()) == 1000 - MOST_ALIKE
    assert any("names that look alike" in reason for reason in report.sources[0].passed_over)


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.exhaustive)])
def test_thousands_of_expressions_are_taken_in_and_a_name_does_not_wait_for_them(
    count: int, tmp_path: Path
) -> None:
    text = "".join(f"/^h[0-9]+\\.phish{at}\\.(evil|bad)[a-z]*\\.example$/\n" for at in range(count))
    index = index_of_text(tmp_path, text + "tracker.example.org\n")
    asked = [f"www.site-{at}.example.org" for at in range(1000)]
    begun = time.process_time()
    for name in asked:
        assert not index.find_block_entries(name)
    spent = time.process_time() - begun
    assert spent < 0.5  # seconds for a thousand names; tried one after the other, it would be minutes
    last, beyond = f"h1.phish{count - 1}.evilsite.example", f"h1.phish{count}.evil.example"
    assert closed(index, last, beyond, "tracker.example.org") == {
        last: True,
        beyond: False,
        "tracker.example.org": True,
    }


@pytest.mark.parametrize("evil", ["(a+)+$", "a.*b.*c.*d", "a[a-z]*a[a-z]*c", "(a|a)*b", "(.*a){12}", "(a*)*"])
def test_an_expression_that_could_take_long_is_refused_and_reported(evil: str, tmp_path: Path) -> None:
    report = report_of(tmp_path, source(tmp_path, f"/{evil}/\n||ok.example^\n"))
    assert (report.names, report.patterns) == (1, 0)
    assert [problem.line for problem in report.sources[0].problems] == [1]


@given(
    pieces=st.lists(st.sampled_from(["a", "a*", "[a-z]*", "(a|b)", ".*", "a+", "(ab)+", "a?", "b"]), max_size=7),
    letters=st.sampled_from(["a", "ab", "aab", "ba", "a.", "-a"]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_taken_is_done_with_the_longest_name_in_a_fraction_of_a_second(
    pieces: list[str], letters: str
) -> None:
    try:
        regex = check_pattern("".join(pieces))
    except NotUnderstood:
        return
    begun = time.process_time()
    re.search(regex, (letters * 253)[:253], re.IGNORECASE)
    assert time.process_time() - begun < 0.5


def test_an_opened_index_finds_several_expressions_in_one_name(tmp_path: Path) -> None:
    text = "/^tracker[0-9]/\n/[0-9]\\.example$/\n/^[a-z]{7}[0-9]\\./\n@@/good/\n"
    index = index_of_text(tmp_path, text)
    assert [entry.entry for entry in index.find_block_entries("tracker7.example")] == [
        "/^tracker[0-9]/",
        "/[0-9]\\.example$/",
        "/^[a-z]{7}[0-9]\\./",
    ]
    assert index.find_block_entries("tracker7.good.example") == ()
