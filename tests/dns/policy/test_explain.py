"""The explanation is the decision, step by step, in words."""

from typing import Any

import pytest

from dns.policy.document import Delegation, Lesson, Pause, Rule, Suspension, Unblock
from dns.policy.explain import Explanation, explain
from dns.policy.verdict import Step
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, PUPIL, minutes, policy


def walk(name: str, **fields: Any) -> Explanation:
    keywords = FakeBlocklist({"guessed.example": "games"})
    return explain(policy(keywords=keywords, **fields).view(PUPIL), name, 1, NOW)


def step_of(explanation: Explanation, step: Step) -> Any:
    return next(walked for walked in explanation.steps if walked.step == step.value)


@pytest.mark.parametrize(
    "name", ["games.example", "free.example", "www.google.com", "mask.icloud.com", "guessed.example"]
)
def test_exactly_one_step_wins_and_it_is_the_deciding_one(name: str) -> None:
    explanation = walk(name)

    assert [walked.step for walked in explanation.steps if walked.wins] == [explanation.step]


def test_steps_below_the_winner_are_shown_with_what_they_would_have_said() -> None:
    explanation = walk("games.example", unblocks=(Unblock(id="u", site="games.example", until=minutes(30)),))

    assert explanation.verdict == "allowed"
    assert explanation.until == minutes(30)
    assert step_of(explanation, Step.UNBLOCK).text == "Allowed: unblock has 'games.example'."
    assert step_of(explanation, Step.LIST).text == "Refused: list-of-games has 'games.example' (games)."
    assert not step_of(explanation, Step.LIST).wins


def test_a_listed_name_that_is_open_here_says_so() -> None:
    shown = step_of(walk("films.example"), Step.LIST)

    assert shown.text == "Listed as streaming, which is open for pupils at this time."


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("games.example", {}, "An unblock, a rule of the school's own, or opening games for pupils."),
        (
            "games.example",
            {"delegations": (Delegation(categories=("games",), minutes=45),)},
            "A teacher may open it at once for up to 45 minutes.",
        ),
        ("worst.example", {"locked_categories": ("pornography",)}, "Nobody can open it."),
        ("no.example", {"rules": (Rule(name="no.example", action="block"),)}, "changes the rule for no.example"),
        (
            "free.example",
            {"pauses": (Pause(id="p", until=minutes(15)),)},
            "end the pause. It ends by itself at 10:15.",
        ),
        (
            "free.example",
            {"suspensions": (Suspension(id="s", device=PUPIL, until=minutes(15)),)},
            "suspension. It ends by itself at 10:15.",
        ),
        (
            "free.example",
            {"lessons": (Lesson(id="l", sites=("m.example",), until=minutes(5)),)},
            "adding the site",
        ),
        ("startpage.com", {}, "safe search off for this group"),
        ("mask.icloud.com", {}, "Nobody can open it: it would lead devices past the filter."),
        ("free.example", {}, ""),
    ],
)
def test_it_says_what_would_open_it(name: str, fields: dict[str, Any], said: str) -> None:
    opens = walk(name, **fields).opens

    assert said in opens
    assert bool(opens) == bool(said)


def test_who_granted_an_unblock_and_what_was_noted_beside_a_rule_is_shown() -> None:
    explanation = walk(
        "games.example",
        unblocks=(Unblock(id="u", site="games.example", until=minutes(30), by="a.coordinator"),),
        rules=(Rule(name="games.example", action="block", note="asked for by the DSL"),),
    )

    assert step_of(explanation, Step.UNBLOCK).text.endswith("Granted by a.coordinator.")
    assert step_of(explanation, Step.RULE).text.endswith("Note: asked for by the DSL")
