"""What a teacher may open at once, by themselves, and what waits for the coordinator."""

from typing import Any

import pytest

from dns.policy.delegation import DelegationDecision, DelegationRequest, check_delegation
from dns.policy.document import Delegation, Lesson, Pause, Rule
from dns.policy.view import CompiledView
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, minutes, policy

LISTS = FakeBlocklist(
    {
        "games.example": "games",
        "bets.example": "gambling",
        "both.example": ("games", "gambling"),
        "worst.example": "pornography",
        "cdn.example": "games",
    }
)
KEYWORDS = FakeBlocklist({"guessed.example": "games"})
GAMES = Delegation(categories=("games",), minutes=30, per_day=2)


def view(*delegations: Delegation, **fields: Any) -> CompiledView:
    return policy(LISTS, KEYWORDS, delegations=delegations or (GAMES,), **fields).view(PUPIL)


def ask(site: str, seen: CompiledView | None = None, *, length: int = 20, **wish: Any) -> DelegationDecision:
    return check_delegation(seen or view(), DelegationRequest(site=site, minutes=length, **wish), NOW)


@pytest.mark.parametrize("site", ["games.example", "www.games.example", "guessed.example"])
def test_a_teacher_opens_what_is_closed_by_a_delegated_category(site: str) -> None:
    assert ask(site) == DelegationDecision(allowed=True, minutes=30)


@pytest.mark.parametrize(
    ("site", "why"),
    [
        ("bets.example", "bets.example is closed as gambling: the coordinator decides"),
        ("both.example", "both.example is closed as gambling: the coordinator decides"),
        ("startpage.com", "startpage.com has no safe search: the coordinator decides"),
        ("mask.icloud.com", "mask.icloud.com would lead devices past the filter: nobody can open it"),
        ("free.example", "free.example is open already"),
    ],
)
def test_everything_else_waits_and_says_why(site: str, why: str) -> None:
    assert ask(site) == DelegationDecision(allowed=False, reason=why)


def test_what_the_school_itself_closed_or_locked_is_never_delegated() -> None:
    rules = (Rule(name="games.example", action="block"), Rule(name="cdn.example", action="block", locked=True))
    seen = view(rules=rules)

    assert "by the school itself" in ask("games.example", seen).reason
    assert "nobody can open it" in ask("cdn.example", seen).reason


def test_a_locked_category_is_not_opened_by_delegating_it() -> None:
    seen = view(Delegation(categories=("*",)), locked_categories=("pornography",))

    assert "nobody can open it" in ask("worst.example", seen).reason


def test_every_name_granted_with_it_must_be_delegated_too() -> None:
    assert ask("games.example", also=("cdn.example",)).allowed
    assert ask("games.example", also=("free.example",)).allowed
    assert not ask("games.example", also=("bets.example",)).allowed
    assert ask("free.example", also=("cdn.example",)).allowed
    assert ask("free.example", also=("other.example",)).reason == "free.example is open already"


def test_for_how_long_and_how_often_a_day_is_limited() -> None:
    assert ask("games.example", length=30).allowed
    longer = ask("games.example", length=31)
    assert (longer.allowed, longer.minutes) == (False, 30)
    assert ask("games.example", unblocked_today=1).allowed
    assert "2 times a day" in ask("games.example", unblocked_today=2).reason


def test_no_limit_a_day_where_the_school_sets_none() -> None:
    assert ask("games.example", view(Delegation(categories=("games",), per_day=0)), unblocked_today=99).allowed


def test_of_several_delegations_of_a_category_the_most_generous_counts_and_of_categories_the_strictest() -> None:
    seen = view(
        Delegation(categories=("games",), minutes=10),
        Delegation(categories=("games",), minutes=50, per_day=9),
        Delegation(categories=("gambling",), minutes=20, per_day=1),
    )

    assert ask("games.example", seen).minutes == 50
    assert ask("both.example", seen).minutes == 20
    assert not ask("both.example", seen, unblocked_today=1).allowed


def test_a_delegation_is_for_its_groups() -> None:
    made = policy(LISTS, delegations=(Delegation(categories=("gambling",), groups=("staff",)),))

    assert check_delegation(
        made.view_for_group("staff"), DelegationRequest(site="bets.example", minutes=5), NOW
    ).allowed
    assert not check_delegation(
        made.view_for_group("pupils"), DelegationRequest(site="bets.example", minutes=5), NOW
    ).allowed


def test_a_pause_or_a_lesson_is_ended_and_not_opened_through() -> None:
    paused = view(pauses=(Pause(id="p", until=minutes(5)),))
    lesson = view(lessons=(Lesson(id="l", sites=("maths.example",), until=minutes(5)),))

    assert "paused" in ask("games.example", paused).reason
    assert "not part of the lesson" in ask("games.example", lesson).reason


@pytest.mark.parametrize("wish", [{"site": "co.uk"}, {"site": "games.example", "also": ("github.io",)}])
def test_what_reaches_further_than_one_site_is_delegated_to_nobody(wish: dict[str, Any]) -> None:
    lists = FakeBlocklist({"co.uk": "games", "games.example": "games", "github.io": "games"})
    seen = policy(lists, delegations=(GAMES,)).view(PUPIL)
    decision = check_delegation(seen, DelegationRequest(minutes=20, **wish), NOW)

    assert not decision.allowed
    assert "give the whole name" in decision.reason
