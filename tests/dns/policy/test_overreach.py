"""An entry that is too wide opens nothing, closes what it closed, is named; the rest of the policy holds."""

from datetime import timedelta

from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Lesson, PolicyDocument, Rule, SiteBundle, Unblock
from dns.policy.overreach import without_overreach
from dns.policy.verdict import Action
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import MONDAY_TEN, NOW, PUPIL, document, policy

LISTS = FakeBlocklist(
    {"bets.co.uk": "gambling", "bets.github.io": "gambling", "games.example": "games", "cdn.example.net": "games"}
)
UNTIL = MONDAY_TEN + timedelta(hours=1)


def unblock(site: str, *also: str) -> Unblock:
    return Unblock(id=site, site=site, also=also, until=UNTIL)


def action(made: CompiledPolicy, name: str) -> Action:
    return made.view(PUPIL).decide(name, 1, NOW).action


def test_an_unblock_of_everybodys_sites_opens_nothing_and_its_neighbour_stays_open() -> None:
    made = policy(LISTS, unblocks=(unblock("co.uk"), unblock("github.io"), unblock("games.example")))

    assert action(made, "bets.co.uk") is Action.BLOCK
    assert action(made, "bets.github.io") is Action.BLOCK
    assert action(made, "games.example") is Action.ALLOW
    assert [sentence.partition(" is left out")[0] for sentence in made.too_wide] == [
        "unblocks: co.uk",
        "unblocks: github.io",
    ]


def test_of_an_unblock_only_the_extra_name_goes_that_is_too_wide() -> None:
    made = policy(LISTS, unblocks=(unblock("games.example", "co.uk", "cdn.example.net"),))

    assert action(made, "bets.co.uk") is Action.BLOCK
    assert action(made, "games.example") is action(made, "cdn.example.net") is Action.ALLOW
    assert len(made.too_wide) == 1


def test_a_rule_that_opens_a_suffix_is_left_out_and_one_that_closes_it_stays() -> None:
    rules = (
        Rule(name="CO.UK.", action="allow"),
        Rule(name="com", action="block"),
        Rule(name="github.io", action="block"),
        Rule(name="intranet", action="allow"),
    )
    made = policy(LISTS, rules=rules)

    assert action(made, "bets.co.uk") is Action.BLOCK
    assert action(made, "www.example.com") is Action.BLOCK
    assert action(made, "pupil.github.io") is Action.BLOCK
    assert action(made, "www.example.org") is Action.ALLOW
    assert made.document.rules == rules[1:]
    assert [sentence.partition(":")[0] for sentence in made.too_wide] == [
        "the rule that opens CO.UK. is left out",
        "the rule that closes com stays in force",
    ]


def test_a_rule_for_the_name_alone_reaches_no_further() -> None:
    rules = (Rule(name="github.io", action="allow", subdomains=False),)
    assert policy(LISTS, rules=rules).document.rules == rules


def test_a_lesson_closes_as_much_or_more_without_what_is_too_wide() -> None:
    lesson = Lesson(id="l", sites=("co.uk", "example.org", "intranet"), also=("github.io",), until=UNTIL)
    made = policy(LISTS, lessons=(lesson,))

    assert action(made, "www.bbc.co.uk") is action(made, "pupil.github.io") is Action.BLOCK
    assert action(made, "www.example.org") is action(made, "intranet") is Action.ALLOW
    only = policy(LISTS, lessons=(Lesson(id="l", sites=("co.uk",), until=UNTIL),))
    assert action(only, "www.bbc.co.uk") is action(only, "www.example.org") is Action.BLOCK


def test_a_bundle_brings_no_more_than_sites() -> None:
    bundles = (
        SiteBundle(site="games.example", names=("github.io", "cdn.example.net")),
        SiteBundle(site="com", names=()),
    )
    made = policy(LISTS, unblocks=(unblock("games.example"),), bundles=bundles)

    assert action(made, "bets.github.io") is Action.BLOCK
    assert action(made, "cdn.example.net") is Action.ALLOW


def test_the_appliance_keeps_its_own_names_and_opens_no_registrys() -> None:
    needs = ("central", "ec2-192-0-2-1.compute-1.amazonaws.com", "central.example.org")
    narrowed, said = without_overreach(document(appliance_names=("co.uk", *needs)))

    assert narrowed.appliance_names == needs
    assert len(said) == 1


def test_a_private_name_lets_no_registrys_names_lead_into_the_school() -> None:
    own = ("intranet", "mis.example.org", "home.arpa", "in-addr.arpa")  # a zone of the room's own servers too
    narrowed, said = without_overreach(document(private_names=("co.uk", "github.io", *own)))

    assert narrowed.private_names == own
    assert [sentence.split(" is left out")[0] for sentence in said] == [
        "private_names: co.uk", "private_names: github.io"
    ]  # fmt: skip


def test_a_document_in_which_nothing_is_too_wide_is_the_same_object() -> None:
    plain = document(rules=(Rule(name="example.org", action="allow"),), unblocks=(unblock("bbc.co.uk"),))
    assert without_overreach(plain) == (plain, ())
    assert without_overreach(plain)[0] is plain
    assert without_overreach(PolicyDocument(version=1))[1] == ()
