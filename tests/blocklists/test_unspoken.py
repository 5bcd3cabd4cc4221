"""What nobody is asked about before a class is found by its categories, its words, and as a known help line."""

import pytest

from blocklists.unspoken import is_unspoken


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("forum.example", ("self_harm",)),
        ("forum.example", ("chat", "Sexual-Education")),
        ("forum.example", ("child_abuse",)),
        ("films.example", ("adult",)),
        ("self-harm.example", ()),
        ("www.sexual-health-clinic.example", ("forums",)),
        ("rape-crisis.example", ()),
        ("chat.childline.org.uk", ("chat",)),
        ("brook.org.uk", ()),
    ],
)
def test_help_and_harm_are_not_spoken_of(name: str, categories: tuple[str, ...]) -> None:
    assert is_unspoken(name, categories)


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("games.example.org", ("games",)),
        ("essex.example", ("forums",)),
        ("grapes.example", ()),
        ("skyscraper.example", ("violence",)),
        ("theraper.example", ()),
        ("beer.example", ("drugs", "drugs and substance abuse")),
    ],
)
def test_everything_else_may_be_asked_for(name: str, categories: tuple[str, ...]) -> None:
    assert not is_unspoken(name, categories)
