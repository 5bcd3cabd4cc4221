"""Search engines answer under their safe names, and those without one are closed."""

from typing import Any

import pytest

from dns.message.constants import RecordType
from dns.policy.document import Profile, Rule, Unblock
from dns.policy.safe_search import GOOGLE_NAMES
from dns.policy.verdict import Action, Step, Verdict
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, STAFF, minutes, policy

A, MX, AAAA, HTTPS = RecordType.A, RecordType.MX, RecordType.AAAA, RecordType.HTTPS


def decide(name: str, qtype: int = A, fields: dict[str, Any] | None = None, **profile: Any) -> Verdict:
    made = Profile(**{"name": "pupils", "safe_search": True, **profile})
    return policy(FakeBlocklist(), profiles=(made, STAFF), **(fields or {})).view(PUPIL).decide(name, qtype, NOW)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("www.google.com", "forcesafesearch.google.com"),
        ("www.google.co.uk", "forcesafesearch.google.com"),
        ("www.google.com.af", "forcesafesearch.google.com"),
        ("www.google.co.zw", "forcesafesearch.google.com"),
        ("www.google.cat", "forcesafesearch.google.com"),
        ("www.youtube.com", "restrict.youtube.com"),
        ("m.youtube.com", "restrict.youtube.com"),
        ("youtubei.googleapis.com", "restrict.youtube.com"),
        ("youtube.googleapis.com", "restrict.youtube.com"),
        ("www.youtube-nocookie.com", "restrict.youtube.com"),
        ("www.bing.com", "strict.bing.com"),
        ("edgeservices.bing.com", "strict.bing.com"),
        ("duckduckgo.com", "safe.duckduckgo.com"),
        ("www.duckduckgo.com", "safe.duckduckgo.com"),
        ("start.duckduckgo.com", "safe.duckduckgo.com"),
        ("www.ecosia.org", "strict-safe-search.ecosia.org"),
        ("search.brave.com", "forcesafe.search.brave.com"),
        ("pixabay.com", "safesearch.pixabay.com"),
        ("yandex.ru", "familysearch.yandex.ru"),
        ("www.yandex.com.tr", "familysearch.yandex.ru"),
        ("ya.ru", "familysearch.yandex.ru"),
        ("images.google.com", "forcesafesearch.google.com"),
        ("images.google.co.uk", "forcesafesearch.google.com"),
        ("ipv6.google.com", "forcesafesearch.google.com"),
        ("cse.google.com", "forcesafesearch.google.com"),
        ("music.youtube.com", "restrict.youtube.com"),
        ("youtube-nocookie.com", "restrict.youtube.com"),
        ("noai.duckduckgo.com", "safe.duckduckgo.com"),
        ("whatever.next.duckduckgo.com", "safe.duckduckgo.com"),
        ("bing.com", "strict.bing.com"),
        ("m.bing.com", "strict.bing.com"),
        ("www4.bing.com", "strict.bing.com"),
        ("images.yandex.com", "familysearch.yandex.ru"),
    ],
)
@pytest.mark.parametrize("qtype", [A, AAAA, HTTPS])
def test_an_engine_answers_under_its_safe_name(name: str, target: str, qtype: int) -> None:
    verdict = decide(name, qtype)

    assert (verdict.action, verdict.step, verdict.target) == (Action.REWRITE, Step.SAFE_SEARCH, target)


def test_about_190_names_of_google_are_known() -> None:
    assert 180 < len(set(GOOGLE_NAMES)) == len(GOOGLE_NAMES) < 200


@pytest.mark.parametrize(
    "name",
    [
        "maps.google.com",
        "www.google.example",
        "www.google.com.example",
        "strict.bing.com",
        "th.bing.com",
        "safe.duckduckgo.com",
        "external-content.duckduckgo.com",
        "notduckduckgo.com",
        "mail.yandex.com",
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert decide(name).step is Step.DEFAULT


def test_other_types_of_an_engine_are_left_alone() -> None:
    assert decide("www.google.com", MX).step is Step.DEFAULT


@pytest.mark.parametrize(
    ("mode", "target"),
    [("strict", "restrict.youtube.com"), ("moderate", "restrictmoderate.youtube.com"), ("off", "")],
)
def test_youtube_is_as_strict_as_the_profile_says(mode: str, target: str) -> None:
    assert decide("www.youtube.com", youtube=mode).target == target


def test_an_engine_may_be_excepted_and_the_others_stay_safe() -> None:
    assert decide("www.bing.com", safe_search_except=("bing",)).action is Action.ALLOW
    assert decide("startpage.com", safe_search_except=("startpage",)).action is Action.ALLOW
    assert decide("www.google.com", safe_search_except=("bing",)).action is Action.REWRITE


@pytest.mark.parametrize(
    "name", ["search.yahoo.com", "uk.search.yahoo.com", "www.startpage.com", "html.duckduckgo.com"]
)
@pytest.mark.parametrize("qtype", [A, MX])
def test_an_engine_without_a_safe_name_is_closed_for_every_type(name: str, qtype: int) -> None:
    verdict = decide(name, qtype)

    assert (verdict.action, verdict.step, verdict.category) == (Action.BLOCK, Step.SAFE_SEARCH, "search_engines")


@pytest.mark.parametrize("name", ["www.google.com", "www.youtube.com", "startpage.com"])
def test_without_safe_search_engines_are_as_they_are(name: str) -> None:
    assert decide(name, safe_search=False).action is Action.ALLOW


def unblocked(**fields: Any) -> dict[str, Any]:
    return {"unblocks": (Unblock(id="u", site="youtube.com", until=minutes(30), **fields),)}


def test_an_unblocked_engine_is_opened_by_the_unblock_and_stays_a_safe_one() -> None:
    verdict = decide("www.youtube.com", fields=unblocked())

    assert (verdict.action, verdict.step, verdict.target) == (Action.REWRITE, Step.UNBLOCK, "restrict.youtube.com")
    assert verdict.until == minutes(30).timestamp()


def test_an_unblock_may_lift_safe_search_where_whoever_grants_it_says_so() -> None:
    assert decide("www.youtube.com", fields=unblocked(safe_search=False)).action is Action.ALLOW


def test_a_rule_opens_an_engine_that_has_no_safe_name_and_keeps_one_that_has() -> None:
    rules = (Rule(name="startpage.com", action="allow"), Rule(name="www.bing.com", action="allow"))

    assert decide("startpage.com", fields={"rules": rules}).action is Action.ALLOW
    assert decide("www.bing.com", fields={"rules": rules}).target == "strict.bing.com"
