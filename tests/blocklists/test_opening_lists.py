"""Lists that open: against the lists of one category or of all, never against a person's rule or a lock."""

from pathlib import Path
from typing import Any

import pytest

from blocklists.export import blocked_names
from blocklists.index import Index
from blocklists.search import search_index
from blocklists.sources import check_source
from dns.message.constants import RecordType
from dns.policy.document import Rule
from dns.policy.verdict import Action, Step
from tests.blocklists.factories import index_of, source
from tests.fakes.policies import NOW, PUPIL, policy

CLOSED = "||site.example^\n||other.example^$important\n"


def index_with(path: Path, text: str, category: str, **fields: str) -> Index:
    return index_of(
        path,
        source(path, CLOSED, name="bets", category="gambling"),
        source(path, CLOSED, name="fun", category="games"),
        source(path, text, name="good", category=category, action="allow", **fields),
    )


def still_closed(index: Index, name: str) -> list[str]:
    return [entry.category for entry in index.find_block_entries(name) if not entry.is_opened]


@pytest.mark.parametrize("text", ["site.example\n", "0.0.0.0 site.example\n", "||site.example^\n", "/^site\\./\n",
    "@@||site.example^\n", "address=/site.example/#\n", "*.example\n", "||example^\n"])  # fmt: skip
def test_a_list_of_openings_opens_in_any_syntax(text: str, tmp_path: Path) -> None:
    index = index_with(tmp_path, text, "all")
    assert still_closed(index, "site.example") == []
    if "*" not in text and "||example" not in text:
        assert still_closed(index, "other.example") == ["gambling", "games"]


def test_it_opens_against_its_own_category_alone(tmp_path: Path) -> None:
    index = index_with(tmp_path, "||site.example^\n||other.example^\n", "games")
    for name in ("site.example", "www.other.example"):
        assert still_closed(index, name) == ["gambling"]
        assert {entry.category: entry.is_opened for entry in index.find_block_entries(name)} == {
            "gambling": False,
            "games": True,
        }


def test_an_exact_opening_opens_no_subdomain_unless_its_source_says_so(tmp_path: Path) -> None:
    assert still_closed(index_with(tmp_path / "a", "site.example\n", "all"), "www.site.example")
    assert not still_closed(
        index_with(tmp_path / "b", "site.example\n", "all", match="subdomains"), "www.site.example"
    )


def decided(index: Index, **fields: Any) -> tuple[Action, Step]:
    verdict = policy(index, **fields).view(PUPIL).decide("site.example", RecordType.A, NOW)
    return verdict.action, verdict.step


def test_a_person_s_rule_and_a_lock_still_win(tmp_path: Path) -> None:
    index = index_with(tmp_path, "||site.example^\n", "all")
    assert decided(index) == (Action.ALLOW, Step.DEFAULT)
    assert decided(index, rules=(Rule(name="site.example", action="block"),)) == (Action.BLOCK, Step.RULE)
    assert decided(index, locked_categories=("games",)) == (Action.BLOCK, Step.LOCKED)


def test_what_is_opened_is_neither_exported_nor_called_closed(tmp_path: Path) -> None:
    index = index_with(tmp_path, "||site.example^\n", "all")
    assert list(blocked_names(index)) == ["other.example"]
    found = search_index(index, "site.example")
    assert found.closings == ()
    assert [(one.category, one.does, one.decides) for one in found.touches] == [
        ("gambling", "closes", False),
        ("games", "closes", False),
        ("all", "opens", False),
    ]


def test_every_category_is_for_lists_that_open(tmp_path: Path) -> None:
    one = source(tmp_path, CLOSED, category="all")
    assert check_source(one) == ["category: 'all' is for lists that open (action = \"allow\")"]
    assert "action: 'open' is not one of block, allow" in check_source(source(tmp_path, CLOSED, action="open"))
