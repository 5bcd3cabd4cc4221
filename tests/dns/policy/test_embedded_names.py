"""A site that a translator or a cache shows under its own name is decided as the site that it is."""

from typing import Any

import pytest

from dns.message.constants import RecordType
from dns.policy.document import Lesson, Profile, Rule, Unblock
from dns.policy.embedded_names import embedded_name
from dns.policy.verdict import Action, Step
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, STAFF, minutes, policy

A = RecordType.A


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("www-example-com.translate.goog", "www.example.com"),
        ("my--site-example-co-uk.translate.goog", "my-site.example.co.uk"),
        ("0-en--us-example-com-0.cdn.ampproject.org", "en-us.example.com"),
        ("example-com.translated.turbopages.org", "example.com"),
        ("x.www-example-com.translate.goog", "www.example.com"),
        ("translate.goog", None),
        ("hash0123456789.cdn.ampproject.org", None),
        ("-.translate.goog", None),
        ("www-example-com.example.org", None),
        ("", None),
    ],
)
def test_the_inner_name_is_read_back(name: str, inner: str | None) -> None:
    assert embedded_name(name) == inner


GAMES = FakeBlocklist({"games.example": "games", "worst.example": "pornography"})


def decide(name: str, **fields: Any) -> tuple[Action, Step]:
    verdict = policy(GAMES, **fields).view(PUPIL).decide(name, A, NOW)
    return verdict.action, verdict.step


def test_a_listed_site_is_closed_and_others_are_open() -> None:
    assert decide("www-games-example.translate.goog") == (Action.BLOCK, Step.LIST)
    assert decide("www-free-example.translate.goog") == (Action.ALLOW, Step.DEFAULT)


def test_a_locked_category_stays_locked() -> None:
    unblock = Unblock(id="u", site="translate.goog", until=minutes(30))

    assert decide("worst-example.translate.goog", locked_categories=("pornography",), unblocks=(unblock,)) == (
        Action.BLOCK,
        Step.LOCKED,
    )


def test_the_schools_rule_and_an_unblock_of_the_site_hold() -> None:
    rule = Rule(name="free.example", action="block")
    unblock = Unblock(id="u", site="games.example", until=minutes(30))

    assert decide("www-free-example.translate.goog", rules=(rule,)) == (Action.BLOCK, Step.RULE)
    assert decide("games-example.translate.goog", unblocks=(unblock,)) == (Action.ALLOW, Step.UNBLOCK)


def test_a_site_of_the_lesson_may_be_translated_and_no_other() -> None:
    lessons = (Lesson(id="l", sites=("lesson.example",), until=minutes(30)),)

    assert decide("lesson-example.translate.goog", lessons=lessons)[0] is Action.ALLOW
    assert decide("other-example.translate.goog", lessons=lessons) == (Action.BLOCK, Step.LESSON)


def test_a_search_engine_has_no_safe_name_there() -> None:
    safe = Profile(name="pupils", safe_search=True)

    assert decide("www-google-com.translate.goog", profiles=(safe, STAFF)) == (Action.BLOCK, Step.SAFE_SEARCH)


def test_what_was_said_of_a_site_is_said_anew_of_whoever_shows_it() -> None:
    before = policy(GAMES)
    after = policy(GAMES, unblocks=(Unblock(id="u", site="games.example", until=minutes(30)),))

    assert set(after.names_changed_since(before) or ()) >= {"games.example", "translate.goog"}
