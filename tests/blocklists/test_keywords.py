"""Keywords close what they mean and leave the innocent alone (no Scunthorpe problem)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.categories import CATEGORIES_BY_ID
from blocklists.errors import ListError
from blocklists.keywords import Keywords

SHIPPED = Keywords.load_builtin()
INNOCENT = (Path(__file__).parent / "innocent_names.txt").read_text("utf-8").split()


def test_there_are_several_hundred_innocent_names() -> None:
    assert len(set(INNOCENT)) == len(INNOCENT) >= 350


@pytest.mark.parametrize("name", INNOCENT)
def test_an_innocent_name_stays_open(name: str) -> None:
    assert SHIPPED.find_block_entries(name) == ()
    assert SHIPPED.find_block_entries(f"www.{name}") == ()


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("freeporn.example", "pornography"),
        ("porn-tube.example", "pornography"),
        ("xxx.example", "pornography"),
        ("hot-xxx-films.example", "pornography"),
        ("live.sex.example", "pornography"),
        ("sex4free.example", "pornography"),
        ("middlesexporn.example", "pornography"),
        ("essex-sex.example", "pornography"),
        ("bestcasino.example", "gambling"),
        ("casino-online.example", "gambling"),
        ("casino777.example", "gambling"),
        ("bet-365.example", "gambling"),
        ("online-poker.example", "gambling"),
        ("free-vpn.example", "circumvention"),
        ("unblockedgames77.example", "circumvention"),
        ("games-unblocked.example", "circumvention"),
        ("buy-weed.example", "drugs"),
        ("thinspo-tips.example", "self_harm"),
        ("torrent-films.example", "piracy"),
        ("watch123movies.example", "piracy"),
    ],
)
def test_a_name_that_means_it_is_closed(name: str, category: str) -> None:
    assert category in {closing.category for closing in SHIPPED.find_block_entries(name)}


def test_boundaries_are_kept() -> None:
    words = Keywords.parse({"x": ["edge", "=whole", "~any"]})
    expected = {
        "edge": True,
        "edgewise": True,
        "knifeedge": True,
        "hedges": False,
        "whole": True,
        "the-whole": True,
        "wholesome": False,
        "1whole2": True,
        "many": True,
        "canyon": True,
    }
    assert {name: bool(words.find_block_entries(f"{name}.example")) for name in expected} == expected


def test_the_last_label_is_not_looked_at() -> None:
    words = Keywords.parse({"x": ["=bet", "~sex"]})
    assert not words.find_block_entries("library.bet")
    assert not words.find_block_entries("sex")
    assert words.find_block_entries("bet.library")


def test_exceptions_cover_their_letters_and_names_their_subdomains() -> None:
    words = Keywords.parse({"x": ["~sex"]}, ["essex"], ["clinic.example"])
    assert not words.find_block_entries("essex.test")
    assert words.find_block_entries("essexsex.test")
    assert not words.find_block_entries("sex.clinic.example")
    assert words.find_block_entries("sexclinic.example")


def test_a_word_that_begins_in_an_innocent_one_does_not_count() -> None:
    words = Keywords.parse({"x": ["sexchat"]}, ["essex"])
    assert not words.find_block_entries("essexchat.example")
    assert words.find_block_entries("sexchat.example")
    assert words.find_block_entries("essex.sexchat.example")


def test_a_name_that_says_it_helps_is_left_alone() -> None:
    words = Keywords.parse({"x": ["~porn"]}, help_words=["addiction"])
    assert not words.find_block_entries("stop-porn-addiction.example")
    assert words.find_block_entries("stop-porn.example")


@pytest.mark.parametrize("name", ["suicide.example", "rape.example", "great-tits.example", "stow-cum-quy.example"])
def test_a_word_that_help_lines_and_villages_use_closes_nothing_by_itself(name: str) -> None:
    assert SHIPPED.find_block_entries(name) == ()


def test_names_that_no_list_can_close_are_left_alone() -> None:
    assert not Keywords.parse({"x": ["~search"]}).find_block_entries("forcesafesearch.google.com")


@pytest.mark.parametrize("word", ["", "ab", "~x", "=", "a b", "w\u00f6rt", "a.b.c"])
def test_a_word_that_could_close_anything_is_refused(word: str) -> None:
    with pytest.raises(ListError):
        Keywords.parse({"x": [word]})


def test_no_words_close_nothing() -> None:
    assert Keywords.parse({}).find_block_entries("sex.example") == ()


def test_the_version_is_that_of_the_content() -> None:
    assert Keywords.load_builtin().version == SHIPPED.version
    assert Keywords.parse({"x": ["one"]}).version != Keywords.parse({"x": ["two"]}).version


def test_the_shipped_words_are_of_known_categories() -> None:
    names = ("freeporn.example", "casino.example", "freevpn.example", "cannabis.example", "warez.example")
    assert {
        closing.category for name in names for closing in SHIPPED.find_block_entries(name)
    } <= CATEGORIES_BY_ID.keys()


@given(st.text("abcdefghijklmnopqrstuvwxyz-.0123456789", max_size=40))
def test_a_word_found_stands_in_the_name(name: str) -> None:
    assert all(closing.entry in name for closing in SHIPPED.find_block_entries(name))
