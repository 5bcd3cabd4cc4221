"""False alarms of the keywords, counted over hundreds of thousands of innocent names of our own."""

from collections import Counter

import pytest

from blocklists.education import education_names
from blocklists.keywords import Keywords
from tests.blocklists.innocent_names import HELP_LINES, SINGLE_WORDS, compound_names, innocent_names, place_names

SHIPPED = Keywords.load_builtin()
BAR = 20_000  # innocent names for one false alarm


def false_alarms(names: list[str]) -> list[str]:
    return [name for name in names if SHIPPED.find_block_entries(name)]


def test_at_most_one_innocent_name_in_twenty_thousand_is_closed() -> None:
    names = list(innocent_names())
    assert len(set(names)) >= 100_000
    closed = false_alarms(names)
    assert len(closed) <= len(names) // BAR, closed


def test_no_word_village_club_or_institution_is_closed_by_itself() -> None:
    assert false_alarms([f"{word}.example" for word in SINGLE_WORDS]) == []
    assert false_alarms(list(place_names())) == []


@pytest.mark.parametrize("name", HELP_LINES)
def test_no_help_line_is_closed_known_or_not(name: str) -> None:
    assert (
        false_alarms([name, f"www.{name}", f"{name}.example"]) == []
    )  # under .example it stands on no list of ours


def test_nothing_that_schools_teach_with_is_closed_known_or_not() -> None:
    assert false_alarms([f"www.{name}" for name in education_names()]) == []
    assert false_alarms([f"{name}.example" for name in education_names()]) == []


def test_letters_of_two_words_meet_by_chance_in_the_names_that_are_counted() -> None:
    by_chance = ("porn", "cum", "tits", "anal", "cock", "sex", "rape", "bet")
    found = Counter(word for name in compound_names() for word in by_chance if word in name)
    assert all(found[word] >= 20 for word in by_chance)
